"""Any shop with a sitemap or listing pages: find its product pages and read them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import scrapy
from scrapy import Request, signals
from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.utils.gz import gunzip, gzip_magic_number
from scrapy.utils.sitemap import Sitemap

from scrapers.extract import Offer, PageHints, Reason, extract_offer, listing_links
from scrapers.guard import ForbiddenRequest
from scrapers.outcomes import CrawlProgress, Ledger, Observation, Outcome
from scrapers.settings import LARGEST_SITEMAP
from scrapers.sites import Site

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from scrapers.pipelines import OfferStore

_log = logging.getLogger(__name__)

_GONE: Final = frozenset({404, 410})
_BLOCKED: Final = frozenset({401, 403, 407, 429, 451})
_PRODUCT, _EITHER = "product", "either"
_LONGEST_ADDRESS: Final = 2000


class StorefrontSpider(scrapy.Spider):
    """Starts at a sitemap or a listing, follows it to product pages, reads each of them once.

    Args:
        site: the shop.
        ledger: where every page's outcome is noted.
        store: where the pipeline puts offers.
        report: called after each page with the progress so far.
        limit: most pages to read as products, or None.
    """

    name = "storefront"

    def __init__(
        self,
        *,
        site: Site,
        ledger: Ledger,
        store: OfferStore,
        report: Callable[[CrawlProgress], None],
        limit: int | None = None,
    ) -> None:
        super().__init__()
        self.site = site
        self.ledger = ledger
        self.store = store
        self._report = report
        self._left = limit
        self._known: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: object, **kwargs: object) -> StorefrontSpider:
        """Built by Scrapy; an exception on one page is that page's failure."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.page_raised, signal=signals.spider_error)
        return spider

    async def start(self) -> AsyncIterator[Request]:
        """The first request; if it fails, the crawl has failed."""
        self._known.add(self.site.start_url)
        self.ledger.expected += 1
        yield Request(
            self.site.start_url,
            callback=self.parse_start,
            errback=self.start_failed,
            dont_filter=True,
        )

    def parse_start(self, response: Response) -> Iterator[Request | Observation]:
        """The site's entry: without it there is no crawl."""
        self._count(response)
        if response.status >= 400:
            self._note(response.url, _outcome(response.status), f"HTTP {response.status}")
            self.ledger.fail(f"{response.url} answered HTTP {response.status}")
            return
        found = list(self._follow(response))
        if not found:
            self._note(response.url, Outcome.FAILED, "neither a sitemap nor a listing")
            self.ledger.fail(
                f"{response.url} is neither a sitemap with pages nor a listing with products; "
                "set start_url to one of them"
            )
        yield from found

    def parse_sitemap(self, response: Response) -> Iterator[Request | Observation]:
        """A sitemap that an index names."""
        if self._answered(response):
            yield from self._follow(response)

    def parse_listing(self, response: Response) -> Iterator[Request | Observation]:
        """A further page of a listing: never an offer itself."""
        if self._answered(response):
            yield from self._follow(response)

    def parse_product(
        self, response: Response, *, role: str = _PRODUCT
    ) -> Iterator[Observation | Request]:
        """A page that may be a product's."""
        if not self._answered(response):
            return
        read = extract_offer(response.body, response.url, self._hints(response))
        if isinstance(read, Offer):
            self._note(response.url, Outcome.OBSERVED)
            yield Observation(read, datetime.now(UTC))
        elif role == _EITHER and read.reason in {Reason.NO_PRODUCT, Reason.SEVERAL_PRICES}:
            links = listing_links(response.body, response.url, _content_type(response))
            outcome = Outcome.LISTING if links.products else Outcome.MISSING
            self._note(response.url, outcome, f"{read.reason}: {read.detail}")
        else:
            self._note(response.url, Outcome.MISSING, f"{read.reason}: {read.detail}")

    def start_failed(self, failure: Failure) -> None:
        """The entry could not be fetched at all."""
        outcome, detail = _failure(failure)
        self._note(self.site.start_url, outcome, detail)
        self.ledger.fail(f"{self.site.start_url} can not be crawled: {detail}")

    def page_failed(self, failure: Failure) -> None:
        """A page could not be fetched; the others go on."""
        request: Request = failure.request  # type: ignore[attr-defined]  # Scrapy puts it there
        asked = request.meta.get("redirect_urls", [request.url])[0]
        self._note(asked, *_failure(failure))

    def page_raised(self, failure: Failure, response: Response) -> None:
        """Our own code failed on a page."""
        self._note(response.url, Outcome.FAILED, repr(failure.value))

    def _follow(self, response: Response) -> Iterator[Request]:
        """Requests for whatever an index, a sitemap or a listing leads to."""
        body = response.body
        if gzip_magic_number(response):
            body = gunzip(body, max_size=LARGEST_SITEMAP)
        if _is_sitemap(body):
            sitemap = Sitemap(body)
            places = [entry["loc"] for entry in sitemap if entry.get("loc")]
            if sitemap.type == "sitemapindex":
                yield from self._requests(places, self.parse_sitemap)
            elif self.site.product_pattern is None:
                yield from self._products(places, _EITHER)
            else:
                yield from self._products(places, _PRODUCT)
            return
        links = listing_links(body, response.url, _content_type(response))
        self._note(response.url, Outcome.LISTING)
        yield from self._products(links.products, _EITHER)
        yield from self._requests(links.pages, self.parse_listing)

    def _products(self, places: Iterable[str], role: str) -> Iterator[Request]:
        wanted = (place for place in places if self.site.is_product(place))
        for request in self._requests(wanted, self.parse_product):
            if self._left is not None:
                if self._left <= 0:
                    return
                self._left -= 1
            request.cb_kwargs["role"] = role
            yield request

    def _requests(
        self,
        places: Iterable[str],
        callback: Callable[..., Iterator[Request | Observation]],
    ) -> Iterator[Request]:
        """One request for each address not seen before."""
        for place in places:
            if place in self._known or not place.startswith(("http://", "https://")):
                continue
            if len(place) > _LONGEST_ADDRESS:
                continue
            self._known.add(place)
            self.ledger.expected += 1
            # What was asked for before is known here. Scrapy's own filter would also drop the
            # second of two pages that redirect to the same place, and nobody would know.
            yield Request(place, callback=callback, errback=self.page_failed, dont_filter=True)

    def _answered(self, response: Response) -> bool:
        """Count the answer; whether it is a page rather than a refusal."""
        if self.ledger.fatal:
            raise CloseSpider("failed")
        self._count(response)
        if response.status < 400:
            return True
        self._note(response.url, _outcome(response.status), f"HTTP {response.status}")
        return False

    def _count(self, response: Response) -> None:
        self.ledger.pages += 1
        _log.debug("%s %s", response.status, response.url)

    def _note(self, url: str, outcome: Outcome, detail: str = "") -> None:
        self.ledger.note(url, outcome, detail)
        self._report(self.ledger.progress())

    def _hints(self, response: Response) -> PageHints:
        return PageHints(currency=self.site.currency, content_type=_content_type(response))


def _is_sitemap(body: bytes) -> bool:
    head = body[:2000].lstrip(b"\xef\xbb\xbf \r\n\t")
    return head.startswith(b"<") and (b"<urlset" in head or b"<sitemapindex" in head)


def _content_type(response: Response) -> str:
    return (response.headers.get("Content-Type") or b"").decode("latin-1")


def _outcome(status: int) -> Outcome:
    if status in _GONE:
        return Outcome.GONE
    return Outcome.BLOCKED if status in _BLOCKED else Outcome.FAILED


def _failure(failure: Failure) -> tuple[Outcome, str]:
    """What a failed request means, in words."""
    error = failure.value
    if isinstance(error, ForbiddenRequest):
        return Outcome.FORBIDDEN, str(error)
    if isinstance(error, IgnoreRequest) and "robots.txt" in str(error):
        return Outcome.DISALLOWED, "robots.txt forbids this address"
    said = str(error).strip() or type(error).__name__
    return Outcome.FAILED, f"{type(error).__name__}: {said}"
