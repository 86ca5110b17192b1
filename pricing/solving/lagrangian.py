"""Lagrangian dual of the multiple-choice problem: a price for each joint limit, and a bound.

Charging every candidate for what it uses of the joint limits makes the rows independent again. The
charges at which the sum of the rows' own best values is least give the tightest such upper bound,
equal to the LP bound (Geoffrion 1974, "Lagrangean relaxation for integer programming"). They are
found by Kelley's cutting planes (1960): each trial adds one line to a small master problem, solved
by GLOP of OR-Tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.portions import in_portions
from pricing.solving.joint_limits import JointLimit
from pricing.solving.linear import CutMaster

_ROUNDS: Final = 200
_CLOSE: Final = 1e-9
"""The master and the bound agree to this share of the bound: further cuts change nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """What the dual says of a multiple-choice problem with l joint limits.

    Attributes:
        charges: (l,) value lost a unit of each limit, not negative.
        bound: no choice within the limits is worth more than this.
        settled: (n,) the best candidate of each row at these charges.
        loss: (n,) how far its second-best lies below it, charged; infinite where there is none.
    """

    charges: FloatArray
    bound: float
    settled: IntArray
    loss: FloatArray


def lagrangian_dual(value: FloatArray, limits: Sequence[JointLimit]) -> Dual:
    """Minimise the Lagrangian bound over the charges.

    Args:
        value: (n, k) worth of each candidate, -inf where there is none.
        limits: l limits over the same candidates.
    """
    room = np.array([limit.at_most for limit in limits], dtype=np.float64)
    # One unit of a limit is never worth more than the most that a row can gain by giving it up.
    spread = max(in_portions(lambda rows: _spread(value[rows]), len(value)))
    most = spread * 1.01 + 1e-9
    tops = np.array([most / _small_use(limit) for limit in limits], dtype=np.float64)
    master = CutMaster(np.zeros(len(tops)), tops)

    best_bound, best_charges = np.inf, np.zeros(len(limits))
    trial = np.zeros(len(limits))
    for _ in range(_ROUNDS):
        worth, used = _answer(value, limits, trial)
        bound = worth + float(trial @ (room - used))
        if bound < best_bound:
            best_bound, best_charges = bound, trial
        master.cut(worth, room - used)
        if (lowest := master.lowest()) is None:
            break
        height, trial = lowest
        if best_bound - height <= _CLOSE * max(abs(best_bound), 1.0):
            break
    settled, loss = _settle(value, limits, best_charges)
    return Dual(best_charges, best_bound, settled, loss)


def _answer(
    value: FloatArray, limits: Sequence[JointLimit], charges: FloatArray
) -> tuple[float, FloatArray]:
    """What the rows' best candidates at these charges are worth, and use of each limit (l,)."""

    def best(rows: slice) -> tuple[float, IntArray]:
        mine = value[rows]
        column = np.argmax(_charged(mine, rows, limits, charges), axis=1)
        return float(np.take_along_axis(mine, column[:, None], axis=1).sum()), column

    worth, columns = zip(*in_portions(best, len(value)), strict=True)
    column = np.concatenate(columns)
    return sum(worth), np.array([limit.used(column) for limit in limits], dtype=np.float64)


def _settle(
    value: FloatArray, limits: Sequence[JointLimit], charges: FloatArray
) -> tuple[IntArray, FloatArray]:
    """(n,) best candidates at these charges, and (n,) how far the second-best lies below."""

    def clear(rows: slice) -> tuple[IntArray, FloatArray]:
        charged = _charged(value[rows], rows, limits, charges)
        every = np.arange(len(charged))
        column = np.argmax(charged, axis=1)
        best = charged[every, column]
        charged[every, column] = -np.inf
        return column, best - charged.max(axis=1)

    columns, losses = zip(*in_portions(clear, len(value)), strict=True)
    return np.concatenate(columns), np.concatenate(losses)


def _charged(
    value: FloatArray, rows: slice, limits: Sequence[JointLimit], charges: FloatArray
) -> FloatArray:
    """Value (m, k) of the candidates of some rows less their charges; -inf where there is none."""
    charged = value.copy()
    for limit, price in zip(limits, charges.tolist(), strict=True):
        limit.charge(charged, rows, price)
    return charged


def _spread(value: FloatArray) -> float:
    """The greatest difference between two candidates of one row."""
    least = np.where(np.isfinite(value), value, np.inf).min(axis=1)
    return float((value.max(axis=1) - least).max(initial=0.0))


def _small_use(limit: JointLimit) -> float:
    """A step of usage so small that few rows give up less of the limit by changing candidate."""
    if limit.whole:
        return 1.0
    spread = limit.usage.max(axis=1, initial=0.0) - limit.usage.min(axis=1, initial=0.0)
    spread = spread[spread > 0]
    return float(np.quantile(spread, 0.05)) / 100.0 if len(spread) else 1.0
