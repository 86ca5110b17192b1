"""Sets of products as bits: bit i of a number says whether product i is in the set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.arrays import BoolArray, IntArray, frozen


@dataclass(frozen=True, slots=True, eq=False)
class Subsets:
    """All 2**n sets of n products.

    Attributes:
        products: n.
        members: (2**n, n) 1 where the product is in the set.
        levels: for each number of products m from 1: the (s,) sets of that many, and for each the
            (s, 2**(m-1)) subsets that hold its first product. Together with the rest of the set
            these are all ways to begin a partition of it.
    """

    products: int
    members: IntArray
    levels: tuple[tuple[IntArray, IntArray], ...]

    def __len__(self) -> int:
        return len(self.members)

    def within(self, whole: int) -> IntArray:
        """All subsets of a set, itself and the empty one included."""
        every = np.arange(len(self))
        inside: BoolArray = (every & ~whole) == 0
        return every[inside]

    def holding(self, part: int) -> IntArray:
        """All sets that hold all of `part`."""
        every = np.arange(len(self))
        holding: IntArray = every[(every & part) == part]
        return holding

    def totals(self, amounts: IntArray) -> IntArray:
        """(2**n,) sum over the products of each set of (n,) amounts."""
        return self.members @ amounts


@lru_cache(maxsize=16)
def subsets(products: int) -> Subsets:
    """The sets of so many products."""
    every = np.arange(1 << products)
    members = (every[:, None] >> np.arange(products)[None, :]) & 1
    size = members.sum(axis=1)
    levels = []
    for m in range(1, products + 1):
        whole = every[size == m]
        parts = np.empty((len(whole), 1 << (m - 1)), dtype=np.int64)
        for row, mask in enumerate(whole.tolist()):
            first = mask & -mask
            rest = [1 << i for i in range(products) if (mask ^ first) >> i & 1]
            sums = np.array([first])
            for bit in rest:
                sums = np.concatenate([sums, sums + bit])
            parts[row] = sums
        levels.append((frozen(whole), frozen(parts)))
    return Subsets(products, frozen(members), tuple(levels))


def names_in(mask: int, names: IntArray | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """The names of the products of a set."""
    return tuple(str(name) for i, name in enumerate(names) if mask >> i & 1)
