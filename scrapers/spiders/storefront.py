"""Any shop with a sitemap, listing pages or a search: find its product pages and read them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.utils.gz import gunzip, gzip_magic_number
from scrapy.utils.sitemap import Sitemap

from scrapers.extract import Offer, Reason, extract_offer, listing_links
from scrapers.manners.settings import LARGEST_SITEMAP
from scrapers.outcomes import Observation, Outcome, Unchanged
from scrapers.sites import SiteKind
from scrapers.spiders.base import (
    Found,
    SiteSpider,
    asked_url,
    content_type,
    header,
    is_wall,
    outcome_of,
    turned_away,
)

if TYPE_CHECKING:
    from scrapy.http import Response

_PRODUCT, _EITHER = "product", "either"
_LONGEST_ADDRESS: Final = 2000
_NOT_MODIFIED: Final = 304
_NO_PAGE: Final = {Reason.WALL: Outcome.BLOCKED, Reason.GONE: Outcome.GONE}
_NO_PAGES: Final = (".xml", ".gz", "/robots.txt")
_BARREN: Final = 3
"""Listing pages in a row without a new product after which a listing is not followed further."""


class StorefrontSpider(SiteSpider):
    """Starts at a sitemap, a listing, a search or a watch list; reads each product page once."""

    name = "storefront"

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().__init__(**kwargs)
        self._known: set[str] = set()

    async def start(self) -> AsyncIterator[Request]:
        """The way in: the pages of a watch list, a search for each product, or `start_url`."""
        if self.site.kind is SiteKind.WATCH:
            for request in self._products(self.site.urls, _PRODUCT):
                yield request
        elif self.site.search_url is not None:
            for request in self._requests(self.store.searches(self.site.search_url),
                                          self.parse_search):  # fmt: skip
                yield self._shown(request)
        else:
            self._known.add(self.site.start_url)
            yield self._shown(self.first_request(self.site.start_url, self.parse_start))

    def parse_start(self, response: Response) -> Iterator[Found]:
        """The site's entry: without it there is no crawl."""
        if not self.started(response):
            return
        found = list(self._follow(response))
        if not found and not self.store.done:
            self.note(response.url, Outcome.FAILED, "neither a sitemap nor a listing")
            self.ledger.fail(
                f"{response.url} is neither a sitemap with pages nor a listing with products; "
                "set start_url to one of them"
            )
        yield from found

    def parse_sitemap(self, response: Response) -> Iterator[Found]:
        """A sitemap that an index names."""
        if self.answered(response):
            yield from self._follow(response)
        else:
            self.note(response.url, outcome_of(response.status), f"HTTP {response.status}")

    def parse_listing(self, response: Response, *, barren: int = 0) -> Iterator[Found]:
        """A further page of a listing: never an offer itself."""
        if self.answered(response):
            yield from self._follow(response, barren)
        else:
            self.note(response.url, outcome_of(response.status), f"HTTP {response.status}")

    def parse_search(self, response: Response) -> Iterator[Found]:
        """The answer to a search: the product itself, or a listing of which the first counts."""
        if not self.answered(response):
            self.note(response.url, outcome_of(response.status), f"HTTP {response.status}")
            return
        links = listing_links(response.body, response.url, content_type(response))
        if links.products:
            self.note(response.url, Outcome.LISTING)
            yield from self._products(links.products[:1], _PRODUCT)
        else:
            yield from self._read(response, _PRODUCT)

    def parse_product(self, response: Response, *, role: str = _PRODUCT) -> Iterator[Found]:
        """A page that may be a product's."""
        if not self.answered(response):
            status = response.status
            yield self.done(response, outcome_of(status), f"HTTP {status}")
            return
        yield from self._read(response, role)

    def _read(self, response: Response, role: str) -> Iterator[Found]:
        now, asked = datetime.now(UTC), asked_url(response.request)
        if response.status == _NOT_MODIFIED or self.store.is_unchanged(asked, response.body):
            self.note(asked, Outcome.OBSERVED)
            if response.status != _NOT_MODIFIED:
                self._remember(response, asked)
            yield Unchanged(asked, now)
            return
        if (away := turned_away(response)) is not None:
            yield self.done(response, *away)
            return
        read = extract_offer(response.body, response.url, self.hints(response))
        if isinstance(read, Offer):
            self.note(response.url, Outcome.OBSERVED)
            self._remember(response, asked)
            yield Observation(read, now, asked)
            return
        if read.reason in _NO_PAGE:
            yield self.done(response, _NO_PAGE[read.reason], read.detail)
            return
        detail = f"{read.reason}: {read.detail}"
        if role == _EITHER and read.reason in {Reason.NO_PRODUCT, Reason.SEVERAL_PRICES}:
            links = listing_links(response.body, response.url, content_type(response))
            if links.products:
                yield self.done(response, Outcome.LISTING, detail)
                return
        if wall := is_wall(response):
            yield self.done(response, Outcome.BLOCKED, wall)
        else:
            yield self.done(response, Outcome.MISSING, detail)

    def _remember(self, response: Response, asked: str) -> None:
        # Only a page that stands where it was asked for can be asked for conditionally.
        if asked == response.url:
            self.store.remember(
                asked, response.body, header(response, "ETag"), header(response, "Last-Modified")
            )

    def _follow(self, response: Response, barren: int = 0) -> Iterator[Request]:
        """Requests for whatever an index, a sitemap or a listing leads to."""
        body = response.body
        if gzip_magic_number(response):
            body = gunzip(body, max_size=LARGEST_SITEMAP)
        if _is_sitemap(body):
            yield from self._follow_sitemap(Sitemap(body))
            return
        if urlsplit(response.url).path == "/robots.txt":
            named = re.findall(rb"(?im)^\s*sitemap:\s*(\S+)", body)
            self.note(response.url, Outcome.LISTING)
            yield from self._requests((u.decode("latin-1") for u in named), self.parse_sitemap)
            return
        links = listing_links(body, response.url, content_type(response))
        self.note(response.url, Outcome.LISTING)
        fresh = any(link not in self._known for link in links.products)
        yield from self._products(links.products, _EITHER)
        # A calendar or a filter that can be turned for ever shows nothing new after a while.
        barren = 0 if fresh else barren + 1
        if barren < _BARREN:
            for request in self._requests(links.pages, self.parse_listing):
                request.cb_kwargs["barren"] = barren
                yield self._shown(request)

    def _follow_sitemap(self, sitemap: Sitemap) -> Iterator[Request]:
        entries = [entry for entry in sitemap if entry.get("loc") and self._is_news(entry)]
        places = [entry["loc"] for entry in entries]
        if sitemap.type == "sitemapindex":
            yield from self._requests(places, self.parse_sitemap)
        elif self.site.product_pattern is None:
            yield from self._products(places, _EITHER)
        else:
            yield from self._products(places, _PRODUCT)

    def _is_news(self, entry: dict[str, Any]) -> bool:
        """Whether a sitemap's entry may have changed since the time that was given."""
        if self.since is None or not entry.get("lastmod"):
            return True
        try:
            changed = datetime.fromisoformat(str(entry["lastmod"]).strip())
        except ValueError:
            return True
        if changed.tzinfo is None:
            changed = changed.replace(tzinfo=UTC)
        return changed >= self.since

    def _products(self, places: Iterable[str], role: str) -> Iterator[Request]:
        for place in places:
            if not self.site.is_product(place) or not self._is_new(place):
                continue
            if place in self.store.done:
                continue  # before this crawl was cut off
            if not self.takes_one_more():
                return
            self.ledger.expected += 1
            request = Request(
                place,
                callback=self.parse_product,
                errback=self.page_failed,
                # The document of a rendered page may stay as it is while its price changes.
                headers={} if self.site.render else self.store.conditions(place),
                cb_kwargs={"role": role},
                dont_filter=True,
            )
            yield self._shown(request)

    def _shown(self, request: Request) -> Request:
        """The request, to be shown by a browser where the site wants that and it is a page."""
        path = urlsplit(request.url).path.lower()
        if self.site.render and not path.endswith(_NO_PAGES):
            request.meta["playwright"] = True
            request.meta["wait_for"] = self.site.wait_for
        return request

    def _requests(
        self, places: Iterable[str], callback: Callable[..., Iterator[Found]]
    ) -> Iterator[Request]:
        """One request for each address not seen before."""
        for place in places:
            if not self._is_new(place):
                continue
            self.ledger.expected += 1
            # What was asked for before is known here. Scrapy's own filter would also drop the
            # second of two pages that redirect to the same place, and nobody would know.
            yield Request(
                place,
                callback=callback,
                errback=self.page_failed,
                dont_filter=True,
            )

    def _is_new(self, place: str) -> bool:
        if place in self._known or not place.startswith(("http://", "https://")):
            return False
        if len(place) > _LONGEST_ADDRESS:
            return False
        self._known.add(place)
        return True


def _is_sitemap(body: bytes) -> bool:
    head = body[:2000].lstrip(b"\xef\xbb\xbf \r\n\t")
    return head.startswith(b"<") and (b"<urlset" in head or b"<sitemapindex" in head)
