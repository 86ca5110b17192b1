"""Plan a calendar of promotions and say what to expect of it: one job for every way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from api.work.progress import Progress, silent
from models.arrays import FloatArray, IntArray
from pricing.calendar.demand import PromotionProblem
from pricing.calendar.limits import CalendarLimits
from pricing.calendar.plan import PromotionCalendar, greedy_calendar, plan_calendar
from pricing.errors import InfeasibleLimits
from simulations.scenarios.calendar_outlook import CalendarDoubt, calendar_outlook
from simulations.scenarios.outlook import Outlook

PLAN: Final = "plan"
NOTHING: Final = "do nothing"
LAST_YEAR: Final = "last year"
GREEDY: Final = "greedy"
LOWER_DEMAND: Final = 0.8
_STEPS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class CalendarAnswer:
    """A calendar and what to expect.

    Attributes:
        plan: the calendar.
        outlook: it beside doing nothing, the greedy calendar, and last year's where there is one.
        lower: the same where demand turns out a fifth lower.
        replanned_lower: the calendar one would have made, had one known that.
    """

    plan: PromotionCalendar
    outlook: Outlook
    lower: Outlook
    replanned_lower: PromotionCalendar | None


def plan_promotions(
    problem: PromotionProblem,
    limits: CalendarLimits,
    *,
    paid: FloatArray,
    last_year: IntArray | None,
    doubt: CalendarDoubt,
    rng: np.random.Generator,
    draws: int = 500,
    gap: float = 1e-4,
    time_limit: float = 20.0,
    progress: Progress = silent,
    better: Callable[[float, float, IntArray], None] | None = None,
) -> CalendarAnswer:
    """Plan, then simulate the calendar beside its alternatives.

    Args:
        problem: products, weeks, mechanics.
        limits: joint limits.
        paid: (n, 1 + m) what a unit brings by action, net, minor units.
        last_year: (n, t) last year's calendar.
        doubt: what is not known of demand.
        rng: source of the futures.
        draws: futures simulated.
        gap: at which the search may stop.
        time_limit: seconds of the exact solver.
        progress: told after each step.
        better: told of each better calendar, with profit and bound.

    Raises:
        PricingError: as `pricing.calendar.plan.plan_calendar`.
    """
    greedy = greedy_calendar(problem, limits)
    progress("greedy", 1, _STEPS)
    starts = [greedy] if last_year is None else [greedy, last_year]
    found = plan_calendar(
        problem, limits, starts=starts, time_limit=time_limit, gap=gap, watch=better
    )
    progress("plan", 2, _STEPS)
    plans = {NOTHING: np.zeros_like(greedy), GREEDY: greedy, PLAN: found.actions}
    if last_year is not None:
        plans[LAST_YEAR] = last_year
    seed = int(rng.integers(2**32))

    def simulate(scale: float) -> Outlook:
        return calendar_outlook(
            problem.scaled(scale), plans, paid, doubt,
            draws=draws, rng=np.random.default_rng(seed),
        )  # fmt: skip

    expected = simulate(1.0)
    progress("simulate", 3, _STEPS)
    lower = simulate(LOWER_DEMAND)
    progress("simulate lower demand", 4, _STEPS)
    replanned = _if_possible(problem.scaled(LOWER_DEMAND), limits, found.actions, time_limit, gap)
    progress("plan for lower demand", _STEPS, _STEPS)
    return CalendarAnswer(found, expected, lower, replanned)


def _if_possible(
    problem: PromotionProblem,
    limits: CalendarLimits,
    start: IntArray,
    time_limit: float,
    gap: float,
) -> PromotionCalendar | None:
    try:
        return plan_calendar(problem, limits, starts=[start], time_limit=time_limit, gap=gap)
    except InfeasibleLimits:
        return None
