"""What a crawl keeps: offers with their product, outcomes of pages, what people should look at."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import numpy as np
from sqlalchemy.engine import Connection

from pricing.errors import MoneyError
from scrapers.cadence import site_cadence
from scrapers.extract import READER, Reason
from scrapers.matching import DEFAULT, Band, Listing, Match, Matcher, MatchMethod, Scorer, learned
from scrapers.offers.crawl_health import freshness
from scrapers.offers.doubts import Doubts, tell_changes
from scrapers.offers.records import competitor_offer, listing_of
from scrapers.outcomes import Ledger, Observation, Outcome
from scrapers.plausibility import usual_shipping
from scrapers.sites import Site
from storage.competitors.crawl_times import crawl_starts, newest_sightings
from storage.competitors.match_reviews import Proposal, decided, lessons, propose
from storage.competitors.offers import ObservedOffer, append_offers, latest_offers
from storage.competitors.pages import (
    HELD,
    PageOutcome,
    PageState,
    note_outcomes,
    outcomes_of,
    page_states,
    save_page_states,
)
from storage.database import reading, writing
from storage.prices.asking_prices import asking_prices
from storage.products.markets import list_markets
from storage.products.products import all_products

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

_BATCH: Final = 200
_LATELY: Final = timedelta(days=30)
"""A product that was not seen for longer is no longer expected."""

_WAITING: Final = 2_000
"""Offers that wait to be matched by title together; so many are lost to a sudden end."""


class OfferStore:
    """Keeps the offers of one crawl: matches them, appends them, tells of changed prices.

    An offer that is known (a person said so, its page was matched before, or its numbers are ours
    alone) is stored with the next batch. The others wait, and titles are matched over many of them
    at once, so that each product goes to the offer that fits it best. A page counts as done in the
    transaction that stores its offer: a crawl that is cut off goes on from there.

    Args:
        opened: the database; or a transaction of it that writes, in which everything is done then.
        site: the shop.
        crawl_id: number of the crawl.
        ledger: is told what was stored.
        fence: called in each transaction that stores, before it does; raises if we may not.
    """

    def __init__(
        self,
        opened: Engine | Connection,
        site: Site,
        crawl_id: int,
        ledger: Ledger,
        *,
        fence: Callable[[Connection], None] = lambda _conn: None,
    ) -> None:
        self._fence = fence
        self._opened = opened
        self._site = site
        self._crawl_id = crawl_id
        self._ledger = ledger
        self._ready: list[ObservedOffer] = []
        self._waiting: list[ObservedOffer] = []
        self._outcomes: list[PageOutcome] = []
        self._states: dict[str, PageState] = {}
        self._asked: dict[str, str] = {}
        self._proposals: list[Proposal] = []
        with self._reading() as conn:
            self._products = all_products(conn)
            self._currency, ours = _our_prices(conn, site.market)
            listings = [Listing.of_product(p, ours.get(p.sku)) for p in self._products]
            self._matcher = Matcher(listings, _scorer(conn))
            self._decided = decided(conn, site.name)
            self._before = latest_offers(conn, site.name)
            self._known_pages = page_states(conn, site.name, reader=READER)
            self.done = outcomes_of(conn, crawl_id)
        here = {url: o.offer for url, o in self._before.items() if o.crawl_id == crawl_id}
        self._seen = set(here)
        self._taken = {offer.sku: url for url, offer in here.items() if offer.sku}
        self._url_of = {
            stored.offer.sku: url for url, stored in self._before.items() if stored.offer.sku
        }
        for page in self.done.values():
            # A price that is held was observed all the same.
            outcome = Outcome.OBSERVED if page.outcome == HELD else Outcome(page.outcome)
            ledger.note(page.url, outcome, page.detail)
        ledger.resume(here.values())
        known = (stored.offer for stored in self._before.values())
        self._doubts = Doubts(site, crawl_id, usual_shipping(known))

    def _reading(self) -> AbstractContextManager[Connection]:
        opened = self._opened
        return nullcontext(opened) if isinstance(opened, Connection) else reading(opened)

    def _writing(self) -> AbstractContextManager[Connection]:
        opened = self._opened
        return nullcontext(opened) if isinstance(opened, Connection) else writing(opened)

    # What the spider asks before and after a request.

    def conditions(self, url: str) -> dict[str, str]:
        """Headers that ask for a page only if it has changed; empty where we must read it."""
        state = self._known_pages.get(url)
        if state is None or url not in self._before:
            return {}
        headers = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
        return {name: value for name, value in headers.items() if value}

    def is_unchanged(self, url: str, body: bytes) -> bool:
        """Whether a page has the very content from which its last offer was read."""
        state = self._known_pages.get(url)
        return state is not None and url in self._before and state.content_hash == _hash(body)

    def remember(
        self, url: str, body: bytes, etag: str | None = None, last_modified: str | None = None
    ) -> None:
        """Keep, with the page's offer, what the server told of it."""
        self._states[url] = PageState(url, etag, last_modified, _hash(body), READER)

    def searches(self, template: str) -> list[str]:
        """A search for each of our products; those without the number that is asked are left out.

        Args:
            template: an address with `{gtin}` or `{sku}` in it.
        """
        return [
            template.format(gtin=quote(p.gtin or ""), sku=quote(p.sku))
            for p in self._products
            if p.gtin or "{gtin}" not in template
        ]

    # What the pipeline hands over.

    def note(self, url: str, outcome: Outcome, at: datetime, detail: str = "") -> None:
        """A page is done without an offer."""
        self._outcomes.append(PageOutcome(url, outcome.value, detail, at))
        if len(self._outcomes) >= _BATCH:
            self._flush()

    def repeat(self, url: str, at: datetime) -> None:
        """A page is as it was: its last offer is observed again."""
        if url in self._before:
            self._take(replace(_unmatched(self._before[url].offer), observed_at=at), url)

    def add(self, observation: Observation) -> None:
        """Take one offer; the first of a page counts."""
        url = observation.offer.url
        try:
            offer = competitor_offer(observation, currency=self._site.currency)
        except MoneyError as error:
            detail = f"{Reason.AMBIGUOUS_PRICE}: {error}"
            self._ledger.note(url, Outcome.MISSING, detail)
            self.note(observation.asked or url, Outcome.MISSING, observation.observed_at, detail)
            return
        self._take(offer, observation.asked or url)

    def finish(self) -> None:
        """Match what waited, and store everything."""
        self._match_waiting()
        while self._ready or self._outcomes or self._proposals:
            self._flush()
        now = datetime.now(UTC)
        with self._reading() as conn:
            started = crawl_starts(conn, self._site.market).get(self._site.name, ())
            cadence = site_cadence(self._site, started)
            since = now - max(_LATELY, 10 * cadence)
            newest = newest_sightings(conn, self._site.name, since=since).values()
        self._ledger.freshness = asdict(freshness(newest, cadence, now=now))

    def _take(self, offer: ObservedOffer, asked: str) -> None:
        if offer.url in self._seen:
            return
        self._seen.add(offer.url)
        self._asked[offer.url] = asked
        match = self._known(offer)
        if match is None:
            self._waiting.append(offer)
            if len(self._waiting) >= _WAITING:
                self._match_waiting()
            return
        self._taken[match.sku] = offer.url
        self._keep(offer, match)
        if len(self._ready) >= _BATCH:
            self._flush()

    def _match_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        listings = [listing_of(offer, self._currency) for offer in waiting]
        matches = self._matcher.match_all(
            listings, taken=self._taken, denied=self._decided.different
        )
        for offer, match in zip(waiting, matches, strict=True):
            if match is not None and match.band is Band.REVIEW:
                self._proposals.append(
                    Proposal(offer.url, offer.title, match.sku, match.score, match.features)
                )
                self._ledger.to_review += 1
            elif match is not None:
                self._taken[match.sku] = offer.url
            self._keep(offer, match if match is not None and match.band is Band.ACCEPT else None)
        while self._ready:
            self._flush()

    def _known(self, offer: ObservedOffer) -> Match | None:
        """The product of an offer whose match needs no comparison with other offers."""
        url = offer.url
        if (sku := self._decided.same.get(url)) is not None and self._matcher.knows(sku):
            return Match(sku, 1.0, MatchMethod.PERSON)
        listing = listing_of(offer, self._currency)
        exact = self._matcher.by_number(listing)
        match = exact or self._matched_before(url)
        if match is None or match.sku in self._taken or not self._matcher.knows(match.sku):
            return None
        if (match.sku, url) in self._decided.different:
            return None
        if self._url_of.get(match.sku, url) != url:
            return None  # another page had this product before and may still come
        if exact is None and self._matcher.contradicts(match.sku, listing):
            self._ledger.moved_in.append(url)  # another product has moved in at this address
            return None
        return match

    def _matched_before(self, url: str) -> Match | None:
        stored = self._before.get(url)
        if stored is None or stored.offer.sku is None:
            return None
        if stored.offer.match_method not in set(MatchMethod):
            return None
        method = MatchMethod(stored.offer.match_method)
        if method is MatchMethod.PERSON:
            return None  # the answer was taken back since
        return Match(stored.offer.sku, stored.offer.match_score or 0.0, method)

    def _keep(self, offer: ObservedOffer, match: Match | None) -> None:
        if match is not None:
            offer = replace(
                offer, sku=match.sku, match_method=match.method.value, match_score=match.score
            )
        self._ready.append(offer)

    # Batches.

    def _flush(self) -> None:
        """Store one batch. If that fails, nothing of the batch is stored or told."""
        batch, self._ready = self._ready[:_BATCH], self._ready[_BATCH:]
        outcomes, self._outcomes = self._outcomes, []
        proposals, self._proposals = self._proposals, []
        urls = [offer.url for offer in batch]
        with self._writing() as conn:
            self._fence(conn)
            before = latest_offers(conn, self._site.name, urls=urls)
            judged = self._doubts.judge(conn, batch, before)
            believed = judged.believed
            stored = append_offers(conn, self._crawl_id, believed)
            changes = tell_changes(conn, self._site.name, self._site.market, [
                *((before[o.url].offer, o) for o in believed if o.url in before), *judged.released,
            ])  # fmt: skip
            believed_urls = {offer.url for offer in believed}
            outcomes += [
                PageOutcome(
                    self._asked[o.url],
                    Outcome.OBSERVED.value if o.url in believed_urls else HELD,
                    "",
                    o.observed_at,
                )
                for o in batch
            ]
            note_outcomes(conn, self._crawl_id, outcomes)
            states = [(o.url, self._states.pop(self._asked[o.url], None)) for o in batch]
            # A page whose price is held is read anew, changed or not: what it said last is not
            # what is believed of it.
            kept = [state for url, state in states if state and url in believed_urls]
            save_page_states(conn, self._crawl_id, kept)
            at = max((o.done_at for o in outcomes), default=None)
            if proposals and at is not None:
                propose(conn, self._site.name, proposals, at=at)
        self._ledger.stored += stored
        self._ledger.matched += sum(offer.sku is not None for offer in believed)
        self._ledger.changes += changes
        self._ledger.held += judged.held
        self._ledger.sources.update(Counter(offer.source for offer in batch))


def _scorer(conn: Connection) -> Scorer:
    """Weights learned from what people have decided in all shops."""
    features, same = lessons(conn)
    if not same:
        return DEFAULT
    return learned(DEFAULT, np.array(features), np.array(same, dtype=bool))


def _our_prices(conn: Connection, market: str) -> tuple[str | None, dict[str, float]]:
    """Currency of a market and what we ask in it by SKU; nothing for a market that is not known."""
    place = next((item for item in list_markets(conn) if item.code == market), None)
    if place is None:
        return None, {}
    asked = asking_prices(conn, market, at=datetime.now(UTC))
    return place.currency, {sku: float(price.amount) for sku, price in asked.items()}


def _unmatched(offer: ObservedOffer) -> ObservedOffer:
    return replace(offer, sku=None, match_method=None, match_score=None)


def _hash(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
