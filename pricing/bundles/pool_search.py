"""The best bundle prices that a pool of good answers leads to.

The pool begins with climbed price lists of simple forms. Then an answer of the pool loses part of
its bundles, and its single prices move; it is built anew from random selections of offers and
climbed. Or two answers are mixed and climbed. What is better than the worst of the pool joins it.
The outcome depends on the generator and the number of rounds alone, unless time runs out first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from models.arrays import IntArray
from pricing.bundles.local_search import Climber
from pricing.bundles.market import NOT_OFFERED, Outcome
from pricing.bundles.problem import SHARES
from pricing.bundles.starts import by_size

_POOL: Final = 8
_WIDTH: Final = 32
"""Offers looked at for each step of building: few, so that every building is another one."""
_PREFERENCE: Final = 0.4
"""Chance that a round takes the best answer, then the next one, and so on."""
_MIXED: Final = 0.35
_GIVEN_UP: Final = (0.2, 0.8)
_SINGLE_TO_TOP: Final = 0.2
_SINGLE_MOVED: Final = 0.2
_MOVE: Final = (0.9, 1.15)
STALE: Final = 60
"""Rounds without a better answer after which a search ends."""


def unseen(outcome: Outcome) -> None:
    """Nobody looks at what is found on the way."""


def search(
    climber: Climber,
    starts: Sequence[Outcome],
    rng: np.random.Generator,
    rounds: int = 0,
    stale: int = STALE,
    *,
    better: Callable[[Outcome], None] = unseen,
    thorough: bool = True,
) -> Outcome:
    """The best outcome found.

    Args:
        climber: whose market, rules and time.
        starts: outcomes within all rules on prices and bundles; one or more.
        rng: source of chance.
        rounds: at most so many, after the first pool.
        stale: stop after so many rounds that bring nothing better.
        better: told of each better outcome that holds all limits.
        thorough: look further than what the starts climb to.
    """
    pool = _Pool(better)
    for start in starts:
        pool.add(start)
    thorough = thorough and len(climber.candidates) > 0
    if thorough:
        # What gains most soonest comes first, for problems so large that time cuts them short.
        top = climber.singles_only(climber.dearest())
        pool.add(climber.climb(climber.built(top, rng, _WIDTH), rng))
        for outcome in by_size(climber, rng):
            pool.add(climber.climb(_within_count(climber, outcome), rng))
    for start in starts:
        pool.add(climber.climb(start, rng))
    if not thorough:
        return pool.best
    idle = 0
    for _ in range(rounds):
        if climber.expired() or idle >= stale:
            break
        idle = 0 if pool.add(climber.climb(_varied(climber, pool, rng), rng)) else idle + 1
    return pool.best


class _Pool:
    """Good answers, the best first, all different."""

    def __init__(self, better: Callable[[Outcome], None]) -> None:
        self.answers: list[Outcome] = []
        self._better = better

    @property
    def best(self) -> Outcome:
        return self.answers[0]

    def add(self, outcome: Outcome) -> bool:
        """True if it is better than all before."""
        if any(outcome.better == other.better for other in self.answers):
            return False
        self.answers = sorted([*self.answers, outcome], key=lambda o: o.better, reverse=True)
        del self.answers[_POOL:]
        if self.answers[0] is not outcome:
            return False
        if not outcome.excess:
            self._better(outcome)
        return True

    def drawn(self, rng: np.random.Generator) -> Outcome:
        return self.answers[min(int(rng.geometric(_PREFERENCE)), len(self.answers)) - 1]


def _varied(climber: Climber, pool: _Pool, rng: np.random.Generator) -> Outcome:
    one = pool.drawn(rng)
    if len(pool.answers) > 1 and rng.random() < _MIXED:
        other = pool.answers[int(rng.integers(len(pool.answers)))]
        mixed = np.where(rng.random(len(one.posted)) < 0.5, one.posted, other.posted)
        return _within_count(climber, climber.market.outcome(kept_in_rules(climber, mixed)))
    ruined = kept_in_rules(climber, _ruined(climber, one, rng))
    return climber.built(climber.market.outcome(ruined), rng, _WIDTH)


def _ruined(climber: Climber, outcome: Outcome, rng: np.random.Generator) -> IntArray:
    market, problem = climber.market, climber.market.problem
    posted = outcome.posted.copy()
    bundles = np.flatnonzero(posted < NOT_OFFERED)
    bundles = bundles[(bundles & (bundles - 1)) != 0]
    posted[bundles[rng.random(len(bundles)) < rng.uniform(*_GIVEN_UP)]] = NOT_OFFERED
    for i, single in enumerate(market.singles.tolist()):
        chance = rng.random()
        if chance < _SINGLE_TO_TOP:
            posted[single] = climber.single_price(i, float(problem.most[i]))
        elif chance < _SINGLE_TO_TOP + _SINGLE_MOVED:
            wish = float(posted[single]) * rng.uniform(*_MOVE)
            posted[single] = climber.single_price(i, wish)
    return posted


def kept_in_rules(climber: Climber, posted: IntArray) -> IntArray:
    """The same without the bundles whose price is out of their range beside these single prices."""
    market, problem = climber.market, climber.market.problem
    parts = market.sets.totals(posted[market.singles])
    low = np.maximum(market.floor, -(-parts * (SHARES - problem.most_saving) // SHARES))
    high = np.minimum(parts * (SHARES - problem.least_saving) // SHARES, parts - 1)
    every = np.arange(len(posted))
    bundle = (every & (every - 1)) != 0
    return np.where(bundle & ((posted < low) | (posted > high)), NOT_OFFERED, posted)


def _within_count(climber: Climber, outcome: Outcome) -> Outcome:
    """With no more bundles than allowed: those that fewest customers' money goes to are dropped."""
    outcome = climber.market.pruned(outcome)
    bundles = outcome.bundles
    if len(bundles) <= climber.most_bundles:
        return outcome
    spent = dict.fromkeys(bundles.tolist(), 0)
    for mask, size in zip(outcome.choice.tolist(), climber.market.size.tolist(), strict=True):
        for part in outcome.effective.parts(mask):
            if part in spent:
                spent[part] += size * int(outcome.posted[part])
    order = sorted(spent, key=lambda bundle: (-spent[bundle], bundle))
    posted = outcome.posted.copy()
    posted[order[climber.most_bundles :]] = NOT_OFFERED
    return climber.market.outcome(posted)
