"""The columns of the master problem: price paths worth considering, with value and usage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import LimitRows
from pricing.markdown.scenarios import Scenarios
from pricing.markdown.trajectories import follow

_AT_ONCE = 50_000


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
        return np.flatnonzero(np.diff(self.item, prepend=-1))

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


def columns_of(
    items: ClearanceItems,
    rows: LimitRows,
    scenarios: Scenarios,
    item: IntArray,
    path: IntArray,
    rungs: IntArray,
    *,
    by_scenario: bool,
) -> Columns:
    """Value some paths.

    Args:
        items: n items.
        rows: the joint limits.
        scenarios: futures of the items.
        item: (c,) sorted.
        path: (c,) numbers of the paths.
        rungs: (c, t) the paths.
        by_scenario: keep the value in each scenario, instead of the mean.
    """
    values, usages = [], []
    for first in range(0, len(item), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        value, usage = _valued(items, rows, scenarios, item[part], rungs[part])
        values.append(value if by_scenario else value.mean(axis=0, keepdims=True))
        usages.append(usage)
    return Columns(
        item,
        path,
        rungs.astype(np.int16),
        np.concatenate(values, axis=1),
        sparse.csr_array(sparse.vstack(usages, format="csr")),
    )


def _valued(
    items: ClearanceItems, rows: LimitRows, scenarios: Scenarios, item: IntArray, rungs: IntArray
) -> tuple[FloatArray, sparse.csr_array]:
    these, futures = items.take(item), scenarios.take(item)
    count, weeks = rungs.shape
    value = np.empty((len(futures), count))
    by_unit = np.zeros((count, len(rows.per_unit)))
    for s in range(len(futures)):
        course = follow(these, rungs.astype(np.int64), *futures.of(these, s))
        value[s] = course.value
        for u, per_unit in enumerate(rows.per_unit):
            each = np.take_along_axis(per_unit[item], course.rungs, axis=1)
            by_unit[:, u] += (each * course.units).sum(axis=1) / len(futures)
    # Which prices change, stand and deviate is the same in every future.
    away = np.zeros((count, weeks), dtype=np.bool_)
    if rows.earlier is not None:
        away = (course.rungs != rows.earlier[item]) & these.open_weeks
    changed = np.where(course.changed, rows.label_row[item], -1)
    down = np.where(course.down, rows.down_row, -1)
    labels = np.repeat(these.labels[:, None], weeks, axis=1)
    column = np.repeat(np.arange(count)[:, None], weeks, axis=1)
    at, where = changed >= 0, down >= 0
    unit_rows = np.arange(len(rows.per_unit))
    usage = sparse.csr_array(
        (
            np.concatenate(
                [by_unit.ravel(), labels[at], np.ones(int(where.sum())), np.ones(int(away.sum()))]
            ),
            (
                np.concatenate(
                    [
                        np.repeat(np.arange(count), len(unit_rows)),
                        column[at],
                        column[where],
                        column[away],
                    ]
                ),
                np.concatenate(
                    [
                        np.tile(unit_rows, count),
                        changed[at],
                        down[where],
                        np.full(int(away.sum()), len(rows) - 1),
                    ]
                ),
            ),
        ),
        shape=(count, len(rows)),
    )
    return value, usage
