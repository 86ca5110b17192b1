"""Each strategy aims where it says, passes on what it cannot do, and stays inside every limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions, ReasonCode
from pricing.deciding.guardrails import GuardrailLimits, Limit, violations
from pricing.deciding.strategies import Strategy, StrategyKind
from tests.pricing.catalogues import EUROPE, NOW, catalogue_of, curves, priced_catalogues

NET = replace(EUROPE, tax_rate=0.0)
LATER = NOW + timedelta(days=30)
BAND = GuardrailLimits(competitor_band=(0.8, 1.2))


@pytest.fixture
def shop() -> Catalogue:
    """Three products at 10.00, two of them tea."""
    catalogue = catalogue_of([1000, 1000, 1000], [500, 500, 500], market=NET)
    return replace(catalogue, category=Labels.of(["tea", "tea", "jam"]))


def run(
    catalogue: Catalogue,
    *rules: Strategy,
    rivals: tuple[int, ...] = (),
    demand: ConstantElasticityDemand | None = None,
    **policy: object,
) -> Decisions:
    lowest = np.array(rivals or [UNKNOWN] * len(catalogue))
    return decide(
        catalogue,
        demand or curves(catalogue, -2.2),
        CompetitorPrices(lowest, (lowest != UNKNOWN).astype(np.int64)),
        PricingPolicy(limits=BAND, strategies=rules, **policy),  # type: ignore[arg-type]
        decided_at=NOW,
    )


def path(decisions: Decisions, row: int) -> object:
    reasons = decisions.record(row).reasons
    return next((r.facts["path"] for r in reasons if r.code == ReasonCode.STRATEGY), None)


def test_a_competitor_is_matched_undercut_or_kept_at_an_index(shop: Catalogue) -> None:
    rivals = (954, UNKNOWN, 1100)
    match = run(shop, Strategy("match", StrategyKind.FOLLOW), rivals=rivals)
    assert match.price.tolist()[::2] == [949, 1099]
    named = CompetitorPrices(
        np.array(rivals), np.array([1, 0, 1]), {"dear": np.array([UNKNOWN, UNKNOWN, 1149])}
    )
    follow = Strategy("dear", StrategyKind.FOLLOW, competitor="dear")
    policy = PricingPolicy(limits=BAND, strategies=(follow,))
    one = decide(shop, curves(shop, -2.2), named, policy, decided_at=NOW)
    assert one.price[2] == 1149
    assert path(one, 0) == "dear (no offer of dear) > optimise"
    under = run(shop, Strategy("under", StrategyKind.FOLLOW, undercut=0.20), rivals=rivals)
    assert under.price.tolist()[::2] == [929, 1079]
    index = run(shop, Strategy("index", StrategyKind.FOLLOW, index=1.05), rivals=rivals)
    # 10.017 is wanted: today's 10.00 is nearer than 9.99, so nothing changes.
    assert index.price.tolist()[::2] == [1000, 1149]
    assert path(match, 0) == "match"
    assert path(match, 1) == "match (no offer) > optimise"
    assert match.price[1] == run(shop).price[1]


def test_a_rival_at_a_strange_price_is_not_followed(shop: Catalogue) -> None:
    odd = run(shop, Strategy("match", StrategyKind.FOLLOW), rivals=(1, 95_400, 950))
    assert path(odd, 0) == path(odd, 1) == "match (no offer) > optimise"
    assert odd.price[2] == 949


def test_a_target_beyond_the_limits_is_approached_as_far_as_they_go(shop: Catalogue) -> None:
    low = run(shop, Strategy("match", StrategyKind.FOLLOW), rivals=(700, 700, 700))
    assert low.price.tolist() == [859, 859, 859] or (low.price >= 850).all()
    assert not violations(
        low.price, shop, CompetitorPrices(np.full(3, 700), np.ones(3, np.int64)), BAND
    ).any()


def test_cost_plus_needs_no_demand_curve_and_passes_on_without_a_cost(shop: Catalogue) -> None:
    shop = replace(shop, cost=np.array([600, 500, UNKNOWN]))
    plus = Strategy("plus 80", StrategyKind.COST_PLUS, markup=0.8)
    decisions = run(shop, plus, demand=ConstantElasticityDemand.unknown(3))
    assert decisions.price.tolist() == [1079, 899, 1000]
    assert decisions.action.tolist() == [Action.CHANGE, Action.CHANGE, Action.HOLD]
    assert path(decisions, 2) == "plus 80 (no cost) > optimise"


def test_short_stock_raises_and_long_stock_speed_and_age_move_prices(shop: Catalogue) -> None:
    demand = curves(shop, -2.2, 100.0)
    stock = replace(shop, stock=np.array([0.0, 800.0, np.nan]))
    cover = Strategy("cover", StrategyKind.INVENTORY, target_cover=4.0, strength=0.1)
    price = run(stock, cover, demand=demand).price
    assert price[:2].tolist() == [1099, 899]
    speed = replace(shop, recent_units=np.array([200.0, 100.0, 0.0]))
    price = run(speed, Strategy("speed", StrategyKind.VELOCITY), demand=demand).price
    assert price.tolist() == [1099, 1000, 899]
    day = np.timedelta64(1, "D")
    now = np.datetime64(NOW.astimezone(UTC).replace(tzinfo=None), "s")
    old = replace(shop, expires_at=np.array([now, now + 5 * day, now + 40 * day]))
    ageing = Strategy("ageing", StrategyKind.EXPIRING, days=10.0, strength=0.14)
    decisions = run(old, ageing, demand=demand)
    assert decisions.price[:2].tolist() == [859, 929]
    assert path(decisions, 2) == "ageing (not expiring) > optimise"


def test_a_freeze_holds_and_an_override_holds_to_its_end(shop: Catalogue) -> None:
    frozen = run(shop, Strategy("hands off", StrategyKind.FREEZE, categories=("tea",)))
    assert frozen.price[:2].tolist() == [1000, 1000]
    assert (frozen.held_by[:2] == int(Limit.STRATEGY)).all()
    assert frozen.action[2] == Action.CHANGE
    by_hand = Strategy(
        "Anna", StrategyKind.OVERRIDE, skus=("P0",), price=10.37, until=LATER, priority=9
    )
    rules = (Strategy("hands off", StrategyKind.FREEZE), by_hand)
    assert run(shop, *rules).price.tolist() == [1037, 1000, 1000]
    over = run(shop, *(replace(rule, until=NOW) if rule is by_hand else rule for rule in rules))
    assert over.price.tolist() == [1000, 1000, 1000]
    # Even a price set by hand keeps the limits: it stops at the largest change.
    wild = replace(by_hand, price=99.0)
    assert run(shop, wild).price[0] == 1150


def test_the_greatest_priority_speaks_first_within_its_scope(shop: Catalogue) -> None:
    rules = (
        Strategy("all plus", StrategyKind.COST_PLUS, markup=0.9),
        Strategy("tea follows", StrategyKind.FOLLOW, categories=("tea",), priority=5),
        Strategy("not here", StrategyKind.FREEZE, markets=("tokyo",), priority=50),
        Strategy("best", StrategyKind.OPTIMISE, skus=("P2",), priority=7),
    )
    decisions = run(shop, *rules, rivals=(1020, UNKNOWN, 1020))
    assert [path(decisions, row) for row in range(3)] == [
        "tea follows",
        "tea follows (no offer) > all plus",
        "best",
    ]


def test_targets_share_a_change_budget_by_the_money_they_miss(shop: Catalogue) -> None:
    demand = curves(shop, -2.2, [1.0, 500.0, 1.0])
    follow = Strategy("match", StrategyKind.FOLLOW)
    decisions = run(shop, follow, rivals=(950, 950, 950), demand=demand, max_changes=1)
    assert decisions.price.tolist() == [1000, 949, 1000]
    assert decisions.held_by[0] == int(Limit.CHANGE_BUDGET)


KINDS = st.sampled_from(
    [
        Strategy("follow", StrategyKind.FOLLOW, index=0.9, undercut=0.01),
        Strategy("plus", StrategyKind.COST_PLUS, markup=0.3),
        Strategy("freeze", StrategyKind.FREEZE, skus=("P0", "P1")),
        Strategy("hand", StrategyKind.OVERRIDE, skus=("P2",), price=3.33, until=LATER, priority=3),
        Strategy("best", StrategyKind.OPTIMISE, markets=("tokyo",), priority=1),
    ]
)


@settings(max_examples=150, deadline=None)
@given(priced_catalogues(), st.lists(KINDS, max_size=4, unique_by=lambda rule: rule.name))
def test_no_strategy_gets_past_a_guardrail(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], rules: list[Strategy]
) -> None:
    catalogue, demand, competitors = known
    policy = PricingPolicy(strategies=tuple(rules), exchange_rates={"EUR": 1.0, "JPY": 0.006})
    decisions = decide(catalogue, demand, competitors, policy, decided_at=NOW)
    changed = decisions.action == Action.CHANGE
    broken = violations(decisions.price, catalogue, competitors, policy.limits)
    # A price below its floor may be on its way up; see tests/pricing/deciding/test_approach.py.
    floors = int(Limit.COST_FLOOR | Limit.MINIMUM_MARGIN)
    rises = (decisions.broken_before & floors != 0) & (decisions.price > catalogue.price)
    broken &= ~np.where(rises, floors | int(Limit.COMPETITOR_BAND), 0)
    assert not broken[changed].any()
    assert (decisions.price[~changed] == catalogue.price[~changed]).all()
