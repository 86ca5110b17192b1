"""Where to begin: price lists of a simple form, fitted to the segments.

    price(set) = sum over its products of a(product) + d(number of products)

Component prices alone (d = 0), prices by the number of products alone (Chu, Leslie and Sorensen,
"Bundle-size pricing as an approximation to mixed bundling", American Economic Review 101, 2011) and
what lies between are all of this form; its few numbers are climbed one after the other.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.bundles.local_search import Climber
from pricing.bundles.market import NOT_OFFERED, Outcome
from pricing.bundles.problem import SHARES

_STEPS: Final = (0.2, 0.1, 0.05, 0.02, 0.01)
_PASSES: Final = 5


def by_size(climber: Climber, rng: np.random.Generator) -> tuple[Outcome, ...]:
    """Good price lists of the simple form, from a few first guesses.

    They may hold more bundles than are allowed.
    """
    market = climber.market
    n = market.sets.products
    count = market.sets.members.sum(axis=1)
    middle = np.median(market.value[:, market.singles], axis=0)
    by_count = np.array([np.median(market.value[:, count == m]) for m in range(1, n + 1)])
    dear = market.problem.most.astype(np.float64)
    guesses = (
        (np.zeros(n), by_count),
        (middle, np.zeros(n)),
        (middle, by_count - middle.mean() * np.arange(1, n + 1)),
        (dear, by_count - dear.mean() * np.arange(1, n + 1)),
    )
    return tuple(_fitted(climber, a, d, rng) for a, d in guesses)


def _fitted(
    climber: Climber, products: FloatArray, sizes: FloatArray, rng: np.random.Generator
) -> Outcome:
    form = np.concatenate([products, sizes])
    step = float(climber.market.problem.most.mean())
    best = _listed(climber, form)
    for share in _STEPS:
        for _ in range(_PASSES):
            before = best.better
            for place in rng.permutation(len(form)).tolist():
                for change in (share * step, -share * step):
                    if climber.expired():
                        return climber.market.pruned(best)
                    trial = form.copy()
                    trial[place] += change
                    there = _listed(climber, trial)
                    if there.better > best.better:
                        best, form = there, trial
            if best.better == before:
                break
    return climber.market.pruned(best)


def _listed(climber: Climber, form: FloatArray) -> Outcome:
    """What a price list of the form brings, within the ranges of all prices."""
    market = climber.market
    n = market.sets.products
    count = market.sets.members.sum(axis=1)
    price = market.sets.members @ form[:n] + form[n:][np.maximum(count, 1) - 1]
    posted = np.full(len(market.sets), NOT_OFFERED)
    for i, single in enumerate(market.singles.tolist()):
        posted[single] = climber.single_price(i, float(price[single]))
    posted[climber.candidates] = _within(climber, posted, price)
    return market.outcome(posted)


def _within(climber: Climber, posted: IntArray, price: FloatArray) -> IntArray:
    """(c,) prices of the candidates, not offered where their range or endings allow none."""
    market, problem = climber.market, climber.market.problem
    parts = market.sets.totals(posted[market.singles])[climber.candidates]
    low = np.maximum(
        market.floor[climber.candidates],
        -(-parts * (SHARES - problem.most_saving) // SHARES),
    )
    high = parts * (SHARES - problem.least_saving) // SHARES
    wish = np.maximum(np.floor(price[climber.candidates]), low).astype(np.int64)
    if problem.endings is not None:
        for j, offer in enumerate(climber.candidates.tolist()):
            wish[j] = climber.asked(offer, float(wish[j]))
    return np.where((low <= wish) & (wish <= high), wish, NOT_OFFERED)
