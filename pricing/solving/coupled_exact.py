"""Tied prices solved to the end by CP-SAT of OR-Tools, where there are few enough of them.

A product of a choice and the demand shift that it meets is written with one bounded integer a
candidate: it is the shift where the candidate is chosen and 0 elsewhere. All numbers are whole
steps, as fine as 63 bits allow. Limits are relaxed by all that rounding can do, so that nothing is
cut off; every answer is judged on the real numbers and then excluded, until no answer is left that
could be better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.solving.certificate import (
    Certificate,
    Status,
    infeasible,
    proven,
    unknown,
    unproven,
)
from pricing.solving.coupled_problem import CoupledProblem
from pricing.solving.cp_sat import CpModel, CpSolver, IntVar, LinearExpr, Solved, new_solver, solve
from pricing.solving.joint_limits import JointLimit
from pricing.solving.scaling import finest_step, in_steps

EXACT_CELLS: Final = 3_000
"""Most candidates over all rows that are given to the exact solver."""

_SHIFT_STEPS: Final = 10**7
_WORTH_STEPS: Final = 10**7
_MOST_JUDGED: Final = 300
"""Answers that rounding cannot tell apart, judged one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """What the exact solver says.

    Attributes:
        column: (n,) the best answer that keeps every limit on the real numbers; None for none.
        certificate: of its worth.
    """

    column: IntArray | None
    certificate: Certificate


def solve_exactly(
    problem: CoupledProblem, hint: IntArray | None, known: float, time_limit: float, gap: float
) -> Exact:
    """Solve to within a share of the best value, or until time is up.

    Args:
        problem: at most about `EXACT_CELLS` candidates.
        hint: an answer to begin with.
        known: a proven bound.
        time_limit: seconds.
        gap: share of the bound that is not worth further search.

    Raises:
        SolverFault: the solver says that there is no answer where one is known.
    """
    programme = _Programme(problem)
    best: IntArray | None = None
    worth, bound, narrowed = -np.inf, known, False
    if hint is not None:
        programme.hint(hint)
        if problem.within(hint):
            best, worth = hint, problem.value(hint)
    left = time_limit
    for _ in range(_MOST_JUDGED):
        if left <= 0:
            break
        allowed = _allowed(worth, bound, gap)
        found = programme.solve(left, allowed, gap if best is None else 0.0)
        left -= found.seconds
        if found.status is Status.INFEASIBLE:
            if best is None:
                return Exact(None, infeasible())
            if not narrowed:
                return Exact(best, infeasible().beside(worth))
            # What is left out was judged, or is worth less than the answer and what is allowed.
            return Exact(best, proven(worth, min(bound, worth + allowed), allowed=gap))
        if not found.answered:
            break
        column = programme.column(found.solver)
        if problem.within(column) and (value := problem.value(column)) > worth:
            best, worth = column, value
        bound = max(worth, min(bound, programme.bound(found.solver)))
        allowed = _allowed(worth, bound, gap)
        if bound - worth <= allowed:
            break
        programme.exclude(column)
        programme.ask_more_than(worth + allowed)
        narrowed = True
    if best is None:
        return Exact(None, unknown())
    # Where this search did not tighten the bound, it has proven nothing.
    tighter = bound < known
    return Exact(best, proven(worth, bound, allowed=gap) if tighter else unproven(worth))


def _allowed(worth: float, bound: float, gap: float) -> float:
    """What may be missing, however far the bound will still come down to the answer's worth."""
    if not np.isfinite(worth) or not np.isfinite(bound) or worth * bound <= 0.0:
        return 0.0
    return gap * min(abs(worth), abs(bound))


class _Programme:
    """The integer programme of a problem; its objective is in steps of `step`."""

    def __init__(self, problem: CoupledProblem) -> None:
        n, k = problem.valid.shape
        self._model = CpModel()
        self._chosen = [
            [self._model.new_bool_var("") if problem.valid[i, j] else None for j in range(k)]
            for i in range(n)
        ]
        for row in self._chosen:
            self._model.add_exactly_one(x for x in row if x is not None)
        _relate(self._model, problem, self._chosen)
        self._met = _shifts_met(self._model, problem, self._chosen)
        self._blur, self._reach = _blur(problem), _reach(problem)
        for limit in problem.limits:
            self._limit(problem, limit)
        self._weigh(problem)

    def hint(self, column: IntArray) -> None:
        """An answer to begin with."""
        for i, row in enumerate(self._chosen):
            for j, x in enumerate(row):
                if x is not None:
                    self._model.add_hint(x, bool(column[i] == j))

    def solve(self, seconds: float, allowed: float, gap: float) -> Solved:
        """Search to within `allowed`, rounding included, or to within a share of the answer."""
        solver = new_solver(seconds=seconds, presolve=False)
        tight = max(allowed - 2.0 * self._rounding, 0.0)
        solver.parameters.absolute_gap_limit = tight / self._step
        solver.parameters.relative_gap_limit = gap
        return solve(solver, self._model)

    def column(self, solver: CpSolver) -> IntArray:
        """(n,) the columns of the answer."""
        return np.array(
            [
                next(j for j, x in enumerate(row) if x is not None and solver.boolean_value(x))
                for row in self._chosen
            ],
            dtype=np.int64,
        )

    def bound(self, solver: CpSolver) -> float:
        """No answer that is not excluded is worth more."""
        return float(solver.best_objective_bound) * self._step + self._rounding

    def exclude(self, column: IntArray) -> None:
        """Answers no more with these columns: they were judged."""
        taken = [self._chosen[i][j] for i, j in enumerate(column.tolist())]
        self._model.add_bool_or([~x for x in taken if x is not None])

    def ask_more_than(self, worth: float) -> None:
        """Leave out what is worth no more than that, whatever rounding did to it."""
        if np.isfinite(worth):
            least = int(np.floor((worth - self._rounding) / self._step))
            self._model.add(self._objective >= least)

    def _weigh(self, problem: CoupledProblem) -> None:
        """The objective, and how far rounding can move it from the real one."""
        worth = np.where(problem.valid, problem.moving + problem.fixed, 0.0)
        moving = np.where(problem.valid, problem.moving, 0.0)
        size = np.abs(worth) + np.abs(moving) * self._reach[:, None]
        total, largest = float(size.sum()), float(size.max())
        unit = max(largest / _WORTH_STEPS, finest_step(total, _SHIFT_STEPS))
        whole = in_steps(worth * _SHIFT_STEPS, unit).tolist()
        parts = in_steps(moving, unit).tolist()
        terms, weights = [], []
        for i, row in enumerate(self._chosen):
            for j, x in enumerate(row):
                if x is None:
                    continue
                terms.append(x)
                weights.append(whole[i][j])
                if (z := self._met.get((i, j))) is not None:
                    terms.append(z)
                    weights.append(parts[i][j])
        self._objective = LinearExpr.weighted_sum(terms, weights)
        self._model.maximize(self._objective)
        self._step = unit / _SHIFT_STEPS
        a_row = 0.5 * self._step + 0.5 * unit * self._reach
        self._rounding = float((a_row + np.abs(moving).max(axis=1) * self._blur).sum())

    def _limit(self, problem: CoupledProblem, limit: JointLimit) -> None:
        """One joint limit in whole steps, relaxed by all that rounding can do."""
        rows = np.arange(len(self._chosen)) if limit.rows is None else limit.rows
        usage = np.where(problem.valid[rows], limit.usage, 0)
        moves = limit.moves_with_demand and bool(self._met)
        fine = _SHIFT_STEPS if moves else 1
        reach = self._reach[rows] if moves else np.zeros(len(rows))
        # What all terms can add up to, in the limit's own unit; every candidate counts.
        total = float((np.abs(usage).sum(axis=1) * (1.0 + reach)).sum())
        finest = finest_step(max(total, abs(limit.at_most)), fine)
        step = 1.0 if limit.whole and finest <= 1.0 else finest
        used = in_steps(usage, step).tolist()
        terms, weights = [], []
        for place, i in enumerate(rows.tolist()):
            for j, x in enumerate(self._chosen[i]):
                steps = used[place][j]
                if x is None or steps == 0:
                    continue
                terms.append(x)
                weights.append(steps * fine)
                if moves and (z := self._met.get((i, j))) is not None:
                    terms.append(z)
                    weights.append(steps)
        a_row = np.zeros(len(rows)) if step == 1.0 and limit.whole else 0.5 * step * (1.0 + reach)
        if moves:
            a_row = a_row + np.abs(usage).max(axis=1, initial=0) * self._blur[rows]
        room = limit.at_most + limit.tolerance + float(a_row.sum())
        most = int(np.floor(room / step * fine))
        self._model.add(LinearExpr.weighted_sum(terms, weights) <= most)


def _blur(problem: CoupledProblem) -> FloatArray:
    """(n,) how far rounding moves a row's demand: each effect by half a step."""
    effects: FloatArray = np.diff(problem.cross.elasticity.indptr) * 0.5 / _SHIFT_STEPS
    return effects


def _reach(problem: CoupledProblem) -> FloatArray:
    """(n,) the greatest share by which the others can move each row's demand, either way."""
    reach: FloatArray = np.maximum(np.abs(problem.least_shift), np.abs(problem.most_shift))
    return reach + _blur(problem)


def _relate(
    model: CpModel,
    problem: CoupledProblem,
    chosen: list[list[IntVar | None]],
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
    model: CpModel,
    problem: CoupledProblem,
    chosen: list[list[IntVar | None]],
) -> dict[tuple[int, int], IntVar]:
    """By row and column: the demand shift in steps where that candidate is chosen, else 0."""
    effects = problem.cross.elasticity
    met: dict[tuple[int, int], IntVar] = {}
    for i in range(len(chosen)):
        span = slice(effects.indptr[i], effects.indptr[i + 1])
        terms, weights, low, high = [], [], 0, 0
        for other, effect in zip(effects.indices[span], effects.data[span], strict=True):
            open_ = np.array([x is not None for x in chosen[other]])
            shifts = effect * problem.log_ratio[other, open_] * _SHIFT_STEPS
            steps = in_steps(shifts, 1.0).tolist()
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
        model.add(LinearExpr.weighted_sum(terms, weights) == sum(parts))
    return met
