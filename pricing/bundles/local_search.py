"""Good bundle prices by local search: one price at a time exactly, then all together.

Prices are climbed one at a time (`price_search`), all together (`reprice`), and one bundle is
exchanged for another where no more may be offered. Where climbing ends, part of the bundles is
given up and built anew, best one first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from models.arrays import IntArray
from pricing.bundles.market import NOT_OFFERED, Market, Outcome
from pricing.bundles.price_search import BestPrice, Scene, best_price
from pricing.bundles.reprice import repriced

_REACHES: Final = (0.2, 0.05, 0.01)
"""Joint moves tried, as shares of the mean single price."""
_SWEEPS: Final = 60


def never() -> bool:
    """Time never runs out."""
    return False


class Climber:
    """Local search over the prices of one market.

    Args:
        market: who buys.
        most_bundles: how many may be offered.
        expired: says when to stop.
    """

    def __init__(
        self, market: Market, most_bundles: int, expired: Callable[[], bool] = never
    ) -> None:
        self.market = market
        self.most_bundles = most_bundles
        self.expired = expired
        candidates = market.problem.candidates
        self.candidates = candidates if most_bundles else candidates[:0]
        typical = float(market.problem.most.mean())
        self._reaches = tuple(max(1, round(share * typical)) for share in _REACHES)

    def singles_only(self, prices: IntArray) -> Outcome:
        """What (n,) single prices bring without any bundle."""
        posted = np.full(len(self.market.sets), NOT_OFFERED)
        posted[self.market.singles] = prices
        return self.market.outcome(posted)

    def climb(self, outcome: Outcome, rng: np.random.Generator) -> Outcome:
        """Climb until no single price, joint move or exchange of bundles helps."""
        while not self.expired():
            before = outcome.better
            outcome = self.swept(outcome, rng)
            outcome = self._joint(outcome)
            if outcome.better == before:
                outcome = self._exchanged(outcome, rng)
            if outcome.better == before:
                break
        return outcome

    def built(self, outcome: Outcome, rng: np.random.Generator, width: int = 0) -> Outcome:
        """Add the bundle, or change the single price, that helps most, until none helps.

        Args:
            outcome: where to begin.
            rng: draws what is looked at.
            width: how many offers are looked at each time; 0 for all.
        """
        offers = np.concatenate([self.market.singles, self.candidates])
        while not self.expired():
            look = offers
            if 0 < width < len(offers):
                look = rng.choice(offers, width, replace=False)
            scene = Scene(self.market, outcome.posted)
            found = [(self._best(scene, offer), offer) for offer in look.tolist()]
            best, offer = max(
                ((b, o) for b, o in found if b is not None),
                key=lambda pair: pair[0].better,
                default=(None, 0),
            )
            there = None if best is None else self._moved(outcome, offer, best)
            if there is None or there is outcome:
                break
            outcome = self.market.pruned(there)
        return outcome

    def swept(self, outcome: Outcome, rng: np.random.Generator) -> Outcome:
        """One price after the other, in random order, until none helps."""
        offers = np.concatenate([self.market.singles, self.candidates])
        for _ in range(_SWEEPS):
            before = outcome.better
            scene = Scene(self.market, outcome.posted)
            for offer in rng.permutation(offers).tolist():
                if self.expired():
                    return outcome
                best = self._best(scene, offer)
                there = outcome if best is None else self._moved(outcome, offer, best)
                if there is not outcome:
                    outcome, scene = there, Scene(self.market, there.posted)
            outcome = self.market.pruned(outcome)
            if outcome.better == before:
                break
        return outcome

    def asked(self, offer: int, price: float) -> int:
        """The highest price that the offer may ask at or below an amount, if there is one."""
        rungs = self.market.prices_for(offer)
        if rungs is None:
            return int(price)
        place = int(np.searchsorted(rungs, price, side="right")) - 1
        return int(rungs[max(place, 0)]) if len(rungs) else NOT_OFFERED

    def single_price(self, product: int, price: float) -> int:
        """The highest price that a product may ask at or below an amount, else its lowest."""
        problem = self.market.problem
        low, high = int(problem.least[product]), int(problem.most[product])
        rungs = self.market.prices_for(1 << product)
        if rungs is None:
            return int(np.clip(int(price), low, high))
        inside = rungs[(rungs >= low) & (rungs <= high)]
        place = int(np.searchsorted(inside, price, side="right")) - 1
        return int(inside[max(place, 0)])

    def dearest(self) -> IntArray:
        """(n,) the highest single prices allowed."""
        most = self.market.problem.most
        return np.array(
            [self.single_price(i, float(top)) for i, top in enumerate(most)], dtype=np.int64
        )

    def _best(self, scene: Scene, offer: int) -> BestPrice | None:
        new = offer & (offer - 1) and scene.posted[offer] >= NOT_OFFERED
        if new and self._count(scene.posted) >= self.most_bundles:
            return None
        return best_price(self.market, scene, offer)

    def _moved(self, outcome: Outcome, offer: int, best: BestPrice) -> Outcome:
        """The outcome at that price where it is better, else the same."""
        if best.price == outcome.posted[offer] or best.better <= outcome.better:
            return outcome
        posted = outcome.posted.copy()
        posted[offer] = best.price
        there = self.market.outcome(posted)
        return there if there.better > outcome.better else outcome

    def _count(self, posted: IntArray) -> int:
        return int((posted < NOT_OFFERED).sum()) - len(self.market.singles)

    def _joint(self, outcome: Outcome) -> Outcome:
        for reach in self._reaches:
            if self.expired():
                break
            there = repriced(self.market, outcome, reach)
            if there is not None and there.better > outcome.better:
                outcome = there
        return outcome

    def _exchanged(self, outcome: Outcome, rng: np.random.Generator) -> Outcome:
        """One bundle for another, where no more may be offered."""
        if self._count(outcome.posted) < self.most_bundles:
            return outcome
        for bundle in rng.permutation(outcome.bundles).tolist():
            posted = outcome.posted.copy()
            posted[bundle] = NOT_OFFERED
            without = self.market.outcome(posted)
            scene = Scene(self.market, posted)
            for offer in rng.permutation(self.candidates).tolist():
                if self.expired():
                    return outcome
                if offer == bundle or posted[offer] < NOT_OFFERED:
                    continue
                best = self._best(scene, offer)
                if best is not None and best.better > outcome.better:
                    there = self._moved(without, offer, best)
                    if there.better > outcome.better:
                        return there
        return outcome
