"""The columns of a master problem: courses worth considering, with value and usage, and charges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Charges:
    """A point of the dual.

    Attributes:
        limits: (m,) charge on a unit of each limit, not negative.
        weights: (s,) weight of the value in each scenario; they add up to 1, or to 0 where only
            feasibility counts.
    """

    limits: FloatArray
    weights: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """c columns of n items and m rows, sorted by item; every item has at least one.

    Attributes:
        item: (c,) whose path it is.
        path: (c,) number of the path in the item's tree.
        rungs: (c, t) the path.
        value: (s, c) value in each scenario; one row, the mean, where risk has no weight.
        usage: (c, m) sparse, what the path uses of each limit, expected over the scenarios.
    """

    item: IntArray
    path: IntArray
    rungs: IntArray
    value: FloatArray
    usage: sparse.csr_array

    def __len__(self) -> int:
        return len(self.item)

    @property
    def starts(self) -> IntArray:
        """(n,) first column of each item."""
        first: IntArray = np.flatnonzero(np.diff(self.item, prepend=-1))
        return first

    def only(self, keep: BoolArray) -> Columns:
        """These columns alone."""
        return Columns(
            self.item[keep], self.path[keep], self.rungs[keep], self.value[:, keep],
            sparse.csr_array(self.usage[np.flatnonzero(keep)]),
        )  # fmt: skip

    def joined_by(self, others: Columns) -> Columns:
        """Both, sorted by item, each path once."""
        item = np.concatenate([self.item, others.item])
        path = np.concatenate([self.path, others.path])
        order = np.lexsort((path, item))
        fresh = np.ones(len(order), dtype=np.bool_)
        fresh[1:] = (np.diff(item[order]) != 0) | (np.diff(path[order]) != 0)
        keep = order[fresh]
        return Columns(
            item=item[keep],
            path=path[keep],
            rungs=np.concatenate([self.rungs, others.rungs])[keep],
            value=np.concatenate([self.value, others.value], axis=1)[:, keep],
            usage=sparse.csr_array(sparse.vstack([self.usage, others.usage], format="csr")[keep]),
        )
