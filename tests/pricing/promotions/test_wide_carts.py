"""Carts with many lines under many promotions: bounded work, and never dearer than greedy."""

from __future__ import annotations

import pytest

from pricing.promotions.best import Effort
from pricing.promotions.evaluate import evaluate
from pricing.promotions.item_lane import lay_items
from pricing.promotions.item_options import AT_PAR, lay_out
from pricing.promotions.item_relaxation import Relaxation
from pricing.promotions.item_search import search
from pricing.promotions.problem import Problem
from pricing.promotions.promotion_set import PromotionSet
from tests.pricing.promotions.carts import cart, check_sums, line, promotions
from tests.pricing.promotions.shops import shop_case

JOINT = Effort(steps=10_000_000, states=10**9, width=10**6)


@pytest.mark.parametrize("seed", range(12))
def test_a_cart_of_forty_lines_under_forty_promotions_adds_up(seed: int) -> None:
    shopping, entries = shop_case(seed, lines=40, promotions=40)
    compiled = PromotionSet(entries, "EUR")
    best = evaluate(shopping, compiled)
    priority = evaluate(shopping, compiled, mode="priority")
    check_sums(shopping, best)
    check_sums(shopping, priority)
    assert best.total <= priority.total


@pytest.mark.parametrize("seed", range(25))
def test_priced_apart_or_searched_jointly_the_best_claims_save_the_same(seed: int) -> None:
    shopping, entries = shop_case(seed, lines=9, promotions=12)
    problem = Problem(shopping, PromotionSet(entries, "EUR"), {})
    plan = lay_out(problem, 0, 0, AT_PAR, every=False)
    jointly = search(plan, 0, 10**6)
    apart = Relaxation(problem, plan, 10**6)
    assert jointly is not None
    assert jointly.gain == jointly.bound
    assert apart.bound >= jointly.gain
    assert apart.gain == jointly.gain
    for claims in (jointly.claims, apart.claims):
        left = lay_items(problem, claims).total
        assert left == problem.view.subtotal - jointly.gain
    assert Relaxation(problem, plan, 0).gain <= jointly.gain <= Relaxation(problem, plan, 0).bound


@pytest.mark.parametrize("seed", range(8))
def test_more_effort_never_finds_a_total_below_a_proven_one(seed: int) -> None:
    shopping, entries = shop_case(100 + seed, lines=10, promotions=10)
    compiled = PromotionSet(entries, "EUR")
    usual = evaluate(shopping, compiled)
    thorough = evaluate(shopping, compiled, effort=JOINT)
    assert thorough.total <= usual.total
    if usual.proven_optimal:
        assert thorough.total == usual.total


def test_beyond_its_effort_the_answer_says_that_it_is_not_proven() -> None:
    shopping, entries = shop_case(3, lines=40, promotions=40, dense=True)
    answer = evaluate(shopping, PromotionSet(entries, "EUR"), effort=Effort(steps=10))
    assert not answer.proven_optimal


def test_a_thousand_units_of_one_product_are_no_trouble() -> None:
    shopping = cart(line("a", "9.99", 1_000), line("b", 5))
    compiled = promotions(
        {"type": "buy_get", "buy": 2, "get": 1, "percent": 100},
        {"type": "percent_off", "percent": 20},
        {"type": "spend_and_save", "spend": 300, "amount": 30, "every": True},
    )
    answer = evaluate(shopping, compiled)
    check_sums(shopping, answer)
    assert answer.total <= evaluate(shopping, compiled, mode="priority").total


def test_a_promotion_of_rounds_of_one_unit_stands_beside_others() -> None:
    single = {"type": "n_for_price", "quantity": 1, "price": 4}
    lone_part = {"type": "bundle", "amount": 2, "parts": [{"products": {}}]}
    tiers = {"type": "quantity_tiers", "tiers": [{"quantity": 2, "percent": 50}]}
    shopping = cart(*(line(f"s{i}", 10 + i, 3) for i in range(12)))
    for effort in (Effort(states=1), JOINT):
        answer = evaluate(shopping, promotions(single, lone_part, tiers), effort=effort)
        check_sums(shopping, answer)
        assert answer.total == 36 * 400
