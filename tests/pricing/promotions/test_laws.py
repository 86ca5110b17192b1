"""Laws that hold for every cart and every set of promotions."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.promotions.best import Effort
from pricing.promotions.cart import Cart
from pricing.promotions.evaluate import evaluate
from pricing.promotions.promotion import AnyPromotion, GroupBuy, Presale
from pricing.promotions.promotion_set import PromotionSet
from tests.pricing.promotions.carts import check_sums
from tests.pricing.promotions.random_carts import random_case

TERMS = (Presale, GroupBuy)
THOROUGH = Effort(steps=1_000_000, states=100_000, width=100_000)
small = st.integers(10_000, 10_000_000).map(lambda seed: random_case(seed, most_units=5, most=4))
larger = st.integers(0, 10_000_000).map(lambda seed: random_case(seed, most_units=30, most=14))
Case = tuple[Cart, list[AnyPromotion]]


@settings(max_examples=150, deadline=None)
@given(case=larger)
def test_shares_add_up_and_no_unit_is_below_its_floor_in_either_mode(case: Case) -> None:
    cart, promotions = case
    compiled = PromotionSet(promotions, "EUR")
    best = evaluate(cart, compiled)
    priority = evaluate(cart, compiled, mode="priority")
    check_sums(cart, best)
    check_sums(cart, priority)
    assert best.total <= priority.total <= best.subtotal + best.shipping_before


@settings(max_examples=100, deadline=None)
@given(case=larger, seed=st.integers(0, 1_000))
def test_the_order_of_lines_and_of_promotions_has_no_effect(case: Case, seed: int) -> None:
    cart, promotions = case
    rng = Random(seed)
    lines, shuffled = list(cart.lines), list(promotions)
    rng.shuffle(lines)
    rng.shuffle(shuffled)
    turned = msgspec.structs.replace(cart, lines=tuple(lines))
    for mode in ("best", "priority"):
        one = evaluate(cart, PromotionSet(promotions, "EUR"), mode=mode)
        two = evaluate(turned, PromotionSet(shuffled, "EUR"), mode=mode)
        assert one.total == two.total
        assert one.applied == two.applied
        assert {x.id: x for x in one.lines} == {x.id: x for x in two.lines}


@settings(max_examples=60, deadline=None)
@given(case=small)
def test_one_discount_more_never_makes_the_best_total_dearer(case: Case) -> None:
    cart, promotions = case
    before: int | None = None
    for count in range(len(promotions) + 1):
        known = {p.id for p in promotions[:count]}
        some = [p for p in promotions[:count] if set(p.requires) <= known]
        answer = evaluate(cart, PromotionSet(some, "EUR"), effort=THOROUGH)
        if not answer.proven_optimal:
            return
        # A presale or a group buy is no offer to weigh: it may well cost a discount its units.
        if before is not None and not isinstance(promotions[count - 1], TERMS):
            assert answer.total <= before
        before = answer.total


@settings(max_examples=150, deadline=None)
@given(case=larger)
def test_terms_of_sale_are_settled_as_if_there_were_no_discounts(case: Case) -> None:
    cart, promotions = case
    terms = [p for p in promotions if isinstance(p, TERMS)]
    known = {p.id for p in terms}
    alone = [
        msgspec.structs.replace(
            p,
            not_with=tuple(n for n in p.not_with if n in known),
            combines_with=tuple(n for n in p.combines_with if n in known),
        )
        for p in terms
    ]
    # What a discount says of a term counts as if the term said it; that is of no matter here.
    expected = evaluate(cart, PromotionSet(alone, "EUR"))
    for mode in ("best", "priority"):
        answer = evaluate(cart, PromotionSet(promotions, "EUR"), mode=mode)
        assert answer.deposit == expected.deposit
        assert [entry for entry in answer.applied if entry.id in known] == list(expected.applied)


@settings(max_examples=60, deadline=None)
@given(case=small, order=st.permutations(list(range(4))))
def test_no_order_of_priorities_beats_best_mode(case: Case, order: list[int]) -> None:
    cart, promotions = case
    ranked = [msgspec.structs.replace(p, priority=order[i % 4]) for i, p in enumerate(promotions)]
    compiled = PromotionSet(ranked, "EUR")
    greedy = evaluate(cart, compiled, mode="priority")
    assert evaluate(cart, compiled, effort=THOROUGH).total <= greedy.total
