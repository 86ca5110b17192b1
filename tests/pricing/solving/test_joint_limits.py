"""What must hold of all prices together holds on the expected figures of the answer itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from models.demand import ConstantElasticityDemand
from pricing.catalogue import Catalogue, CompetitorPrices, Labels
from pricing.deciding.decide import Objective, PricingPolicy, decide
from pricing.deciding.decisions import Decisions
from pricing.deciding.guardrails import GuardrailLimits
from pricing.errors import InfeasibleLimits, InvalidLimits
from pricing.solving.joint_limits import JointLimit, JointTargets
from tests.pricing.catalogues import EUROPE, NOW, catalogue_of, curves

NET = replace(EUROPE, tax_rate=0.0)
LIMITS = GuardrailLimits(competitor_band=None)


@pytest.fixture(scope="module")
def shop() -> tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices]:
    """40 products in two categories, all with offers."""
    rng = np.random.default_rng(11)
    price = rng.integers(400, 4000, 40)
    catalogue = catalogue_of(
        price.tolist(), (price * rng.uniform(0.3, 0.7, 40)).astype(int).tolist(), market=NET
    )
    catalogue = replace(catalogue, category=Labels.of(["tea", "jam"] * 20))
    demand = curves(catalogue, rng.uniform(-3.5, -1.2, 40), rng.uniform(5, 200, 40))
    rivals = (price * rng.uniform(0.85, 1.15, 40)).astype(np.int64)
    return catalogue, demand, CompetitorPrices(rivals, np.ones(40, np.int64))


def run(
    shop: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], **targets: object
) -> Decisions:
    policy = PricingPolicy(limits=LIMITS, joint=JointTargets(**targets))  # type: ignore[arg-type]
    return decide(*shop, policy, decided_at=NOW)


def test_a_floor_on_revenue_or_units_holds_and_costs_profit(
    shop: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
) -> None:
    before = float(shop[1].units(shop[0].price / 100).sum())
    free = run(shop)
    revenue = float(free.revenue.sum() / free.revenue_before.sum()) + 0.02
    units = float(free.units.sum()) / before + 0.02
    bound = run(shop, revenue_floor=revenue)
    assert bound.revenue.sum() >= revenue * bound.revenue_before.sum() * (1 - 1e-8)
    assert bound.profit.sum() < free.profit.sum()
    sold = run(shop, unit_floor=units)
    assert sold.units.sum() >= units * before * (1 - 1e-8)
    assert sold.solve.status in ("optimal", "within_gap")
    assert sold.solve.gap <= 1e-4


def test_the_average_margin_holds_over_all_rows_not_in_each(
    shop: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
) -> None:
    free = run(shop)
    wanted = float(free.profit.sum() / free.revenue.sum()) + 0.02
    bound = run(shop, average_margin=wanted)
    assert bound.profit.sum() / bound.revenue.sum() >= wanted - 1e-8
    assert (bound.profit / bound.revenue < wanted).any()


def test_a_category_stays_in_its_band_against_the_competition(
    shop: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
) -> None:
    catalogue, demand, rivals = shop
    sold = demand.units(catalogue.price / 100)

    def index(decisions: Decisions, category: str) -> float:
        rows = catalogue.where(category=category)
        ours = (sold[rows] * decisions.price[rows]).sum()
        return float(ours / (sold[rows] * rivals.lowest[rows]).sum())

    free = run(shop)
    low, high = index(free, "tea") - 0.03, index(free, "jam") + 0.04
    bound = run(shop, price_index={"tea": (0.5, low), "jam": (high, 2.0)})
    assert index(bound, "tea") <= low + 1e-8
    assert index(bound, "jam") >= high - 1e-8
    everywhere = run(shop, price_index={"*": (0.97, 1.0)})
    for name in ("tea", "jam"):
        assert 0.97 - 1e-8 <= index(everywhere, name) <= 1.0 + 1e-8


def test_markdowns_spend_no_more_than_their_money_and_changes_no_more_than_their_share(
    shop: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
) -> None:
    catalogue = shop[0]

    def spent(decisions: Decisions) -> float:
        cut = np.maximum(catalogue.price - decisions.price, 0) / 100
        return float((cut * decisions.units).sum())

    free = run(shop)
    bound = run(shop, markdown_money=spent(free) / 3)
    assert 0 < spent(bound) <= spent(free) / 3 * (1 + 1e-8)
    assert run(shop, max_change_share=0.26).changes == 10


def test_the_answer_under_float_limits_equals_brute_force() -> None:
    rng = np.random.default_rng(5)
    bit = 0
    for _ in range(40):
        n = int(rng.integers(2, 5))
        price = rng.integers(300, 3000, n)
        catalogue = catalogue_of(price.tolist(), (price // 2).tolist(), market=NET)
        demand = curves(catalogue, rng.uniform(-4, -1.2, n), rng.uniform(1, 90, n))
        floor = float(rng.uniform(1.0, 1.4))
        policy = PricingPolicy(
            limits=LIMITS,
            objective=Objective(risk_aversion=0.2),
            candidates=4,
            gap=0.0,
            joint=JointTargets(revenue_floor=floor),
        )
        rivals = CompetitorPrices.none(n)
        free = decide(
            catalogue, demand, rivals, replace(policy, joint=JointTargets()), decided_at=NOW
        )
        bit += free.revenue.sum() < floor * free.revenue_before.sum()
        best, grids = -np.inf, _grids(catalogue, policy)
        for prices in product(*grids):
            major = np.array(prices) / 100
            units = demand.units(major)
            low, high = demand.interval(major, 0.6826894921370859)
            margin = major - catalogue.cost / 100
            if (major * units).sum() >= floor * free.revenue_before.sum() * (1 - 1e-9):
                worth = (margin * units - 0.2 * np.abs(margin) * (high - low) / 2).sum()
                best = max(best, float(worth))
        if best == -np.inf:
            with pytest.raises(InfeasibleLimits, match="revenue_floor"):
                decide(catalogue, demand, rivals, policy, decided_at=NOW)
            continue
        found = decide(catalogue, demand, rivals, policy, decided_at=NOW)
        assert found.solve.objective == pytest.approx(best, rel=1e-7)
    assert bit > 10


def _grids(catalogue: Catalogue, policy: PricingPolicy) -> list[list[int]]:
    """The candidates of each row: four rungs between its limits, and the price in force."""
    from pricing.deciding.guardrails import price_bounds
    from pricing.price_points import EndingRule, candidate_grid

    bounds = price_bounds(catalogue, CompetitorPrices.none(len(catalogue)), policy.limits)
    ladder = EndingRule.usual("EUR").ladder(int(bounds.upper.max()))
    prices, valid = candidate_grid(bounds.lower, bounds.upper, ladder, policy.candidates)
    return [
        sorted({int(old), *prices[row, valid[row]].tolist()})
        for row, old in enumerate(catalogue.price)
    ]


def test_a_target_out_of_reach_is_named_alone(
    shop: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
) -> None:
    with pytest.raises(InfeasibleLimits, match="unit_floor") as caught:
        run(shop, unit_floor=2.0, revenue_floor=0.5)
    assert caught.value.conflicting == ("unit_floor",)


def test_steps_are_finer_than_the_rounding_that_is_allowed() -> None:
    rng = np.random.default_rng(2)
    usage = rng.lognormal(0, 6, (5_000, 4)) * rng.choice([-1, 1], (5_000, 4))
    column = rng.integers(0, 4, 5_000)
    limit = JointLimit("money", usage, 0.0)
    whole, step = limit.in_steps()
    assert whole.whole
    assert abs(whole.used(column) * step - limit.used(column)) <= limit.tolerance / 2
    assert np.abs(whole.usage).max(axis=1).sum() < 2**51


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: JointTargets(max_change_share=1.5), "max_change_share"),
        (lambda: JointTargets(revenue_floor=-0.1), "revenue_floor"),
        (lambda: JointTargets(average_margin=float("nan")), "average_margin"),
        (lambda: JointTargets(price_index={"tea": (1.1, 0.9)}), "tea"),
        (lambda: JointTargets(markdown_money=-1.0), "markdown_money"),
        (lambda: JointLimit("x", np.array([[np.nan]]), 1.0), "finite"),
        (lambda: JointLimit("x", np.ones((2, 1)), 1.0, np.array([1, 0])), "ascending"),
    ],
)
def test_a_target_outside_its_range_is_refused_by_name(build: object, message: str) -> None:
    with pytest.raises(InvalidLimits, match=message):
        build()  # type: ignore[operator]
