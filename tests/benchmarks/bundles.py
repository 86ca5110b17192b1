"""How good bundle prices are and how soon, against CP-SAT alone on the same instance.

`BUNDLES_NATIVE_SECONDS` in the environment is the time that CP-SAT alone is given on the large
instance: 300 unless set; 0 leaves it out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from ortools.sat.python import cp_model

from pricing.bundles import BundleProblem, Effort, plan_bundles
from tests.benchmarks.figure import Figure
from tests.pricing.bundles.instances import few_segments

_PROOF_SECONDS: Final = 10.0
_LARGE_SECONDS: Final = 60.0
_WORKERS: Final = 2


def figures() -> Iterator[Figure]:
    """Seconds to a proof of 20 x 3; profit of 200 x 8 beside component pricing and CP-SAT alone."""
    for seed in range(3):
        start = time.perf_counter()
        small = plan_bundles(
            few_segments(np.random.default_rng(seed), 20, 3),
            rng=np.random.default_rng(0),
            effort=Effort(seconds=60.0, workers=_WORKERS),
        )
        yield Figure(
            f"bundles, 20 segments x 3 products, all 7 sets, seed {seed}",
            time.perf_counter() - start,
            "s",
            "limit",
            _PROOF_SECONDS,
            f"{small.report.status}, profit {small.report.objective:,.0f}, "
            f"bound {small.report.bound:,.0f}",
        )
    problem = few_segments(np.random.default_rng(0), 200, 8)
    start = time.perf_counter()
    large = plan_bundles(
        problem,
        rng=np.random.default_rng(0),
        effort=Effort(seconds=_LARGE_SECONDS - 5.0, workers=_WORKERS),
    )
    took = time.perf_counter() - start
    report = large.report
    name = "bundles, 200 segments x 8 products, all 255 sets"
    note = f"{report.status}, bound {report.bound:,.0f}, gap {report.gap:.3f} of the bound"
    yield Figure(name, took, "s", "limit", _LARGE_SECONDS, note)
    yield Figure(
        f"{name}, profit",
        report.objective,
        "minor units",
        "component pricing",
        large.singles.profit / 10_000,
        f"{len(large.bundles)} bundles",
    )
    allowed = float(os.environ.get("BUNDLES_NATIVE_SECONDS", "300"))
    if allowed <= 0:
        return
    start = time.perf_counter()
    status, profit, bound = native(problem, allowed)
    spent = time.perf_counter() - start
    peer = f"CP-SAT alone, {allowed:.0f} s, {_WORKERS} workers"
    said = f"{status}, its bound {bound:,.0f}, {spent:.0f} s"
    if profit is None:
        yield Figure(name, took, "s", peer, spent, f"which found no prices: {said}")
    else:
        yield Figure(f"{name}, profit", report.objective, "minor units", peer, profit, said)


def native(problem: BundleProblem, seconds: float) -> tuple[str, float | None, float]:
    """Hanson and Martin's programme by CP-SAT with its own settings: status, profit, bound.

    Every set is a candidate and nothing is limited. It is written with the surplus of each segment;
    in the form of the paper, with a variable for what each segment pays for each set, CP-SAT finds
    no prices at all in 300 seconds.
    """
    model = cp_model.CpModel()
    cost = problem.sets.totals(problem.cost)
    dearest = problem.sets.totals(problem.most)
    sets = len(problem.sets)
    price = [model.new_constant(0)]
    for mask in range(1, sets):
        single = not mask & (mask - 1)
        low = problem.least[mask.bit_length() - 1] if single else cost[mask]
        price.append(model.new_int_var(int(low), int(dearest[mask]), ""))
    for mask in range(1, sets):
        part = (mask - 1) & mask
        while part:
            if part & mask & -mask:
                model.add(price[mask] <= price[part] + price[mask ^ part])
            part = (part - 1) & mask
    terms: list[cp_model.IntVar] = []
    weights: list[int] = []
    for k, size in enumerate(problem.size.tolist()):
        value = problem.value[k].tolist()
        picks = [model.new_bool_var("") for _ in range(sets)]
        model.add_exactly_one(picks)
        surplus = model.new_int_var(0, max(value), "")
        model.add(surplus == 0).only_enforce_if(picks[0])
        for mask in range(1, sets):
            model.add(surplus >= value[mask] - price[mask])
            model.add(surplus + price[mask] <= value[mask]).only_enforce_if(picks[mask])
        terms += [surplus, *picks]
        weights += [-size, *(size * (problem.value[k] - cost)).tolist()]
    model.maximize(cp_model.LinearExpr.weighted_sum(terms, weights))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = _WORKERS
    solver.parameters.random_seed = 0
    solver.parameters.catch_sigint_signal = False
    status = solver.solve(model)
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return (
        solver.status_name(status),
        float(solver.objective_value) if found else None,
        float(solver.best_objective_bound),
    )
