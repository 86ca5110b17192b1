"""Pages as a browser shows them, for shops whose prices come by JavaScript.

Scrapy's download handler for crawls with `render`: scrapy-playwright with what it leaves open. Each
page has a context of its own (no cookies or storage go from page to page), an end to its time and
its size, and no network but through `GuardedProxy`. Pictures, fonts and films are not fetched, nor
what the shop's robots.txt forbids, although a script asks for it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Route
from playwright.async_api import Request as BrowserRequest
from playwright.async_api import TimeoutError as PlaywrightTimeout
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy_playwright.handler import (  # type: ignore[import-untyped]
    ScrapyPlaywrightDownloadHandler,
)
from scrapy_playwright.page import PageMethod  # type: ignore[import-untyped]

from scrapers.addresses import origin_of
from scrapers.browser import RENDER_SECONDS
from scrapers.errors import ForbiddenAddress
from scrapers.guard import PRIVATE_ORIGIN, AddressGuard, ForbiddenRequest
from scrapers.manners.robots import RobotsGate
from scrapers.manners.settings import LARGEST_RESPONSE, USER_AGENT
from scrapers.rendered.proxy import GuardedProxy

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response

_log = logging.getLogger(__name__)

_HEAVY: Final = frozenset({"image", "media", "font"})
_CLOSING_SECONDS: Final = 10.0
_BEYOND: Final = 15.0
"""Seconds beyond the page's own after which all of it is given up, whatever hangs."""

_NO_PEERS: Final = (
    "for (const n of ['RTCPeerConnection', 'webkitRTCPeerConnection']) delete self[n];"
)
_LENGTH: Final = "document.documentElement ? document.documentElement.outerHTML.length : 0"

_ASIDE: Final = frozenset({"data", "blob", "about"})
"""Schemes that reach nothing outside the page."""


class PageNeverStill(Exception):
    """A page that was not done in its time."""


class PageTooLarge(Exception):
    """A page that scripts have blown up."""


class BrowserNotStarted(Exception):
    """The browser did not start: no page of this crawl can be read."""


class RenderedPages(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc] # it has no types
    """Renders requests with `playwright` in their meta; the others go as they always do."""

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._guard = AddressGuard.from_crawler(crawler)
        self._proxy = GuardedProxy(crawler.settings.get(PRIVATE_ORIGIN, ""))
        self._seconds = crawler.settings.getfloat(RENDER_SECONDS)
        self._numbers = count()
        self.abort_request = self._is_unwanted

    async def _launch(self) -> None:
        port = await self._proxy.start()
        server = {"server": f"http://127.0.0.1:{port}", "bypass": "<-loopback>"}
        self.config.launch_options["proxy"] = server
        await super()._launch()

    async def _close(self) -> None:
        await super()._close()
        await self._proxy.close()

    async def _maybe_launch_browser(self) -> None:
        """Start the browser; a crawl whose browser does not start ends here."""
        try:
            await super()._maybe_launch_browser()
        except PlaywrightError as error:
            said = " ".join(str(error).split())[:300]
            why = (
                f"the browser did not start: {said}; name a working Chromium in "
                "PRICEWRIGHT_CHROMIUM"
            )
            self._crawler.spider.ledger.fail(why)
            raise BrowserNotStarted(why) from error

    async def _download_request(self, request: Request, spider: Spider | None = None) -> Response:
        """One page, in a context that is thrown away with it.

        Raises:
            PageNeverStill: it takes longer than it may.
            PageTooLarge: it is larger than a page may be.
            ForbiddenRequest: it led to an address that may not be asked.
            ConnectionError: the shop could not be reached; worth another try.
        """
        request.meta.update(
            {
                "playwright_context": f"page {next(self._numbers)}",
                "playwright_context_kwargs": {
                    "user_agent": USER_AGENT,
                    "accept_downloads": False,
                    "service_workers": "block",
                },
                "playwright_page_goto_kwargs": {"wait_until": _still(request)},
                "playwright_page_methods": self._waits(request),
            }
        )
        went: list[str] = []
        request.meta["went"] = went
        page = asyncio.ensure_future(super()._download_request(request, spider))
        try:
            done, _ = await asyncio.wait({page}, timeout=self._seconds + _BEYOND)
            if not done:
                raise PageNeverStill(f"given up after {self._seconds + _BEYOND:.0f} s")
            response: Response = page.result()
        except PlaywrightTimeout:
            raise PageNeverStill(f"the page was not still within {self._seconds:g} s") from None
        except PlaywrightError as error:
            raise self._explained(error, went) from error
        finally:
            page.cancel()
            await self._throw_away(request.meta["playwright_context"])
        self._check_where_it_ended(response)
        return response

    async def _create_page(self, request: Request, spider: Spider) -> Page:
        page: Page = await super()._create_page(request, spider)
        went: list[str] = request.meta["went"]

        def follow(asked: BrowserRequest) -> None:
            if asked.is_navigation_request() and asked.frame == page.main_frame:
                went.append(asked.url)

        page.on("request", follow)
        await page.add_init_script(_NO_PEERS)
        # The page's own requests have a hook of their own; what is left are windows that it opens.
        await page.context.route("**", _abort)
        return page

    async def _throw_away(self, name: str) -> None:
        """Close a page's context; a browser that can not even do that is ended."""
        wrapper = self.context_wrappers.get(name)
        if wrapper is None:
            return
        closing = asyncio.ensure_future(wrapper.context.close())
        done, _ = await asyncio.wait({closing}, timeout=_CLOSING_SECONDS)
        with suppress(PlaywrightError):
            if not done:
                _log.warning("the browser hangs and is started anew")
                await self.browser.close()
            elif not closing.cancelled():
                closing.result()

    def _waits(self, request: Request) -> list[Any]:
        """What is awaited, and looked at, before the page is read."""
        methods = [PageMethod(_small_enough)]
        if (selector := request.meta.get("wait_for")) is not None:
            found = PageMethod(
                "wait_for_selector", selector, state="attached", timeout=self._seconds * 1000
            )
            methods.insert(0, found)
        return methods

    async def _is_unwanted(self, asked: BrowserRequest) -> bool:
        """Whether a request of the page is not made at all."""
        if urlsplit(asked.url).scheme in _ASIDE:
            return False
        if asked.resource_type in _HEAVY:
            return True
        try:
            self._guard.check(asked.url)
        except ForbiddenAddress as error:
            _log.warning("refused to the page: %s", error)
            # The page itself goes on to the proxy, which refuses it and remembers why.
            return not asked.is_navigation_request()
        return not self._robots_allow(asked.url)

    def _robots_allow(self, url: str) -> bool:
        gate = self._crawler.get_downloader_middleware(RobotsGate)
        return gate is None or gate.allows(url)

    def _explained(self, error: PlaywrightError, went: list[str]) -> Exception:
        """What a failure to load means to the crawl."""
        with suppress(ForbiddenAddress, IndexError):
            why = self._proxy.refused.get(origin_of(went[-1]))
            if why is not None:
                return ForbiddenRequest(why)
        said = str(error).strip().split("\n", 1)[0]
        if "net::ERR_" in said:
            return ConnectionError(said)
        return error

    def _check_where_it_ended(self, response: Response) -> None:
        """Redirects of a browser pass no middleware: what they led to is checked here."""
        self._guard.process_request(Request(response.url))
        if not self._robots_allow(response.url):
            raise IgnoreRequest(f"Forbidden by robots.txt: {response.url}, where the page led")
        if len(response.body) > LARGEST_RESPONSE:
            raise PageTooLarge(f"the page has {len(response.body):,} bytes")


def _still(request: Request) -> str:
    """The event after which a page counts as loaded."""
    return "networkidle" if request.meta.get("wait_for") is None else "domcontentloaded"


async def _abort(route: Route) -> None:
    await route.abort()


async def _small_enough(page: Page) -> None:
    """Refuse a page that scripts have blown up, before it is copied out of the browser."""
    length = await page.evaluate(_LENGTH)
    if length > LARGEST_RESPONSE:
        raise PageTooLarge(f"the page has {length:,} characters")
