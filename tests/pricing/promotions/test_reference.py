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
SLOW_REFERENCE = {331, 734, 1729, 1879, 1954, 1964, 2244}
"""Seeds on which trying everything takes longer than five seconds; left to the slow suite."""


def _check(seed: int) -> bool:
    """Compare one cart; whether the usual effort proved it."""
    cart, promotions = random_case(seed)
    compiled = PromotionSet(promotions, "EUR")
    cheapest = Reference(cart, promotions).best_total()
    thorough = evaluate(cart, compiled, effort=THOROUGH)
    usual = evaluate(cart, compiled, effort=USUAL_EFFORT)
    greedy = evaluate(cart, compiled, mode="priority")
    assert thorough.proven_optimal, seed
    assert thorough.total == cheapest, seed
    assert usual.total >= cheapest, seed
    assert usual.total == cheapest or not usual.proven_optimal, seed
    assert greedy.total >= usual.total, seed
    for answer in (thorough, usual, greedy):
        check_sums(cart, answer)
    return usual.proven_optimal


def test_best_mode_equals_trying_everything_to_the_cent() -> None:
    seeds = [seed for seed in range(400) if seed not in SLOW_REFERENCE]
    proven = sum(_check(seed) for seed in seeds)
    assert proven >= 0.98 * len(seeds)


@pytest.mark.slow
def test_best_mode_equals_trying_everything_on_two_thousand_carts() -> None:
    proven = sum(_check(seed) for seed in range(400, 2_400))
    assert proven >= 0.98 * 2_000
