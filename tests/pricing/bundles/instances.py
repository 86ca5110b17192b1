"""Small bundle problems, and the best prices of the smallest by looking at all of them."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np

from models.arrays import IntArray
from pricing.bundles.market import NOT_OFFERED, Market
from pricing.bundles.problem import BundleProblem
from pricing.bundles.subsets import subsets
from pricing.price_points import EndingRule, PriceEnding


def few_segments(rng: np.random.Generator, segments: int, products: int) -> BundleProblem:
    """Values of 10 to 100 that add up, every set a candidate, single prices up to the dearest."""
    single = rng.integers(10, 101, (segments, products))
    cost = rng.integers(5, 25, products)
    return BundleProblem.of(
        [f"P{i}" for i in range(products)],
        cost,
        np.rint(np.median(single, axis=0)).astype(np.int64),
        rng.integers(1, 21, segments),
        single,
        currency="EUR",
        most=np.maximum(single.max(axis=0), cost),
    )


def tiny(rng: np.random.Generator) -> BundleProblem:
    """Up to three products and four segments with any of the rules, on a small grid of prices."""
    n = int(rng.choice([1, 2, 2, 2, 3]))
    k, top = int(rng.integers(1, 5)), 3 if n == 3 else 6
    least = rng.integers(0, top // 2 + 1, n)
    most = least + rng.integers(1, top // 2 + 1, n)
    every = subsets(n)
    sets = np.flatnonzero(every.members.sum(axis=1) >= 2)
    if rng.random() < 0.3:
        sets = sets[rng.random(len(sets)) < 0.6]
    size = rng.integers(1, 5, k)
    more: dict[str, Any] = {"candidates": sets}
    given = (
        (0.4, "funding", rng.integers(0, 6, len(sets)) * 2_000),
        (0.3, "floor", rng.integers(0, 6, len(sets))),
        (0.4, "stock", rng.integers(2, 9, n)),
        (0.2, "sell", np.minimum(rng.integers(0, 3, n), size.sum())),
        (0.3, "least_saving", 1_000),
        (0.3, "most_saving", 5_000),
        (0.4, "most_bundles", int(rng.integers(0, 3))),
        (0.3, "clearing", rng.integers(0, 3, n)),
        (0.2, "endings", EndingRule((PriceEnding(None, 3, (1, 2)),))),
    )
    more |= {name: values for chance, name, values in given if rng.random() < chance}
    value = rng.integers(0, top + 1, (k, n)) @ every.members.T
    if rng.random() < 0.5:
        value = with_disposal(np.rint(value * rng.uniform(0.7, 1.4, 1 << n)).astype(np.int64))
    return BundleProblem.of(
        [f"p{i}" for i in range(n)], rng.integers(0, 3, n), np.maximum(most, 1), size, value,
        currency="EUR", least=least, most=most, **more,
    )  # fmt: skip


def with_disposal(value: IntArray) -> IntArray:
    """(k, 2**n) where no set is worth less than a set inside it."""
    found = value.copy()
    for i in range(found.shape[1].bit_length() - 1):
        for mask in range(found.shape[1]):
            if mask >> i & 1:
                found[:, mask] = np.maximum(found[:, mask], found[:, mask ^ (1 << i)])
    return found


def brute_force(problem: BundleProblem) -> int | None:
    """The most that any allowed prices bring, ten-thousandths; None where none hold the limits.

    Indifferent customers do what brings the seller most in all.
    """
    market = Market(problem)
    best: int | None = None
    for posted in _price_lists(problem, market):
        outcome = market.outcome(posted)
        if not market.limited:
            best = outcome.profit if best is None else max(best, outcome.profit)
            continue
        gain = market.gains(outcome.effective)
        surplus = market.value - outcome.effective.price
        ties = [np.flatnonzero(row == row.max()).tolist() for row in surplus]
        for pick in product(*ties):
            units = market.size @ market.sets.members[list(pick)]
            if market.excess(units) == 0:
                profit = int(market.size @ gain[list(pick)])
                best = profit if best is None else max(best, profit)
    return best


def _price_lists(problem: BundleProblem, market: Market) -> list[IntArray]:
    lists = []
    for prices in product(*(_rungs(market, s, problem) for s in market.singles.tolist())):
        base = np.full(len(market.sets), NOT_OFFERED)
        base[market.singles] = prices
        for count in range(problem.bundles_allowed + 1):
            for chosen in combinations(problem.candidates.tolist(), count):
                ranges = [_allowed(market, base, bundle) for bundle in chosen]
                for asked in product(*ranges):
                    posted = base.copy()
                    posted[list(chosen)] = asked
                    lists.append(posted)
    return lists


def _rungs(market: Market, single: int, problem: BundleProblem) -> list[int]:
    i = single.bit_length() - 1
    prices = range(int(problem.least[i]), int(problem.most[i]) + 1)
    rungs = market.prices_for(single)
    return [p for p in prices if rungs is None or p in rungs]


def _allowed(market: Market, posted: IntArray, bundle: int) -> list[int]:
    low, high = market.span(posted, bundle)
    rungs = market.prices_for(bundle)
    return [p for p in range(low, high + 1) if rungs is None or p in rungs]
