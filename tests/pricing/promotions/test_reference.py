"""Best mode against trying everything: every unit to every promotion, every later combination."""

from __future__ import annotations

import pytest

from pricing.promotions.best import Effort
from pricing.promotions.evaluate import USUAL_EFFORT, evaluate
from pricing.promotions.promotion_set import PromotionSet
from tests.pricing.promotions.carts import check_sums
from tests.pricing.promotions.random_carts import random_case
from tests.pricing.promotions.reference import Reference

THOROUGH = Effort(steps=5_000_000, states=1_000_000, width=1_000_000)


def _compare(first: int, carts: int, most_ways: int, terms: float = 0) -> float:
    """Compare carts that can be tried in so many ways; the share proven with the usual effort."""
    compared = proven = 0
    seed = first
    while compared < carts:
        cart, promotions = random_case(seed, terms=terms)
        reference = Reference(cart, promotions)
        seed += 1
        if reference.ways() > most_ways:
            continue
        compared += 1
        compiled = PromotionSet(promotions, "EUR")
        cheapest = reference.best_total()
        thorough = evaluate(cart, compiled, effort=THOROUGH)
        usual = evaluate(cart, compiled, effort=USUAL_EFFORT)
        greedy = evaluate(cart, compiled, mode="priority")
        assert thorough.proven_optimal, seed
        assert thorough.total == cheapest, seed
        assert cheapest <= usual.total <= greedy.total, seed
        assert usual.total == cheapest or not usual.proven_optimal, seed
        proven += usual.proven_optimal
        for answer in (thorough, usual, greedy):
            check_sums(cart, answer)
    return proven / carts


def test_best_mode_equals_trying_everything_to_the_cent() -> None:
    assert _compare(0, carts=400, most_ways=20_000) > 0.98


def test_best_mode_equals_trying_everything_where_terms_of_sale_go_first() -> None:
    assert _compare(0, carts=300, most_ways=20_000, terms=0.5) > 0.98


@pytest.mark.slow
def test_best_mode_equals_trying_everything_on_two_thousand_carts() -> None:
    assert _compare(10_000, carts=2_000, most_ways=1_000_000) > 0.98
