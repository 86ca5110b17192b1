"""Each wish of the objective moves prices the way it says, and the front shows the trade."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.arrays import FloatArray
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.deciding.decide import Objective, PricingPolicy, decide
from pricing.deciding.decisions import Decisions
from pricing.deciding.guardrails import GuardrailLimits
from pricing.deciding.objective import overstock, price_image, worth_of
from pricing.deciding.pareto import pareto_front, undominated
from pricing.errors import InvalidLimits
from tests.pricing.catalogues import ANY_AMOUNT, EUROPE, NOW, catalogue_of, curves

FREE = GuardrailLimits(minimum_margin=0.0, maximum_change=0.5, competitor_band=None)
NET = replace(EUROPE, tax_rate=0.0)


def priced(
    catalogue: Catalogue,
    objective: Objective,
    *,
    elasticity: float = -2.0,
    std_error: float = 0.2,
    rivals: CompetitorPrices | None = None,
) -> Decisions:
    policy = PricingPolicy(
        limits=FREE,
        objective=objective,
        endings={"online": ANY_AMOUNT},
        candidates=1000,
    )
    return decide(
        catalogue,
        curves(catalogue, elasticity, std_error=std_error),
        rivals or CompetitorPrices.none(len(catalogue)),
        policy,
        decided_at=NOW,
    )


def price_with(catalogue: Catalogue, objective: Objective, **given: object) -> int:
    return int(priced(catalogue, objective, **given).price[0])  # type: ignore[arg-type]


@pytest.fixture
def one() -> Catalogue:
    """One product at 14.00 net with a cost of 6.00: best price 12.00 at elasticity -2."""
    return catalogue_of([1400], [600], market=NET)


def test_each_wish_moves_the_price_its_own_way(one: Catalogue) -> None:
    plain = price_with(one, Objective())
    assert plain == pytest.approx(1200, abs=2)
    assert price_with(one, Objective(revenue=0.3)) < plain
    assert price_with(one, Objective(units=1.0)) < plain
    # A unit's worth is a lower cost: p* = 2 (c - worth).
    assert price_with(one, Objective(units=0.5)) == pytest.approx(1100, abs=2)


def test_overstock_lowers_a_price_and_short_stock_raises_it(one: Catalogue) -> None:
    plain = price_with(one, Objective(stock_pressure=0.3))
    long = price_with(replace(one, stock=np.array([2000.0])), Objective(stock_pressure=0.3))
    short = price_with(replace(one, stock=np.array([10.0])), Objective(stock_pressure=0.3))
    assert long < plain < short
    demand = curves(one, -2.0)
    for stock, expected in ((0.0, -1.0), (400.0, 0.0), (600.0, 0.5), (9999.0, 1.0), (np.nan, 0.0)):
        pressing = overstock(replace(one, stock=np.array([stock])), demand, 4.0)
        assert pressing[0] == pytest.approx(expected)


def test_only_key_value_items_pay_for_the_price_image(one: Catalogue) -> None:
    rivals = CompetitorPrices(np.array([1200]), np.array([2]))
    plain = price_with(one, Objective(), rivals=rivals)
    objective = Objective(price_image=0.5)
    assert price_with(one, objective, rivals=rivals) == plain
    watched = replace(one, kvi=np.array([True]))
    assert price_with(watched, objective, rivals=rivals) < plain
    index = price_image(np.array([12.6]), watched, curves(watched, -2.0), rivals)
    assert index == pytest.approx(1.05)
    assert np.isnan(price_image(np.array([12.6]), one, curves(one, -2.0), rivals))


def test_a_change_must_earn_what_it_costs(one: Catalogue) -> None:
    gain = priced(one, Objective())
    earned = float(gain.profit[0] - gain.profit_before[0])
    assert priced(one, Objective(switching_cost=earned * 0.99)).changes == 1
    assert priced(one, Objective(switching_cost=earned * 1.01)).changes == 0


def test_a_price_far_from_the_evidence_is_less_attractive_to_the_careful(one: Catalogue) -> None:
    far = catalogue_of([1800], [600], market=NET)
    bold = price_with(far, Objective(), std_error=1.0)
    careful = price_with(far, Objective(risk_aversion=1.0), std_error=1.0)
    assert abs(careful - 1800) < abs(bold - 1800)


def test_risk_is_k_standard_deviations_of_the_demand_curve(one: Catalogue) -> None:
    demand = curves(one, -2.0, std_error=0.3)
    price: FloatArray = np.array([[14.0, 12.0, 16.0]])
    rivals = CompetitorPrices.none(1)
    plain = worth_of(price, Objective(), one, demand, rivals).total
    careful = worth_of(price, Objective(risk_aversion=2.0), one, demand, rivals).total
    sigma = np.sqrt(0.01 + 0.3**2 * np.log(price / 14.0) ** 2)
    assert plain - careful == pytest.approx(plain * 2.0 * np.sinh(sigma), rel=1e-9)


def test_the_front_holds_only_prices_that_nothing_beats_in_every_wish() -> None:
    rng = np.random.default_rng(4)
    price = rng.integers(500, 3000, 30)
    catalogue = catalogue_of(
        price.tolist(), (price * rng.uniform(0.3, 0.6, 30)).astype(int).tolist(), market=NET
    )
    demand = curves(catalogue, rng.uniform(-3.5, -1.5, 30), rng.uniform(10, 300, 30))
    rivals = CompetitorPrices.none(30)
    front = pareto_front(
        catalogue,
        demand,
        rivals,
        PricingPolicy(max_changes=10),
        {"profit": (1.0,), "revenue": (0.0, 0.1, 0.3, 1.0, 3.0)},
        decided_at=NOW,
    )
    assert len(front.points) >= 3
    profits = [point.figures["profit"] for point in front.points]
    revenues = [point.figures["revenue"] for point in front.points]
    # Along the front, more of one is less of the other.
    order = np.argsort(profits)
    assert (np.diff(np.array(revenues)[order]) <= 1e-9).all()
    assert max(profits) == pytest.approx(
        decide(
            catalogue, demand, rivals, PricingPolicy(max_changes=10), decided_at=NOW
        ).profit.sum()
    )
    assert all(point.decisions.changes <= 10 for point in front.points)


def test_undominated_is_the_definition() -> None:
    rng = np.random.default_rng(9)
    for _ in range(50):
        figures = rng.integers(0, 5, (12, 3)).astype(float)
        expected = [not any((b >= a).all() and (b > a).any() for b in figures) for a in figures]
        assert undominated(figures).tolist() == expected


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: Objective(units=-1.0), "units"),
        (lambda: Objective(risk_aversion=float("nan")), "risk_aversion"),
        (lambda: Objective(profit=0.0), "profit"),
        (lambda: Objective(target_cover=0.0), "target_cover"),
    ],
)
def test_a_weight_that_means_nothing_is_refused_by_name(build: object, field: str) -> None:
    with pytest.raises(InvalidLimits, match=field):
        build()  # type: ignore[operator]
