"""Optimised prices against what shops do without a model, judged by the true law of the market."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels, Market
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.objective import Objective
from pricing.deciding.strategies import Strategy, StrategyKind
from pricing.solving.joint_limits import JointTargets
from simulations.demo_market.market import DemoMarket
from tests.demo_panel import demo_fit, demo_market

NOW = datetime(2026, 11, 16, tzinfo=UTC)
STEPS = 3
"""Decisions one after another: a change of at most 15 % at a time needs a few to arrive."""

OPTIMISED = PricingPolicy(
    objective=Objective(revenue=0.03), joint=JointTargets(revenue_floor=1.0), time_limit=10.0
)
"""A little weight on revenue breaks the flat top of profit toward the larger turnover."""

POLICIES = {
    "no change": PricingPolicy(strategies=(Strategy("freeze", StrategyKind.FREEZE),)),
    "cost-plus": PricingPolicy(
        strategies=(Strategy("cost-plus", StrategyKind.COST_PLUS, markup=0.62),)
    ),
    "competitor matching": PricingPolicy(
        strategies=(
            Strategy("match", StrategyKind.FOLLOW, priority=1),
            Strategy("else stay", StrategyKind.FREEZE),
        )
    ),
    "optimised": OPTIMISED,
}


def known_of(market: DemoMarket) -> tuple[Catalogue, CompetitorPrices]:
    """The demo market as a decision sees it, offers as a perfect crawl would match them."""
    law = market.law
    places = Labels.of(law.market)
    catalogue = Catalogue(
        sku=law.sku,
        market=places,
        markets=tuple(Market(code, "USD", "America/Chicago") for code in places.names),
        category=Labels.of(law.category),
        brand=Labels.of([""] * len(law.sku)),
        price=np.rint(law.start_price * 100).astype(np.int64),
        cost=np.rint(law.unit_cost * 100).astype(np.int64),
        stock=np.full(len(law.sku), np.nan),
    )
    rivals = market.rivals[
        (market.rivals["availability"] == "in_stock") & (market.rivals["sku"] != "")
    ]
    found = rivals.groupby("sku")["price"].agg(["min", "size"]).reindex(catalogue.sku)
    seen = found["min"].notna().to_numpy()
    lowest = np.where(seen, np.rint(found["min"].fillna(0).to_numpy() * 100), UNKNOWN)
    offers = np.where(seen, found["size"].fillna(0).to_numpy(), 0)
    return catalogue, CompetitorPrices(lowest.astype(np.int64), offers.astype(np.int64))


def compare(seed: int) -> dict[str, tuple[float, float, float]]:
    """True profit, revenue and units a plain week over those of no change, less one, by policy."""
    market = demo_market(seed)
    law = market.law
    first, rivals = known_of(market)
    demand = demo_fit(seed).curves.align(first.sku, first.market.values())
    start = first.price / 100
    before = np.array(
        [
            law.true_profit(start).sum(),
            (start * law.expected_units(start)).sum(),
            law.expected_units(start).sum(),
        ]
    )
    answer: dict[str, tuple[float, float, float]] = {}
    for name, policy in POLICIES.items():
        catalogue = first
        for _ in range(STEPS):
            price = decide(catalogue, demand, rivals, policy, decided_at=NOW).price
            catalogue = replace(catalogue, price=price)
        paid = catalogue.price / 100
        units = law.expected_units(paid)
        after = np.array([law.true_profit(paid).sum(), (paid * units).sum(), units.sum()])
        profit, revenue, sold = (after / before - 1.0).tolist()
        answer[name] = (profit, revenue, sold)
    return answer


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_optimised_prices_truly_earn_more_than_simple_rules_at_no_less_revenue(seed: int) -> None:
    found = compare(seed)
    profit, revenue, _ = found["optimised"]
    assert found["no change"] == pytest.approx((0.0, 0.0, 0.0))
    for name, (their_profit, their_revenue, _) in found.items():
        if name != "optimised":
            assert profit > their_profit + 0.01, name
            assert revenue >= their_revenue, name
