"""Prices that depend on each other: relations, cross-price effects and joint limits at once.

The bound comes from decomposition: what other prices do to a product's demand is priced by one
multiplier a product, each joint limit by one charge, and what remains falls apart into groups of
tied products that are solved exactly. The answer comes from the same groups at the best charges,
repaired and improved on the real objective; small problems go to CP-SAT, which closes the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.cross_effects import CrossEffects
from pricing.solving.certificate import ROUNDING, SolveReport, Status, proven
from pricing.solving.coupled_bound import Bound, proves_empty, tighten
from pricing.solving.coupled_exact import EXACT_CELLS, solve_exactly
from pricing.solving.coupled_problem import CoupledProblem
from pricing.solving.coupled_search import climb
from pricing.solving.joint_limits import JointLimit
from pricing.solving.list_price import hopeless, no_answer
from pricing.solving.relation_groups import Pairs, RelationGroups
from pricing.solving.stopwatch import Stopwatch

_ROUNDS: Final = 8


def choose_coupled(
    moving: FloatArray,
    fixed: FloatArray | None,
    log_ratio: FloatArray,
    valid: BoolArray,
    *,
    cross: CrossEffects | None = None,
    pairs: Pairs | None = None,
    limits: Sequence[JointLimit] = (),
    gap: float = 1e-4,
    time_limit: float = 30.0,
) -> tuple[IntArray, SolveReport]:
    """Choose one candidate a row where rows are tied by relations or cross-price effects.

    The value of an answer is the sum over rows of `fixed + moving · (1 + Σ_k ε · log_ratio_k)`.

    Args:
        moving: (n, k) worth that is proportional to units sold.
        fixed: (n, k) worth that is not; None for none.
        log_ratio: (n, k) log(price / price in force) of each candidate.
        valid: (n, k) which candidates exist; each group of tied rows needs a choice that fits.
        cross: effects of rows on each other's demand.
        pairs: which candidates of two rows go together.
        limits: joint limits.
        gap: share of the bound that is not worth further search.
        time_limit: seconds after which the best answer so far is returned with its gap.

    Raises:
        InvalidLimits: a group without a choice, values that are not finite, or cross effects that
            could make demand negative.
        InfeasibleLimits: no answer within the joint limits exists, or none was found in time.
    """
    watch = Stopwatch()
    n, k = valid.shape
    nothing = np.zeros((n, k))
    problem = CoupledProblem.of(
        np.where(valid, moving, 0.0),
        nothing if fixed is None else np.where(valid, fixed, 0.0),
        np.where(valid, log_ratio, 0.0),
        valid,
        cross,
        RelationGroups(n, pairs if pairs is not None else Pairs.none(k)),
        tuple(limits),
    )
    if alone := hopeless(np.where(valid, 0.0, -np.inf), problem.least_limits):
        raise no_answer(alone, proven=True)

    best: IntArray | None = None
    worth, bound = -np.inf, Bound(np.inf, np.zeros(len(limits)))
    anchor = problem.start()
    for _ in range(_ROUNDS):
        half = (watch.seconds + time_limit) / 2.0
        tighter = tighten(problem, anchor, bound.charges, deadline=half, watch=watch)
        improved = tighter.value < bound.value - gap / 10.0 * abs(bound.value)
        bound = min(bound, tighter, key=lambda b: b.value)
        found = climb(problem, tighter, anchor)
        anchor = found.column
        if found.within and (value := problem.value(found.column)) > worth:
            improved = improved or value > worth + gap / 10.0 * abs(worth)
            best, worth = found.column, value
        close = best is not None and bound.value - worth <= gap * abs(bound.value)
        if close or not improved or watch.seconds > time_limit:
            break
    if best is None and proves_empty(problem, anchor, watch):
        raise no_answer(limits, proven=True)
    short = best is None or bound.value - worth > max(gap, ROUNDING) * abs(bound.value)
    left = time_limit - watch.seconds
    if short and left > 0 and valid.sum() <= EXACT_CELLS:
        answer = solve_exactly(problem, best, bound.value, left, gap)
        if answer.certificate.status is Status.INFEASIBLE:
            raise no_answer(limits, proven=True)
        if answer.column is not None and (value := problem.value(answer.column)) > worth:
            best, worth = answer.column, value
        bound = Bound(min(bound.value, answer.certificate.bound), bound.charges)
    if best is None:
        raise no_answer(limits, proven=False, seconds=watch.seconds, time_limit=time_limit)
    slack = float(bound.charges @ np.array([limit.tolerance for limit in limits]))
    certificate = proven(worth, bound.value, allowed=gap, slack=slack)
    return best, SolveReport(certificate, "decomposition", watch.seconds)


__all__ = ["CoupledProblem", "choose_coupled"]
