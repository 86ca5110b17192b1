"""Offers into storage, and price changes into the outbox, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from scrapy.exceptions import NotConfigured

from pricing.errors import MoneyError
from scrapers.extract import Reason
from scrapers.matching import Band, Listing, Match, Matcher, MatchMethod
from scrapers.offers import competitor_offer
from scrapers.outcomes import Ledger, Observation, Outcome
from scrapers.sites import Site
from scrapers.spiders.storefront import StorefrontSpider
from storage.database import reading, writing
from storage.offers import ObservedOffer, StoredOffer, append_offers, latest_offers
from storage.outbox import enqueue
from storage.products import all_products

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from sqlalchemy.engine import Connection, Engine

_log = logging.getLogger(__name__)

PRICE_CHANGED: Final = "competitor.price_changed"
"""Outbox topic: a competitor asks another price than when we looked last."""

_BATCH: Final = 200


class OfferStore:
    """Keeps the offers of one crawl: matches them, appends them, tells of changed prices.

    An offer that is known (its page was matched before, or its GTIN is ours alone) is stored with
    the next batch. The others wait for the end of the crawl, when titles are matched over all of
    them at once, so that each product goes to the offer that fits it best.
    """

    def __init__(self, engine: Engine, site: Site, crawl_id: int, ledger: Ledger) -> None:
        self._engine = engine
        self._site = site
        self._crawl_id = crawl_id
        self._ledger = ledger
        self._seen: set[str] = set()
        self._ready: list[ObservedOffer] = []
        self._waiting: list[Observation] = []
        self._taken: dict[str, str] = {}
        with reading(engine) as conn:
            self._matcher = Matcher([Listing.of_product(p) for p in all_products(conn)])
            before = latest_offers(conn, site.name)
        self._before = {url: match for url, old in before.items() if (match := _match(old.offer))}
        self._url_of = {match.sku: url for url, match in self._before.items()}

    def add(self, observation: Observation) -> None:
        """Take one offer; the first of a page counts."""
        url = observation.offer.url
        if url in self._seen:
            return
        self._seen.add(url)
        match = self._known(observation)
        if match is None:
            self._waiting.append(observation)
            return
        self._taken[match.sku] = url
        self._keep(observation, match)
        if len(self._ready) >= _BATCH:
            self._flush()

    def finish(self) -> None:
        """Match what waited, and store everything."""
        waiting, self._waiting = self._waiting, []
        listings = [_listing(observation) for observation in waiting]
        matches = self._matcher.match_all(listings, self._taken)
        for observation, match in zip(waiting, matches, strict=True):
            accepted = match if match is not None and match.band is Band.ACCEPT else None
            self._keep(observation, accepted)
        while self._ready:
            self._flush()

    def _known(self, observation: Observation) -> Match | None:
        """The product of an offer whose match needs no comparison with other offers."""
        listing, url = _listing(observation), observation.offer.url
        exact = self._matcher.by_number(listing)
        match = exact or self._before.get(url)
        if match is None or match.sku in self._taken or not self._matcher.knows(match.sku):
            return None
        if self._url_of.get(match.sku, url) != url:
            return None  # another page had this product before and may still come
        if exact is None and self._matcher.contradicts(match.sku, listing):
            return None  # another product has moved in at this address
        return match

    def _keep(self, observation: Observation, match: Match | None) -> None:
        try:
            offer = competitor_offer(observation, currency=self._site.currency, match=match)
        except MoneyError as error:
            url = observation.offer.url
            self._ledger.note(url, Outcome.MISSING, f"{Reason.AMBIGUOUS_PRICE}: {error}")
            return
        self._ready.append(offer)

    def _flush(self) -> None:
        """Store one batch. If that fails, nothing of the batch is stored or told."""
        batch, self._ready = self._ready[:_BATCH], self._ready[_BATCH:]
        with writing(self._engine) as conn:
            before = latest_offers(conn, self._site.name, urls=[offer.url for offer in batch])
            stored = append_offers(conn, self._crawl_id, batch)
            changes = self._tell(conn, batch, before)
        self._ledger.stored += stored
        self._ledger.matched += sum(offer.sku is not None for offer in batch)
        self._ledger.changes += changes

    def _tell(
        self, conn: Connection, batch: Sequence[ObservedOffer], before: Mapping[str, StoredOffer]
    ) -> int:
        """Put a message into the outbox for each matched offer whose price moved."""
        changes = 0
        for offer in batch:
            old = before.get(offer.url)
            if offer.sku is None or old is None or old.offer.price == offer.price:
                continue
            if old.offer.price.currency != offer.price.currency or old.offer.sku != offer.sku:
                continue  # another product or another currency is no change of a price
            payload = change_payload(self._site, old.offer, offer)
            key = f"{offer.sku}/{self._site.market}/{self._site.name}"
            enqueue(conn, PRICE_CHANGED, key, payload, at=offer.observed_at)
            changes += 1
        return changes


def change_payload(site: Site, old: ObservedOffer, new: ObservedOffer) -> dict[str, object]:
    """The facts of a price change, as they go out on the wire.

    Args:
        site: the competitor.
        old: the previous observation of the page.
        new: this one, in the same currency.
    """
    change = 100.0 * (new.price.minor - old.price.minor) / old.price.minor
    return {
        "sku": new.sku,
        "market": site.market,
        "competitor": site.name,
        "url": new.url,
        "title": new.title,
        "old": old.price.wire(),
        "new": new.price.wire(),
        "change_pct": round(change, 2),
        "observed_at": new.observed_at.isoformat(),
    }


def _listing(observation: Observation) -> Listing:
    offer = observation.offer
    return Listing.of_facts(offer.url, offer.facts, float(offer.price))


def _match(offer: ObservedOffer) -> Match | None:
    """How an offer was matched when it was stored."""
    if offer.sku is None or offer.match_method not in set(MatchMethod):
        return None
    return Match(offer.sku, offer.match_score or 0.0, MatchMethod(offer.match_method))


class StoreOffers:
    """Scrapy pipeline in front of an `OfferStore`. A database that fails ends the crawl."""

    def __init__(self, store: OfferStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> StoreOffers:
        """Built by Scrapy; the spider carries the store, because settings are logged."""
        spider = crawler.spider
        if not isinstance(spider, StorefrontSpider):
            raise NotConfigured(f"{spider!r} carries no store")
        return cls(spider.store, spider.ledger)

    def process_item(self, item: object) -> object:
        """Take an observation; anything else passes through."""
        if isinstance(item, Observation) and not self._ledger.fatal:
            try:
                self._store.add(item)
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
