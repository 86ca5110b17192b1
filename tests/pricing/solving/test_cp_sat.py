"""The policy under which CP-SAT is asked holds everywhere, and no false proof passes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ortools.sat.python import cp_model

import pricing
from models.arrays import IntArray
from pricing.errors import SolverFault
from pricing.solving.certificate import Status
from pricing.solving.cp_sat import new_solver, solve
from pricing.solving.scaling import MOST_STEPS

# Revenue, units and changes of two products with six prices each; `_FITS` says which go together.
_LIMITS: list[tuple[list[list[int]], int]] = [
    (
        [
            [-6888780334, -6603512736, -6359939593, -6148455621, -5962332705, -5796691728],
            [-10000000000, -6340740028, -4229729042, -2938318651, -2110032466, -1557679318],
        ],
        -9760599508,
    ),
    (
        [
            [-7968086452, -6739521428, -5807675598, -5079836193, -4497708764, -4022936303],
            [-10000000000, -5594770613, -3339259770, -2098799036, -1376108130, -934607591],
        ],
        -7700118828,
    ),
    ([[1, 1, 1, 0, 1, 1], [1, 1, 1, 0, 1, 1]], 2),
]
_GAIN = [
    [333171459, 560495788, 723158999, 842592865, 932025869, 1000000000],
    [424043680, 504847259, 461040751, 390162426, 321636564, 263148420],
]
_FITS = ["110110", "111111", "011010", "110111", "101010", "100110"]


def _programme(
    gain: list[list[int]], limits: list[tuple[list[list[int]], int]], fits: list[str] | None = None
) -> cp_model.CpModel:
    model = cp_model.CpModel()
    chosen = [[model.new_bool_var("") for _ in row] for row in gain]
    for row in chosen:
        model.add_exactly_one(row)
    for usage, most in limits:
        model.add(_total(chosen, usage) <= most)
    for column, going in enumerate(fits or []):
        open_ = [y for y, fit in zip(chosen[1], going, strict=True) if fit == "1"]
        model.add_bool_or([*open_, ~chosen[0][column]])
    model.maximize(_total(chosen, gain))
    return model


def _total(chosen: list[list[cp_model.IntVar]], weights: list[list[int]]) -> cp_model.LinearExprT:
    flat = [x for row in chosen for x in row]
    return cp_model.LinearExpr.weighted_sum(flat, [w for row in weights for w in row])


def _best(gain: list[list[int]], limits: list[tuple[list[list[int]], int]]) -> int | None:
    """The best total of one column a row, by trying all."""
    best = None
    for columns in product(*(range(len(row)) for row in gain)):
        if all(sum(u[i][c] for i, c in enumerate(columns)) <= most for u, most in limits):
            worth = sum(gain[i][c] for i, c in enumerate(columns))
            best = worth if best is None else max(best, worth)
    return best


def _choices(rng: np.random.Generator) -> Iterator[tuple[IntArray, IntArray]]:
    """Revenue and profit of products at prices around those in force, in whole numbers."""
    while True:
        n, k = int(rng.integers(2, 5)), int(rng.integers(2, 8))
        price = np.linspace(0.75, 1.25, k) * rng.uniform(5, 20, (n, 1))
        units = np.linspace(0.75, 1.25, k) ** -rng.uniform(1.2, 5.0, (n, 1))
        units = units * rng.uniform(5, 100, (n, 1))
        profit = units * (price - price.mean(axis=1)[:, None] * rng.uniform(0.3, 0.9, (n, 1)))
        yield np.rint(units * price * 1e7).astype(np.int64), np.rint(profit * 1e6).astype(np.int64)


def test_nothing_asks_cp_sat_but_through_the_policy() -> None:
    root = Path(pricing.__file__).parent.parent
    asking = {
        str(path.relative_to(root))
        for package in ("api", "models", "pricing", "scrapers", "simulations", "storage")
        for path in (root / package).rglob("*.py")
        if "CpSolver(" in path.read_text(encoding="utf-8")
    }
    assert asking == {"pricing/solving/cp_sat.py"}


def test_choices_under_a_floor_in_money_are_solved_to_the_true_best() -> None:
    answered = 0
    for number, (revenue, profit) in zip(
        range(400), _choices(np.random.default_rng(1)), strict=False
    ):
        k = revenue.shape[1]
        changes = [[int(j != k // 2) for j in range(k)]] * len(revenue)
        floor = round((0.9 + 0.001 * number) * int(revenue[:, k // 2].sum()))
        limits = [((-revenue).tolist(), -floor), (changes, len(revenue) - 1)]
        best = _best(profit.tolist(), limits)
        found = solve(new_solver(seconds=10.0), _programme(profit.tolist(), limits))
        if best is None:
            assert found.status is Status.INFEASIBLE
            continue
        assert found.status is Status.OPTIMAL
        assert round(found.solver.objective_value) == best
        answered += 1
    assert 100 < answered < 400


def test_infeasible_is_not_believed_until_it_is_said_twice() -> None:
    programme = _programme(_GAIN, _LIMITS, _FITS)
    faulty = new_solver(seconds=10.0)
    faulty.parameters.presolve_inclusion_work_limit = 100_000_000
    # OR-Tools 9.15 says so of this programme by itself; when it no longer does, the test can go.
    assert faulty.solve(programme) == cp_model.INFEASIBLE
    found = solve(faulty, programme)
    assert found.status is Status.OPTIMAL
    assert round(found.solver.objective_value) == _GAIN[0][5] + _GAIN[1][0]


def test_what_has_no_answer_is_infeasible_with_and_without_presolve() -> None:
    usage = [[5, 7], [6, 4]]
    for presolve in (True, False):
        found = solve(new_solver(seconds=10.0, presolve=presolve), _programme(usage, [(usage, 8)]))
        assert (found.status, found.answered, found.complete) == (Status.INFEASIBLE, False, True)


def test_time_that_ends_too_soon_is_unknown_not_infeasible() -> None:
    rng = np.random.default_rng(4)
    weights = rng.integers(10**6, 10**7, (40, 6))
    exact = int(weights.min(axis=1).sum() + weights.max(axis=1).sum()) // 2
    model = _programme(weights.tolist(), [(weights.tolist(), exact), ((-weights).tolist(), -exact)])
    solver = new_solver()
    solver.parameters.max_deterministic_time = 1e-6
    found = solve(solver, model)
    assert (found.status, found.answered, found.complete) == (Status.UNKNOWN, False, False)


def test_a_programme_that_does_not_fit_is_a_defect_and_no_answer_about_limits() -> None:
    fits = _programme([[1, 2]], [([[MOST_STEPS, MOST_STEPS]], MOST_STEPS)])
    assert solve(new_solver(), fits).status is Status.OPTIMAL
    huge = _programme([[1, 2]], [([[4 * MOST_STEPS - 1, MOST_STEPS]], 0)])
    with pytest.raises(SolverFault, match=r"overflow.*defect of pricewright"):
        solve(new_solver(), huge)
