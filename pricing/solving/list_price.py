"""Which candidate price for which product: the multiple-choice problem under joint limits.

Without a joint limit that bites, each row takes its own best candidate and nothing is left to
solve. With one, the rows are coupled: a multiple-choice knapsack (Kellerer, Pferschy and Pisinger,
*Knapsack Problems*, 2004, chapter 11). The Lagrangian dual settles most rows and bounds the rest;
CP-SAT of OR-Tools solves the small core that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.errors import InfeasibleLimits, InvalidLimits
from pricing.portions import in_portions
from pricing.solving.certificate import ROUNDING, SolveReport, Status, optimum, proven
from pricing.solving.cp_sat import CpModel, CpSolverSolutionCallback, LinearExpr, new_solver, solve
from pricing.solving.joint_limits import JointLimit
from pricing.solving.lagrangian import lagrangian_dual
from pricing.solving.scaling import worth_steps


def choose(
    value: FloatArray,
    valid: BoolArray,
    limits: Sequence[JointLimit] = (),
    *,
    time_limit: float = 30.0,
    workers: int = 1,
    core: int = 2_000,
    gap: float = 0.0,
) -> tuple[IntArray, SolveReport]:
    """Choose one candidate a row so that total value is greatest within all joint limits.

    Args:
        value: (n, k) worth of each candidate, one currency.
        valid: (n, k) which candidates exist; each row needs at least one.
        limits: joint limits over the same candidates.
        time_limit: seconds after which the best answer so far is returned with its gap.
        workers: solver threads; with 1, equal input gives an equal answer.
        core: rows that the exact solver gets at first; it gets more where the proof needs them.
        gap: share of the bound that is not worth further search. Limits in money have as many
            levels as there are sums of cents, and the last hair of the proof can take for ever;
            limits in whole numbers are always solved to the end.

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
    if not (np.isfinite(value) | ~valid).all():
        raise InvalidLimits("the value of a candidate is not finite; give the row a known curve")
    masked = np.where(valid, value, -np.inf)
    best: IntArray = np.argmax(masked, axis=1)
    if all(limit.holds(best) for limit in limits):
        worth = float(_picked(value, best).sum())
        return best, SolveReport(optimum(worth), "separable", 0.0)
    return _solve(masked, valid, limits, time_limit, workers, max(core, 1), gap)


def _solve(
    masked: FloatArray,
    valid: BoolArray,
    limits: Sequence[JointLimit],
    time_limit: float,
    workers: int,
    core: int,
    allowed_gap: float,
) -> tuple[IntArray, SolveReport]:
    """Price the limits, settle the rows that are clear at those prices, solve the rest exactly.

    A row is clear when its second-best candidate, charged for what it uses, lies further below its
    best than the bound lies above a known answer: no better answer changes it (reduced-cost
    fixing). Once every row that is not clear is in the core, the core's optimum is proven.
    """
    if alone := hopeless(masked, limits):
        raise no_answer(alone, proven=True)
    value = np.concatenate(
        in_portions(lambda rows: _undominated(masked, rows, valid, limits), len(masked))
    )
    dual = lagrangian_dual(value, limits)
    settled, loss = dual.settled, dual.loss
    doubtful_first = np.argsort(loss, kind="stable")
    whole = all(limit.whole for limit in limits)
    allowed = 0.0 if whole else allowed_gap * abs(dual.bound)
    slack = ROUNDING * max(abs(dual.bound), 1.0)

    n, size, seconds = len(value), core, 0.0
    best: IntArray | None = None
    objective, closed = -np.inf, False
    while not closed and (left := time_limit - seconds) > 0:
        rows = np.sort(doubtful_first[:size])
        found = _solve_core(
            value, limits, rows, settled, left, workers, enough=dual.bound - allowed
        )
        seconds += found.seconds
        column = found.column
        if column is not None and (worth := float(_picked(value, column).sum())) > objective:
            best, objective = column, worth
        if dual.bound - objective <= allowed:
            break
        complete = found.status in (Status.OPTIMAL, Status.INFEASIBLE)
        doubtful = int((loss <= dual.bound - objective + slack).sum())
        closed = complete and (size >= n or (best is not None and doubtful <= size))
        if not complete:
            break
        size = max(doubtful, 4 * size) if best is not None else 8 * size

    if best is None:
        raise no_answer(limits, proven=closed, seconds=seconds, time_limit=time_limit)
    bound = dual.bound
    if closed:
        bound = min(objective + allowed + found.rounding, bound)
    certificate = proven(
        objective,
        bound,
        allowed=allowed / max(abs(bound), 1e-9),
        slack=float(dual.charges @ np.array([limit.tolerance for limit in limits])),
    )
    return best, SolveReport(certificate, "cp_sat", seconds)


@dataclass(frozen=True, slots=True, eq=False)
class _Core:
    """What the solver says of a core.

    Attributes:
        status: what its search came to.
        column: (n,) its answer; None for none.
        seconds: wall time.
        rounding: no other answer is worth more than this above it by whole steps.
    """

    status: Status
    column: IntArray | None
    seconds: float
    rounding: float


def _solve_core(
    value: FloatArray,
    limits: Sequence[JointLimit],
    core: IntArray,
    settled: IntArray,
    time_limit: float,
    workers: int,
    enough: float,
) -> _Core:
    """CP-SAT over the core rows, every other row at its settled column."""
    n, part = len(value), value[core]
    in_steps = [limit.in_steps()[0] for limit in limits]
    usages = [limit.of(core, n) for limit in in_steps]
    # The least demanding candidate of a row is its fallback, taken when no other is: it needs no
    # variable, and the others, measured against it, have small coefficients.
    alive = np.isfinite(part)
    demand = np.zeros(part.shape)
    for usage in usages:
        demand += usage / max(float(np.abs(usage).max(initial=0)), 1.0)
    fallback = np.argmin(np.where(alive, demand, np.inf), axis=1)
    alive[np.arange(len(core)), fallback] = False
    rows, columns = np.nonzero(alive)
    gain = part[rows, columns] - part[rows, fallback[rows]]
    scaled = worth_steps(gain, len(core))

    model = CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(rows))]
    ends = np.searchsorted(rows, np.arange(len(core) + 1))
    for row in np.flatnonzero(np.diff(ends) > 1):
        model.add_at_most_one(chosen[ends[row] : ends[row + 1]])
    start = settled.copy()
    start[core] = fallback
    for limit, usage in zip(in_steps, usages, strict=True):
        extra = usage[rows, columns] - usage[rows, fallback[rows]]
        room = int(limit.at_most) - int(limit.used(start))
        counts = np.flatnonzero(extra)
        terms = [chosen[term] for term in counts]
        model.add(LinearExpr.weighted_sum(terms, extra[counts].tolist()) <= room)
    model.maximize(LinearExpr.weighted_sum(chosen, scaled.steps.tolist()))

    aside = float(_picked(value, start).sum())
    stop = _StopWhenEnough((enough - aside) / scaled.step)
    found = solve(new_solver(seconds=time_limit, workers=workers), model, stop)
    if not found.answered:
        return _Core(found.status, None, found.seconds, 0.0)
    answer = start
    taken = np.array([found.solver.boolean_value(one) for one in chosen], dtype=np.bool_)
    answer[core[rows[taken]]] = columns[taken]
    if not all(limit.holds(answer) for limit in limits):
        # Steps said yes and the real numbers say no: rounding beyond what is allowed.
        return _Core(Status.UNKNOWN, None, found.seconds, 0.0)
    # Of the answer and of any other one.
    return _Core(found.status, answer, found.seconds, 2.0 * scaled.off)


class _StopWhenEnough(CpSolverSolutionCallback):
    """Ends a search at the first answer worth this many steps: a bound from outside proves it."""

    def __init__(self, steps: float) -> None:
        super().__init__()
        self._steps = steps

    def on_solution_callback(self) -> None:
        """Called by the solver at every better answer."""
        if self.objective_value >= self._steps:
            self.stop_search()


def hopeless(masked: FloatArray, limits: Sequence[JointLimit]) -> list[JointLimit]:
    """The limits that even the least demanding candidates (-inf where none) break on their own."""
    alive = np.isfinite(masked)
    broken = []
    for limit in limits:
        mine = alive if limit.rows is None else alive[limit.rows]
        least = np.where(mine, limit.usage, np.inf).min(axis=1, initial=np.inf).sum()
        if least > limit.at_most + limit.tolerance:
            broken.append(limit)
    return broken


def no_answer(
    limits: Sequence[JointLimit],
    *,
    proven: bool,
    seconds: float = 0.0,
    time_limit: float = np.inf,
) -> InfeasibleLimits:
    """The error that says which joint limits no prices were found for, or none can exist for.

    Args:
        limits: those in question.
        proven: whether it is certain that no prices keep them.
        seconds: how long was searched, where it is not.
        time_limit: seconds that were allowed.
    """
    names = [limit.name for limit in limits]
    if proven:
        return InfeasibleLimits(
            f"no set of prices satisfies these joint limits together: {', '.join(names)}; "
            "relax one of them",
            names,
        )
    if seconds >= time_limit:
        message = (
            f"no set of prices within {', '.join(names)} was found in {time_limit:g} s, nor proven "
            "not to exist; raise the time limit or relax one of them"
        )
    else:
        message = (
            f"the search found no set of prices within {', '.join(names)} and could not prove that "
            f"there is none ({seconds:.1f} s of {time_limit:g} s); relax one of them"
        )
    return InfeasibleLimits(message, names, proven=False)


def _undominated(
    masked: FloatArray, rows: slice, valid: BoolArray, limits: Sequence[JointLimit]
) -> FloatArray:
    """Values (m, k) of some rows, -inf for a candidate that another of its row beats or equals.

    Beats in value and matches in every limit, that is. Of equals in all, the first stays.
    """
    value, real = masked[rows], valid[rows]
    k = value.shape[1]
    dominated = np.zeros(value.shape, dtype=np.bool_)
    for column in range(k):
        rival, earlier = value[:, column : column + 1], column < np.arange(k)
        better = ((rival > value) | ((rival == value) & earlier)) & real[:, column : column + 1]
        for limit in limits:
            mine, usage = limit.part(rows)
            better[mine] &= usage[:, column : column + 1] <= usage
        dominated |= better
    return np.where(real & ~dominated, value, -np.inf)


def _picked(values: FloatArray, column: IntArray) -> FloatArray:
    picked: FloatArray = np.take_along_axis(values, column[:, None], axis=1)[:, 0]
    return picked
