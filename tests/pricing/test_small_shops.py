"""What `decide` answers under joint limits is the best of all sets of prices, and is told truly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from pricing.errors import InfeasibleLimits
from tests.pricing.small_shops import SmallShop, joint_shop, related_shop


def judge(build: Callable[[np.random.Generator], SmallShop], seeds: range) -> dict[str, int]:
    """Try every answer of each shop; how many were infeasible, and how many bitten by a limit."""
    seen = {"infeasible": 0, "bitten": 0}
    for seed in seeds:
        shop = build(np.random.default_rng(seed))
        prices = shop.every()
        worth, kept = shop.worth(prices), shop.kept(prices)
        if not kept.any():
            seen["infeasible"] += 1
            with pytest.raises(InfeasibleLimits, match="no set of prices satisfies") as caught:
                shop.decide()
            assert caught.value.proven
            continue
        best = float(worth[kept].max())
        seen["bitten"] += float(worth.max()) > best + 1e-9
        found = shop.decide()
        size = max(abs(best), 1.0)
        said = f"seed {seed}: {found.solve}, best {best} at {prices[kept][worth[kept].argmax()]}"
        assert shop.kept(found.price[None], slack=1e-8).all(), said
        assert found.solve.objective == pytest.approx(
            float(shop.worth(found.price[None])[0]), abs=1e-8 * size
        ), said
        assert found.solve.objective <= best + 1e-8 * size, said
        assert found.solve.bound >= best - 1e-9 * size, said
        assert found.solve.status in ("optimal", "within_gap"), said
        allowed = 1e-9 if found.solve.status == "optimal" else shop.policy.gap
        assert best - found.solve.objective <= (allowed + 1e-8) * size, said
    return seen


def test_under_limits_in_money_and_units_the_answer_is_the_best_of_all() -> None:
    seen = judge(joint_shop, range(150))
    assert min(seen.values()) > 5


@pytest.mark.slow
def test_under_limits_in_money_and_units_the_answer_is_the_best_of_all_of_thousands() -> None:
    seen = judge(joint_shop, range(150, 4_000))
    assert min(seen.values()) > 150


def test_under_relations_and_cross_effects_the_answer_is_the_best_of_all() -> None:
    seen = judge(related_shop, range(60))
    assert min(seen.values()) > 3


@pytest.mark.slow
def test_under_relations_and_cross_effects_the_answer_is_the_best_of_all_of_thousands() -> None:
    seen = judge(related_shop, range(60, 3_000))
    assert min(seen.values()) > 100


def loose(build: Callable[[np.random.Generator], SmallShop], rng: np.random.Generator) -> SmallShop:
    """The same shop asked to come no nearer than up to a tenth."""
    shop = build(rng)
    return replace(shop, policy=replace(shop.policy, gap=float(10.0 ** rng.uniform(-3, -1))))


def test_what_stops_at_a_loose_gap_is_told_with_a_true_bound_and_not_as_optimal() -> None:
    assert min(judge(partial(loose, joint_shop), range(5_000, 5_060)).values()) > 0
    assert min(judge(partial(loose, related_shop), range(5_000, 5_060)).values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("build", [joint_shop, related_shop])
def test_what_stops_at_a_loose_gap_is_told_truly_of_thousands(
    build: Callable[[np.random.Generator], SmallShop],
) -> None:
    assert min(judge(partial(loose, build), range(6_000, 7_000)).values()) > 30


def test_time_that_ended_too_soon_is_not_told_as_limits_that_exclude_each_other() -> None:
    told = []
    for seed in (233, 243, 263, 275, 285, 356, 392):
        shop = related_shop(np.random.default_rng(seed))
        assert shop.kept(shop.every()).any()
        hurried = replace(shop, policy=replace(shop.policy, time_limit=1e-6))
        try:
            assert shop.kept(hurried.decide().price[None], slack=1e-8).all()
        except InfeasibleLimits as error:
            told.append((error.proven, str(error)))
        assert shop.decide().solve.status in ("optimal", "within_gap")
    assert told
    for proven, message in told:
        assert not proven
        assert "nor proven not to exist; raise the time limit" in message
