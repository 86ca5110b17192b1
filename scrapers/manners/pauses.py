"""What a shop asks of its visitors: a pause between requests, or to come back later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from scrapy.exceptions import IgnoreRequest

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

_log = logging.getLogger(__name__)

LONGEST_WAIT: Final = 300.0
"""Seconds that a crawl waits at most because a server says `Retry-After`."""

LONGEST_PAUSE: Final = 60.0
"""Seconds of `Crawl-delay` that are honoured at most; a shop that wants more has few pages read."""

_LOOK_UP: Final = 0.5
"""Seconds of a wait after which it is seen that the crawl was stopped."""

_LATER: Final = frozenset({429, 503})


class AskedToWait(IgnoreRequest):
    """The server asked us to come back later than a crawl can wait."""


class NotAsked(IgnoreRequest):
    """The crawl was stopped while the request waited for its turn: nothing is known of its page."""


class Manners:
    """Downloader middleware: one pace for the whole crawl, which a shop may slow down.

    `Retry-After` on 429 and 503 stops every request of the crawl until that time; Scrapy's own
    retry then asks again. `Crawl-delay` of robots.txt (`RobotsGate` reads it) spaces requests out.
    """

    def __init__(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        self.pause = 0.0
        self._goes_on = goes_on
        self._quiet_until = 0.0
        self._next = 0.0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Manners:
        """Built by Scrapy; a crawl that is stopped waits for nothing any more."""
        return cls(lambda: crawler.crawling)

    def slow_down(self, seconds: float) -> None:
        """At least so many seconds between two requests from now on."""
        self.pause = min(max(self.pause, seconds), LONGEST_PAUSE)

    async def process_request(self, request: Request) -> None:  # noqa: ARG002 - as Scrapy calls it
        """Wait for this request's turn.

        Raises:
            NotAsked: the crawl was stopped before it came.
        """
        clock = asyncio.get_running_loop().time
        while (wait := self._turn() - clock()) > 0:
            if not self._goes_on():
                raise NotAsked("the crawl was stopped")
            await asyncio.sleep(min(wait, _LOOK_UP))
        self._next = clock() + self.pause

    def _turn(self) -> float:
        """When the next request may go, by the clock of the loop."""
        return max(self._quiet_until, self._next if self.pause else 0.0)

    def process_response(self, request: Request, response: Response) -> Response:  # noqa: ARG002
        """Take note of a server that asks us to wait.

        Raises:
            AskedToWait: longer than a crawl can.
        """
        asked = response.headers.get("Retry-After")
        if response.status not in _LATER or asked is None:
            return response
        seconds = retry_after(asked.decode("latin-1"), datetime.now(UTC))
        if seconds is None:
            return response
        if seconds > LONGEST_WAIT:
            raise AskedToWait(f"HTTP {response.status}: the shop asks to wait {seconds:.0f} s")
        _log.info("waiting %.0f s, as %s asks", seconds, response.url)
        until = asyncio.get_running_loop().time() + seconds
        self._quiet_until = max(self._quiet_until, until)
        return response


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3); None if it is neither form.

    Args:
        value: a number of seconds, or an HTTP date.
        now: the time, UTC.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 10**8))
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None
