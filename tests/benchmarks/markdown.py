"""How long a clearance plan takes, against the monolithic time-expanded integer programme."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from ortools.linear_solver import pywraplp

from models.arrays import FloatArray, IntArray
from pricing.markdown import Effort, plan
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import MarkdownLimits
from tests.benchmarks.figure import Figure, peak_megabytes

_WEEKS: Final = 8
_RUNGS: Final = 12
_CHANGES: Final = 3
_ALLOWED_SECONDS: Final = {1_000: 3.0, 10_000: 25.0, 100_000: 250.0}
_MONOLITH_SECONDS: Final = 60.0


def figures() -> Iterator[Figure]:
    """Seconds, gaps and memory of plans of three sizes; the monolith on two small ones."""
    for n in (100, 1_000):
        items, budget = problem(n)
        for solver in ("HIGHS", "SCIP"):
            yield _beside_monolith(items, budget, solver)
    for n, allowed in _ALLOWED_SECONDS.items():
        items, budget = problem(n)
        start, before = time.perf_counter(), time.process_time()
        found = plan(items, MarkdownLimits(budget=budget), effort=Effort(threads=2))
        took, worked = time.perf_counter() - start, time.process_time() - before
        note = f"{found.report.status}, certified gap {found.report.gap:.1e}, CPU {worked:.1f} s"
        yield Figure(
            f"markdown plan, {n:,} products, one budget", took, "s", "limit", allowed, note
        )
        yield Figure(
            f"markdown plan, {n:,} products, gap", found.report.gap, "share", "limit", 1e-5
        )
    yield Figure("markdown plan, peak memory", peak_megabytes(), "MB", "limit", 6_000.0)
    items, budget = problem(1_000)
    limits = MarkdownLimits(
        budget=budget, average_discount=0.1, marked_down_at_once=333, labels_per_week=100
    )
    start = time.perf_counter()
    found = plan(items, limits, effort=Effort(threads=2))
    yield Figure(
        "markdown plan, 1,000 products, four kinds of joint limits",
        time.perf_counter() - start,
        "s",
        "limit of one budget",
        3.0,
        f"{found.report.status}, certified gap {found.report.gap:.1e}",
    )


def problem(n: int) -> tuple[ClearanceItems, int]:
    """Items of 8 weeks and 12 prices, and half of the discounts they would like as budget."""
    rng = np.random.default_rng(0)
    start = rng.integers(1_000, 20_000, n)
    ladder = np.rint(start[:, None] * (1.0 - 0.06 * np.arange(_RUNGS))).astype(np.int64)
    base = rng.gamma(2.0, 10.0, n) + 1.0
    items = ClearanceItems.of(
        [f"P{i}" for i in range(n)],
        ladder,
        base[:, None] * np.exp(0.15 * rng.standard_normal((n, _WEEKS))),
        np.rint(base * _WEEKS * rng.uniform(1.0, 3.0, n)) + 1.0,
        currency="EUR",
        elasticity=rng.uniform(-4.0, -1.2, n),
        salvage=start // 10,
        max_changes=_CHANGES,
    )
    sample = items.take(np.arange(min(n, 1_000)))
    wish = float(plan(sample).course.given_away.sum()) * n / len(sample)
    return items, int(0.5 * wish)


def _beside_monolith(items: ClearanceItems, budget: int, solver: str) -> Figure:
    start = time.perf_counter()
    found = plan(items, MarkdownLimits(budget=budget), effort=Effort(threads=2))
    ours = time.perf_counter() - start
    start = time.perf_counter()
    worth, bound = monolith(items, budget, solver, _MONOLITH_SECONDS)
    took = time.perf_counter() - start
    peer = f"{solver} on the time-expanded MIP, {_MONOLITH_SECONDS:.0f} s allowed"
    if worth is None:
        return Figure(
            f"markdown plan, {len(items):,} products", ours, "s", peer, took, "which found no plan"
        )
    return Figure(
        f"markdown value, {len(items):,} products",
        found.report.objective,
        items.currency + " minor",
        peer,
        worth,
        f"ours took {ours:.1f} s; the monolith {took:.0f} s, its own bound is {bound:.6g}",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """HiGHS writes a banner to standard output, where only figures belong."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def monolith(
    items: ClearanceItems, budget: int, solver: str, seconds: float
) -> tuple[float | None, float]:
    """The whole clearance as one integer programme: value of its answer, and its bound.

    A binary says which rung holds in which week; units at a rung are at most demand there, and
    what is on hand. A week may sell less than demand: that only relaxes the problem.
    """
    mip = pywraplp.Solver.CreateSolver(solver)
    mip.SuppressOutput()
    mip.SetTimeLimit(int(seconds * 1000))
    objective = mip.Objective()
    objective.SetMaximization()
    spend = mip.Constraint(-mip.infinity(), float(budget))
    price: FloatArray = items.price
    ladder: IntArray = np.arange(_RUNGS)
    for i in range(len(items)):
        at = [[mip.BoolVar("") for _ in ladder] for _ in range(_WEEKS)]
        stock_row = mip.Constraint(-mip.infinity(), float(items.stock[i]))
        for week in range(_WEEKS):
            mip.Add(sum(at[week]) == 1)
            for rung in range(_RUNGS):
                most = float(items.demand[i, week] * items.response[i, rung])
                units = mip.NumVar(0.0, most, "")
                mip.Add(units <= most * at[week][rung])
                stock_row.SetCoefficient(units, 1.0)
                objective.SetCoefficient(units, float(price[i, rung] - items.salvage[i]))
                spend.SetCoefficient(units, float(price[i, 0] - price[i, rung]))
        changes = []
        for week in range(_WEEKS):
            changed = mip.BoolVar("")
            changes.append(changed)
            for rung in range(_RUNGS):
                # Prices never rise; leaving a rung is a change.
                before = sum(at[week - 1][: rung + 1]) if week else 1.0
                mip.Add(sum(at[week][: rung + 1]) <= before)
                stood = at[week - 1][rung] if week else (1.0 if rung == 0 else 0.0)
                mip.Add(at[week][rung] - stood <= changed)
        mip.Add(sum(changes) <= _CHANGES)
    objective.SetOffset(float((items.salvage * items.stock).sum()))
    with _quiet():
        status = mip.Solve()
    found = status in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE)
    return (objective.Value() if found else None), objective.BestBound()
