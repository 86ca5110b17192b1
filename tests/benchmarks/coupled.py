"""Ten thousand tied prices: decomposition against the same problem given whole to a MIP solver."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Iterator

import numpy as np
from ortools.linear_solver import pywraplp
from scipy import sparse

from models.arrays import FloatArray, IntArray
from pricing.cross_effects import CrossEffects
from pricing.solving.coupled import choose_coupled
from pricing.solving.coupled_problem import CoupledProblem
from pricing.solving.joint_limits import JointLimit
from pricing.solving.relation_groups import Pairs, RelationGroups
from tests.benchmarks.figure import Figure, peak_megabytes, seconds

_PRODUCTS, _CATEGORIES, _CANDIDATES = 10_000, 200, 13
_SECONDS = 60.0
_GAP = 5e-3
_PATIENCE = 150.0
"""Seconds for building the model, the minute of search, and a solver that overruns it."""


def figures() -> Iterator[Figure]:
    """Seconds and certified gap; objective against HiGHS and SCIP with the same minute."""
    problem = _problem()
    found: list[tuple[IntArray, float, float]] = []

    def decompose() -> None:
        column, report = choose_coupled(
            problem.moving,
            problem.fixed,
            problem.log_ratio,
            problem.valid,
            cross=problem.cross,
            pairs=problem.groups.pairs,
            limits=problem.limits,
            gap=5e-5,
            time_limit=_SECONDS,
        )
        found.append((column, report.objective, report.gap))

    took = seconds(decompose)
    column, worth, gap = found[0]
    if not problem.within(column):
        raise AssertionError("the answer breaks a limit or a relation")
    size = (
        f"{_PRODUCTS:,} products, {_CATEGORIES} categories, {problem.cross.elasticity.nnz:,} cross "
        f"effects, {len(problem.groups.pairs):,} related pairs, {len(problem.limits)} joint limits"
    )
    yield Figure("tied prices, seconds", took, "s", "limit", _SECONDS, size)
    yield Figure(
        "tied prices, certified gap", gap, "share", "limit", _GAP, f"objective {worth:,.0f}"
    )
    for solver in ("HIGHS", "SCIP"):
        theirs, bound, status = _in_time(problem, solver)
        yield Figure(
            "tied prices, objective",
            worth,
            "money",
            f"monolithic MIP, {solver}, {_SECONDS:.0f} s; today's prices where it has no answer",
            theirs,
            f"{status}, their bound {bound:,.0f}",
        )
    yield Figure("tied prices, peak memory", peak_megabytes(), "MB", "limit", 4_000.0)


def _problem() -> CoupledProblem:
    """Categories of 50, related neighbours; changes, markdown money and revenue are limited."""
    rng = np.random.default_rng(0)
    n, k, size = _PRODUCTS, _CANDIDATES, _PRODUCTS // _CATEGORIES
    share = rng.uniform(0.45, 0.75, n)[:, None]
    elasticity = -rng.uniform(1.3, 3.5, n)[:, None]
    ratio = np.concatenate([[0.0], np.linspace(-0.15, 0.14, k - 1)])[None, :]
    ratio = ratio + np.where(np.arange(k) > 0, rng.uniform(-0.004, 0.004, (n, k)), 0.0)
    price = rng.uniform(1, 80, n)[:, None]
    units = rng.lognormal(3, 1, n)[:, None] * np.exp(elasticity * ratio)
    asked = price * np.exp(ratio)
    cut = np.maximum(price - asked, 0.0)
    blocks = [
        sparse.random_array((size, size), density=0.6, rng=rng) * 0.03 for _ in range(_CATEGORIES)
    ]
    effects = sparse.lil_array(sparse.block_diag(blocks))
    effects.setdiag(0.0)
    changed = np.ones((n, k), dtype=np.int64)
    changed[:, 0] = 0
    revenue = asked * units
    limits = (
        JointLimit("max_changes", changed, n // 3),
        JointLimit(
            "markdown_money", cut * units, 0.02 * revenue[:, 0].sum(), moves_with_demand=True
        ),
        JointLimit("revenue_floor", -revenue, -1.004 * revenue[:, 0].sum(), moves_with_demand=True),
    )
    return CoupledProblem.of(
        (asked - price * share) * units,
        np.zeros((n, k)),
        ratio,
        np.ones((n, k), dtype=np.bool_),
        CrossEffects(effects.tocsr()),
        RelationGroups(n, _relations(asked, rng)),
        limits,
    )


def _relations(asked: FloatArray, rng: np.random.Generator) -> Pairs:
    """Neighbours keep within a band of today's ratio; every fourth pair goes on to a third row."""
    first = np.arange(0, _PRODUCTS, 4)
    second = first + 1
    third = first[::4] + 2
    row, other = np.concatenate([first, second[::4]]), np.concatenate([second, third])
    today = asked[row, 0] / asked[other, 0]
    slack = rng.uniform(0.02, 0.10, len(row))
    ratio = asked[row][:, :, None] / asked[other][:, None, :] / today[:, None, None]
    fits = (ratio >= 1 - slack[:, None, None]) & (ratio <= 1 + slack[:, None, None])
    return Pairs(row, other, fits)


def _in_time(problem: CoupledProblem, name: str) -> tuple[float, float, str]:
    """`_whole` in a process of its own, which is ended when it does not keep its time."""
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[tuple[float, float, str]] = context.Queue()
    process = context.Process(target=lambda: answers.put(_whole(problem, name)), daemon=True)
    process.start()
    try:
        return answers.get(timeout=_PATIENCE)
    except queue.Empty:
        today = problem.value(np.zeros(len(problem.valid), np.int64))
        return today, float("inf"), f"ended after {_PATIENCE:.0f} s with its own limit overrun"
    finally:
        process.kill()
        process.join()


def _whole(problem: CoupledProblem, name: str) -> tuple[float, float, str]:
    """One MIP with everything: value of the answer (today's prices where none), bound, status.

    A candidate's share of the demand shift is a continuous variable that is the shift where the
    candidate is chosen, else 0: the tightest compact linear form of this objective.
    """
    n, k = problem.valid.shape
    solver = pywraplp.Solver.CreateSolver(name)
    solver.SetTimeLimit(int(_SECONDS * 1000))
    x = [[solver.BoolVar("") for _ in range(k)] for _ in range(n)]
    shares = _objective_of(solver, problem, x)
    _shifts_of(solver, problem, x, shares)
    pairs = problem.groups.pairs
    for number in range(len(pairs)):
        row, other = int(pairs.row[number]), int(pairs.other[number])
        for j in range(k):
            fits = [x[other][h] for h in range(k) if pairs.fits[number, j, h]]
            solver.Add(x[row][j] <= solver.Sum(fits))
    for limit in problem.limits:
        room = solver.Constraint(-solver.infinity(), float(limit.at_most))
        for i in range(n):
            for j in range(k):
                room.SetCoefficient(x[i][j], float(limit.usage[i, j]))
                if limit.moves_with_demand:
                    room.SetCoefficient(shares[i][j], float(limit.usage[i, j]))
    status = solver.Solve()
    if status not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
        return problem.value(np.zeros(n, np.int64)), float("inf"), "no answer in time"
    found = "optimal" if status == pywraplp.Solver.OPTIMAL else "feasible"
    return solver.Objective().Value(), solver.Objective().BestBound(), found


def _objective_of(
    solver: pywraplp.Solver, problem: CoupledProblem, x: list[list[pywraplp.Variable]]
) -> list[list[pywraplp.Variable]]:
    """Set the objective; returns each candidate's share of the demand shift."""
    objective = solver.Objective()
    shares: list[list[pywraplp.Variable]] = []
    for i, row in enumerate(x):
        low, high = float(problem.least_shift[i]), float(problem.most_shift[i])
        solver.Add(solver.Sum(row) == 1)
        parts = [solver.NumVar(min(low, 0.0), max(high, 0.0), "") for _ in row]
        shares.append(parts)
        for j, part in enumerate(parts):
            solver.Add(part <= high * row[j])
            solver.Add(part >= low * row[j])
            objective.SetCoefficient(row[j], float(problem.moving[i, j] + problem.fixed[i, j]))
            objective.SetCoefficient(part, float(problem.moving[i, j]))
    objective.SetMaximization()
    return shares


def _shifts_of(
    solver: pywraplp.Solver,
    problem: CoupledProblem,
    x: list[list[pywraplp.Variable]],
    shares: list[list[pywraplp.Variable]],
) -> None:
    """The shares of a row add up to what the others' prices do to it."""
    effects = problem.cross.elasticity
    for i, parts in enumerate(shares):
        met = solver.Constraint(0.0, 0.0)
        for part in parts:
            met.SetCoefficient(part, -1.0)
        span = slice(effects.indptr[i], effects.indptr[i + 1])
        for other, effect in zip(effects.indices[span], effects.data[span], strict=True):
            for j, choice in enumerate(x[other]):
                met.SetCoefficient(choice, float(effect * problem.log_ratio[other, j]))
