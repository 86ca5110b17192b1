"""Which product is promoted how in which week: a calendar with a certified gap.

Products are coupled by joint limits and by each other's promotions. Taken at usual profits, the
effect of a promotion on other products is a constant, so that each product's best sequence is an
exact dynamic programme; joint limits enter by charges (column generation, as in clearance). What is
then missing is the product of two changes: a promotion's effect on a product that is promoted
itself, or that recovers from a promotion. Counting it at the most that it can be gives a proven
bound; counting it as it is, product by product with the others fixed, improves the calendar. The
additive view is that of Cohen et al. 2017, "The impact of linear optimization on promotion
planning"; the bound and the exact improvement are added here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.calendar.demand import CalendarCourse, PromotionProblem, follow_calendar
from pricing.calendar.limits import CalendarLimits
from pricing.calendar.search import CalendarSearch
from pricing.solving.certificate import SolveReport, proven


@dataclass(frozen=True, slots=True, eq=False)
class PromotionCalendar:
    """A calendar and how good it is.

    Attributes:
        actions: (n, t) 0 for none, else the number of the mechanic from 1.
        course: what is expected of it.
        report: profit, proven bound on every calendar, gap.
        unpromoted: profit without any promotion.
    """

    actions: IntArray
    course: CalendarCourse
    report: SolveReport
    unpromoted: float


def plan_calendar(
    problem: PromotionProblem,
    limits: CalendarLimits | None = None,
    *,
    starts: Sequence[IntArray] = (),
    time_limit: float = 20.0,
    gap: float = 1e-4,
    watch: Callable[[float, float, IntArray], None] | None = None,
) -> PromotionCalendar:
    """Choose the promotions of a season.

    Args:
        problem: products, weeks and mechanics.
        limits: joint limits, none by default.
        starts: (n, t) calendars to improve on, such as last year's; one that breaks a limit is
            left out.
        time_limit: seconds of the exact solver.
        gap: at which the choice among known sequences may stop; `optimal` is told only of what is.
        watch: told of each better calendar, with its profit and the bound known so far (infinite
            before there is one).

    Raises:
        InvalidLimits: a limit names no mechanic, or pins break a product's own rules.
        InfeasibleLimits: pins break a joint limit.
    """
    search = CalendarSearch(problem, limits or CalendarLimits(), watch)
    search.saw(search.least)
    kept = [one for one in starts if search.keeps(one)]
    for one in kept:
        search.saw(one)
    if search.small:
        bound, best, seconds = search.exact(time_limit)
    else:
        bound, additive, seconds = search.additive(time_limit, gap)
        best = max((search.improved(one) for one in [additive, *kept]), key=search.profit)
    course = follow_calendar(problem, best)
    profit = float(course.profit.sum())
    return PromotionCalendar(
        actions=best,
        course=course,
        report=SolveReport(
            proven(profit, bound, allowed=gap),
            method="column_generation",
            seconds=seconds,
        ),
        unpromoted=float((problem.base * problem.margin[:, None]).sum()),
    )


def greedy_calendar(problem: PromotionProblem, limits: CalendarLimits | None = None) -> IntArray:
    """(n, t) the calendar of a planner who adds the best promotion left until none pays."""
    search = CalendarSearch(problem, limits or CalendarLimits())
    actions = search.least.copy()
    now = search.profit(actions)
    gains = _single_gains(problem, search)
    for flat in np.argsort(-gains, axis=None, kind="stable"):
        i, week, a = (int(k) for k in np.unravel_index(flat, gains.shape))
        if not gains[i, week, a] > 0:
            break
        if actions[i, week] or problem.pinned[i, week] >= 0:
            continue
        trial = actions.copy()
        trial[i, week] = a + 1
        if search.keeps(trial) and (profit := search.profit(trial)) > now:
            actions, now = trial, profit
    return actions


def _single_gains(problem: PromotionProblem, search: CalendarSearch) -> FloatArray:
    """(n, t, m) profit gained by each promotion alone."""
    gains = np.full((len(problem), problem.weeks, len(problem.mechanics)), -np.inf)
    nothing = np.zeros((len(problem), problem.weeks), dtype=np.int64)
    usual = search.profit(nothing)
    for i, week, a in np.argwhere(problem.allowed).tolist():
        trial = nothing.copy()
        trial[i, week] = a + 1
        gains[i, week, a] = search.profit(trial) - usual
    return gains
