"""Prices outside a limit go back: to the law at once, to a level as far as pace allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions
from pricing.deciding.guardrails import FrozenWindow, GuardrailLimits, Limit
from pricing.deciding.strategies import Strategy, StrategyKind
from pricing.law.legal_bounds import LegalBounds
from pricing.price_points import EndingRule, PriceEnding
from pricing.solving.joint_limits import JointTargets
from pricing.solving.relations import Relation, RelationKind
from tests.pricing.catalogues import EUROPE, NOW, catalogue_of, curves

NET = replace(EUROPE, tax_rate=0.0)
ARTICLE = "XX: Section 396"


def shop(price: list[int], cost: list[int], **columns: list[int]) -> Catalogue:
    """Rows net of tax, with more columns as asked."""
    known = catalogue_of(price, cost, market=NET)
    more: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    return replace(known, **more)


def run(
    known: Catalogue,
    *,
    law: tuple[int, int] | None = None,
    rivals: CompetitorPrices | None = None,
    demand: ConstantElasticityDemand | None = None,
    **policy: Any,  # noqa: ANN401
) -> Decisions:
    n = len(known)
    legal = None
    if law is not None:
        legal = LegalBounds(np.full(n, law[0]), np.full(n, law[1]), Labels.of([ARTICLE] * n))
    return decide(
        known,
        demand or curves(known, -2.0),
        rivals or CompetitorPrices.none(n),
        PricingPolicy(**policy),
        decided_at=NOW,
        legal=legal,
    )


def wires(decisions: Decisions, row: int = 0) -> list[dict[str, Any]]:
    return [reason.wire() for reason in decisions.record(row).reasons]


@pytest.mark.parametrize(
    ("cost", "columns", "steps", "level"),
    [
        (1200, {}, [1149], ("minimum_margin", "12.64 EUR")),
        (400, {"minimum_price": [1300]}, [1149], ("minimum_price", "13.00 EUR")),
        (400, {"rrp": [800]}, [859], ("rrp_cap", "8.00 EUR")),
        (400, {"maximum_price": [700]}, [859, 739], ("maximum_price", "7.00 EUR")),
        (2000, {}, [1149, 1319, 1509, 1729, 1979], ("minimum_margin", "21.06 EUR")),
    ],
    ids=["below cost", "minimum raised", "above the RRP", "above the maximum", "cost doubled"],
)
def test_a_price_outside_a_level_goes_as_far_toward_it_as_pace_allows_and_says_so(
    cost: int, columns: dict[str, list[int]], steps: list[int], level: tuple[str, str]
) -> None:
    known = shop([1000], [cost], **columns)
    for price in steps:
        found = run(known)
        assert found.price.tolist() == [price]
        way = next(item for item in wires(found) if item["code"] == "on_the_way")
        assert (way["limit"], way["level"], way["paced_by"]) == (*level, "maximum_change")
        assert way["step"] == f"{price / 100:.2f} EUR"
        assert not any(item["code"] == "limits_exclude_each_other" for item in wires(found))
        known = replace(known, price=found.price)
    last = run(known)
    assert last.lower[0] <= last.price[0] <= last.upper[0]
    assert not any(item["code"] == "on_the_way" for item in wires(last))
    after = run(replace(known, price=last.price))
    assert after.broken_before.tolist() == [0]


def test_the_law_is_met_at_once_however_far_away_it_is() -> None:
    found = run(shop([1439], [400]), law=(0, 1174))
    assert found.price.tolist() == [1169]
    assert {"code": "price_in_force_breaks", "limit": "law", "article": ARTICLE} in wires(found)
    assert run(shop([1000], [400]), law=(1500, 9000)).price.tolist() == [1509]
    # Levels beyond the law are for the next steps.
    assert run(shop([1439], [400], rrp=[800]), law=(0, 1174)).price.tolist() == [1169]
    # An announced price is lawful to the cent, whatever prices end in.
    assert run(shop([1000], [400]), law=(500, 500)).price.tolist() == [500]


def test_the_law_waits_for_no_cadence_budget_curve_or_rival() -> None:
    recent = np.array([np.datetime64(NOW.replace(tzinfo=None), "s") - np.timedelta64(1, "h")] * 2)
    known = replace(shop([1439, 1439], [400, 400]), changed_at=recent)
    limits = GuardrailLimits(hours_between_changes=24)
    assert run(known, limits=limits).held_by.tolist() == [Limit.CADENCE] * 2
    assert run(known, law=(0, 1174), limits=limits).price.tolist() == [1169, 1169]
    assert run(known, law=(0, 1174), max_changes=0).price.tolist() == [1169, 1169]
    joint = JointTargets(max_change_share=0.0)
    ties = (Relation("one", RelationKind.SAME_PRICE, ("P0", "P1")),)
    assert run(known, law=(0, 1174), joint=joint, relations=ties).price.tolist() == [1169, 1169]
    nobody = ConstantElasticityDemand.unknown(2)
    assert run(known, law=(0, 1174), demand=nobody).price.tolist() == [1169, 1169]
    both = run(known, law=(0, 1174), demand=nobody, limits=limits)
    assert both.price.tolist() == [1169, 1169]
    dear = CompetitorPrices(np.array([2000, 2000]), np.ones(2, np.int64))
    assert run(known, law=(0, 1174), rivals=dear).price.tolist() == [1169, 1169]


def test_what_people_froze_stays_frozen_and_is_counted() -> None:
    known = shop([1439], [400])
    window = FrozenWindow(NOW, NOW + timedelta(hours=1))
    held = run(known, law=(0, 1174), limits=GuardrailLimits(frozen_windows=(window,)))
    by_hand = run(known, law=(0, 1174), strategies=(Strategy("stop", StrategyKind.FREEZE),))
    for found, limit in ((held, "frozen_window"), (by_hand, "strategy")):
        assert (found.price.tolist(), found.stuck.tolist()) == ([1439], [True])
        assert limit in {item["limit"] for item in wires(found) if item["code"] == "freed_by"}


def test_a_rest_between_changes_slows_the_way_to_a_level_and_is_nobody_s_trouble() -> None:
    recent = np.array([np.datetime64(NOW.replace(tzinfo=None), "s") - np.timedelta64(1, "h")])
    known = replace(shop([1000], [1200]), changed_at=recent)
    found = run(known, limits=GuardrailLimits(hours_between_changes=24))
    assert (found.held_by.tolist(), found.stuck.tolist()) == ([Limit.CADENCE], [False])
    assert run(known, limits=GuardrailLimits(hours_between_changes=1)).price.tolist() == [1149]


def test_a_day_s_pace_counts_as_one_change_does() -> None:
    found = run(shop([1000], [1200], price_day_ago=[900]))
    assert found.price.tolist() == [1119]
    way = next(item for item in wires(found) if item["code"] == "on_the_way")
    assert way["paced_by"] == "change_per_day"


def test_a_rival_at_a_loss_does_not_keep_a_price_below_cost() -> None:
    rivals = CompetitorPrices(np.array([900, 900]), np.ones(2, np.int64))
    assert run(shop([1000, 1250], [1200, 1200]), rivals=rivals).price.tolist() == [1149, 1269]


def test_levels_that_contradict_each_other_hold_the_price_and_name_what_frees_it() -> None:
    found = run(shop([1000], [400], minimum_price=[1300], rrp=[800]))
    assert (found.action.tolist(), found.stuck.tolist()) == ([Action.HOLD], [True])
    clash = next(item for item in wires(found) if item["code"] == "limits_exclude_each_other")
    assert (clash["at_least"], clash["at_most"]) == ("13.00 EUR", "8.00 EUR")
    assert {item["limit"] for item in wires(found) if item["code"] == "freed_by"} == {
        "minimum_price",
        "rrp_cap",
    }


@pytest.mark.parametrize(
    ("columns", "law", "price", "clash"),
    [
        ({"minimum_price": [1300], "rrp": [800]}, (0, 1174), 1169, ("minimum_price", "rrp_cap")),
        ({"minimum_price": [1000], "rrp": [800]}, (0, 1174), 1169, ("minimum_price", "rrp_cap")),
        ({"minimum_price": [1300]}, (0, 1174), 1169, ("minimum_price", "law")),
        ({"rrp": [1200]}, (1500, 9000), 1509, ("law", "rrp_cap")),
        ({"maximum_price": [700]}, (900, 900), 900, ("law", "maximum_price")),
    ],
)
def test_what_its_owner_has_set_keeps_no_price_from_the_law(
    columns: dict[str, list[int]], law: tuple[int, int], price: int, clash: tuple[str, str]
) -> None:
    known = shop([1439], [400], **columns)
    found = run(known, law=law)
    assert (found.price.tolist(), found.action.tolist()) == ([price], [Action.CHANGE])
    said = wires(found)
    assert {"code": "price_in_force_breaks", "limit": "law", "article": ARTICLE} in said
    named = next(item for item in said if item["code"] == "limits_exclude_each_other")
    assert (named["floor_limit"], named["cap_limit"]) == clash
    assert not any(item["code"] == "on_the_way" for item in said)
    # There it stays, and says what is at odds.
    after = run(replace(known, price=found.price), law=law)
    assert (after.price.tolist(), after.stuck.tolist()) == ([price], [True])


def test_a_cost_above_the_lawful_price_holds_it_for_it_is_to_be_taken_off_sale() -> None:
    found = run(shop([1439], [1200], minimum_price=[1300]), law=(0, 1174))
    assert (found.price.tolist(), found.stuck.tolist()) == ([1439], [True])
    assert "law" in {item["limit"] for item in wires(found) if item["code"] == "freed_by"}


HELD_SIBLINGS: dict[str, dict[str, Any]] = {
    "frozen by hand": {"strategies": (Strategy("stop", StrategyKind.FREEZE, skus=("P0",)),)},
    "without a cost": {},
    "without a curve": {},
}


@pytest.mark.parametrize("held", HELD_SIBLINGS)
@pytest.mark.parametrize(
    "kind", [RelationKind.SAME_PRICE, RelationKind.LADDER, RelationKind.PRIVATE_LABEL]
)
@pytest.mark.parametrize("cap", [1409, 1174])
def test_a_held_sibling_keeps_nobody_from_the_law(kind: RelationKind, held: str, cap: int) -> None:
    cost = [UNKNOWN if held == "without a cost" else 400, 400, 400]
    known = shop([1439, 1439, 1439], cost)
    demand = curves(known, -2.0)
    if held == "without a curve":
        demand = ConstantElasticityDemand.unknown(3)
    tied = (Relation("one", kind, ("P0", "P1", "P2")),)
    found = run(known, law=(0, cap), relations=tied, demand=demand, **HELD_SIBLINGS[held])
    free = [1, 2] if held != "without a curve" else [0, 1, 2]
    assert (found.price[free] <= cap).all()
    assert (found.price[free] > 0).all()
    if kind is RelationKind.SAME_PRICE:
        assert len(set(found.price[free].tolist())) == 1, "those that may move stay together"


def test_siblings_whose_lawful_prices_have_nothing_in_common_go_to_the_law_each() -> None:
    known = shop([1000, 1000, 1000], [300, 300, 300])
    legal = LegalBounds(np.array([0, 1200, 0]), np.array([800, 1300, 10**9]),
                        Labels.of([ARTICLE] * 3))  # fmt: skip
    policy = PricingPolicy(
        relations=(Relation("one", RelationKind.SAME_PRICE, ("P0", "P1", "P2")),)
    )
    found = decide(
        known, curves(known, -2.0), CompetitorPrices.none(3), policy, decided_at=NOW, legal=legal
    )
    assert not legal.broken(found.price).any()
    assert found.solve.conflicts == ("one",)


def test_a_price_whose_next_presentable_one_is_out_of_reach_is_held_and_counted() -> None:
    coarse = {"online": EndingRule((PriceEnding(None, 500, (499,)),))}
    found = run(shop([999], [400], minimum_price=[1300]), endings=coarse)
    assert (found.action.tolist(), found.stuck.tolist()) == ([Action.HOLD], [True])
    assert {item["limit"] for item in wires(found) if item["code"] == "freed_by"} == {
        "maximum_change"
    }
    # No presentable price between floor and cap: nothing to go to.
    between = run(shop([999], [400], minimum_price=[1300], rrp=[1400]), endings=coarse)
    assert between.held_by.tolist() == [Limit.PRICE_ENDING]
    assert between.stuck.tolist() == [True]


def test_a_family_goes_as_far_as_all_of_it_may() -> None:
    family = (Relation("one", RelationKind.SAME_PRICE, ("P0", "P1", "P2")),)
    known = shop([1000, 1000, 1000], [1200, 1100, 500])
    for price in ([1149] * 3, [1269] * 3):
        found = run(known, relations=family)
        assert len(set(found.price.tolist())) == 1
        assert found.price[0] >= price[0]
        known = replace(known, price=found.price)
    assert run(known, relations=family).broken_before.tolist() == [0, 0, 0]


def test_steps_give_way_where_a_target_for_all_prices_leaves_no_room() -> None:
    known = shop([1000, 1000], [1200, 400])
    joint = JointTargets(unit_floor=1.0, max_change_share=0.5)
    found = run(known, joint=joint)
    assert found.price.tolist() == [1000, 859]
    assert (found.held_by[0] == Limit.CHANGE_BUDGET, found.stuck.tolist()) == (True, [True, False])


def test_a_change_budget_goes_to_prices_outside_their_levels_first() -> None:
    found = run(shop([1000, 1000], [300, 1200]), max_changes=1)
    assert found.price.tolist() == [1000, 1149]


ladders = st.sampled_from(
    [
        EndingRule.usual("EUR"),
        EndingRule((PriceEnding(None, 1, (0,)),)),
        EndingRule((PriceEnding(None, 50, (49,)),)),
        EndingRule((PriceEnding(3000, 10, (5, 9)), PriceEnding(None, 100, (99,)))),
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    price=st.integers(200, 20_000),
    cost_share=st.floats(0.1, 2.5),
    minimum=st.one_of(st.none(), st.floats(0.5, 2.0)),
    cap=st.one_of(st.none(), st.floats(0.3, 1.2)),
    change=st.sampled_from([0.05, 0.15, 0.5]),
    elasticity=st.floats(-6.0, -0.3),
    rival=st.one_of(st.none(), st.floats(0.5, 2.0)),
    rule=ladders,
)
def test_a_row_under_a_broken_level_gets_there_steadily_and_in_the_fewest_steps(
    price: int,
    cost_share: float,
    minimum: float | None,
    cap: float | None,
    change: float,
    elasticity: float,
    rival: float | None,
    rule: EndingRule,
) -> None:
    cost = max(int(price * cost_share), 1)
    least = int(np.ceil(cost / 0.95 - 1e-6))
    if minimum is not None:
        least = max(least, int(price * minimum))
    most = 10**9 if cap is None else int(price * cap)
    rungs = rule.ladder(max(4 * price, 4 * least))
    inside = rungs[(rungs >= least) & (rungs <= most)]
    assume(price < least or price > most)
    known = shop(
        [price], [cost], minimum_price=[UNKNOWN if minimum is None else int(price * minimum)]
    )
    known = replace(known, rrp=np.array([UNKNOWN if cap is None else most]))
    rivals = CompetitorPrices.none(1)
    if rival is not None:
        rivals = CompetitorPrices(np.array([max(int(price * rival), 1)]), np.array([1]))
    limits = GuardrailLimits(
        maximum_change=change, plausible_cost=(0.0, 50.0), plausible_offer=(0.1, 10.0)
    )
    up = price < least
    fewest, at = 0, price
    while at < least if up else at > most:
        near = at * (1.0 + change) + 1e-6 if up else at * (1.0 - change) - 1e-6
        within = (
            rungs[(rungs > at) & (rungs <= near)] if up else rungs[(rungs < at) & (rungs >= near)]
        )
        if len(inside) == 0 or len(within) == 0:
            fewest = -1  # nothing to go to, or no presentable price within reach
            break
        at = int(within[-1] if up else within[0])
        at = min(at, int(inside[0])) if up else max(at, int(inside[-1]))
        fewest += 1
    steps, path = 0, [price]
    while path[-1] < least or path[-1] > most:
        demand = curves(known, elasticity)
        found = run(known, demand=demand, rivals=rivals, limits=limits, endings={"online": rule})
        now = int(found.price[0])
        if now == path[-1]:
            assert found.action[0] == Action.HOLD
            assert found.stuck[0]
            assert any(item["code"] == "freed_by" for item in wires(found))
            steps = -1
            break
        assert now in rungs
        assert now > path[-1] if up else now < path[-1]
        assert abs(now - path[-1]) <= change * path[-1] + 1e-6
        path.append(now)
        steps += 1
        known = replace(known, price=found.price)
    assert steps == fewest


def test_a_price_that_only_waits_for_its_cadence_is_not_stuck_for_want_of_a_curve() -> None:
    recent = np.array([np.datetime64(NOW.replace(tzinfo=None), "s") - np.timedelta64(1, "h")])
    known = replace(shop([1000], [1200]), changed_at=recent)
    waits = run(
        known,
        demand=ConstantElasticityDemand.unknown(1),
        limits=GuardrailLimits(hours_between_changes=24),
    )
    assert (waits.held_by.tolist(), waits.stuck.tolist()) == ([Limit.CADENCE], [False])
