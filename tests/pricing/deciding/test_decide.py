"""What must hold of every decision, and what a person should read in its reasons."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.decide import Objective, PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions, ReasonCode
from pricing.deciding.guardrails import GuardrailLimits
from pricing.errors import InvalidCatalogue, InvalidLimits
from pricing.portions import ROWS
from pricing.price_points import EndingRule
from tests.pricing.catalogues import (
    ANY_AMOUNT,
    EUROPE,
    JAPAN,
    NOW,
    catalogue_of,
    curves,
    priced_catalogues,
)

RATES = {"EUR": 1.0, "JPY": 0.006}
policies = st.builds(
    PricingPolicy,
    limits=st.builds(
        GuardrailLimits,
        minimum_margin=st.sampled_from([0.0, 0.05, 0.3]),
        maximum_change=st.sampled_from([0.02, 0.15, 0.5]),
        competitor_band=st.sampled_from([None, (0.8, 1.2), (0.95, 1.0)]),
    ),
    max_changes=st.sampled_from([None, 0, 1, 3]),
    candidates=st.sampled_from([2, 7, 24]),
    exchange_rates=st.just(RATES),
)
unlimited = GuardrailLimits(minimum_margin=0.0, maximum_change=0.5, competitor_band=None)


def run(
    catalogue: Catalogue,
    demand: ConstantElasticityDemand,
    policy: PricingPolicy,
    competitors: CompetitorPrices | None = None,
) -> Decisions:
    rivals = competitors or CompetitorPrices.none(len(catalogue))
    return decide(catalogue, demand, rivals, policy, decided_at=NOW)


def breaks_a_limit(decisions: Decisions, row: int, limits: GuardrailLimits) -> str | None:
    """The limits in exact fractions, from their definitions alone."""
    catalogue, rivals = decisions.catalogue, decisions.competitors
    price, old = Fraction(int(decisions.price[row])), Fraction(int(catalogue.price[row]))
    cost = Fraction(int(catalogue.cost[row]))
    tax, margin = Fraction(str(catalogue.tax_rate[row])), Fraction(str(limits.minimum_margin))
    tolerance = Fraction(1, 10**6)
    floor_ = cost * (1 + tax) / (1 - margin)
    if price < floor_ - tolerance:
        # Below its floor a price may only be on the way up, as far as one change goes.
        reach = int(old * (1 + Fraction(str(limits.maximum_change))) + tolerance)
        market = catalogue.markets[int(catalogue.market.codes[row])]
        if price <= old or price != EndingRule.usual(market.currency).ladder(reach)[-1]:
            return "margin"
    if abs(price - old) > Fraction(str(limits.maximum_change)) * old + tolerance:
        return "change"
    if limits.competitor_band and rivals.offers[row]:
        low, high = (Fraction(str(x)) * int(rivals.lowest[row]) for x in limits.competitor_band)
        gross = cost * (1 + Fraction(str(catalogue.tax_rate[row])))
        change = Fraction(str(limits.maximum_change))
        least = max(gross / (1 - Fraction(str(limits.minimum_margin))), old * (1 - change), low)
        most = min(old * (1 + change), high)
        inside = low - tolerance <= price <= high + tolerance
        if ceil(least) <= floor(most) and not inside and old >= floor_ - tolerance:
            return "band"
        if old < floor_ - tolerance:
            return None  # the way back above cost and margin goes before the band
        if price < min(low, old) - tolerance or price > max(high, old) + tolerance:
            return "band"
    return None


@settings(max_examples=300, deadline=None)
@given(priced_catalogues(), policies)
def test_every_price_meets_every_limit_or_is_the_old_one_with_a_reason(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], policy: PricingPolicy
) -> None:
    catalogue, demand, competitors = known
    decisions = run(catalogue, demand, policy, competitors)
    for row, decision in enumerate(decisions):
        if decision.action == Action.CHANGE:
            assert breaks_a_limit(decisions, row, policy.limits) is None
            market = catalogue.markets[int(catalogue.market.codes[row])]
            ladder = EndingRule.usual(market.currency).ladder(int(decisions.price[row]))
            assert decisions.price[row] == ladder[-1]
            assert decisions.price[row] != catalogue.price[row]
        else:
            assert decision.price == decision.previous
            assert decision.reasons
        if decision.action == Action.HOLD:
            codes = {reason.code for reason in decision.reasons}
            assert ReasonCode.HELD in codes
        if decision.action == Action.KEEP:
            assert breaks_a_limit(decisions, row, policy.limits) is None
    if policy.max_changes is not None:
        assert decisions.changes <= policy.max_changes


@settings(max_examples=100, deadline=None)
@given(priced_catalogues(), policies, st.randoms(use_true_random=False))
def test_decisions_do_not_depend_on_the_order_of_rows(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
    policy: PricingPolicy,
    random: object,
) -> None:
    catalogue, demand, competitors = known
    order = np.random.default_rng(random.getrandbits(32)).permutation(len(catalogue))  # type: ignore[attr-defined]
    straight = run(catalogue, demand, policy, competitors)
    shuffled = run(catalogue.take(order), demand.take(order), policy, competitors.take(order))
    assert straight.solve.objective == pytest.approx(shuffled.solve.objective)
    if policy.max_changes is None:
        assert straight.price[order].tolist() == shuffled.price.tolist()


@settings(max_examples=100, deadline=None)
@given(priced_catalogues())
def test_a_change_never_lowers_the_objective_unless_the_old_price_broke_a_limit(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
) -> None:
    catalogue, demand, competitors = known
    decisions = run(catalogue, demand, PricingPolicy(), competitors)
    free = (decisions.action == Action.CHANGE) & (decisions.broken_before == 0)
    assert (decisions.profit[free] >= decisions.profit_before[free] - 1e-9).all()


def test_doubling_all_money_doubles_all_prices() -> None:
    catalogue = catalogue_of([1000, 2503, 799], [400, 1500, 500])
    demand = curves(catalogue, [-3.0, -1.8, -2.2])
    twice = catalogue_of([2000, 5006, 1598], [800, 3000, 1000])
    policy = PricingPolicy(limits=unlimited, endings={"online": ANY_AMOUNT}, candidates=1000)
    prices = run(catalogue, demand, policy).price
    doubled = run(twice, curves(twice, [-3.0, -1.8, -2.2]), policy).price
    # Candidates are whole cents spread over the interval: one step of the spread apart at most.
    assert np.abs(doubled - 2 * prices).max() <= np.ceil(2 * 2503 / 1000) + 1


def test_with_room_enough_the_price_is_the_textbook_optimum() -> None:
    # Lerner: p* = c · e / (e + 1), and price in force near enough to reach it.
    market = replace(EUROPE, tax_rate=0.0)
    catalogue = catalogue_of([1400], [600], market=market)
    policy = PricingPolicy(limits=unlimited, endings={"online": ANY_AMOUNT}, candidates=1000)
    decisions = run(catalogue, curves(catalogue, -2.0), policy)
    assert decisions.price[0] == pytest.approx(1200, abs=2)
    assert not decisions.at_lower[0]
    assert not decisions.at_upper[0]


def test_tax_is_not_margin() -> None:
    # 11.90 with 19 % tax is 10.00 net: at a cost of 9.60 the margin is 4 %, not 19 %.
    catalogue = catalogue_of([1190], [960])
    decisions = run(catalogue, curves(catalogue, -6.0), PricingPolicy())
    record = decisions.record(0)
    assert record.action == Action.CHANGE
    assert record.price is not None
    assert record.price.minor / 1.19 * 0.95 >= 960
    assert {"code": "price_in_force_breaks", "limit": "minimum_margin"} in [
        reason.wire() for reason in record.reasons
    ]


def test_a_price_under_its_floor_moves_before_any_that_could_merely_earn_more() -> None:
    catalogue = catalogue_of([1000, 1000, 1000], [300, 900, 300])
    demand = curves(catalogue, [-1.2, -2.0, -1.2], [10_000, 1, 10_000])
    decisions = run(catalogue, demand, PricingPolicy(max_changes=1))
    assert decisions.action.tolist() == [Action.HOLD, Action.CHANGE, Action.HOLD]
    reasons = [reason.wire() for reason in decisions.record(0).reasons]
    assert {"code": "held", "limit": "change_budget"} in reasons


def test_limits_that_exclude_each_other_hold_the_price_and_name_both() -> None:
    catalogue = replace(catalogue_of([1000], [1000]), rrp=np.array([1100]))
    decisions = run(catalogue, curves(catalogue, -2.0), PricingPolicy())
    record = decisions.record(0)
    assert record.action == Action.HOLD
    clash = next(r for r in record.reasons if r.code == ReasonCode.LIMITS_EXCLUDE_EACH_OTHER).facts
    assert (clash["floor_limit"], clash["cap_limit"]) == ("minimum_margin", "rrp_cap")
    assert (clash["at_least"], clash["at_most"]) == ("12.53 EUR", "11.00 EUR")


@pytest.mark.parametrize(
    ("price", "cost", "fitted", "missing"),
    [
        (1000, UNKNOWN, True, "missing_cost"),
        (UNKNOWN, 500, True, "missing_price"),
        (1000, 500, False, "missing_demand"),
    ],
)
def test_a_row_without_an_input_is_held_and_says_which(
    price: int, cost: int, fitted: bool, missing: str
) -> None:
    catalogue = catalogue_of([price], [cost])
    demand = curves(catalogue, -2.0) if fitted else ConstantElasticityDemand.unknown(len(catalogue))
    record = run(catalogue, demand, PricingPolicy()).record(0)
    assert record.action == Action.HOLD
    assert {"code": "held", "limit": missing} in [reason.wire() for reason in record.reasons]


def test_a_rival_out_of_reach_stops_a_rise_and_leaves_the_way_down_open() -> None:
    catalogue = catalogue_of([1000, 1000], [300, 300])
    rivals = CompetitorPrices(np.array([700, 700]), np.array([2, 1]))
    decisions = run(catalogue, curves(catalogue, [-1.3, -4.0]), PricingPolicy(), rivals)
    up, down = decisions.record(0), decisions.record(1)
    assert up.action == Action.KEEP
    assert {"code": "limit_binds", "limit": "competitor_band", "bound": "10.00 EUR"} in [
        reason.wire() for reason in up.reasons
    ]
    assert down.price is not None
    assert down.price.minor < 1000
    assert {"code": "competitor", "lowest": "7.00 EUR", "offers": 2} in [
        reason.wire() for reason in up.reasons
    ]


def test_a_rival_within_reach_pulls_the_price_into_the_band() -> None:
    catalogue = catalogue_of([1000], [300])
    rivals = CompetitorPrices(np.array([780]), np.array([1]))
    record = run(catalogue, curves(catalogue, -1.3), PricingPolicy(), rivals).record(0)
    assert record.action == Action.CHANGE
    assert record.price is not None
    assert 850 <= record.price.minor <= 936
    reasons = [reason.wire() for reason in record.reasons]
    assert {"code": "price_in_force_breaks", "limit": "competitor_band"} in reasons
    assert {"code": "limit_binds", "limit": "competitor_band", "bound": "9.36 EUR"} in reasons


def test_an_inelastic_product_stops_at_the_largest_change_and_says_so() -> None:
    catalogue = catalogue_of([1000], [300])
    record = run(catalogue, curves(catalogue, -0.5), PricingPolicy()).record(0)
    assert record.price is not None
    assert 1100 < record.price.minor <= 1150
    assert {"code": "limit_binds", "limit": "maximum_change", "bound": "11.50 EUR"} in [
        reason.wire() for reason in record.reasons
    ]


def test_a_weight_on_revenue_lowers_prices() -> None:
    catalogue = catalogue_of([1000], [600])
    demand = curves(catalogue, -2.5)
    for_profit = run(catalogue, demand, PricingPolicy()).price[0]
    for_revenue = run(catalogue, demand, PricingPolicy(objective=Objective(0.2, 1.0))).price[0]
    assert for_revenue < for_profit


def test_a_change_budget_over_two_currencies_needs_exchange_rates() -> None:
    euro, yen = catalogue_of([1000], [500]), catalogue_of([1000], [500], market=JAPAN)
    both = Catalogue(
        sku=np.array(["P0", "P0"]),
        market=type(euro.market)(np.array([0, 1]), ("online", "tokyo")),
        markets=(EUROPE, JAPAN),
        category=type(euro.category).of(["tea", "tea"]),
        brand=type(euro.brand).of(["own", "own"]),
        price=np.concatenate([euro.price, yen.price]),
        cost=np.concatenate([euro.cost, yen.cost]),
        stock=np.full(2, np.nan),
    )
    with pytest.raises(InvalidLimits, match=r"exchange_rates lacks \['EUR', 'JPY'\]"):
        run(both, curves(both, -2.0), PricingPolicy(max_changes=1))
    decisions = run(both, curves(both, -2.0), PricingPolicy(max_changes=1, exchange_rates=RATES))
    assert decisions.action[0] == Action.CHANGE  # the same number of units is worth more in euro


def test_an_empty_catalogue_gives_an_empty_answer() -> None:
    catalogue = catalogue_of([], [])
    assert len(run(catalogue, ConstantElasticityDemand.unknown(0), PricingPolicy())) == 0


def test_columns_that_are_not_aligned_are_refused() -> None:
    catalogue = catalogue_of([1000], [500])
    with pytest.raises(InvalidCatalogue, match="align"):
        run(catalogue, ConstantElasticityDemand.unknown(2), PricingPolicy())
    with pytest.raises(InvalidCatalogue, match="time zone"):
        decide(
            catalogue,
            curves(catalogue, -2.0),
            CompetitorPrices.none(1),
            PricingPolicy(),
            decided_at=NOW.replace(tzinfo=None),
        )


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: PricingPolicy(max_changes=-1), "max_changes"),
        (lambda: PricingPolicy(candidates=1), "candidates"),
        (lambda: PricingPolicy(time_limit=0), "time_limit"),
        (lambda: PricingPolicy(exchange_rates={"EUR": 0.0}), "exchange_rates"),
        (lambda: Objective(profit=-1.0), "objective"),
        (lambda: Objective(0.0, 0.0), "objective"),
        (lambda: GuardrailLimits(minimum_margin=-0.01), "minimum_margin"),
        (lambda: GuardrailLimits(minimum_margin=5), "minimum_margin"),
        (lambda: GuardrailLimits(maximum_change=0.0), "maximum_change"),
        (lambda: GuardrailLimits(maximum_change=0.6), "maximum_change"),
        (lambda: GuardrailLimits(maximum_change=float("nan")), "maximum_change"),
        (lambda: GuardrailLimits(competitor_band=(1.2, 0.8)), "competitor_band"),
        (lambda: GuardrailLimits(competitor_band=(0.0, 1.0)), "competitor_band"),
        (lambda: GuardrailLimits(competitor_band=(0.5, 9.0)), "competitor_band"),
    ],
)
def test_a_setting_outside_its_safe_range_is_refused_by_name(build: object, field: str) -> None:
    with pytest.raises(InvalidLimits, match=field):
        build()  # type: ignore[operator]


@pytest.mark.parametrize("max_changes", [None, 9_000])
def test_rows_beyond_one_portion_are_decided_as_rows_of_a_small_catalogue(
    max_changes: int | None,
) -> None:
    small = catalogue_of([1000, 2099, 549, 7450, 999], [500, 1500, 500, 3000, 400])
    demand = curves(small, [-2.5, -1.5, -6.0, -2.0, 0.3], [90.0, 5.0, 300.0, 2.0, 40.0])
    times = 5 * ROWS // len(small)
    rows = np.tile(np.arange(len(small)), times)
    many = catalogue_of(small.price[rows].tolist(), small.cost[rows].tolist())
    one = run(small, demand, PricingPolicy())
    all_ = run(many, demand.take(rows), PricingPolicy(max_changes=max_changes))
    changed = all_.action == Action.CHANGE
    assert (all_.price[changed] == one.price[rows][changed]).all()
    if max_changes is None:
        assert all_.price.tolist() == one.price[rows].tolist()
        assert all_.profit.tolist() == one.profit[rows].tolist()
    else:
        assert all_.changes == min(max_changes, one.changes * times)
        assert all_.solve.status == "optimal"
