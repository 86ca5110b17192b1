"""Matches in doubt and held prices for the pages that decide on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Engine

from pricing.money import Money
from scrapers.matching.features import Feature
from storage.competitors.match_reviews import Proposal, propose, reviews
from storage.competitors.offers import append_offers
from storage.competitors.quarantine import hold
from storage.competitors.sites import start_crawl
from storage.database import writing
from storage.tables import products
from tests.api.rival_records import rival_crawl, rival_offer

SITE = "north"


def pairs_in_doubt(
    engine: Engine, count: int, now: datetime, *, title: str = "Their green tea 500 g"
) -> list[int]:
    """So many pairs with their offers in the open shop; returns their numbers, the likeliest first.

    Args:
        engine: with the shop.
        count: how many.
        now: when they were seen.
        title: what the competitor calls all of them; each has its number behind it.
    """
    with writing(engine) as conn:
        conn.execute(
            products.update()
            .where(products.c.sku == "TEA-1")
            .values(title="Green tea, loose, 1 kg", brand="Kestrel", gtin="4006381333931")
        )
    offers = [
        replace(
            rival_offer("TEA-1", 480 + number, now),
            url=f"https://{SITE}.example/{number}",
            title=f"{title} no. {number}",
            sku=None,
            match_method=None,
            match_score=None,
            brand="KESTREL" if number % 2 else "Another",
            gtin="04006381333931" if number % 2 else None,
            details={"image": f"https://{SITE}.example/{number}.jpg"},
        )
        for number in range(count)
    ]
    rival_crawl(engine, SITE, now, offers)
    features = np.zeros(len(Feature))
    features[[Feature.WORDS, Feature.BRAND, Feature.OTHER_PACK]] = 0.62, 1.0, 1.0
    features[Feature.PRICE_GAP] = 0.7
    proposals = [
        Proposal(offer.url, offer.title, "TEA-1", 0.9 - number / 100, features.tolist())
        for number, offer in enumerate(offers)
    ]
    with writing(engine) as conn:
        propose(conn, SITE, proposals, at=now)
        return [review.review_id for review in reviews(conn, limit=count)]


def held_prices(
    engine: Engine, count: int, now: datetime, *, title: str = "Their green tea"
) -> list[int]:
    """So many held prices in the open shop, each with a history of ten days; the newest first.

    Args:
        engine: with the shop.
        count: how many.
        now: when they were seen.
        title: what the competitor calls all of them.
    """
    pages = [
        replace(
            rival_offer("TEA-1", 500, now),
            url=f"https://{SITE}.example/held/{number}",
            title=f"{title} no. {number}",
        )
        for number in range(count)
    ]
    for day in range(10, 0, -1):
        at = now - timedelta(days=day)
        seen = [replace(p, observed_at=at, price=Money(500 + day % 3 * 10, "EUR")) for p in pages]
        rival_crawl(engine, SITE, at, seen)
    with writing(engine) as conn:
        crawl = start_crawl(conn, SITE, at=now)
        append_offers(conn, crawl, [])
        for page in pages:
            held = replace(page, price=Money(49, "EUR"))
            hold(conn, crawl, held, "the price went from 5.10 EUR to 0.49 EUR (-90%)")
    return list(range(count, 0, -1))
