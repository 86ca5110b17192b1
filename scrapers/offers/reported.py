"""Prices that somebody saw elsewhere (a partner, an extension): the same checks as a crawl."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy.engine import Connection, Engine

from pricing.currencies import decimals
from pricing.decimal_text import parse_decimal
from pricing.errors import NoDecimal, UnknownCurrency
from pricing.money import Money, Rounding
from scrapers.addresses import check_url, origin_of
from scrapers.errors import ForbiddenAddress, InvalidObservation
from scrapers.extract import (
    Availability,
    Condition,
    Evidence,
    Offer,
    ProductFacts,
    Source,
    parse_gtin,
)
from scrapers.extract.price_text import LARGEST
from scrapers.offers.store import OfferStore
from scrapers.outcomes import Ledger, Observation, Outcome
from scrapers.sites import Site, site_from, store_site
from storage.competitors.sites import finish_crawl, site_definitions, start_crawl
from storage.database import writing

OLDEST: Final = timedelta(days=7)
"""An observation that is older is no longer today's price."""

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_CONFIDENCE: Final = 0.8
_USUAL_PLACES: Final = 2


@dataclass(frozen=True, slots=True)
class Reported:
    """One price that was seen.

    Attributes:
        competitor: name of the site; a new name makes a new site.
        market: code of our market that it competes in.
        price: a decimal string with no more decimals than the currency has.
        currency: ISO 4217.
        observed_at: when it was seen, aware.
        gtin, mpn, brand, list_price, availability, condition: where known.
    """

    competitor: str
    market: str
    url: str
    title: str
    price: str
    currency: str
    observed_at: datetime
    gtin: str | None = None
    mpn: str | None = None
    brand: str | None = None
    list_price: str | None = None
    availability: Availability | None = None
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of reported prices.

    Attributes:
        stored: observations kept.
        matched: of these, tied to one of our products.
        changes: price changes told.
        held: put into quarantine.
        to_review: matches for a person to look at.
    """

    stored: int = 0
    matched: int = 0
    changes: int = 0
    held: int = 0
    to_review: int = 0


def store_reported(engine: Engine, observations: Sequence[Reported], *, now: datetime) -> Receipt:
    """Check and store prices seen elsewhere, all or none.

    Raises:
        InvalidObservation: a value that can not be right; the message names entry and field.
        UnknownMarket: there is no such market.
    """
    checked = [_observation(number, seen, now) for number, seen in enumerate(observations)]
    groups: dict[tuple[str, str], list[Observation]] = {}
    sites: dict[tuple[str, str], Site] = {}
    with writing(engine) as conn:  # one transaction: whatever fails, nothing was stored or told
        known = site_definitions(conn)
        for number, (seen, observation) in enumerate(zip(observations, checked, strict=True)):
            key = (seen.competitor, seen.market)
            if key not in sites:
                sites[key] = _site(number, seen, known)
            groups.setdefault(key, []).append(observation)
        ledgers = [_store(conn, sites[key], group, now) for key, group in groups.items()]
    total = Receipt()
    for ledger in ledgers:
        total = Receipt(
            total.stored + ledger.stored,
            total.matched + ledger.matched,
            total.changes + ledger.changes,
            total.held + ledger.held,
            total.to_review + ledger.to_review,
        )
    return total


def _site(number: int, seen: Reported, known: Mapping[str, object]) -> Site:
    """The site by this name, or a new one for this page's host."""
    if seen.competitor in known:
        site = site_from(known[seen.competitor], f"site {seen.competitor!r}")
        if site.market != seen.market:
            raise InvalidObservation(
                f"{seen.competitor!r} competes in {site.market!r}",
                ("observations", number, "market"),
            )
        return site
    try:
        return Site(seen.competitor, seen.url, seen.market, seen.currency)
    except ValueError as error:
        raise InvalidObservation(str(error), ("observations", number)) from None


def _store(conn: Connection, site: Site, group: list[Observation], now: datetime) -> Ledger:
    store_site(conn, site)
    crawl_id = start_crawl(conn, site.name, at=now, report={"reported": len(group)})
    ledger = Ledger(site.name)
    store = OfferStore(conn, site, crawl_id, ledger)
    for observation in group:
        store.add(observation)
        ledger.note(observation.offer.url, Outcome.OBSERVED)
    store.finish()
    finish_crawl(conn, crawl_id, at=now, status="finished", offers=ledger.stored,
                 report={**ledger.summary(), "reported": len(group)})  # fmt: skip
    return ledger


def _exact(
    amount: Decimal,
    currency: str,
    field: str,
    refuse: Callable[[str, str], InvalidObservation],
) -> Decimal:
    """The amount, where it has no more decimals than prices have.

    `1.250` is refused in euros: it may have been one thousand two hundred and fifty.
    """
    try:
        places = decimals(currency)
        minor = Money.parse(amount, currency, Rounding.DOWN)
    except UnknownCurrency as error:
        raise refuse("currency", f"is none: {error}") from None
    written = -int(amount.as_tuple().exponent)
    if minor.decimal != amount or written > max(places, _USUAL_PLACES):
        raise refuse(field, f"has more than the {places} decimals of {currency}")
    return amount


def _observation(number: int, seen: Reported, now: datetime) -> Observation:
    """An observation as a crawl would have made it."""

    def refuse(field: str, why: str) -> InvalidObservation:
        given = getattr(seen, field)
        told = given.isoformat() if isinstance(given, datetime) else repr(given)
        return InvalidObservation(f"{told} {why}", ("observations", number, field))

    def amount(field: str, text: str) -> Decimal:
        try:
            found = parse_decimal(text)
        except NoDecimal as error:
            raise InvalidObservation(str(error), ("observations", number, field)) from None
        if not 0 < found < LARGEST:
            raise refuse(field, "must be a number above zero, such as 12.99")
        return _exact(found, seen.currency, field, refuse)

    price = amount("price", seen.price)
    listed = None if seen.list_price is None else amount("list_price", seen.list_price)
    if listed is not None and listed < price:
        raise refuse("list_price", "must be a number not below the price")
    if seen.observed_at > now + _CLOCKS_DIFFER:
        raise refuse("observed_at", "lies in the future")
    if seen.observed_at < now - OLDEST:
        raise refuse("observed_at", f"is older than {OLDEST.days} days")
    if not seen.title.strip():
        raise refuse("title", "must say what is sold")
    if seen.gtin is not None and parse_gtin(seen.gtin) is None:
        raise refuse("gtin", "is no GTIN that holds worldwide; check its digits")
    try:
        origin_of(seen.url)
        check_url(seen.url)
    except ForbiddenAddress as error:
        raise refuse("url", f"can not be a competitor's page: {error}") from None
    facts = ProductFacts(
        title=seen.title.strip(),
        brand=seen.brand,
        gtin=parse_gtin(seen.gtin),
        mpn=seen.mpn,
        availability=seen.availability,
        condition=seen.condition,
    )
    evidence = (Evidence(Source.REPORTED, f"{seen.price} {seen.currency}", _CONFIDENCE),)
    offer = Offer(seen.url, price, seen.currency, listed if listed != price else None, _CONFIDENCE,
                  Source.REPORTED, facts, evidence)  # fmt: skip
    return Observation(offer, seen.observed_at)
