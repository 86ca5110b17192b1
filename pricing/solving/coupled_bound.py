"""An upper bound on the value of any answer, by Lagrangian decomposition.

Let S_i be the share by which other prices move the demand of row i. Making S_i a free number
between its least and its greatest, tied back by a multiplier m_i, and charging joint limits c,
leaves

    L(m, c) = c · room + sum over groups of
              max over candidates of  charged worth + max over S of (w_i - m_i) · S + (E'm)_i · r_i

with w_i the worth that moves with demand, E the cross elasticities and r_i the log price ratio. It
is never below the best answer (weak duality). With m_i the worth w_i of a good answer, the inner
maximum over S vanishes at that answer, so little is lost; c is found by cutting planes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.solving.coupled_problem import CoupledProblem
from pricing.solving.linear import CutMaster
from pricing.solving.stopwatch import Stopwatch

_CUTS: Final = 60
_CLOSE: Final = 2e-6
_PROOF_SECONDS: Final = 5.0
_SURE: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """An upper bound and the charges that give it.

    Attributes:
        value: no answer is worth more.
        charges: (l,) price of one unit of each joint limit.
    """

    value: float
    charges: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Evaluation:
    value: float
    slope: FloatArray


def tighten(
    problem: CoupledProblem,
    anchor: IntArray,
    charges: FloatArray,
    *,
    deadline: float,
    watch: Stopwatch,
    gain: float | None = None,
) -> Bound:
    """The least bound over charges, with multipliers m taken from an answer.

    Args:
        problem: what is bounded.
        anchor: (n,) columns whose charged worth the multipliers m are.
        charges: (l,) where to begin.
        deadline: where the watch may stand when no further cut is begun.
        watch: the time since the search began.
        gain: the most that a row can gain by giving a limit up; found from its worth where None.
    """
    if not problem.limits:
        return Bound(_evaluate(problem, anchor, charges).value, charges)
    tops = _ceilings(problem, gain)
    master = CutMaster(np.zeros(len(tops)), tops)
    best, best_charges = np.inf, charges
    trial = np.clip(charges, 0.0, tops)
    for cut in range(_CUTS):
        found = _evaluate(problem, anchor, trial)
        if found.value < best:
            best, best_charges = found.value, trial
        master.cut(found.value - float(found.slope @ trial), found.slope)
        if cut == 0 and trial.any():
            trial = np.zeros(len(trial))
            continue
        if (lowest := master.lowest()) is None or watch.seconds > deadline:
            break
        height, proposed = lowest
        if best - height <= _CLOSE * max(abs(best), 1e-9):
            break
        # Half way back to the best so far: far proposals of a thin set of cuts are seldom good.
        trial = proposed if cut < 2 or cut % 3 == 0 else (proposed + best_charges) / 2.0
    return Bound(best, best_charges)


def _evaluate(problem: CoupledProblem, anchor: IntArray, charges: FloatArray) -> _Evaluation:
    """L at these charges, and its slope in them."""
    moving = problem.less(problem.moving, charges, moving=True)
    weight = problem.pick(moving, anchor)
    pull = problem.cross.back(weight)
    over = moving - weight[:, None]
    shift = np.where(over > 0.0, problem.most_shift[:, None], problem.least_shift[:, None])
    score = problem.less(problem.fixed, charges, moving=False) + moving
    score += over * shift + problem.log_ratio * pull[:, None]
    column, total = problem.groups.best(np.where(problem.valid, score, -np.inf))

    moved = problem.pick(shift, column)
    ratio = problem.pick(problem.log_ratio, column)
    used = np.zeros(len(problem.limits))
    for number, limit in enumerate(problem.limits):
        usage = problem.usage_at(limit, column)
        used[number] = usage.sum()
        if limit.moves_with_demand:
            rows = slice(None) if limit.rows is None else limit.rows
            anchored = problem.usage_at(limit, anchor)
            spread = np.zeros(len(moved))
            spread[rows] = anchored
            used[number] += float(((usage - anchored) * moved[rows]).sum())
            used[number] += float((ratio * problem.cross.back(spread)).sum())
    room = np.array([limit.at_most for limit in problem.limits], dtype=np.float64)
    return _Evaluation(float(total.sum() + charges @ room), room - used)


def proves_empty(problem: CoupledProblem, anchor: IntArray, watch: Stopwatch) -> bool:
    """True where no answer can keep all joint limits.

    Were everything worth nothing, any answer would be worth nothing; a bound below that leaves
    none. Charges at which that shows exist wherever the limits exclude each other by enough.
    """
    nothing = np.zeros(problem.valid.shape)
    worthless = replace(problem, moving=nothing, fixed=nothing)
    charges = np.zeros(len(problem.limits))
    deadline = watch.seconds + _PROOF_SECONDS
    bound = tighten(worthless, anchor, charges, deadline=deadline, watch=watch, gain=1.0)
    rounding = float(bound.charges @ np.array([limit.tolerance for limit in problem.limits]))
    return bound.value + rounding < -_SURE


def _ceilings(problem: CoupledProblem, gain: float | None) -> FloatArray:
    """(l,) charges at which a limit would outweigh all that the rows can gain."""
    if gain is None:
        worth = np.where(problem.valid, problem.moving + problem.fixed, np.nan)
        gain = float(np.nanmax(np.nanmax(worth, axis=1) - np.nanmin(worth, axis=1), initial=0.0))
    tops = []
    for limit in problem.limits:
        spread = limit.usage.max(axis=1, initial=0) - limit.usage.min(axis=1, initial=0)
        spread = spread[spread > 0]
        step = 1.0 if limit.whole else float(np.quantile(spread, 0.05)) / 10 if len(spread) else 1.0
        tops.append((gain * 1.01 + 1e-9) / max(step, 1e-12))
    return np.array(tops)
