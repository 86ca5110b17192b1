"""A small shop in two currencies, for tests that need something to be stored already."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from models.demand import ConstantElasticityDemand, FittedCurves, Provenance
from pricing.catalogue import Catalogue, CompetitorPrices, Market
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Decisions
from pricing.deciding.guardrails import GuardrailLimits
from storage.database import writing
from storage.products.markets import add_markets, market_ids
from storage.products.products import product_ids
from storage.tables import costs, products, sales, stock

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ONLINE = Market("online", "EUR", "Europe/Berlin", name="Web shop")
TOKYO = Market("tokyo", "JPY", "Asia/Tokyo", "store")

# sku, title, category, brand
SHELF = (
    ("tea-2", "Green tea, 100 g", "tea", "Hill"),
    ("tea-1", "Black tea, 100 g", "tea", "Hill"),
    ("cup-1", "Cup", "cups", None),
)


def add_shop(engine: Engine) -> None:
    """Two markets and three products, added in no particular order."""
    with writing(engine) as conn:
        add_markets(conn, [TOKYO, ONLINE])
        for sku, title, category, brand in SHELF:
            conn.execute(
                products.insert().values(
                    sku=sku,
                    title=title,
                    category=category,
                    brand=brand,
                    created_at=NOW,
                    updated_at=NOW,
                )
            )


def add_sale(
    conn: Connection,
    sku: str,
    market: str,
    day: date,
    units: float,
    revenue_minor: int,
    **more: object,
) -> None:
    """One period of sales."""
    conn.execute(
        sales.insert().values(
            **_key(conn, sku, market),
            period_start=day,
            units=units,
            revenue_minor=revenue_minor,
            **more,
        )
    )


def add_cost(conn: Connection, sku: str, market: str, day: date, minor: int) -> None:
    """A cost from a day on."""
    conn.execute(costs.insert().values(**_key(conn, sku, market), valid_from=day, cost_minor=minor))


def add_stock(conn: Connection, sku: str, market: str, day: date, units: float) -> None:
    """What was counted on a day."""
    conn.execute(stock.insert().values(**_key(conn, sku, market), counted_at=day, units=units))


def curves_for(catalogue: Catalogue, elasticity: float = -2.0) -> FittedCurves:
    """A curve for every row but the last, through 10 units at the price in force."""
    n = len(catalogue)
    price = np.where(catalogue.price > 0, catalogue.price, np.nan) / catalogue.scale
    price[-1] = np.nan
    missing = np.isnan(price)
    covariance = np.tile(np.array([[0.01, 0.001], [0.001, 0.04]]), (n, 1, 1))
    covariance[missing] = np.nan
    return FittedCurves(
        sku=catalogue.sku,
        market=catalogue.market.values(),
        demand=ConstantElasticityDemand(
            reference_price=price,
            log_base=np.where(missing, np.nan, np.log(10.0)),
            elasticity=np.where(missing, np.nan, elasticity),
            covariance=covariance,
            residual_variance=np.where(missing, np.nan, 0.05),
        ),
        own_elasticity=np.where(missing, np.nan, elasticity * 1.1),
        own_std_error=np.where(missing, np.nan, 0.3),
        n_obs=np.where(missing, 0, 104),
        method=np.where(missing, "none", "2sls+pooled"),
        status=np.where(missing, "no_sales", "ok"),
        provenance=Provenance(
            window_start=date(2024, 1, 1),
            window_end=date(2025, 12, 28),
            rows=104 * n,
            period_days=7,
            method="2sls+pooled",
            software={"statsmodels": "0.15.0"},
        ),
    )


def decisions_for(catalogue: Catalogue, at: datetime = NOW, change: float = 0.1) -> Decisions:
    """A real run over a catalogue, within +-`change` of the prices in force."""
    return decide(
        catalogue,
        curves_for(catalogue).demand,
        CompetitorPrices.none(len(catalogue)),
        PricingPolicy(limits=GuardrailLimits(maximum_change=change)),
        decided_at=at,
    )


def rows_in(conn: Connection, table: sa.Table) -> int:
    """How many rows a table has."""
    return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _key(conn: Connection, sku: str, market: str) -> dict[str, int]:
    return {
        "product_id": product_ids(conn, [sku])[sku],
        "market_id": market_ids(conn)[market],
    }
