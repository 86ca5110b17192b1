"""A small shop in a database: what the service's tests serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Engine

from models.demand import ConstantElasticityDemand
from pricing.catalogue import Catalogue, CompetitorPrices, Labels, Market
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions
from pricing.money import Money
from storage.competitors.offers import ObservedOffer, append_offers
from storage.competitors.sites import finish_crawl, save_site, start_crawl
from storage.database import writing
from storage.prices.decisions import save_run
from storage.products.markets import add_markets
from storage.releases.publishing import publish
from storage.tables import products

OPENED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EURO_SHOP = Market(code="online", currency="EUR", time_zone="Europe/Berlin")
YEN_STORE = Market(code="store-01", currency="JPY", time_zone="Asia/Tokyo", channel="store")

PRICES = {
    ("TEA-1", "online"): 499,
    ("TEA-1", "store-01"): 780,
    ("TEA-2", "online"): 1250,
    ("TEA/3 ü", "online"): 99,
}
"""Prices of the shop in minor units: a SKU in both markets, one in one, one hard to spell."""


def open_shop(
    engine: Engine,
    prices: Mapping[tuple[str, str], int] = PRICES,
    *,
    markets: tuple[Market, ...] = (EURO_SHOP, YEN_STORE),
    at: datetime = OPENED,
) -> int:
    """Markets, products, one decision run and its price book; returns the version."""
    with writing(engine) as conn:
        add_markets(conn, markets)
        conn.execute(
            products.insert(),
            [
                {
                    "sku": sku,
                    "title": f"Tea {sku}",
                    "category": "tea",
                    "created_at": at,
                    "updated_at": at,
                }
                for sku in sorted({sku for sku, _ in prices})
            ],
        )
    return publish_prices(engine, prices, markets=markets, at=at)


def publish_prices(
    engine: Engine,
    prices: Mapping[tuple[str, str], int],
    *,
    markets: tuple[Market, ...] = (EURO_SHOP, YEN_STORE),
    at: datetime = OPENED,
    tier: str = "public",
) -> int:
    """A decision run with exactly these prices, published; returns the version."""
    run = decided(prices, markets=markets, at=at)
    with writing(engine) as conn:
        run_id = save_run(conn, run, policy={}, fit_id=None, created_at=at, tier=tier)
        return publish(conn, run_id, at=at, note="a test")


def decided(
    prices: Mapping[tuple[str, str], int], *, markets: tuple[Market, ...], at: datetime
) -> Decisions:
    """A decision run whose outcome is set by hand: each price was 10 % lower before."""
    keys = sorted(prices)
    n = len(keys)
    used = sorted({market for _, market in keys})
    by_code = {market.code: market for market in markets}
    after = np.array([prices[key] for key in keys])
    before = np.maximum(after * 9 // 10, 1)
    catalogue = Catalogue(
        sku=np.array([sku for sku, _ in keys]),
        market=Labels.of([market for _, market in keys]),
        markets=tuple(by_code[code] for code in used),
        category=Labels.of(["tea"] * n),
        brand=Labels.of([""] * n),
        price=before,
        cost=before // 2 + 1,
        stock=np.full(n, np.nan),
    )
    demand = ConstantElasticityDemand(
        reference_price=np.full(n, 5.0),
        log_base=np.full(n, 3.0),
        elasticity=np.full(n, -2.0),
        covariance=np.tile(np.diag([0.01, 0.04]), (n, 1, 1)),
        residual_variance=np.full(n, 0.1),
    )
    run = decide(catalogue, demand, CompetitorPrices.none(n), PricingPolicy(), decided_at=at)
    return replace(
        run, price=after, action=np.full(n, Action.CHANGE), held_by=np.zeros(n, dtype=np.int64)
    )


def observe_offer(engine: Engine, sku: str, price: Money, *, at: datetime, site: str) -> None:
    """One competitor offer for a product in the online market, seen by one crawl."""
    with writing(engine) as conn:
        save_site(
            conn,
            site,
            start_url="http://127.0.0.1/",
            kind="storefront",
            market="online",
            currency="EUR",
        )
        crawl = start_crawl(conn, site, at=at - timedelta(minutes=1))
        append_offers(
            conn,
            crawl,
            [
                ObservedOffer(
                    url=f"http://127.0.0.1/{sku}",
                    observed_at=at,
                    price=price,
                    availability="in_stock",
                    title=f"Their {sku}",
                    source="json_ld",
                    confidence=0.98,
                    sku=sku,
                    match_method="gtin",
                    match_score=1.0,
                )
            ],
        )
        finish_crawl(
            conn, crawl, at=at, status="finished", pages=1, offers=1, failures=0, report={}
        )
