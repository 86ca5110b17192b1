"""The plan itself: one column an item within all joint limits, near the bound.

At the dual's charges most items are settled. Those whose second-best path lies closest to their
best make the core, which CP-SAT of OR-Tools decides exactly. Its data are integers, scaled and
rounded so that what it calls feasible is feasible; what it calls infeasible is tried again with
more of the items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from ortools.sat.python import cp_model
from scipy import sparse

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.cp_sat import new_solver, solve
from pricing.markdown.columns import Columns
from pricing.markdown.dual import best_columns, charged
from pricing.markdown.oracle import Charges
from pricing.markdown.scenarios import Risk

_STEPS: Final = 10**9
"""Integer steps in the largest coefficient of a row: fine, and safe to add up in 63 bits."""
_SHARES: Final = 10_000
"""Integer steps of the weights of mean and CVaR."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A choice of one column an item.

    Attributes:
        chosen: (n,) columns; None where none was found.
        worth: of the choice.
        proven: nothing among the columns is better by more than the tolerance, or nothing holds
            the limits.
        seconds: wall time of the solver.
    """

    chosen: IntArray | None
    worth: float
    proven: bool
    seconds: float


def holds(columns: Columns, chosen: IntArray, room: FloatArray) -> bool:
    """True where a choice keeps all limits, up to rounding."""
    used = np.asarray(columns.usage[chosen].sum(axis=0)).ravel()
    return bool((used <= room + 1e-9 * np.maximum(np.abs(room), 1.0)).all())


def select(
    columns: Columns,
    room: FloatArray,
    risk: Risk,
    point: Charges,
    bound: float,
    *,
    tolerance: float,
    time_limit: float,
    core: int,
    workers: int,
    watch: Callable[[float, IntArray], None] | None = None,
) -> Selection:
    """Choose a column an item, as near to the bound as `tolerance` (a share of it) asks.

    Args:
        columns: paths to choose from.
        room: (m,) what may be used of each limit.
        risk: how scenarios are weighed.
        point: the dual's charges.
        bound: proven upper bound on the worth.
        tolerance: a choice this close to the bound is good enough.
        time_limit: seconds of the solver, over all sizes of the core.
        core: items that the solver gets at first.
        workers: solver threads; with 1, equal input gives an equal answer.
        watch: told of each better choice, with its worth.
    """
    value = charged(columns, point)
    settled = best_columns(columns, value)
    starts = np.append(columns.starts, len(columns))
    rest = value.copy()
    rest[settled] = -np.inf
    second = np.maximum.reduceat(rest, starts[:-1])
    doubtful_first = np.argsort(value[settled] - second, kind="stable")
    n, size, seconds = len(settled), core, 0.0
    good = bound - tolerance * max(abs(bound), 1e-9)
    best: IntArray | None = None
    worth, proven = -np.inf, False
    while True:
        items = np.zeros(n, dtype=np.bool_)
        items[doubtful_first[:size]] = True
        left = time_limit - seconds
        found = _solve(columns, room, risk, settled, items, good, left, workers, watch)
        seconds += found.seconds
        if found.chosen is not None and found.worth > worth:
            best, worth = found.chosen, found.worth
        proven = found.proven and size >= n
        if worth >= good or size >= n or not found.proven or seconds >= time_limit:
            return Selection(best, worth, proven, seconds)
        size *= 4


def _solve(
    columns: Columns,
    room: FloatArray,
    risk: Risk,
    settled: IntArray,
    core: BoolArray,
    good: float,
    time_limit: float,
    workers: int,
    watch: Callable[[float, IntArray], None] | None,
) -> Selection:
    fixed = settled[~core]
    spent = np.asarray(columns.usage[fixed].sum(axis=0)).ravel()
    base = columns.value[:, fixed].sum(axis=1)
    open_ = np.flatnonzero(core[columns.item] & np.isfinite(columns.value).all(axis=0))
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(open_))]
    item = columns.item[open_]
    ends = np.flatnonzero(np.diff(item, prepend=-1, append=item[-1:] + 1 if len(item) else 1))
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        model.add_exactly_one(chosen[first:last])
    _add_limits(model, chosen, columns.usage[open_], room - spent)
    hints = np.isin(open_, settled)
    for variable, hint in zip(chosen, hints.tolist(), strict=True):
        model.add_hint(variable, hint)
    _maximise(model, chosen, columns.value[:, open_], base, risk)
    stop = _Stop(good, columns, open_, fixed, risk, chosen, watch)
    found = solve(new_solver(seconds=time_limit, workers=workers), model, stop)
    if not found.answered:
        return Selection(None, -np.inf, found.complete, found.seconds)
    taken = open_[np.array([found.solver.boolean_value(v) for v in chosen], dtype=np.bool_)]
    answer = np.sort(np.concatenate([fixed, taken]))
    worth = risk.worth(columns.value[:, answer].sum(axis=1))
    complete = found.complete or worth >= good
    return Selection(answer, worth, complete, found.seconds)


def _add_limits(
    model: cp_model.CpModel,
    chosen: list[cp_model.IntVar],
    usage: sparse.csr_array,
    room: FloatArray,
) -> None:
    by_row = sparse.csc_array(usage)
    for row in range(usage.shape[1]):
        part = slice(by_row.indptr[row], by_row.indptr[row + 1])
        used, which = by_row.data[part], by_row.indices[part]
        whole = bool((used == np.rint(used)).all()) and room[row] == np.rint(room[row])
        step = 1.0 if whole else max(np.abs(used).max(initial=0.0), 1e-12) / _STEPS
        # Used is rounded up and room down: a choice within the integers is within the limit.
        needed = np.ceil(used / step - 1e-9).astype(np.int64)
        free = float(np.floor(room[row] / step + 1e-6))
        most = int(max(min(free, 4e18), -4e18))
        model.add(
            cp_model.LinearExpr.weighted_sum([chosen[k] for k in which], needed.tolist()) <= most
        )


def _maximise(
    model: cp_model.CpModel,
    chosen: list[cp_model.IntVar],
    value: FloatArray,
    base: FloatArray,
    risk: Risk,
) -> None:
    """Set the objective, in integer steps."""
    if len(value) == 1:
        step = max(float(np.abs(value).max(initial=0.0)), 1e-12) / _STEPS
        steps = np.rint(value[0] / step).astype(np.int64)
        model.maximize(cp_model.LinearExpr.weighted_sum(chosen, steps.tolist()))
        return
    count = len(value)
    largest = float(np.abs(value).max(initial=0.0)) * max(len(chosen), 1) + np.abs(base).max()
    step = max(largest, 1e-12) / _STEPS
    top = 2 * _STEPS
    totals = []
    for s in range(count):
        steps = np.rint(value[s] / step).astype(np.int64)
        totals.append(
            cp_model.LinearExpr.weighted_sum(chosen, steps.tolist()) + round(base[s] / step)
        )
    # CVaR = max over a threshold of the threshold less the weighted mean shortfall below it.
    threshold = model.new_int_var(-top, top, "")
    shortfalls = []
    for total in totals:
        shortfall = model.new_int_var(0, 2 * top, "")
        model.add(shortfall >= threshold - total)
        shortfalls.append(shortfall)
    tail = round(_SHARES * risk.weight * risk.most_weight(count))
    even = round(_SHARES * (1.0 - risk.weight) / count)
    model.maximize(
        even * sum(totals) + round(_SHARES * risk.weight) * threshold - tail * sum(shortfalls)
    )


class _Stop(cp_model.CpSolverSolutionCallback):
    """Stops the search at the first choice that is good enough."""

    def __init__(
        self,
        good: float,
        columns: Columns,
        open_: IntArray,
        fixed: IntArray,
        risk: Risk,
        chosen: list[cp_model.IntVar],
        watch: Callable[[float, IntArray], None] | None,
    ) -> None:
        super().__init__()
        self._good, self._risk, self._chosen = good, risk, chosen
        self._open, self._fixed, self._watch = open_, fixed, watch
        self._value = columns.value[:, open_]
        self._base = columns.value[:, fixed].sum(axis=1)

    def on_solution_callback(self) -> None:
        """Judge a choice by its true worth, not by the solver's integers."""
        taken = np.array([self.boolean_value(v) for v in self._chosen], dtype=np.bool_)
        worth = self._risk.worth(self._base + self._value[:, taken].sum(axis=1))
        if self._watch is not None:
            self._watch(worth, np.sort(np.concatenate([self._fixed, self._open[taken]])))
        if worth >= self._good:
            self.stop_search()
