"""The choice under joint limits equals brute force, and says truly how good it is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.errors import InfeasibleLimits, InvalidLimits
from pricing.solving.joint_limits import JointLimit
from pricing.solving.lagrangian import lagrangian_dual
from pricing.solving.list_price import choose


def brute_force(value: FloatArray, valid: BoolArray, limits: list[JointLimit]) -> float | None:
    """Best total value over every combination of candidates, None where none is allowed."""
    best: float | None = None
    for columns in product(*(np.flatnonzero(row) for row in valid)):
        at = (np.arange(len(columns)), np.array(columns))
        if all(limit.holds(at[1]) for limit in limits):
            worth = float(value[at].sum())
            best = worth if best is None else max(best, worth)
    return best


def random_problem(
    rng: np.random.Generator,
) -> tuple[FloatArray, BoolArray, list[JointLimit]]:
    n, k = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    value = rng.normal(0, 10, (n, k)).round(int(rng.integers(0, 4)))
    valid = rng.random((n, k)) < 0.8
    valid[np.arange(n), rng.integers(0, k, n)] = True
    limits = []
    for name in "ab"[: int(rng.integers(1, 3))]:
        usage: IntArray = rng.integers(-2, 6, (n, k))
        most = int(rng.integers(-2, 3 * n))
        if rng.random() < 0.5:
            # The same limit in an awkward unit: its edges must be met, not missed by rounding.
            unit = 10.0 ** rng.uniform(-6, 6)
            limits.append(JointLimit(name, usage * unit, most * unit))
        else:
            limits.append(JointLimit(name, usage, most))
    return value, valid, limits


@pytest.mark.parametrize("core", [1, 2_000])
def test_the_answer_equals_brute_force_on_500_tiny_problems(core: int) -> None:
    rng = np.random.default_rng(20261122)
    infeasible = coupled = 0
    for _ in range(500):
        value, valid, limits = random_problem(rng)
        expected = brute_force(value, valid, limits)
        if expected is None:
            infeasible += 1
            with pytest.raises(InfeasibleLimits, match="relax"):
                choose(value, valid, limits, core=core)
            continue
        column, report = choose(value, valid, limits, core=core)
        at = (np.arange(len(column)), column)
        assert valid[at].all()
        assert all(limit.holds(at[1]) for limit in limits)
        assert value[at].sum() == pytest.approx(expected, abs=1e-6)
        assert report.status == "optimal"
        assert report.objective == pytest.approx(expected, abs=1e-6)
        assert report.bound >= expected - 1e-6
        coupled += report.method == "cp_sat"
    # The sample must contain what it is meant to test.
    assert infeasible > 20
    assert coupled > 100


def test_the_dual_bound_is_never_below_the_best_answer() -> None:
    rng = np.random.default_rng(7)
    checked = 0
    for _ in range(200):
        value, valid, limits = random_problem(rng)
        expected = brute_force(value, valid, limits)
        if expected is None:
            continue
        dual = lagrangian_dual(np.where(valid, value, -np.inf), limits)
        assert dual.bound >= expected - 1e-6
        assert (dual.charges >= 0).all()
        checked += 1
    assert checked > 100


def test_a_large_problem_is_proven_optimal_through_a_small_core() -> None:
    # With one unit of usage a change, the optimum is known: the largest gains, as many as allowed.
    rng = np.random.default_rng(1)
    n, k, most = 20_000, 6, 3_000
    value = rng.gamma(2.0, 5.0, (n, k))
    usage = np.ones((n, k), dtype=np.int64)
    usage[:, 0] = 0
    limit = JointLimit("max_changes", usage, most)
    column, report = choose(value, np.ones((n, k), np.bool_), [limit], core=100)
    gains = np.sort(np.maximum(value[:, 1:].max(axis=1) - value[:, 0], 0.0))[::-1][:most]
    assert report.objective == pytest.approx(value[:, 0].sum() + gains.sum(), rel=1e-9)
    assert report.status == "optimal"
    assert (column > 0).sum() <= most


def test_without_a_limit_that_bites_each_row_takes_its_best() -> None:
    value = np.array([[1.0, 3.0, 2.0], [5.0, 4.0, 9.0]])
    valid = np.array([[True, True, True], [True, True, False]])
    column, report = choose(value, valid, [JointLimit("any", np.ones((2, 3), np.int64), 2)])
    assert column.tolist() == [1, 0]
    assert (report.method, report.gap) == ("separable", 0.0)


def test_equal_input_gives_an_equal_answer() -> None:
    rng = np.random.default_rng(3)
    value = rng.integers(0, 4, (300, 5)).astype(np.float64)
    limit = JointLimit("a", rng.integers(0, 9, (300, 5)), 500)
    first, _ = choose(value, np.ones(value.shape, np.bool_), [limit])
    second, _ = choose(value, np.ones(value.shape, np.bool_), [limit])
    assert first.tolist() == second.tolist()


def test_limits_that_conflict_are_named() -> None:
    usage = np.ones((2, 1), dtype=np.int64)
    with pytest.raises(InfeasibleLimits, match="labels") as caught:
        choose(np.zeros((2, 1)), np.ones((2, 1), np.bool_), [JointLimit("labels", usage, 1)])
    assert caught.value.conflicting == ("labels",)


@pytest.mark.parametrize(
    ("value", "valid", "message"),
    [
        (np.zeros((1, 2)), np.zeros((1, 2), np.bool_), "at least one candidate"),
        (np.full((1, 2), np.nan), np.ones((1, 2), np.bool_), "not finite"),
        (np.zeros((1, 2)), np.ones((1, 3), np.bool_), "one shape"),
    ],
)
def test_a_problem_without_a_choice_is_refused(
    value: FloatArray, valid: BoolArray, message: str
) -> None:
    with pytest.raises(InvalidLimits, match=message):
        choose(value, valid)
