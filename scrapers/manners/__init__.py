"""How a shop is asked: pauses, robots.txt, settings of Scrapy."""
