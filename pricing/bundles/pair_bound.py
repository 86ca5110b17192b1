"""A sharper bound: two segments at a time, who see the same prices.

What both bring together is at most what the best prices for the two alone bring: each pays no more
than its set is worth to it, and neither would rather have the other's set at the other's price.
Where every segment is in two pairs, half the sum over all pairs bounds the whole; the pairs that
make it least are an assignment. A segment paired with itself pays what its best set is worth.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from models.arrays import BoolArray, FloatArray, IntArray

_NEVER: Final = -1e300
_FEW: Final = 12
"""Best sets of each segment that are looked at first; what they bring rules most others out."""
_BLOCK: Final = 300
_PAIRS: Final = 60_000
"""Segments are paired within blocks of so many, of fewer where that makes more pairs."""


def pair_bound(size: IntArray, value: IntArray, most: IntArray, burden: FloatArray) -> float:
    """No prices bring more from these segments.

    Args:
        size: (k,) customers.
        value: (k, s) worth of each set; the first set is the empty one.
        most: (k, s) the most that each can be asked for a set; negative where it cannot have it.
        burden: (s,) what a set costs the seller.
    """
    total = 0.0
    block = int(np.clip(2 * _PAIRS // len(size), 20, _BLOCK))
    for start in range(0, len(size), block):
        rows = slice(start, start + block)
        pairs = _pairs(size[rows], value[rows], most[rows], burden)
        total += float(pairs[linear_sum_assignment(pairs)].sum()) / 2.0
    return total


def _pairs(size: IntArray, value: IntArray, most: IntArray, burden: FloatArray) -> FloatArray:
    """(k, k) what each two segments bring together at most; twice its own on the diagonal."""
    alone = np.where(most >= 0, size[:, None] * (most - burden), _NEVER)
    best = alone.max(axis=1)
    order = np.argsort(-alone, axis=1, kind="stable")
    few = order[:, :_FEW]
    found = np.diag(2.0 * best)
    for k in range(len(size)):
        for other in range(k + 1, len(size)):
            pair = _Pair(size, value, most, burden, k, other)
            reached = pair.best(few[k], few[other])
            # A set counts only where the best of the other beside it would bring more.
            mine = order[k, : int((alone[k] > reached - best[other]).sum())]
            others = order[other, : int((alone[other] > reached - best[k]).sum())]
            if len(mine) and len(others):
                reached = max(reached, pair.best(mine, others))
            found[k, other] = found[other, k] = reached
    return found


class _Pair:
    """Two segments and what they bring."""

    def __init__(
        self,
        size: IntArray,
        value: IntArray,
        most: IntArray,
        burden: FloatArray,
        k: int,
        other: int,
    ) -> None:
        self._size = float(size[k]), float(size[other])
        self._value = value[k], value[other]
        self._most = most[k], most[other]
        self._burden = burden

    def best(self, mine: IntArray, others: IntArray) -> float:
        """The most over sets of the one and sets of the other."""
        (value, value_other), (most, most_other) = self._value, self._most
        top, top_other = most[mine][:, None], most_other[others][None, :]
        # How much more each would pay for its own set than for the other's.
        rather = value[mine][:, None] - value[others][None, :]
        rather_other = value_other[others][None, :] - value_other[mine][:, None]
        pays = np.minimum(top, top_other + rather)
        pays_other = np.minimum(top_other, top + rather_other)
        # Prices at which neither envies the other exist, and nothing costs nothing.
        able: BoolArray = (rather + rather_other >= 0) & (top >= 0) & (top_other >= 0)
        able &= (mine > 0)[:, None] | (pays == 0)
        able &= (others > 0)[None, :] | (pays_other == 0)
        profit = self._size[0] * (pays - self._burden[mine][:, None])
        profit = profit + self._size[1] * (pays_other - self._burden[others][None, :])
        return float(np.where(able, profit, _NEVER).max(initial=_NEVER))
