"""Two competitors that were crawled daily, with what went wrong on the way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from pricing.money import Money
from storage.competitors.offers import ObservedOffer, append_offers
from storage.competitors.pages import PageOutcome, note_outcomes
from storage.competitors.quarantine import hold
from storage.competitors.sites import finish_crawl, save_site, start_crawl
from storage.database import writing

DAY = timedelta(days=1)


def rival_offer(
    sku: str, minor: int, at: datetime, *, stock: str = "in_stock", site: str = "north",
    currency: str = "EUR", listed: int | None = None,
) -> ObservedOffer:  # fmt: skip
    """One sure offer for a product."""
    return ObservedOffer(
        url=f"https://{site}.example/{sku}",
        observed_at=at,
        price=Money(minor, currency),
        list_price=None if listed is None else Money(listed, currency),
        availability=stock,
        title=f"Their {sku}",
        source="json-ld",
        confidence=0.98,
        sku=sku,
        match_method="gtin",
        match_score=1.0,
    )


def rival_crawl(
    engine: Engine,
    site: str,
    at: datetime,
    offers: Iterable[ObservedOffer] = (),
    *,
    gaps: dict[str, str] | None = None,
    held: Iterable[ObservedOffer] = (),
    every: str | None = "1d",
) -> None:
    """One whole crawl: offers, pages that gave none (by SKU, with the outcome), held prices."""
    definition = {
        "name": site, "start_url": f"https://{site}.example/", "market": "online",
        "currency": "EUR", **({"every": every} if every else {}),
    }  # fmt: skip
    with writing(engine) as conn:
        save_site(conn, site, start_url=f"https://{site}.example/", kind="storefront",
                  market="online", currency="EUR", definition=definition)  # fmt: skip
        crawl = start_crawl(conn, site, at=at)
        append_offers(conn, crawl, list(offers))
        note_outcomes(
            conn,
            crawl,
            [
                PageOutcome(f"https://{site}.example/{sku}", outcome, "", at)
                for sku, outcome in (gaps or {}).items()
            ],
        )
        for offer in held:
            hold(conn, crawl, offer, "a test")
        finish_crawl(conn, crawl, at=at, status="finished", report={"whole": True})
