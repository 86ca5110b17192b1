"""What a spider yields, handed to the crawl's store."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.exceptions import NotConfigured

from scrapers.offers.store import OfferStore
from scrapers.outcomes import Ledger, Observation, PageDone, Unchanged
from scrapers.spiders.base import SiteSpider

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

_log = logging.getLogger(__name__)


class StoreOffers:
    """Scrapy pipeline in front of an `OfferStore`. A database that fails ends the crawl."""

    def __init__(self, store: OfferStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> StoreOffers:
        """Built by Scrapy; the spider carries the store, because settings are logged."""
        spider = crawler.spider
        if not isinstance(spider, SiteSpider):
            raise NotConfigured(f"{spider!r} carries no store")
        return cls(spider.store, spider.ledger)

    def process_item(self, item: object) -> object:
        """Take what a page brought; anything else passes through."""
        if self._ledger.fatal:
            return item
        try:
            match item:
                case Observation():
                    self._store.add(item)
                case Unchanged():
                    self._store.repeat(item.url, item.observed_at)
                case PageDone():
                    self._store.note(item.url, item.outcome, item.at, item.detail)
        except Exception as error:  # noqa: BLE001 - Scrapy would log it and lose offers
            self._fail(error)
        return item

    def close_spider(self) -> None:
        """The crawl has ended: store the rest, unless it failed."""
        if self._ledger.fatal:
            return
        try:
            self._store.finish()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Note it; the spider stops at its next page."""
        _log.error("offers could not be stored", exc_info=error)
        self._ledger.fail(f"offers could not be stored: {error}")
