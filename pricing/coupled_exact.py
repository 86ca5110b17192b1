"""Tied prices solved to the end by CP-SAT of OR-Tools, where there are few enough of them.

A product of a choice and the demand shift that it meets is written with one bounded integer a
candidate: it is the shift where the candidate is chosen and 0 elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from ortools.sat.python import cp_model

from models.arrays import IntArray
from pricing.coupled_problem import CoupledProblem
from pricing.cp_sat import new_solver, solve

EXACT_CELLS: Final = 3_000
"""Most candidates over all rows that are given to the exact solver."""

_SHIFT_STEPS: Final = 10**7
_WORTH_STEPS: Final = 10**7
_USAGE_STEPS: Final = 10**11


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """What the exact solver says.

    Attributes:
        column: (n,) the best answer that keeps every limit on the real numbers; None for none.
        complete: True where no better answer exists within the gap that was allowed, or none at
            all.
    """

    column: IntArray | None
    complete: bool


def solve_exactly(
    problem: CoupledProblem, hint: IntArray | None, time_limit: float, allowed: float
) -> Exact:
    """Solve to within `allowed` of the best value, or until time is up.

    Args:
        problem: at most about `EXACT_CELLS` candidates.
        hint: an answer to begin with.
        time_limit: seconds.
        allowed: difference in value that is not worth further search.
    """
    n, k = problem.valid.shape
    model = cp_model.CpModel()
    chosen = [
        [model.new_bool_var("") if problem.valid[i, j] else None for j in range(k)]
        for i in range(n)
    ]
    for row in chosen:
        model.add_exactly_one(x for x in row if x is not None)
    _relate(model, problem, chosen)
    met = _shifts_met(model, problem, chosen)

    worth = problem.moving + problem.fixed
    unit = max(float(np.abs(np.where(problem.valid, worth, 0.0)).max()), 1e-12) / _WORTH_STEPS
    _weigh(model, problem, chosen, met, unit)
    for number in range(len(problem.limits)):
        _limit(model, problem, number, chosen, met)
    for i, row in enumerate(chosen if hint is not None else ()):
        for j, x in enumerate(row):
            if x is not None and hint is not None:
                model.add_hint(x, bool(hint[i] == j))

    solver = new_solver(seconds=time_limit, presolve=False)
    solver.parameters.absolute_gap_limit = allowed / unit * _SHIFT_STEPS
    found = solve(solver, model)
    if not found.answered:
        return Exact(None, complete=found.complete)
    column = np.array(
        [
            next(j for j, x in enumerate(row) if x is not None and solver.boolean_value(x))
            for row in chosen
        ],
        dtype=np.int64,
    )
    if not problem.within(column):
        return Exact(None, complete=False)
    return Exact(column, complete=found.complete)


def _weigh(
    model: cp_model.CpModel,
    problem: CoupledProblem,
    chosen: list[list[cp_model.IntVar | None]],
    met: dict[tuple[int, int], cp_model.IntVar],
    unit: float,
) -> None:
    """The objective, in steps of `unit / _SHIFT_STEPS`."""
    worth = problem.moving + problem.fixed
    terms, weights = [], []
    for i, row in enumerate(chosen):
        for j, x in enumerate(row):
            if x is None:
                continue
            terms.append(x)
            weights.append(round(worth[i, j] / unit * _SHIFT_STEPS))
            if (z := met.get((i, j))) is not None:
                terms.append(z)
                weights.append(round(problem.moving[i, j] / unit))
    model.maximize(cp_model.LinearExpr.weighted_sum(terms, weights))


def _relate(
    model: cp_model.CpModel,
    problem: CoupledProblem,
    chosen: list[list[cp_model.IntVar | None]],
) -> None:
    """Candidates of two rows that do not go together are not chosen together."""
    pairs = problem.groups.pairs
    for number in range(len(pairs)):
        row, other = int(pairs.row[number]), int(pairs.other[number])
        for j, x in enumerate(chosen[row]):
            if x is not None:
                open_ = [
                    y
                    for h, y in enumerate(chosen[other])
                    if y is not None and pairs.fits[number, j, h]
                ]
                model.add_bool_or([*open_, ~x])


def _shifts_met(
    model: cp_model.CpModel,
    problem: CoupledProblem,
    chosen: list[list[cp_model.IntVar | None]],
) -> dict[tuple[int, int], cp_model.IntVar]:
    """By row and column: the demand shift in steps where that candidate is chosen, else 0."""
    effects = problem.cross.elasticity
    met: dict[tuple[int, int], cp_model.IntVar] = {}
    for i in range(len(chosen)):
        span = slice(effects.indptr[i], effects.indptr[i + 1])
        terms, weights, low, high = [], [], 0, 0
        for other, effect in zip(effects.indices[span], effects.data[span], strict=True):
            steps = [
                round(effect * problem.log_ratio[other, j] * _SHIFT_STEPS)
                for j, x in enumerate(chosen[other])
                if x is not None
            ]
            terms += [x for x in chosen[other] if x is not None]
            weights += steps
            low, high = low + min(steps), high + max(steps)
        if not terms or (low == 0 and high == 0):
            continue
        parts = []
        for j, x in enumerate(chosen[i]):
            if x is None:
                continue
            z = model.new_int_var(min(low, 0), max(high, 0), "")
            model.add(z <= high * x)
            model.add(z >= low * x)
            met[i, j] = z
            parts.append(z)
        model.add(cp_model.LinearExpr.weighted_sum(terms, weights) == sum(parts))
    return met


def _limit(
    model: cp_model.CpModel,
    problem: CoupledProblem,
    number: int,
    chosen: list[list[cp_model.IntVar | None]],
    met: dict[tuple[int, int], cp_model.IntVar],
) -> None:
    """One joint limit in whole steps."""
    limit = problem.limits[number]
    rows = range(len(chosen)) if limit.rows is None else limit.rows.tolist()
    total = float(np.abs(limit.usage).max(axis=1, initial=0).sum())
    step = 1.0 if limit.whole else max(total, abs(limit.at_most), 1e-300) / _USAGE_STEPS
    fine = _SHIFT_STEPS if limit.moves_with_demand else 1
    terms, weights = [], []
    for place, i in enumerate(rows):
        for j, x in enumerate(chosen[i]):
            if x is None:
                continue
            terms.append(x)
            weights.append(round(float(limit.usage[place, j]) / step) * fine)
            if limit.moves_with_demand and (z := met.get((i, j))) is not None:
                terms.append(z)
                weights.append(round(float(limit.usage[place, j]) / step))
    room = round(limit.at_most / step * fine)
    # What passes for rounding is a hundred steps; the answer is judged on the real numbers again.
    room += 0 if limit.whole else round(limit.tolerance / step * fine)
    model.add(cp_model.LinearExpr.weighted_sum(terms, weights) <= room)
