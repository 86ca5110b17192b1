"""The best price of one offer beside all others, found exactly.

Each segment uses an offer up to a threshold: its best surplus with the offer at price 0, less its
best surplus without. Between two thresholds nobody changes his mind and profit does not fall with
the price, so only the highest allowed price at or below each threshold needs to be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.bundles.market import NOT_OFFERED, Effective, Market
from pricing.bundles.problem import SHARES


@dataclass(frozen=True, slots=True)
class BestPrice:
    """A price, and what it would bring.

    Attributes:
        price: minor units; NOT_OFFERED where it is best not to offer the set.
        excess, profit: as in `pricing.bundles.market.Outcome`.
    """

    price: int
    excess: int
    profit: int

    @property
    def better(self) -> tuple[int, int]:
        """Larger is better."""
        return -self.excess, self.profit


class Scene:
    """Prices posted, and what each segment does at them.

    Attributes:
        posted: (2**n,) prices.
        around: what sets cost.
        gain: (2**n,) profit on a customer who buys each set.
        choice: (k,) what each segment buys.
        surplus: (k,) what it is left with.
    """

    def __init__(
        self, market: Market, posted: IntArray, parts_cost: IntArray | None = None
    ) -> None:
        self.posted = posted
        self.around: Effective = market.effective(posted, parts_cost)
        self.gain = market.gains(self.around)
        surplus = market.value - self.around.price
        # A nudge below one minor unit settles what indifferent customers do.
        self.choice: IntArray = (surplus + _nudge(self.gain)).argmax(axis=1)
        self.surplus: IntArray = surplus[np.arange(len(surplus)), self.choice]


def best_price(market: Market, scene: Scene, offer: int) -> BestPrice | None:
    """The best price of one set beside the others posted; None where it may have none.

    A single product always has a price; a bundle may also be left out.
    """
    posted = scene.posted
    bundle = bool(offer & (offer - 1))
    low, high = market.span(posted, offer)
    around = scene
    if posted[offer] < NOT_OFFERED:
        without = posted.copy()
        without[offer] = NOT_OFFERED
        around = Scene(market, without, market.sets.totals(posted[market.singles]))
    if bundle:
        # At what its buyers pay anyway, a bundle changes nothing but who funds it.
        high = min(high, int(around.around.price[offer]) - (not market.funded))
        if low > high and around is scene:
            return None
    view = _View(market, posted, around, offer)
    at = view.threshold
    if market.limited:
        # Beside a threshold the indifferent have made up their minds, which may hold a limit.
        at = np.concatenate([at, at - 1, _next_up(market, offer, at)])
    prices = _allowed(market, offer, low, high, at)
    if bundle:
        prices = np.append(prices, NOT_OFFERED)
    return view.best_of(prices) if len(prices) else None


def _next_up(market: Market, offer: int, prices: IntArray) -> IntArray:
    rungs = market.prices_for(offer)
    if rungs is None:
        return prices + 1
    return rungs[np.minimum(np.searchsorted(rungs, prices, side="right"), len(rungs) - 1)]


def _allowed(market: Market, offer: int, low: int, high: int, threshold: IntArray) -> IntArray:
    """The highest allowed price at or below each threshold, and the ends of the range; rising."""
    rungs = market.prices_for(offer)
    if low > high:
        return np.empty(0, dtype=np.int64)
    ends = np.array([low, high])
    if rungs is None:
        return np.unique(np.concatenate([np.clip(threshold, low, high), ends]))
    rungs = rungs[np.searchsorted(rungs, low) : np.searchsorted(rungs, high, side="right")]
    if not len(rungs):
        return rungs
    place = np.searchsorted(rungs, np.concatenate([threshold, ends]), side="right") - 1
    return np.unique(rungs[np.maximum(place, 0)])


class _View:
    """How all segments see one offer.

    Attributes:
        threshold: (k,) the highest price at which each segment uses the offer.
    """

    def __init__(self, market: Market, posted: IntArray, scene: Scene, offer: int) -> None:
        self._market = market
        bundle = bool(offer & (offer - 1))
        around = scene.around
        holding = market.holding(offer)
        rest = holding ^ offer
        # Profit on a user of the offer: what the rest brings, and a share of the price itself.
        gain = around.price[rest] * SHARES + around.funding[rest] - market.burden[holding]
        gain = np.where(around.price[rest] < NOT_OFFERED, gain, 0)
        self._share = SHARES
        if bundle and market.funded:
            funding = int(market.funding[offer])
            gain += funding * int(posted[market.singles] @ market.sets.members[offer])
            self._share -= funding
        surplus = market.value[:, holding] - around.price[rest]
        inside = (surplus + _nudge(gain)).argmax(axis=1)
        self._inside = holding[inside]
        self._outside = scene.choice
        self.threshold: IntArray = surplus[np.arange(len(surplus)), inside] - scene.surplus
        self._gain_inside = gain[inside]
        self._gain_outside = scene.gain[scene.choice]
        # What others pay toward a bundle rises with the single prices of its products.
        self._drift = np.zeros(len(market.size), dtype=np.int64)
        if market.funded and not bundle:
            self._drift = _funded_holder(market, around, offer)[self._outside]
            self._gain_outside = self._gain_outside - self._drift * int(posted[offer])

    def best_of(self, prices: IntArray) -> BestPrice:
        """The best of some (p,) prices."""
        market = self._market
        order = np.argsort(-self.threshold, kind="stable")
        at = self.threshold[order]
        size = market.size[order]
        inside, outside = self._gain_inside[order], self._gain_outside[order]
        drift = self._drift[order]
        # At its own threshold a segment does what brings more.
        tied = inside + self._share * at - outside - drift * at
        before = np.searchsorted(-at, -prices, side="left")
        upto = np.searchsorted(-at, -prices, side="right")
        users, of_users = _summed(size), _summed(size * inside)
        of_others, drifting = _summed(size * outside), _summed(size * drift)
        of_tied = _summed(size * np.maximum(tied, 0))
        profit = (
            of_users[before]
            + self._share * prices * users[before]
            + (of_others[-1] - of_others[before])
            + prices * (drifting[-1] - drifting[before])
            + (of_tied[upto] - of_tied[before])
        )
        excess = np.zeros(len(prices), dtype=np.int64)
        if market.limited:
            members = market.sets.members
            with_it = _summed(size[:, None] * members[self._inside[order]])
            else_ = _summed(size[:, None] * members[self._outside[order]])
            swap = (tied > 0)[:, None] * (
                members[self._inside[order]] - members[self._outside[order]]
            )
            swapped = _summed(size[:, None] * swap)
            units = with_it[before] + (else_[-1] - else_[before]) + swapped[upto] - swapped[before]
            excess = market.excess(units)
        best = int(np.lexsort((prices, -profit, excess))[0])
        return BestPrice(int(prices[best]), int(excess[best]), int(profit[best]))


def _summed(values: IntArray) -> IntArray:
    """(k + 1, ...) sums of the first 0, 1, ..., k rows."""
    start = np.zeros((1, *values.shape[1:]), dtype=np.int64)
    return np.concatenate([start, np.cumsum(values, axis=0)])


def _nudge(gain: IntArray) -> FloatArray:
    """Gains scaled to less than one half."""
    return gain / (2.0 * float(np.abs(gain).max(initial=0)) + 2.0)


def _funded_holder(market: Market, around: Effective, single: int) -> IntArray:
    """(2**n,) funding share of the bundle through which each set has a product; 0 without it."""
    share = np.zeros(len(market.sets), dtype=np.int64)
    for whole, _ in market.sets.levels:
        first = around.first[whole]
        here = (first & single) != 0
        share[whole] = np.where(here, market.funding[first], share[whole ^ first])
    return share
