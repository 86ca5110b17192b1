"""A quarter of promotions: how long it takes to plan, how good it provably is, and greedy."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from pricing.calendar.demand import follow_calendar
from pricing.calendar.limits import CalendarLimits
from pricing.calendar.plan import greedy_calendar, plan_calendar
from tests.benchmarks.figure import Figure
from tests.pricing.calendar.test_plan import random_problem


def figures() -> Iterator[Figure]:
    """200 products, 13 weeks, 4 mechanics, cross effects, slots, budget, category share."""
    problem = random_problem(np.random.default_rng(0), 200, 13, 4, rivals=4)
    limits = CalendarLimits(slots={"m0": 10, "m1": 15}, budget=12_000_000, category_share=0.3)
    start = time.perf_counter()
    found = plan_calendar(problem, limits)
    took = time.perf_counter() - start
    yield Figure("calendar, 200 products x 13 weeks x 4 mechanics", took, "s", "limit", 60.0)
    yield Figure("calendar, certified gap", found.report.gap, "share", "limit", 0.01)
    start = time.perf_counter()
    greedy = float(follow_calendar(problem, greedy_calendar(problem, limits)).profit.sum())
    yield Figure(
        "calendar, profit gained over no promotion",
        found.report.objective - found.unpromoted,
        "minor units",
        "greedy calendar",
        greedy - found.unpromoted,
        f"bound of the gain {found.report.bound - found.unpromoted:,.0f}; "
        f"greedy took {time.perf_counter() - start:.0f} s",
    )
