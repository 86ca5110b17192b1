"""The plan itself: one column an item within all joint limits, near the bound.

At the dual's charges most items are settled. Those whose second-best path lies closest to their
best make the core, which CP-SAT of OR-Tools decides exactly. Its data are integers, rounded so that
nothing which keeps the limits is cut off; a choice that breaks one by a hair is left out and the
next one looked for. What it calls infeasible is tried again with more of the items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.solving.certificate import (
    Certificate,
    Status,
    infeasible,
    proven,
    unknown,
    unproven,
)
from pricing.solving.column_dual import best_columns, charged
from pricing.solving.columns import Charges, Columns
from pricing.solving.cp_sat import (
    CpModel,
    CpSolverSolutionCallback,
    IntVar,
    LinearExpr,
    new_solver,
    solve,
)
from pricing.solving.risk import Risk
from pricing.solving.scaling import in_steps, limit_steps, worth_steps

_STEPS: Final = 10**9
"""Integer steps in the largest worth that a plan has in some scenario."""
_SHARES: Final = 10_000
"""Integer steps of the weights of mean and CVaR."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A choice of one column an item.

    Attributes:
        chosen: (n,) columns; None where none was found.
        certificate: of the choice among the columns; it says nothing of what is no column.
        complete: the solver ended by itself.
        seconds: its wall time.
    """

    chosen: IntArray | None
    certificate: Certificate
    complete: bool
    seconds: float

    @property
    def worth(self) -> float:
        """Of the choice; minus infinity where there is none."""
        return self.certificate.value

    @property
    def proven_empty(self) -> bool:
        """Whether it is certain that nothing among the columns holds the limits."""
        return self.certificate.status is Status.INFEASIBLE


def holds(columns: Columns, chosen: IntArray, room: FloatArray) -> bool:
    """True where a choice keeps all limits, up to rounding."""
    used = np.asarray(columns.usage[chosen].sum(axis=0)).ravel()
    return bool((used <= room + slack_of(room)).all())


def slack_of(room: FloatArray) -> FloatArray:
    """(m,) what passes for rounding of each limit."""
    slack: FloatArray = 1e-9 * np.maximum(np.abs(room), 1.0)
    return slack


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
    worth = -np.inf
    while True:
        items = np.zeros(n, dtype=np.bool_)
        items[doubtful_first[:size]] = True
        left = time_limit - seconds
        found = _solve(columns, room, risk, settled, items, good, left, workers, watch)
        seconds += found.seconds
        if found.chosen is not None and found.worth > worth:
            best, worth = found.chosen, found.worth
        if worth >= good or size >= n or not found.complete or seconds >= time_limit:
            whole = found.complete and size >= n
            return Selection(best, _certified(worth, found, whole=whole), whole, seconds)
        size *= 4


def _certified(worth: float, last: Selection, *, whole: bool) -> Certificate:
    """Of the best choice of all cores, when the last core was, or was not, all there is."""
    if not whole:
        return unproven(worth) if worth > -np.inf else unknown()
    if last.proven_empty and worth == -np.inf:
        return last.certificate
    return last.certificate.beside(worth)


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
    model = CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(open_))]
    item = columns.item[open_]
    ends = np.flatnonzero(np.diff(item, prepend=-1, append=item[-1:] + 1 if len(item) else 1))
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        model.add_exactly_one(chosen[first:last])
    _add_limits(model, chosen, columns.usage[open_], room - spent, slack_of(room), int(core.sum()))
    hints = np.isin(open_, settled)
    for variable, hint in zip(chosen, hints.tolist(), strict=True):
        model.add_hint(variable, hint)
    rounding = _maximise(model, chosen, columns.value[:, open_], base, risk, int(core.sum()))
    stop = _Stop(good, columns, room, open_, fixed, risk, chosen, watch)
    seconds = 0.0
    while True:
        found = solve(new_solver(seconds=time_limit - seconds, workers=workers), model, stop)
        seconds += found.seconds
        if not found.answered:
            nothing = infeasible() if found.complete else unknown()
            return Selection(None, nothing, found.complete, seconds)
        mine = np.array([found.solver.boolean_value(v) for v in chosen], dtype=np.bool_)
        answer = np.sort(np.concatenate([fixed, open_[mine]]))
        if holds(columns, answer, room):
            break
        if seconds >= time_limit:
            return Selection(None, unknown(), complete=False, seconds=seconds)
        model.add_bool_or([~chosen[k] for k in np.flatnonzero(mine).tolist()])
    worth = risk.worth(columns.value[:, answer].sum(axis=1))
    certificate = unproven(worth)
    if found.complete and np.isfinite(rounding):
        certificate = proven(worth, worth + rounding)
    return Selection(answer, certificate, found.complete, seconds)


def _add_limits(
    model: CpModel,
    chosen: list[IntVar],
    usage: sparse.csr_array,
    room: FloatArray,
    slack: FloatArray,
    items: int,
) -> None:
    by_row = sparse.csc_array(usage)
    for row in range(usage.shape[1]):
        part = slice(by_row.indptr[row], by_row.indptr[row + 1])
        used, which = by_row.data[part], by_row.indices[part]
        needed, most = limit_steps(used, float(room[row]), float(slack[row]), items)
        model.add(LinearExpr.weighted_sum([chosen[k] for k in which], needed.tolist()) <= most)


def _maximise(
    model: CpModel,
    chosen: list[IntVar],
    value: FloatArray,
    base: FloatArray,
    risk: Risk,
    items: int,
) -> float:
    """Set the objective, in integer steps.

    Returns:
        No choice is worth more than this above the one that is best in steps; infinite with risk,
        whose weights are rounded, too.
    """
    if len(value) == 1:
        scaled = worth_steps(value[0], items)
        model.maximize(LinearExpr.weighted_sum(chosen, scaled.steps.tolist()))
        # Of the best choice and of any other one.
        return 2.0 * scaled.off
    count = len(value)
    largest = float(np.abs(value).max(initial=0.0)) * max(len(chosen), 1) + np.abs(base).max()
    step = max(largest, 1e-12) / _STEPS
    top = 2 * _STEPS
    totals = []
    for s in range(count):
        steps = in_steps(value[s], step)
        totals.append(LinearExpr.weighted_sum(chosen, steps.tolist()) + round(base[s] / step))
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
    return np.inf


class _Stop(CpSolverSolutionCallback):
    """Stops the search at the first choice that is good enough."""

    def __init__(
        self,
        good: float,
        columns: Columns,
        room: FloatArray,
        open_: IntArray,
        fixed: IntArray,
        risk: Risk,
        chosen: list[IntVar],
        watch: Callable[[float, IntArray], None] | None,
    ) -> None:
        super().__init__()
        self._good, self._risk, self._chosen = good, risk, chosen
        self._columns, self._room = columns, room
        self._open, self._fixed, self._watch = open_, fixed, watch
        self._value = columns.value[:, open_]
        self._base = columns.value[:, fixed].sum(axis=1)

    def on_solution_callback(self) -> None:
        """Judge a choice by its true worth, not by the solver's integers."""
        taken = np.array([self.boolean_value(v) for v in self._chosen], dtype=np.bool_)
        worth = self._risk.worth(self._base + self._value[:, taken].sum(axis=1))
        if self._watch is None and worth < self._good:
            return
        answer = np.sort(np.concatenate([self._fixed, self._open[taken]]))
        if not holds(self._columns, answer, self._room):
            return
        if self._watch is not None:
            self._watch(worth, answer)
        if worth >= self._good:
            self.stop_search()
