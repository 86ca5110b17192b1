"""Prices stand to each other as they must, or the whole group keeps its prices and says so."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels, Market
from pricing.cross_effects import CrossEffects
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions
from pricing.deciding.guardrails import GuardrailLimits, Limit
from pricing.errors import InvalidCatalogue, InvalidLimits
from pricing.solving import relation_webs
from pricing.solving.relation_groups import RelationGroups
from pricing.solving.relations import Relation, RelationKind, tie
from tests.pricing.catalogues import EUROPE, JAPAN, NOW, catalogue_of, curves

NET = replace(EUROPE, tax_rate=0.0)
STORE = Market("store", "EUR", "Europe/Berlin", channel="store", tax_rate=0.0)
LIMITS = GuardrailLimits(competitor_band=None)


def run(
    catalogue: Catalogue,
    elasticity: object,
    *relations: Relation,
    cross: CrossEffects | None = None,
    **settings_: object,
) -> Decisions:
    policy = PricingPolicy(limits=LIMITS, relations=relations, **settings_)  # type: ignore[arg-type]
    return decide(
        catalogue,
        curves(catalogue, elasticity),  # type: ignore[arg-type]
        CompetitorPrices.none(len(catalogue)),
        policy,
        decided_at=NOW,
        cross=cross,
    )


def test_a_bigger_pack_costs_more_and_less_per_unit() -> None:
    catalogue = replace(
        catalogue_of([500, 900], [200, 380], market=NET), pack_size=np.array([250.0, 500.0])
    )
    # Alone, the small pack would sink and the big one rise above twice its price.
    free = run(catalogue, [-4.0, -1.2])
    assert free.price[1] > 2 * free.price[0]
    tied = run(
        catalogue, [-4.0, -1.2], Relation("tea packs", RelationKind.PACK_SIZES, ("P1", "P0"))
    )
    assert tied.price[0] < tied.price[1] <= 2 * tied.price[0]
    assert tied.solve.method == "decomposition"
    assert tied.solve.status == "optimal"


def test_a_private_label_stays_ten_to_thirty_per_cent_below_the_brand() -> None:
    catalogue = catalogue_of([1000, 1100, 1150], [400, 500, 500], market=NET)
    own_jam = Relation(
        "own jam", RelationKind.PRIVATE_LABEL, ("P0", "P1", "P2"), least=0.1, most=0.3
    )
    tied = run(catalogue, [-1.2, -3.0, -3.0], own_jam)
    for brand in tied.price[1:]:
        assert 0.7 * brand <= tied.price[0] <= 0.9 * brand


def test_good_better_best_is_a_ladder() -> None:
    catalogue = catalogue_of([1000, 1010, 1020], [400, 400, 400], market=NET)
    rule = Relation("three tvs", RelationKind.LADDER, ("P0", "P1", "P2"), least=0.05, most=0.25)
    price = run(catalogue, [-1.3, -2.0, -4.0], rule).price
    for lower, upper in pairwise(price):
        assert 1.05 * lower <= upper <= 1.25 * lower


def test_a_colour_family_has_one_price_and_online_is_as_in_the_store() -> None:
    catalogue = catalogue_of([1000, 1040, 980], [400, 400, 450], market=NET)
    rule = Relation("shirts", RelationKind.SAME_PRICE, ("P0", "P1", "P2"))
    tied = run(catalogue, [-3.0, -2.0, -1.5], rule)
    assert len(set(tied.price.tolist())) == 1
    assert tied.solve.status == "optimal"
    both = Catalogue(
        sku=np.array(["P0", "P0"]),
        market=Labels(np.array([0, 1]), ("online", "store")),
        markets=(NET, STORE),
        category=Labels.of(["tea"] * 2),
        brand=Labels.of(["own"] * 2),
        price=np.array([1000, 1090]),
        cost=np.array([400, 400]),
        stock=np.full(2, np.nan),
    )
    everywhere = Relation("P0 everywhere", RelationKind.SAME_PRICE, ("P0",), across_markets=True)
    one = run(both, [-2.5, -1.4], everywhere)
    assert one.price[0] == one.price[1]


def test_a_group_that_cannot_be_satisfied_is_named_and_held_whole() -> None:
    catalogue = catalogue_of([1000, 3000, 1000], [400, 1000, 400], market=NET)
    rule = Relation("far apart", RelationKind.SAME_PRICE, ("P0", "P1"))
    tied = run(catalogue, [-3.0, -3.0, -3.0], rule)
    assert tied.solve.conflicts == ("far apart",)
    assert tied.price[:2].tolist() == [1000, 3000]
    assert tied.action.tolist() == [Action.HOLD, Action.HOLD, Action.CHANGE]
    assert (tied.held_by[:2] & int(Limit.RELATION)).all()


def entangled(most: float) -> tuple[Relation, ...]:
    """Five products, each tied to each: more than a table can hold."""
    return tuple(
        Relation(f"{a}-{b}", RelationKind.PRIVATE_LABEL, (f"P{a}", f"P{b}"), most=most)
        for a in range(5)
        for b in range(a + 1, 5)
    )


def test_no_time_to_find_prices_is_told_apart_from_relations_that_conflict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalogue = catalogue_of([1000, 1010, 1020, 1030, 1040], [400] * 5, market=NET)
    found = run(catalogue, -3.0, *entangled(0.9), candidates=40)
    assert (found.solve.conflicts, found.solve.undecided) == ((), ())
    assert found.changes > 0
    monkeypatch.setattr(relation_webs, "_EFFORT", 0.0)
    none = run(catalogue, -3.0, *entangled(0.9), candidates=40)
    assert none.solve.conflicts == ()
    assert set(none.solve.undecided) == {rule.name for rule in entangled(0.9)}
    assert none.price.tolist() == catalogue.price.tolist()
    assert (none.held_by & int(Limit.RELATION)).all()


def test_relations_that_conflict_are_proven_to_however_entangled() -> None:
    catalogue = catalogue_of([1000, 1010, 1020, 1030, 3000], [400, 400, 400, 400, 1000], market=NET)
    found = run(catalogue, -3.0, *entangled(0.1), candidates=40)
    assert found.solve.undecided == ()
    assert set(found.solve.conflicts) == {rule.name for rule in entangled(0.1)}


def test_a_row_without_a_cost_holds_and_its_family_joins_it() -> None:
    catalogue = catalogue_of([1000, 1049], [UNKNOWN, 400], market=NET)
    rule = Relation("shirts", RelationKind.SAME_PRICE, ("P0", "P1"))
    tied = run(catalogue, [-2.0, -2.0], rule)
    assert tied.price.tolist() == [1000, 1000]
    assert tied.action.tolist() == [Action.HOLD, Action.CHANGE]


def test_a_change_budget_reaches_the_groups_that_need_fewest_changes() -> None:
    catalogue = catalogue_of([1000, 1040, 1000], [400, 400, 400], market=NET)
    rule = Relation("shirts", RelationKind.SAME_PRICE, ("P0", "P1"))
    none = run(catalogue, [-3.0, -3.0, -3.0], rule, max_changes=0)
    assert none.changes == 0
    assert none.held_by[0] & int(Limit.CHANGE_BUDGET)
    two = run(catalogue, [-3.0, -3.0, -3.0], rule, max_changes=2)
    assert two.changes <= 2
    assert two.price[0] == two.price[1]


@st.composite
def related(draw: st.DrawFn) -> tuple[Catalogue, list[float], tuple[Relation, ...]]:
    """Up to 6 products with up to 3 relations of any kind among them."""
    n = draw(st.integers(2, 6))
    price = draw(st.lists(st.integers(300, 1500), min_size=n, max_size=n))
    share = draw(st.lists(st.floats(0.2, 0.95), min_size=n, max_size=n))
    catalogue = replace(
        catalogue_of(
            price, [max(int(p * s), 1) for p, s in zip(price, share, strict=True)], market=NET
        ),
        pack_size=np.array(
            draw(st.lists(st.sampled_from([1.0, 2.0, 5.0]), min_size=n, max_size=n))
        ),
    )
    relations = []
    for number in range(draw(st.integers(1, 3))):
        skus = draw(st.permutations([f"P{i}" for i in range(n)]))[: draw(st.integers(2, min(n, 3)))]
        kind = draw(st.sampled_from(list(RelationKind)))
        relations.append(Relation(f"r{number}", kind, tuple(skus), least=0.05, most=0.4))
    elasticity = draw(st.lists(st.floats(-4.0, -1.1), min_size=n, max_size=n))
    return catalogue, elasticity, tuple(relations)


@settings(max_examples=120, deadline=None)
@given(related(), st.sampled_from([None, 0, 1, 3]))
def test_no_published_price_breaks_a_relation(
    known: tuple[Catalogue, list[float], tuple[Relation, ...]], max_changes: int | None
) -> None:
    catalogue, elasticity, relations = known
    decisions = run(catalogue, elasticity, *relations, max_changes=max_changes, candidates=8)
    tied = tie(relations, catalogue)
    groups = RelationGroups.of_ties(len(catalogue), tied.row, tied.other)
    for group in np.unique(groups[tied.row[~tied.kept(decisions.price)]]):
        rows = np.flatnonzero(groups == group)
        assert (decisions.price[rows] == catalogue.price[rows]).all()
        assert (decisions.action[rows] == Action.HOLD).all()
        assert (decisions.held_by[rows] != 0).all()
    if max_changes is not None:
        assert decisions.changes <= max_changes


@settings(max_examples=60, deadline=None)
@given(related(), st.integers(0, 2**32 - 1))
def test_tied_decisions_do_not_depend_on_the_order_of_rows(
    known: tuple[Catalogue, list[float], tuple[Relation, ...]], seed: int
) -> None:
    catalogue, elasticity, relations = known
    order = np.random.default_rng(seed).permutation(len(catalogue))
    straight = run(catalogue, elasticity, *relations, candidates=8, gap=0.0)
    shuffled = run(
        catalogue.take(order), np.array(elasticity)[order], *relations, candidates=8, gap=0.0
    )
    assert straight.solve.objective == pytest.approx(shuffled.solve.objective, rel=1e-9)


def test_a_substitute_makes_both_dearer() -> None:
    catalogue = catalogue_of([1000, 1000], [600, 600], market=NET)
    alone = run(catalogue, -2.5, candidates=100)
    effects = CrossEffects(sparse.csr_array(np.array([[0.0, 0.8], [0.8, 0.0]])))
    both = run(catalogue, -2.5, cross=effects, candidates=100)
    assert (both.price > alone.price).all()
    ratio = np.log(both.price / 1000)
    own = curves(catalogue, -2.5).units(both.price / 100)
    assert both.units == pytest.approx(own * (1 + 0.8 * ratio[::-1]))


def test_cross_effects_hold_no_own_price_effects() -> None:
    with pytest.raises(InvalidCatalogue, match="diagonal"):
        CrossEffects(sparse.csr_array(np.eye(2)))


def test_rules_that_cannot_be_meant_are_refused_by_name() -> None:
    wrong: list[dict[str, Any]] = [
        {"kind": RelationKind.LADDER, "skus": ("P0",)},
        {"kind": RelationKind.LADDER, "skus": ("P0", "P0")},
        {"kind": RelationKind.LADDER, "skus": ("P0", "P1"), "least": 0.3, "most": 0.1},
        {"kind": RelationKind.PACK_SIZES, "skus": ("P0", "P1"), "across_markets": True},
    ]
    for fields in wrong:
        with pytest.raises(InvalidLimits, match="'x'"):
            Relation("x", **fields)
    catalogue = catalogue_of([1000, 900], [400, 400])
    with pytest.raises(InvalidCatalogue, match="size of 'P0'"):
        tie([Relation("packs", RelationKind.PACK_SIZES, ("P0", "P1"))], catalogue)
    mixed = Catalogue(
        sku=np.array(["P0", "P0"]),
        market=Labels(np.array([0, 1]), ("online", "tokyo")),
        markets=(NET, JAPAN),
        category=Labels.of(["tea"] * 2),
        brand=Labels.of(["own"] * 2),
        price=np.array([1000, 1090]),
        cost=np.array([400, 400]),
        stock=np.full(2, np.nan),
    )
    with pytest.raises(InvalidCatalogue, match="two currencies"):
        tie([Relation("one", RelationKind.SAME_PRICE, ("P0",), across_markets=True)], mixed)
