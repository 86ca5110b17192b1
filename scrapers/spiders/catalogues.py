"""Shops whose system has a catalogue interface, and feeds: many offers an answer."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.utils.gz import gunzip, gzip_magic_number

from scrapers.extract import Offer
from scrapers.extract.feeds import feed_offers
from scrapers.extract.shop_systems import (
    MAGENTO_QUERY,
    CataloguePage,
    NotACatalogue,
    magento_page,
    shopify_page,
    woocommerce_page,
)
from scrapers.manners.settings import LARGEST_SITEMAP
from scrapers.outcomes import Observation, Outcome
from scrapers.sites import SiteKind
from scrapers.spiders.base import Found, SiteSpider

if TYPE_CHECKING:
    from scrapy.http import Response

_SHOPIFY_PAGE: Final = 250
_WOOCOMMERCE_PAGE: Final = 100
_LAST_PAGE: Final = 2_000  # of any catalogue; ends one that repeats itself

_Reader = Callable[[bytes, str, str | None], CataloguePage]


class CatalogueSpider(SiteSpider):
    """Shopify, WooCommerce, Magento: page after page of the catalogue until one is short."""

    name = "catalogue"

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().__init__(**kwargs)
        parts = urlsplit(self.site.start_url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._last: tuple[str, ...] = ()

    async def start(self) -> AsyncIterator[Request]:
        """The first page; without it there is no crawl."""
        self.ledger.expected += 1
        yield self._page(1, errback=self.start_failed)

    def parse(self, response: Response, *, page: int) -> Iterator[Found]:
        """One page: its offers, and the next page unless this was the last."""
        first = page == 1
        if not (self.started(response) if first else self.answered(response)):
            return
        try:
            found = _READERS[self.site.kind](response.body, self._base, self.site.currency)
        except NotACatalogue as error:
            self.note(response.url, Outcome.FAILED, str(error))
            if first:
                self.ledger.fail(f"{response.url} is no {self.site.kind} catalogue: {error}")
            return
        self.note(response.url, Outcome.LISTING)
        urls = tuple(offer.url for offer in found.offers)
        yield from self.observed(found.offers)
        if self._goes_on(found, page) and urls != self._last and (self._left or 1) > 0:
            self._last = urls
            self.ledger.expected += 1
            yield self._page(page + 1, errback=self.page_failed)

    def observed(self, offers: Iterable[Offer]) -> Iterator[Found]:
        """Offers as observations, up to the limit."""
        now = datetime.now(UTC)
        for offer in offers:
            if not self.takes_one_more():
                return
            if offer.url in self.store.done:
                continue  # before this crawl was cut off
            self.note(offer.url, Outcome.OBSERVED)
            yield Observation(offer, now)

    def _goes_on(self, found: CataloguePage, page: int) -> bool:
        if page >= _LAST_PAGE or found.entries == 0:
            return False
        match self.site.kind:
            case SiteKind.SHOPIFY:
                return found.entries >= _SHOPIFY_PAGE
            case SiteKind.WOOCOMMERCE:
                return found.entries >= _WOOCOMMERCE_PAGE
            case _:
                return found.pages is None or page < found.pages

    def _page(self, page: int, errback: Callable[..., Any]) -> Request:
        common: dict[str, Any] = {
            "callback": self.parse, "errback": errback, "cb_kwargs": {"page": page},
            "dont_filter": True,
        }  # fmt: skip
        match self.site.kind:
            case SiteKind.SHOPIFY:
                query = f"limit={_SHOPIFY_PAGE}&page={page}"
                return Request(f"{self._base}/products.json?{query}", **common)
            case SiteKind.WOOCOMMERCE:
                query = f"per_page={_WOOCOMMERCE_PAGE}&page={page}&orderby=id&order=asc"
                return Request(f"{self._base}/wp-json/wc/store/v1/products?{query}", **common)
            case _:
                asked = {"query": MAGENTO_QUERY, "variables": {"page": page}}
                return Request(
                    f"{self._base}/graphql",
                    method="POST",
                    body=json.dumps(asked),
                    headers={"Content-Type": "application/json"},
                    **common,
                )


class FeedSpider(CatalogueSpider):
    """A Google Merchant feed, from an address or from a file."""

    name = "feed"

    async def start(self) -> AsyncIterator[Request | Observation]:  # type: ignore[override]
        """The feed."""
        if self.site.feed_file is None:
            yield self.first_request(self.site.start_url, self.parse_feed)
            return
        path = Path(self.site.feed_file)
        try:
            body = await asyncio.to_thread(_opened, path)
        except (OSError, EOFError, zlib.error) as error:
            self.ledger.fail(f"feed {path} can not be read: {error}")
            return
        self.ledger.pages += 1
        self.ledger.expected += 1
        for found in self._read(body, str(path)):
            yield found  # type: ignore[misc]

    def parse_feed(self, response: Response) -> Iterator[Found]:
        """The feed that was fetched."""
        if self.started(response):
            body = response.body
            if gzip_magic_number(response):
                body = gunzip(body, max_size=LARGEST_SITEMAP)
            yield from self._read(body, response.url)

    def _read(self, body: bytes, where: str) -> Iterator[Found]:
        try:
            yield from self.observed(feed_offers(body, self.site.currency))
        except NotACatalogue as error:
            self.note(where, Outcome.FAILED, str(error))
            self.ledger.fail(f"{where} is no feed: {error}")
        else:
            self.note(where, Outcome.LISTING)


def _opened(path: Path) -> bytes:
    """A file's content, unpacked up to the size that a feed may have."""
    with path.open("rb") as file:
        body = file.read(LARGEST_SITEMAP)
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacker = zlib.decompressobj(wbits=31)
    return unpacker.decompress(body, LARGEST_SITEMAP)


_READERS: Final[dict[SiteKind, _Reader]] = {
    SiteKind.SHOPIFY: shopify_page,
    SiteKind.WOOCOMMERCE: woocommerce_page,
    SiteKind.MAGENTO: magento_page,
}
