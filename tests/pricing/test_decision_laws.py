"""What must hold of every decision, with every column that a limit or a strategy reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import IntArray
from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.decide import Objective, PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions, ReasonCode
from pricing.deciding.guardrails import LEVEL_CAPS, LEVEL_FLOORS, FrozenWindow, GuardrailLimits
from pricing.deciding.strategies import Strategy, StrategyKind
from pricing.price_points import EndingRule, PriceEnding
from pricing.solving.joint_limits import JointTargets
from pricing.solving.relations import Relation, RelationKind, tie
from tests.pricing.catalogues import NOW, priced_catalogues

RATES = {"EUR": 1.0, "JPY": 0.006}
NOW_64 = np.datetime64(NOW.replace(tzinfo=None), "s")
HOUR = np.timedelta64(3600, "s")
CLOSED = FrozenWindow(NOW - timedelta(hours=1), NOW + timedelta(hours=1), "tokyo")

policies = st.builds(
    PricingPolicy,
    limits=st.builds(
        GuardrailLimits,
        minimum_margin=st.sampled_from([0.0, 0.1]),
        maximum_change=st.sampled_from([0.05, 0.3]),
        maximum_change_per_day=st.sampled_from([0.1, 0.5]),
        maximum_change_per_week=st.sampled_from([0.2, 0.8]),
        hours_between_changes=st.sampled_from([0.0, 24.0]),
        frozen_windows=st.sampled_from([(), (CLOSED,)]),
        map_floor_in=st.sampled_from([(), ("online",)]),
        require_minimum=st.sampled_from([False, False, True]),
    ),
    objective=st.builds(
        Objective,
        revenue=st.sampled_from([0.0, 0.2]),
        price_image=st.sampled_from([0.0, 0.5]),
        stock_pressure=st.sampled_from([0.0, 0.3]),
        switching_cost=st.sampled_from([0.0, 1.0]),
        risk_aversion=st.sampled_from([0.0, 1.0]),
    ),
    joint=st.builds(JointTargets, max_change_share=st.sampled_from([None, 0.5])),
    strategies=st.sampled_from(
        [
            (),
            (
                Strategy("follow", StrategyKind.FOLLOW, markets=("tokyo",), competitor="rival"),
                Strategy("fast", StrategyKind.VELOCITY, strength=0.3, skus=("P0", "P1", "P2")),
                Strategy("old", StrategyKind.EXPIRING, strength=0.4, days=30, priority=2),
            ),
        ]
    ),
    relations=st.sampled_from(
        [
            (),
            (
                Relation("ladder", RelationKind.LADDER, ("P0", "P1"), least=0.0, most=50.0),
                Relation("packs", RelationKind.PACK_SIZES, ("P2", "P3")),
            ),
        ]
    ),
    candidates=st.sampled_from([5, 24]),
    exchange_rates=st.just(RATES),
    time_limit=st.just(5.0),
)


@st.composite
def full_catalogues(
    draw: st.DrawFn,
) -> tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices]:
    """Random catalogues in which every optional column says something somewhere."""
    catalogue, demand, competitors = draw(priced_catalogues())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = len(catalogue)

    def around(low: float, high: float) -> IntArray:
        amount = np.maximum(catalogue.price * rng.uniform(low, high, n), 1)
        return np.where(rng.random(n) < 0.4, amount, UNKNOWN).astype(np.int64)

    catalogue = replace(
        catalogue,
        stock=rng.integers(0, 3000, n).astype(float),
        kvi=rng.random(n) < 0.4,
        minimum_price=around(0.6, 1.1),
        maximum_price=around(0.9, 1.4),
        rrp=around(0.9, 1.4),
        map_floor=around(0.7, 1.1),
        price_day_ago=around(0.8, 1.2),
        price_week_ago=around(0.7, 1.3),
        changed_at=NOW_64 - rng.integers(-1, 200, n) * HOUR,
        inputs_at=NOW_64 - rng.integers(0, 3200, n) * HOUR,
        money_currency=np.where(rng.random(n) < 0.9, "", "USD"),
        pack_size=rng.integers(1, 9, n).astype(float),
        recent_units=rng.uniform(0, 500, n),
        expires_at=NOW_64 + rng.integers(-10, 2000, n) * HOUR,
    )
    theirs = np.where(rng.random(n) < 0.6, around(0.7, 1.3), UNKNOWN)
    return catalogue, demand, replace(competitors, named={"rival": theirs})


def run(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], policy: PricingPolicy
) -> Decisions:
    catalogue, demand, competitors = known
    return decide(catalogue, demand, competitors, policy, decided_at=NOW)


def broken_by(decisions: Decisions, row: int, limits: GuardrailLimits) -> set[str]:
    """Limits that a new price breaks, in exact fractions and from their definitions alone."""
    known = decisions.catalogue
    price, near = Fraction(int(decisions.price[row])), Fraction(1, 10**6)
    market = known.market[row]

    def share(value: float) -> Fraction:
        return Fraction(str(value))

    def of(column: str) -> Fraction | None:
        amount = int(getattr(known, column)[row])
        return None if amount == UNKNOWN else Fraction(amount)

    def moved(column: str, most: float) -> bool:
        earlier = of(column)
        return earlier is not None and abs(price - earlier) > share(most) * earlier + near

    cost, net = Fraction(int(known.cost[row])), price / (1 + share(known.tax_rate[row]))
    minimum, floor = of("minimum_price"), of("map_floor")
    age = NOW_64 - known.changed_at[row]
    checks = {
        "margin": net - cost < share(limits.minimum_margin) * net - near,
        "change": moved("price", limits.maximum_change),
        "day": moved("price_day_ago", limits.maximum_change_per_day),
        "week": moved("price_week_ago", limits.maximum_change_per_week),
        "minimum": minimum is not None and price < minimum,
        "map": floor is not None and market in limits.map_floor_in and price < floor,
        "caps": any(price > cap for cap in map(of, ("maximum_price", "rrp")) if cap is not None),
        "blank minimum": limits.require_minimum and minimum is None,
        "currency": known.money_currency[row] not in ("", known.currency(row)),
        "stale": NOW_64 - known.inputs_at[row] > limits.inputs_older_than_days * 24 * HOUR,
        "clock": age < 0 * HOUR,
        "cadence": age < limits.hours_between_changes * HOUR,
        "frozen": bool(limits.frozen_windows) and market == "tokyo",
    }
    return {name for name, wrong in checks.items() if wrong}


@settings(max_examples=250, deadline=None)
@given(full_catalogues(), policies)
def test_every_price_meets_every_limit_or_is_the_old_one_with_a_reason(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], policy: PricingPolicy
) -> None:
    decisions = run(known, policy)
    for row, decision in enumerate(decisions):
        if decision.action == Action.CHANGE:
            broken = broken_by(decisions, row, policy.limits)
            if int(decisions.broken_before[row]) & int(LEVEL_FLOORS | LEVEL_CAPS):
                # On its way to a level a price may still break what the old one broke; where pace
                # goes is not far enough, both ends of a day or a week can be out of reach.
                before = broken_by(replace(decisions, price=known[0].price), row, policy.limits)
                up = decisions.price[row] > decisions.catalogue.price[row]
                broken -= {"margin", "minimum", "map"} & before if up else {"caps"} & before
                broken -= {"day", "week"} & before
            assert broken == set()
            assert decisions.price[row] != decisions.catalogue.price[row]
        else:
            assert decision.price == decision.previous
            assert decision.reasons
        if decision.action == Action.HOLD:
            assert ReasonCode.HELD in {reason.code for reason in decision.reasons}
    if policy.joint.max_change_share is not None:
        assert decisions.changes <= policy.joint.max_change_share * len(decisions)
    # No relation is broken that some price of it moved.
    tied = tie(policy.relations, decisions.catalogue)
    changed = decisions.action == Action.CHANGE
    touched = changed[tied.row] | changed[tied.other]
    assert tied.kept(decisions.price)[touched].all()


@settings(max_examples=80, deadline=None)
@given(full_catalogues(), policies, st.integers(0, 2**32 - 1))
def test_decisions_do_not_depend_on_the_order_of_rows(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
    policy: PricingPolicy,
    seed: int,
) -> None:
    policy = replace(policy, joint=JointTargets(), gap=0.0)
    order = np.random.default_rng(seed).permutation(len(known[0]))
    straight = run(known, policy)
    shuffled = run((known[0].take(order), known[1].take(order), known[2].take(order)), policy)
    worth = max(abs(straight.solve.objective), 1.0)
    assert abs(straight.solve.objective - shuffled.solve.objective) <= 1e-6 * worth
    if not policy.relations:
        assert straight.price[order].tolist() == shuffled.price.tolist()
        assert straight.held_by[order].tolist() == shuffled.held_by.tolist()


@settings(max_examples=80, deadline=None)
@given(full_catalogues(), policies)
def test_doubling_all_money_doubles_all_prices(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], policy: PricingPolicy
) -> None:
    policy = replace(
        policy,
        objective=replace(policy.objective, switching_cost=0.0),
        joint=JointTargets(),
        relations=(),
        endings=endings(10, 9),
    )
    catalogue, demand, competitors = known
    money: dict[str, Any] = {
        name: twice(getattr(catalogue, name))
        for name in (
            "price",
            "cost",
            "minimum_price",
            "maximum_price",
            "rrp",
            "map_floor",
            "price_day_ago",
            "price_week_ago",
        )
    }
    dear = (
        replace(catalogue, **money),
        replace(demand, reference_price=demand.reference_price * 2.0),
        CompetitorPrices(
            twice(competitors.lowest),
            competitors.offers,
            {name: twice(offer) for name, offer in competitors.named.items()},
        ),
    )
    once = run(known, policy)
    doubled = run(dear, replace(policy, endings=endings(20, 18)))
    # Limits are rounded to whole minor units on both sides; where that leaves the same rungs, the
    # same are chosen. A target is rounded down to a rung, and half a coin decides which.
    rungs = [(bound + 1) // 10 for bound in (once.lower - 1, once.upper)]
    theirs = [(bound + 2) // 20 for bound in (doubled.lower - 1, doubled.upper)]
    same = (rungs[0] == theirs[0]) & (rungs[1] == theirs[1])
    assert once.path is not None
    free = same & (once.path.values() == "optimise")
    assert (twice(once.price)[free] == doubled.price[free]).all()
    assert (once.held_by[free] == doubled.held_by[free]).all()


def endings(step: int, ending: int) -> dict[str, EndingRule]:
    """One pattern of endings in both markets."""
    rule = EndingRule((PriceEnding(None, step, (ending,)),))
    return {"online": rule, "tokyo": rule}


def twice(minor: IntArray) -> IntArray:
    """Twice the amounts that are known."""
    return np.where(minor == UNKNOWN, UNKNOWN, 2 * minor)
