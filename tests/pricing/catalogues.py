"""Small catalogues for tests: named tiny ones, and random ones for properties."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st

from models.arrays import FloatArray
from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels, Market
from pricing.price_points import EndingRule, PriceEnding

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANY_AMOUNT = EndingRule((PriceEnding(None, 1, (0,)),))
EUROPE = Market("online", "EUR", "Europe/Berlin", tax_rate=0.19)
JAPAN = Market("tokyo", "JPY", "Asia/Tokyo", channel="store", tax_rate=0.10)


def catalogue_of(
    price: Sequence[int],
    cost: Sequence[int],
    *,
    market: Market = EUROPE,
    skus: Sequence[str] | None = None,
) -> Catalogue:
    """One market, one category, these prices and costs in minor units."""
    n = len(price)
    return Catalogue(
        sku=np.array(skus or [f"P{i}" for i in range(n)], dtype=np.str_),
        market=Labels(np.zeros(n, np.int64), (market.code,)),
        markets=(market,),
        category=Labels.of(["tea"] * n),
        brand=Labels.of(["own"] * n),
        price=np.array(price, dtype=np.int64),
        cost=np.array(cost, dtype=np.int64),
        stock=np.full(n, np.nan),
    )


def curves(
    catalogue: Catalogue,
    elasticity: Sequence[float] | FloatArray | float,
    base_units: Sequence[float] | FloatArray | float = 100.0,
    std_error: float = 0.2,
) -> ConstantElasticityDemand:
    """Curves anchored at the prices in force; rows without one get no curve."""
    n = len(catalogue)
    reference = np.where(catalogue.price > 0, catalogue.price / catalogue.scale, np.nan)
    covariance = np.zeros((n, 2, 2))
    covariance[:, 0, 0], covariance[:, 1, 1] = 0.01, std_error**2
    return ConstantElasticityDemand(
        reference_price=reference,
        log_base=np.log(np.broadcast_to(np.asarray(base_units, np.float64), (n,))).copy(),
        elasticity=np.broadcast_to(np.asarray(elasticity, np.float64), (n,)).copy(),
        covariance=covariance,
        residual_variance=np.full(n, 0.05),
    )


@st.composite
def priced_catalogues(
    draw: st.DrawFn,
) -> tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices]:
    """Up to 8 rows over two currencies, with gaps in price, cost, curve and competition."""
    n = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gap = draw(st.sampled_from([0.0, 0.3]))
    price = rng.integers(50, 30_000, n)
    cost = np.maximum((price * rng.uniform(0.2, 1.1, n)).astype(np.int64), 1)
    lowest = np.where(rng.random(n) < 0.5, (price * rng.uniform(0.5, 1.6, n)).astype(np.int64), 0)
    lowest[lowest == 0] = UNKNOWN
    price[rng.random(n) < gap / 2] = UNKNOWN
    cost[rng.random(n) < gap] = UNKNOWN
    catalogue = Catalogue(
        sku=np.array([f"P{i}" for i in range(n)], dtype=np.str_),
        market=Labels(rng.integers(0, 2, n), ("online", "tokyo")),
        markets=(EUROPE, JAPAN),
        category=Labels.of(["tea"] * n),
        brand=Labels.of(["own"] * n),
        price=price,
        cost=cost,
        stock=np.full(n, np.nan),
    )
    demand = curves(catalogue, rng.uniform(-4, 0.5, n), rng.uniform(1, 500, n))
    known = np.where(rng.random(n) < gap, -1, np.arange(n))
    competitors = CompetitorPrices(lowest, (lowest != UNKNOWN).astype(np.int64))
    return catalogue, demand.take(known), competitors
