"""robots.txt as RFC 9309 has it, where Scrapy's own reading is laxer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

_FORBID_ALL: Final = b"User-agent: *\nDisallow: /\n"
_ALLOW_ALL: Final = b""


class RobotsGate(RobotsTxtMiddleware):
    """Obeys robots.txt; a server that cannot give it (5xx) forbids everything (RFC 9309, 2.3.1.4).

    4xx means that there are no rules (2.3.1.3). Scrapy would parse the error page as if it were
    the rules. A connection that fails is left to the request itself, which will fail alike.
    """

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500:
            response = response.replace(body=_FORBID_ALL)
        elif response.status >= 400:
            response = response.replace(body=_ALLOW_ALL)
        await super()._parse_robots(response, netloc, request)
