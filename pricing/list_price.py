"""Which candidate price for which product: the multiple-choice problem under joint limits.

Without a joint limit that bites, each row takes its own best candidate and nothing is left to
solve. With one, the rows are coupled: a multiple-choice knapsack (Kellerer, Pferschy and Pisinger,
*Knapsack Problems*, 2004, chapter 11), which CP-SAT of OR-Tools solves after dominated candidates
are removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from ortools.sat.python import cp_model

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.errors import InfeasibleLimits, InvalidLimits

_WORTH_DIGITS: Final = 10**9
"""Integer steps between nothing and the largest gain: fine enough to rank any two prices, small
enough that a million such gains add up inside CP-SAT's 63 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class JointLimit:
    """A limit on all rows together: the usage of the chosen candidates adds up to `at_most`.

    Attributes:
        name: what a message calls it.
        usage: (n, k) int, how much of the limit each candidate uses.
        at_most: how much all rows together may use.
    """

    name: str
    usage: IntArray
    at_most: int


@dataclass(frozen=True, slots=True)
class SolveReport:
    """How good an answer is, and how it was found.

    Attributes:
        status: `optimal`, or `feasible` where the time limit came first.
        method: `separable` where no joint limit bit, else `cp_sat`.
        objective: value of the answer, in the objective's unit.
        bound: proven upper bound on the value of any answer.
        gap: (bound - objective) / max(|bound|, 1e-9), 0 where proven optimal.
        seconds: the solver's wall time.
    """

    status: str
    method: str
    objective: float
    bound: float
    gap: float
    seconds: float


def choose(
    value: FloatArray,
    valid: BoolArray,
    limits: Sequence[JointLimit] = (),
    *,
    time_limit: float = 30.0,
    workers: int = 1,
) -> tuple[IntArray, SolveReport]:
    """Choose one candidate a row so that total value is greatest within all joint limits.

    Args:
        value: (n, k) worth of each candidate, one currency.
        valid: (n, k) which candidates exist; each row needs at least one.
        limits: joint limits over the same candidates.
        time_limit: seconds after which the best answer so far is returned with its gap.
        workers: solver threads; with 1, equal input gives an equal answer.

    Returns:
        column (n,) of the candidate chosen in each row, and how good the answer is.

    Raises:
        InvalidLimits: a row without a candidate, or a value that is not finite.
        InfeasibleLimits: no choice satisfies all joint limits; names those that conflict.
    """
    if value.shape != valid.shape or value.ndim != 2:
        raise InvalidLimits("value and valid must be (n, k) arrays of one shape")
    if not valid.any(axis=1).all():
        raise InvalidLimits("every row needs at least one candidate; keep the current price as one")
    if not np.isfinite(value[valid]).all():
        raise InvalidLimits("the value of a candidate is not finite; give the row a known curve")
    masked = np.where(valid, value, -np.inf)
    best = np.argmax(masked, axis=1)
    if all(_used(limit, best) <= limit.at_most for limit in limits):
        worth = float(_picked(value, best).sum())
        return best, SolveReport("optimal", "separable", worth, worth, 0.0, 0.0)
    return _solve(masked, valid, limits, time_limit, workers)


def _solve(
    masked: FloatArray,
    valid: BoolArray,
    limits: Sequence[JointLimit],
    time_limit: float,
    workers: int,
) -> tuple[IntArray, SolveReport]:
    """CP-SAT over the candidates that survive dominance; a row's fallback needs no variable."""
    n = len(masked)
    alive = valid & ~_dominated(masked, valid, limits)
    # The least demanding candidate of a row is its fallback, taken when no other is. Measuring
    # the others against it keeps the coefficients small and rows without alternatives out.
    demand = np.stack([limit.usage for limit in limits]).sum(axis=0)
    fallback = np.argmin(np.where(alive, demand, np.iinfo(np.int64).max), axis=1)
    alive[np.arange(n), fallback] = False
    rows, columns = np.nonzero(alive)
    gain = masked[rows, columns] - masked[rows, fallback[rows]]
    unit = max(float(np.abs(gain).max(initial=0.0)), 1e-12) / _WORTH_DIGITS

    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(rows))]
    ends = np.searchsorted(rows, np.arange(n + 1))
    for row in np.flatnonzero(np.diff(ends) > 1):
        model.add_at_most_one(chosen[ends[row] : ends[row + 1]])
    for limit in limits:
        extra = limit.usage[rows, columns] - limit.usage[rows, fallback[rows]]
        room = limit.at_most - _used(limit, fallback)
        model.add(cp_model.LinearExpr.weighted_sum(chosen, extra.tolist()) <= int(room))
    steps = np.rint(gain / unit).astype(np.int64)
    model.maximize(cp_model.LinearExpr.weighted_sum(chosen, steps.tolist()))

    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = time_limit
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = 0
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        names = [limit.name for limit in limits]
        raise InfeasibleLimits(
            f"no set of prices satisfies these joint limits together: {', '.join(names)}; "
            "relax one of them",
            names,
        )
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise InfeasibleLimits(
            f"no set of prices was found within {time_limit:g} s; raise the time limit",
            ["time_limit"],
        )
    answer = fallback.copy()
    taken = np.array([solver.boolean_value(variable) for variable in chosen], dtype=np.bool_)
    answer[rows[taken]] = columns[taken]
    objective = float(_picked(masked, answer).sum())
    # Rounding each gain to a step can hide at most half a step a row.
    base = float(_picked(masked, fallback).sum())
    proven = base + unit * (solver.best_objective_bound + 0.5 * n)
    optimal = status == cp_model.OPTIMAL
    bound = max(objective, proven) if not optimal else objective
    gap = (bound - objective) / max(abs(bound), 1e-9)
    report = SolveReport(
        "optimal" if optimal else "feasible", "cp_sat", objective, bound, gap, solver.wall_time
    )
    return answer, report


def _dominated(masked: FloatArray, valid: BoolArray, limits: Sequence[JointLimit]) -> BoolArray:
    """(n, k) candidates that another of the row beats in value and matches in every limit.

    Of candidates equal in value and usage, the first stays.
    """
    n, k = masked.shape
    dominated = np.zeros((n, k), dtype=np.bool_)
    for column in range(k):
        rival, earlier = masked[:, column : column + 1], column < np.arange(k)
        better = (rival > masked) | ((rival == masked) & earlier)
        no_dearer = np.ones((n, k), dtype=np.bool_)
        for limit in limits:
            no_dearer &= limit.usage[:, column : column + 1] <= limit.usage
        dominated |= better & no_dearer & valid[:, column : column + 1]
    return dominated


def _picked(values: FloatArray, column: IntArray) -> FloatArray:
    picked: FloatArray = np.take_along_axis(values, column[:, None], axis=1)[:, 0]
    return picked


def _used(limit: JointLimit, column: IntArray) -> int:
    return int(np.take_along_axis(limit.usage, column[:, None], axis=1).sum())
