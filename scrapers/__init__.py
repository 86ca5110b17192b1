"""Competitor prices: crawl a shop, read its pages, tie its offers to our products, store them."""
