"""How CP-SAT of OR-Tools is asked everywhere, and what its answers are taken to mean.

Presolve of OR-Tools 9.15 simplifies linear constraints inside an at-most-one wrongly and then
proves too little (https://github.com/google/or-tools/issues/5293): of 15,000 random choices under
limits in money it cut off the optimum of 89 and called five infeasible that were not. With that one
step left out all were right, as they are without any presolve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ortools.sat.python import cp_model
from ortools.sat.python.cp_model import (
    CpModel,
    CpSolver,
    CpSolverSolutionCallback,
    Domain,
    IntVar,
    LinearExpr,
)

from pricing.errors import SolverFault
from pricing.solving.certificate import Status

__all__ = [
    "CpModel",
    "CpSolver",
    "CpSolverSolutionCallback",
    "Domain",
    "IntVar",
    "LinearExpr",
    "Solved",
    "new_solver",
    "solve",
]

_LEAST_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """A search that has ended.

    Attributes:
        status: what it came to.
        solver: holds the answer, where there is one.
        seconds: wall time of all that was asked.
    """

    status: Status
    solver: CpSolver
    seconds: float

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)

    @property
    def complete(self) -> bool:
        """Whether no search could say more."""
        return self.status in (Status.OPTIMAL, Status.INFEASIBLE)


def new_solver(
    *, seconds: float | None = None, workers: int = 1, seed: int = 0, presolve: bool = True
) -> CpSolver:
    """A solver under the policy of this module; callers may set what else they need.

    Args:
        seconds: wall time allowed; None where another bound on the effort is set.
        workers: threads; one makes equal questions get equal answers, if time does not run out.
        seed: of its chance.
        presolve: whether it may rewrite the programme first.
    """
    solver = CpSolver()
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
    solver: CpSolver,
    model: CpModel,
    watch: CpSolverSolutionCallback | None = None,
) -> Solved:
    """Search, and believe that there is no answer only when it is said twice.

    The second time presolve is off if it was on, and on if it was off. What time is left is all
    that the second search gets; where that is not enough, the status is `UNKNOWN`.

    Args:
        solver: from `new_solver`.
        model: what is asked.
        watch: told of each better answer.

    Raises:
        SolverFault: the programme is not one: a defect of whoever wrote it.
    """
    first = _search(solver, model, watch)
    seconds = solver.wall_time
    if first is not Status.INFEASIBLE:
        return Solved(first, solver, seconds)
    allowed = solver.parameters.max_time_in_seconds
    solver.parameters.max_time_in_seconds = max(allowed - seconds, _LEAST_SECONDS)
    solver.parameters.cp_model_presolve = not solver.parameters.cp_model_presolve
    second = _search(solver, model, watch)
    return Solved(second, solver, seconds + solver.wall_time)


def _search(
    solver: CpSolver,
    model: CpModel,
    watch: CpSolverSolutionCallback | None,
) -> Status:
    code = solver.solve(model, watch)
    if code == cp_model.MODEL_INVALID:
        reason = (model.validate().strip() or "no reason given").splitlines()[0]
        raise SolverFault(
            f"the solver refuses the integer programme: {reason}; this is a defect of pricewright, "
            "not of the limits: please report it"
        )
    return Status(solver.status_name(code).lower())
