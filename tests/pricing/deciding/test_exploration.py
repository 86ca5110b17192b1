"""Price tests go where knowledge pays, stay inside every limit, and leave key value items alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.demand import ConstantElasticityDemand
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions, ReasonCode
from pricing.deciding.exploration import ExplorationLimits, PriceTests, propose_tests, with_tests
from pricing.deciding.guardrails import GuardrailLimits, violations
from pricing.deciding.strategies import Strategy, StrategyKind
from pricing.errors import InvalidLimits
from pricing.solving.joint_limits import JointTargets
from pricing.solving.relations import Relation, RelationKind
from tests.pricing.catalogues import EUROPE, NOW, catalogue_of, curves

POLICY = PricingPolicy(limits=GuardrailLimits(competitor_band=None))
MANY = ExplorationLimits(most_share=0.2, most_cost=0.5, least_gain=0.0)


def shop(n: int = 200) -> tuple[Catalogue, ConstantElasticityDemand]:
    """Products whose first half is well known and whose second half is not."""
    rng = np.random.default_rng(6)
    price = rng.integers(500, 5000, n)
    catalogue = catalogue_of(
        price.tolist(), (price * 0.5).astype(int).tolist(), market=replace(EUROPE, tax_rate=0.0)
    )
    demand = curves(catalogue, rng.uniform(-3.0, -1.5, n), 100.0)
    covariance = demand.covariance.copy()
    covariance[:, 1, 1] = np.where(np.arange(n) < n // 2, 0.02, 1.2) ** 2
    return catalogue, replace(demand, covariance=covariance)


def run(
    catalogue: Catalogue,
    demand: ConstantElasticityDemand,
    policy: PricingPolicy = POLICY,
    limits: ExplorationLimits = MANY,
    seed: int = 1,
) -> tuple[Decisions, PriceTests]:
    rivals = CompetitorPrices.none(len(catalogue))
    decisions = decide(catalogue, demand, rivals, policy, decided_at=NOW)
    rng = np.random.default_rng(seed)
    return decisions, propose_tests(decisions, demand, policy, limits, rng=rng)


def test_tests_go_where_little_is_known() -> None:
    decisions, tests = run(*shop())
    assert 20 <= tests.tested.sum() <= 40
    assert tests.tested[100:].sum() > 0.9 * tests.tested.sum()
    assert tests.knowledge[100:].mean() > 10 * tests.knowledge[:100].mean()
    assert (tests.price[~tests.tested] == decisions.price[~tests.tested]).all()


def test_tests_keep_every_limit_and_their_share() -> None:
    catalogue, demand = shop()
    for seed in range(5):
        decisions, tests = run(catalogue, demand, seed=seed)
        broken = violations(tests.price, catalogue, decisions.competitors, POLICY.limits)
        assert not broken[tests.tested].any()
        assert tests.tested.sum() <= 0.2 * len(catalogue)
    _, few = run(catalogue, demand, limits=ExplorationLimits(most_share=0.01, least_gain=0.0))
    assert few.tested.sum() <= 2
    profit = decisions.profit[few.tested]
    assert (few.cost[few.tested] <= 0.05 * profit + 1e-9).all()


def test_key_value_items_strategies_and_related_products_are_left_alone() -> None:
    catalogue, demand = shop()
    kvi = np.arange(200) % 2 == 0
    _, tests = run(replace(catalogue, kvi=kvi), demand)
    assert tests.tested.any()
    assert not tests.tested[kvi].any()
    names = tuple(f"P{i}" for i in range(100, 199))
    frozen = replace(POLICY, strategies=(Strategy("stay", StrategyKind.FREEZE, skus=names),))
    _, tests = run(catalogue, demand, frozen)
    assert not tests.tested[100:199].any()
    rule = Relation("pair", RelationKind.LADDER, ("P150", "P151"), most=5.0)
    _, tests = run(catalogue, demand, replace(POLICY, relations=(rule,)))
    assert not tests.tested[150:152].any()


def test_tests_spend_no_more_than_the_change_budget_has_left() -> None:
    catalogue, demand = shop()
    policy = replace(POLICY, max_changes=30)
    decisions, tests = run(catalogue, demand, policy)
    after = (tests.price != catalogue.price).sum()
    assert decisions.changes <= after <= 30


def test_equal_chance_proposes_equal_tests() -> None:
    catalogue, demand = shop()
    assert run(catalogue, demand)[1].price.tolist() == run(catalogue, demand)[1].price.tolist()
    assert (
        run(catalogue, demand)[1].price.tolist() != run(catalogue, demand, seed=2)[1].price.tolist()
    )


def test_nothing_to_test_is_no_test() -> None:
    catalogue, _ = shop()
    decisions, tests = run(catalogue, ConstantElasticityDemand.unknown(200))
    assert (decisions.action == Action.HOLD).all()
    assert not tests.tested.any()


@pytest.mark.parametrize(
    ("field", "value"),
    [("most_share", 0.3), ("most_cost", -0.1), ("least_gain", 2.0), ("draws", 1)],
)
def test_a_shop_cannot_let_itself_try_too_much(field: str, value: float) -> None:
    with pytest.raises(InvalidLimits, match=field):
        ExplorationLimits(**{field: value})  # type: ignore[arg-type]


def test_tests_leave_a_joint_floor_and_a_share_of_changes_whole() -> None:
    catalogue, demand = shop()
    free, tests = run(catalogue, demand)
    tried = with_tests(free, tests, demand)
    # A floor just below what the decisions bring, and above what they bring with all tests.
    before = float(np.sum(free.revenue_before))
    assert tried.revenue.sum() < free.revenue.sum()
    floor = 0.25 * float(tried.revenue.sum()) + 0.75 * float(free.revenue.sum())
    policy = replace(POLICY, joint=JointTargets(revenue_floor=floor / before))
    decisions, fewer = run(catalogue, demand, policy)
    assert 0 < fewer.tested.sum() < tests.tested.sum()
    assert with_tests(decisions, fewer, demand).revenue.sum() >= floor * (1 - 1e-9)
    share = replace(POLICY, joint=JointTargets(max_change_share=0.3))
    decisions, counted = run(catalogue, demand, share)
    assert with_tests(decisions, counted, demand).changes <= 60


def test_a_price_that_is_tried_says_so_and_what_it_should_bring() -> None:
    decisions, tests = run(*shop())
    demand = shop()[1]
    tried = with_tests(decisions, tests, demand)
    rows = np.flatnonzero(tests.tested)
    assert (tried.price == tests.price).all()
    assert {tried.path[int(row)] for row in rows if tried.path} == {"optimise > price test"}
    given_up = (decisions.profit - tried.profit)[rows]
    assert (given_up > -1e-9).all()
    assert given_up.sum() > 0
    rest = ~tests.tested
    assert (tried.profit[rest] == decisions.profit[rest]).all()
    assert ReasonCode.STRATEGY in {reason.code for reason in tried.record(int(rows[0])).reasons}
