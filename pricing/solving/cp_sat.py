"""How CP-SAT of OR-Tools is asked everywhere, and what its answers are taken to mean.

Presolve of OR-Tools 9.15 simplifies linear constraints inside an at-most-one wrongly and then
proves too little (https://github.com/google/or-tools/issues/5293): of 15,000 random choices under
limits in money it cut off the optimum of 89 and called five infeasible that were not. With that one
step left out all were right, as they are without any presolve.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from ortools.sat.python import cp_model

from models.arrays import FloatArray, IntArray
from pricing.errors import SolverFault

MOST_STEPS: Final = 2**60
"""What the terms of one linear expression may add up to in steps, each at its greatest: CP-SAT
refuses 2**62, and a right-hand side and some rounding come on top."""

_USAGE_STEPS: Final = 2**55
_WORTH_STEPS: Final = 2**40
_LEAST_SECONDS: Final = 0.01


class Verdict(StrEnum):
    """What a search came to."""

    OPTIMAL = "optimal"
    """There is an answer, and no better one."""
    FEASIBLE = "feasible"
    """There is an answer; time or a stopping rule came before the proof."""
    INFEASIBLE = "infeasible"
    """Proven twice, once with and once without presolve: there is no answer."""
    UNKNOWN = "unknown"
    """Nothing was found in the time allowed, and nothing proven."""


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """A search that has ended.

    Attributes:
        verdict: what it came to.
        solver: holds the answer, where there is one.
        seconds: wall time of all that was asked.
    """

    verdict: Verdict
    solver: cp_model.CpSolver
    seconds: float

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.verdict in (Verdict.OPTIMAL, Verdict.FEASIBLE)

    @property
    def complete(self) -> bool:
        """Whether no search could say more."""
        return self.verdict in (Verdict.OPTIMAL, Verdict.INFEASIBLE)


def new_solver(
    *, seconds: float | None = None, workers: int = 1, seed: int = 0, presolve: bool = True
) -> cp_model.CpSolver:
    """A solver under the policy of this module; callers may set what else they need.

    Args:
        seconds: wall time allowed; None where another bound on the effort is set.
        workers: threads; one makes equal questions get equal answers, if time does not run out.
        seed: of its chance.
        presolve: whether it may rewrite the programme first.
    """
    solver = cp_model.CpSolver()
    if seconds is not None:
        solver.parameters.max_time_in_seconds = max(seconds, _LEAST_SECONDS)
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.cp_model_presolve = presolve
    solver.parameters.presolve_inclusion_work_limit = 0
    # Left on, it replaces Python's handler for good: Ctrl-C would then kill the caller outright.
    solver.parameters.catch_sigint_signal = False
    return solver


def solve(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    watch: cp_model.CpSolverSolutionCallback | None = None,
) -> Solved:
    """Search, and believe that there is no answer only when it is said twice.

    The second time presolve is off if it was on, and on if it was off. What time is left is all
    that the second search gets; where that is not enough, the verdict is `UNKNOWN`.

    Args:
        solver: from `new_solver`.
        model: what is asked.
        watch: told of each better answer.

    Raises:
        SolverFault: the programme is not one: a defect of whoever wrote it.
    """
    first = _verdict(solver, model, watch)
    seconds = solver.wall_time
    if first is not Verdict.INFEASIBLE:
        return Solved(first, solver, seconds)
    allowed = solver.parameters.max_time_in_seconds
    solver.parameters.max_time_in_seconds = max(allowed - seconds, _LEAST_SECONDS)
    solver.parameters.cp_model_presolve = not solver.parameters.cp_model_presolve
    second = _verdict(solver, model, watch)
    return Solved(second, solver, seconds + solver.wall_time)


def whole_steps(usage: FloatArray, room: float, slack: float, terms: int) -> tuple[IntArray, int]:
    """A limit in whole steps that cuts off nothing which keeps it; judge what passes once more.

    Args:
        usage: (c,) of each candidate, in any unit.
        room: what the candidates taken may use together.
        slack: what passes for rounding.
        terms: most candidates that are taken at once.

    Returns:
        (c,) steps, and how many of them are allowed.
    """
    total = float(np.abs(usage).sum())
    whole = bool((usage == np.rint(usage)).all()) and room == np.rint(room)
    if whole and max(total, abs(room)) < _USAGE_STEPS:
        return usage.astype(np.int64), int(room)
    step = max(total, abs(room), 1e-300) / _USAGE_STEPS
    steps: IntArray = np.rint(usage / step).astype(np.int64)
    return steps, int(np.floor((room + slack) / step + 0.5 * terms))


def worth_step(worth: FloatArray) -> float:
    """The size of a step of an objective: so fine that rounding is no difference in value."""
    size = np.abs(worth)
    largest, total = float(size.max(initial=0.0)), float(size.sum())
    return max(largest / _WORTH_STEPS, total / MOST_STEPS, 1e-300)


def _verdict(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    watch: cp_model.CpSolverSolutionCallback | None,
) -> Verdict:
    status = solver.solve(model, watch)
    if status == cp_model.MODEL_INVALID:
        reason = (model.validate().strip() or "no reason given").splitlines()[0]
        raise SolverFault(
            f"the solver refuses the integer programme: {reason}; this is a defect of pricewright, "
            "not of the limits: please report it"
        )
    return Verdict(solver.status_name(status).lower())
