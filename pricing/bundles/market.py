"""What customers do at given prices, and what it brings: all in whole numbers.

Profits and receipts are in ten-thousandths of a minor unit, so that funding shares are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.bundles.problem import SHARES, BundleProblem
from pricing.bundles.subsets import Subsets
from pricing.catalogue import UNKNOWN

NOT_OFFERED: Final = 1 << 40
"""Price of a set that is not offered by itself."""
_NEVER: Final = -(1 << 62)


@dataclass(frozen=True, slots=True, eq=False)
class Effective:
    """What each set costs a customer who puts it together in the cheapest way.

    Attributes:
        price: (2**n,) minor units; NOT_OFFERED or more where that cannot be done.
        funding: (2**n,) what others pay toward it; of equally cheap ways the one that brings most.
        first: (2**n,) the part of that way that holds the set's first product.
    """

    price: IntArray
    funding: IntArray
    first: IntArray

    def parts(self, mask: int) -> tuple[int, ...]:
        """The offers that a set is put together from."""
        found = []
        while mask:
            part = int(self.first[mask])
            found.append(part)
            mask ^= part
        return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What prices bring.

    Attributes:
        posted: (2**n,) price of each set offered by itself, else NOT_OFFERED.
        effective: what each set costs.
        choice: (k,) set that each segment buys; 0 for nothing.
        units: (n,) sold of each product.
        profit: ten-thousandths of a minor unit; clearing worth included.
        excess: units by which stock or least sales are missed, over all products.
    """

    posted: IntArray
    effective: Effective
    choice: IntArray
    units: IntArray
    profit: int
    excess: int

    @property
    def better(self) -> tuple[int, int]:
        """Larger is better: limits first, then profit."""
        return -self.excess, self.profit

    @property
    def bundles(self) -> IntArray:
        """The sets of two or more that somebody buys as a bundle, rising."""
        used = {
            part for mask in np.unique(self.choice).tolist() for part in self.effective.parts(mask)
        }
        return np.array(sorted(mask for mask in used if mask & (mask - 1)), dtype=np.int64)


class Market:
    """The customers of a problem, ready to be asked many times."""

    def __init__(self, problem: BundleProblem) -> None:
        self.problem = problem
        self.sets: Subsets = problem.sets
        self.size = problem.size
        self.value = problem.value
        self.singles: IntArray = 1 << np.arange(len(problem.sku))
        # What a set costs the seller, less what it is worth to be rid of it.
        self.burden = self.sets.totals(problem.cost - problem.clearing) * SHARES
        self.funding = np.zeros(len(self.sets), dtype=np.int64)
        self.funding[problem.candidates] = problem.funding
        self.funded = bool(problem.funding.any())
        self.floor = np.zeros(len(self.sets), dtype=np.int64)
        cost = self.sets.totals(problem.cost)
        self.floor[problem.candidates] = np.maximum(problem.floor, cost[problem.candidates])
        self.floor[problem.candidates] = np.maximum(self.floor[problem.candidates], 1)
        self.limited = bool((problem.stock != UNKNOWN).any() or problem.sell.any())
        self._room = np.where(problem.stock == UNKNOWN, np.iinfo(np.int64).max, problem.stock)
        self._rungs: dict[int, IntArray] = {}
        self._holding: dict[int, IntArray] = {}

    def effective(self, posted: IntArray, parts_cost: IntArray | None = None) -> Effective:
        """What sets cost at these posted prices.

        Args:
            posted: (2**n,) prices.
            parts_cost: (2**n,) the single prices of each set's products together, from which a
                funded saving is told; those posted, if not given.
        """
        price = np.zeros(len(self.sets), dtype=np.int64)
        funding = np.zeros(len(self.sets), dtype=np.int64)
        first = np.zeros(len(self.sets), dtype=np.int64)
        paid = np.zeros(len(self.sets), dtype=np.int64)
        if self.funded:
            if parts_cost is None:
                parts_cost = self.sets.totals(posted[self.singles])
            # A bundle that saves nothing is never the cheapest way, so what it says is not used.
            paid = np.where(posted < NOT_OFFERED, self.funding * (parts_cost - posted), 0)
        for whole, parts in self.sets.levels:
            rest = whole[:, None] ^ parts
            ways = posted[parts] + price[rest]
            row = np.arange(len(whole))
            if self.funded:
                cheapest = ways.min(axis=1)
                brings = paid[parts] + funding[rest]
                best = np.where(ways == cheapest[:, None], brings, _NEVER).argmax(axis=1)
                funding[whole] = brings[row, best]
            else:
                best = ways.argmin(axis=1)
            price[whole] = ways[row, best]
            first[whole] = parts[row, best]
        return Effective(price, funding, first)

    def holding(self, offer: int) -> IntArray:
        """All sets that hold all of `offer`."""
        if offer not in self._holding:
            self._holding[offer] = self.sets.holding(offer)
        return self._holding[offer]

    def gains(self, effective: Effective) -> IntArray:
        """(2**n,) profit on one customer who buys each set."""
        known: BoolArray = effective.price < NOT_OFFERED
        gain = effective.price * SHARES + effective.funding - self.burden
        return np.where(known, gain, 0)

    def excess(self, units: IntArray) -> IntArray:
        """(...,) units too many or too few, over the last axis of n products."""
        over = np.maximum(units - self._room, 0) + np.maximum(self.problem.sell - units, 0)
        total: IntArray = over.sum(axis=-1)
        return total

    def outcome(self, posted: IntArray, choice: IntArray | None = None) -> Outcome:
        """What customers do at these posted prices.

        Args:
            posted: (2**n,) prices.
            choice: (k,) what indifferent customers do, where it is not what brings most; must be
                among each segment's best.
        """
        effective = self.effective(posted)
        gain = self.gains(effective)
        surplus = self.value - effective.price
        best = surplus.max(axis=1)
        if choice is None:
            choice = np.where(surplus == best[:, None], gain, _NEVER).argmax(axis=1)
        elif (surplus[np.arange(len(choice)), choice] != best).any():
            raise AssertionError("a segment does not choose its best surplus")
        units = self.size @ self.sets.members[choice]
        return Outcome(
            posted,
            effective,
            choice,
            units,
            int(self.size @ gain[choice]),
            int(self.excess(units)),
        )

    def pruned(self, outcome: Outcome) -> Outcome:
        """The same without the bundles that nobody buys."""
        posted = np.full(len(self.sets), NOT_OFFERED)
        posted[self.singles] = outcome.posted[self.singles]
        posted[outcome.bundles] = outcome.posted[outcome.bundles]
        # Choices stay: what they bought costs the same, and nothing else became cheaper.
        return self.outcome(posted, outcome.choice if self.limited else None)

    def span(self, posted: IntArray, offer: int) -> tuple[int, int]:
        """Lowest and highest price that an offer may have beside the others posted."""
        problem = self.problem
        parts = self.sets.totals(posted[self.singles])
        keep_least, keep_most = SHARES - problem.least_saving, SHARES - problem.most_saving
        if offer & (offer - 1):
            low = -(-int(parts[offer]) * keep_most // SHARES)
            return max(int(self.floor[offer]), low), int(parts[offer]) * keep_least // SHARES
        i = offer.bit_length() - 1
        low, high = int(problem.least[i]), int(problem.most[i])
        if problem.least_saving == 0 and keep_most == 0:
            return low, high
        with_it = self.holding(offer)
        offered = with_it[(posted[with_it] < NOT_OFFERED) & (with_it != offer)]
        for bundle in offered.tolist():
            others, price = int(parts[bundle] - posted[offer]), int(posted[bundle])
            if problem.least_saving:
                low = max(low, -(-price * SHARES // keep_least) - others)
            if keep_most:
                high = min(high, price * SHARES // keep_most - others)
        return low, high

    def prices_for(self, offer: int) -> IntArray | None:
        """Prices that an offer may ask, rising; None for every whole amount."""
        endings = self.problem.endings
        if endings is None:
            return None
        if offer not in self._rungs:
            if offer & (offer - 1):
                rungs = endings.ladder(int(self.sets.totals(self.problem.most)[offer]))
            else:
                i = offer.bit_length() - 1
                rungs = endings.ladder(int(self.problem.most[i]))
                rungs = np.union1d(rungs, self.problem.current[i : i + 1])
            self._rungs[offer] = rungs
        return self._rungs[offer]
