"""robots.txt as RFC 9309 has it, where Scrapy's own reading is laxer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from protego import Protego
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware

from scrapers.manners.pauses import Manners

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

AGENT: Final = "Pricewright"
"""The name by which robots.txt can address us."""

_FORBID_ALL: Final = b"User-agent: *\nDisallow: /\n"
_ALLOW_ALL: Final = b""


class RobotsGate(RobotsTxtMiddleware):
    """Obeys robots.txt; a server that cannot give it (5xx) forbids everything (RFC 9309, 2.3.1.4).

    4xx means that there are no rules (2.3.1.3). Scrapy would parse the error page as if it were
    the rules. A connection that fails is left to the request itself, which will fail alike. A
    `Crawl-delay` is handed to `Manners`.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._rules: dict[str, Protego] = {}

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500:
            response = response.replace(body=_FORBID_ALL)
        elif response.status >= 400:
            response = response.replace(body=_ALLOW_ALL)
        else:
            rules = Protego.parse(response.body.decode("utf-8", "replace"))
            if (pause := rules.crawl_delay(AGENT)) is not None:
                manners = self.crawler.get_downloader_middleware(Manners)
                if manners is not None:
                    manners.slow_down(float(pause))
            self._rules[netloc] = rules
        await super()._parse_robots(response, netloc, request)

    def allows(self, url: str) -> bool:
        """Whether the rules that were read so far let an address be asked for.

        A browser asks this of what scripts want to fetch. The rules of a host of which no page was
        asked for are not known, and are not fetched for that.
        """
        rules = self._rules.get(urlsplit(url).netloc)
        return rules is None or rules.can_fetch(url, AGENT)
