"""The columns of the master problem: price paths worth considering, with value and usage."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.arrays import FloatArray, IntArray
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import LimitRows
from pricing.markdown.scenarios import Scenarios
from pricing.markdown.trajectories import follow
from pricing.solving.columns import Columns

_AT_ONCE = 50_000


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
