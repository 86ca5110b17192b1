"""Good answers for tied prices: from the charges of the bound, repaired and improved.

At the right charges the groups' own best candidates nearly keep the joint limits. Charges of limits
that are broken rise until they hold; then single rows move where that gains and still fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import FloatArray, IntArray
from pricing.solving.coupled_bound import Bound
from pricing.solving.coupled_problem import CoupledProblem

_PASSES: Final = 6
_RAISES: Final = 60
_FIRST_RAISE: Final = 2e-4
_SWEEPS: Final = 25
_GAIN: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An answer of the search.

    Attributes:
        column: (n,) chosen columns; relations hold.
        within: True where the joint limits hold, too.
    """

    column: IntArray
    within: bool


def climb(problem: CoupledProblem, bound: Bound, anchor: IntArray) -> Found:
    """An answer near the bound.

    Args:
        problem: what is to be chosen.
        bound: its charges steer the search.
        anchor: (n,) columns to begin from.
    """
    column = _settle(problem, anchor, bound.charges)
    column = _repair(problem, column, bound.charges)
    if not problem.within(column):
        return Found(column, within=False)
    return Found(_improve(problem, column, bound.charges), within=True)


def _settle(problem: CoupledProblem, column: IntArray, charges: FloatArray) -> IntArray:
    """Let every group answer the others until none moves."""
    for _ in range(_PASSES):
        answer, _ = problem.groups.best(problem.linear(column, charges))
        if (answer == column).all():
            break
        column = answer
    return column


def _repair(problem: CoupledProblem, column: IntArray, charges: FloatArray) -> IntArray:
    """Raise the charges of broken limits, ever faster, until all hold."""
    raised, step = charges.copy(), _FIRST_RAISE
    typical = _typical_charges(problem)
    for _ in range(_RAISES):
        broken = problem.excess(column) > 0.0
        if not broken.any():
            break
        raised = np.where(broken, raised * (1.0 + step) + typical * step, raised)
        step *= 1.25
        answer, _ = problem.groups.best(problem.linear(column, raised))
        column = answer
    return column


def _typical_charges(problem: CoupledProblem) -> FloatArray:
    """(l,) charges at which a limit weighs about as much as the worth of a row's candidates."""
    worth = np.where(problem.valid, problem.moving + problem.fixed, np.nan)
    spread = float(np.nanmean(np.nanmax(worth, axis=1) - np.nanmin(worth, axis=1)))
    typical = []
    for limit in problem.limits:
        ranges = limit.usage.max(axis=1, initial=0) - limit.usage.min(axis=1, initial=0)
        typical.append(spread / max(float(ranges.mean()) if len(ranges) else 1.0, 1e-12))
    return np.array(typical)


def _improve(problem: CoupledProblem, column: IntArray, charges: FloatArray) -> IntArray:
    """Move single rows, the best first, while that gains and every limit still holds."""
    worth = problem.value(column)
    portion = len(column)
    for _ in range(_SWEEPS):
        moved = _moves(problem, column, charges, portion)
        if moved is None:
            break
        value = problem.value(moved)
        if value > worth * (1.0 + _GAIN) and problem.within(moved):
            column, worth = moved, value
        elif portion > 1:
            # Together they did harm: rows move each other's demand. Try fewer.
            portion = max(1, portion // 4)
        else:
            break
    return column


def _moves(
    problem: CoupledProblem, column: IntArray, charges: FloatArray, most: int
) -> IntArray | None:
    """Columns after the most promising moves of at most `most` rows; None where none gains."""
    n = len(column)
    open_ = problem.exclusions(column)
    open_[np.arange(n), column] = False
    plain = problem.linear(column, np.zeros(len(problem.limits)))
    gain = plain - problem.pick(plain, column)[:, None]
    score = problem.linear(column, charges)
    score = np.where(open_ & (gain > 0.0), score, -np.inf)
    target: IntArray = np.argmax(score, axis=1)
    loss = problem.pick(score, target) - problem.pick(problem.linear(column, charges), column)
    order = np.argsort(-loss, kind="stable")
    order = order[np.isfinite(loss[order])]
    if len(order) == 0:
        return None
    order = order[_first_of_group(problem.groups.group[order])]
    shift = problem.shift(column)
    spare = -problem.excess(column)
    extra = np.zeros((len(order), len(problem.limits)))
    trial = column.copy()
    trial[order] = target[order]
    for number, limit in enumerate(problem.limits):
        difference = problem.usage_at(limit, trial) - problem.usage_at(limit, column)
        spread = np.zeros(n)
        spread[slice(None) if limit.rows is None else limit.rows] = difference
        if limit.moves_with_demand:
            spread *= 1.0 + shift
        extra[:, number] = spread[order]
    taken: list[int] = []
    for place, row in enumerate(order.tolist()):
        if len(taken) == most:
            break
        after = spare - extra[place]
        if (after >= 0.0).all() or (after >= spare).all():
            spare = after
            taken.append(row)
    if not taken:
        return None
    moved = column.copy()
    moved[taken] = target[taken]
    return moved


def _first_of_group(group: NDArray[np.integer[Any]]) -> IntArray:
    """Places of the first row of every group: two tied rows must not move at once."""
    _, first = np.unique(group, return_index=True)
    return np.sort(first).astype(np.int64)
