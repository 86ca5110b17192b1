"""Tied prices: the answer equals brute force, the bound is never below it, no tie is broken."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.arrays import FloatArray, IntArray
from pricing.cross_effects import CrossEffects
from pricing.errors import InfeasibleLimits, InvalidLimits
from pricing.solving.coupled import choose_coupled
from pricing.solving.coupled_bound import tighten
from pricing.solving.coupled_problem import CoupledProblem
from pricing.solving.joint_limits import JointLimit
from pricing.solving.relation_groups import Pairs, RelationGroups
from pricing.solving.stopwatch import Stopwatch


def tiny(rng: np.random.Generator) -> CoupledProblem:
    """Up to 5 rows of up to 4 candidates with every kind of tie."""
    n, k = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    valid = rng.random((n, k)) < 0.85
    valid[np.arange(n), rng.integers(0, k, n)] = True
    moving = rng.normal(5, 4, (n, k)) * valid
    fixed = rng.normal(0, 2, (n, k)) * valid * (rng.random() < 0.5)
    ratio = rng.uniform(-0.15, 0.15, (n, k)) * valid
    effects = rng.normal(0.0, 0.5, (n, n)) * (rng.random((n, n)) < 0.6)
    np.fill_diagonal(effects, 0.0)
    m = int(rng.integers(0, 4))
    row = rng.integers(0, n, m)
    other = (row + rng.integers(1, n, m)) % n
    pairs = Pairs(row, other, rng.random((m, k, k)) < 0.7)
    limits = []
    for name in "ab"[: int(rng.integers(0, 3))]:
        if rng.random() < 0.5:
            usage: IntArray = rng.integers(0, 5, (n, k))
            limits.append(JointLimit(name, usage, int(rng.integers(0, 3 * n))))
        else:
            money: FloatArray = rng.normal(0, 3, (n, k))
            rows = None
            if rng.random() < 0.5:
                rows = np.sort(rng.choice(n, 2, replace=False))
                money = money[rows]
            limits.append(
                JointLimit(
                    name, money, float(rng.normal(0, n)), rows, moves_with_demand=rng.random() < 0.5
                )
            )
    return CoupledProblem.of(
        moving,
        fixed,
        ratio,
        valid,
        CrossEffects(sparse.csr_array(effects)),
        RelationGroups(n, pairs),
        tuple(limits),
    )


def brute_force(problem: CoupledProblem) -> float | None:
    """The best value over all combinations, from the definitions."""
    best: float | None = None
    effects = problem.cross.elasticity.toarray()
    pairs = problem.groups.pairs
    for chosen in product(*(np.flatnonzero(row) for row in problem.valid)):
        at = (np.arange(len(chosen)), np.array(chosen))
        if not all(
            pairs.fits[e, chosen[pairs.row[e]], chosen[pairs.other[e]]] for e in range(len(pairs))
        ):
            continue
        moved = 1.0 + effects @ problem.log_ratio[at]
        kept = True
        for limit in problem.limits:
            rows = np.arange(len(chosen)) if limit.rows is None else limit.rows
            usage = limit.usage[np.arange(len(rows)), np.array(chosen)[rows]]
            used = (usage * moved[rows]).sum() if limit.moves_with_demand else usage.sum()
            kept &= bool(used <= limit.at_most + limit.tolerance)
        if kept:
            worth = float((problem.fixed[at] + problem.moving[at] * moved).sum())
            best = worth if best is None else max(best, worth)
    return best


def solve(problem: CoupledProblem, **given: float) -> tuple[IntArray, object]:
    return choose_coupled(
        problem.moving,
        problem.fixed,
        problem.log_ratio,
        problem.valid,
        cross=problem.cross,
        pairs=problem.groups.pairs,
        limits=problem.limits,
        **given,
    )


@pytest.mark.parametrize("tried", [150, pytest.param(500, marks=pytest.mark.slow)])
def test_the_answer_equals_brute_force_on_tiny_tied_problems(tried: int) -> None:
    rng = np.random.default_rng(20261122)
    infeasible = tied = limited = 0
    for _ in range(tried):
        problem = tiny(rng)
        expected = brute_force(problem)
        if expected is None:
            infeasible += 1
            with pytest.raises((InfeasibleLimits, InvalidLimits)):
                solve(problem, gap=0.0)
            continue
        column, report = choose_coupled(
            problem.moving,
            problem.fixed,
            problem.log_ratio,
            problem.valid,
            cross=problem.cross,
            pairs=problem.groups.pairs,
            limits=problem.limits,
            gap=0.0,
        )
        assert problem.within(column)
        assert problem.value(column) == pytest.approx(expected, abs=1e-5)
        assert report.objective == pytest.approx(expected, abs=1e-5)
        assert report.bound >= expected - 1e-6
        assert report.status == "optimal"
        tied += len(problem.groups.pairs) > 0
        limited += len(problem.limits) > 0
    assert infeasible > 0.1 * tried
    assert tied > 0.3 * tried
    assert limited > 0.3 * tried


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-9, 1.0, 1e6, 1e15]),
    st.sampled_from([1e-6, 1.0, 1e12]),
    st.sampled_from([4, 40, 80]),
)
def test_limits_and_worth_of_any_size_fit_the_exact_solver(
    seed: int, usage: float, worth: float, k: int
) -> None:
    rng = np.random.default_rng(seed)
    valid, ratio = np.ones((2, k), dtype=np.bool_), rng.uniform(-0.2, 0.2, (2, k))
    moving = rng.normal(5, 4, (2, k)) * worth
    money = rng.uniform(0, 1, (2, k)) * usage
    limit = JointLimit("money", money, float(rng.uniform(0.1, 0.9)) * usage, moves_with_demand=True)
    effects = np.array([[0.0, rng.uniform(-0.5, 0.5)], [rng.uniform(-0.5, 0.5), 0.0]])
    cross = CrossEffects(sparse.csr_array(effects))
    shift = effects[0, 1] * ratio[1][None, :], effects[1, 0] * ratio[0][:, None]
    used = money[0][:, None] * (1.0 + shift[0]) + money[1][None, :] * (1.0 + shift[1])
    total = moving[0][:, None] * (1.0 + shift[0]) + moving[1][None, :] * (1.0 + shift[1])
    kept = used <= limit.at_most + limit.tolerance
    if not kept.any():
        with pytest.raises(InfeasibleLimits) as caught:
            choose_coupled(moving, None, ratio, valid, cross=cross, limits=[limit])
        assert caught.value.proven
        return
    best = float(total[kept].max())
    column, report = choose_coupled(
        moving, None, ratio, valid, cross=cross, limits=[limit], gap=1e-6
    )
    assert kept[column[0], column[1]]
    assert report.bound >= best - 1e-12 * abs(best)
    assert best - report.objective <= 1.1e-6 * abs(report.bound)
    assert report.status in ("optimal", "within_gap")


def test_the_bound_is_never_below_the_best_answer_whatever_the_multipliers() -> None:
    rng = np.random.default_rng(3)
    checked = 0
    for _ in range(150):
        problem = tiny(rng)
        expected = brute_force(problem)
        if expected is None:
            continue
        anchor = np.array([rng.choice(np.flatnonzero(row)) for row in problem.valid])
        charges = rng.exponential(1.0, len(problem.limits))
        bound = tighten(problem, anchor, charges, deadline=10.0, watch=Stopwatch())
        assert bound.value >= expected - 1e-9
        checked += 1
    assert checked > 80


def test_groups_of_any_shape_are_solved_exactly() -> None:
    rng = np.random.default_rng(8)
    for _ in range(100):
        n, k, m = int(rng.integers(2, 7)), 3, int(rng.integers(1, 9))
        row = rng.integers(0, n, m)
        pairs = Pairs(row, (row + rng.integers(1, n, m)) % n, rng.random((m, k, k)) < 0.75)
        score = rng.normal(0, 1, (n, k))
        column, total = RelationGroups(n, pairs).best(score)
        best = -np.inf
        for chosen in product(range(k), repeat=n):
            if pairs.kept(np.array(chosen)).all():
                best = max(best, float(score[np.arange(n), chosen].sum()))
        assert total.sum() == pytest.approx(best)
        if np.isfinite(best):
            assert pairs.kept(column).all()
            assert score[np.arange(n), column].sum() == pytest.approx(best)


def test_a_group_too_entangled_to_be_tabulated_gets_the_same_answer_from_cp_sat() -> None:
    rng = np.random.default_rng(9)
    impossible = 0
    for _ in range(60):
        n, k, m = int(rng.integers(3, 8)), 4, int(rng.integers(4, 14))
        row = rng.integers(0, n, m)
        pairs = Pairs(row, (row + rng.integers(1, n, m)) % n, rng.random((m, k, k)) < 0.65)
        score = np.where(rng.random((n, k)) < 0.9, rng.normal(0, 1, (n, k)), -np.inf)
        score[:, 0] = 0.0
        tables, webs = RelationGroups(n, pairs), RelationGroups(n, pairs, most_cells=1)
        for _ in range(2):
            expected, (column, bound) = tables.best(score)[1].sum(), webs.best(score)
            if np.isinf(expected):
                impossible += 1
                assert bound.sum() == -np.inf
                continue
            assert pairs.kept(column).all()
            worth = score[np.arange(n), column].sum()
            assert worth == pytest.approx(expected, abs=1e-5)
            assert worth <= bound.sum() <= worth + 1e-5
            score = np.where(np.isfinite(score), score * rng.uniform(0, 2, (n, k)), -np.inf)
    assert impossible > 3


def test_a_dense_web_of_price_ladders_is_solved_with_bound_and_gap() -> None:
    # Every two of 14 products must keep their distance: no table of 24 candidates holds that.
    rng = np.random.default_rng(10)
    n, k = 14, 24
    price = np.sort(rng.integers(500, 4000, n))[:, None] * np.linspace(0.85, 1.15, k)
    row, other = np.triu_indices(n, 1)
    fits = price[other][:, None, :] >= price[row][:, :, None] * 1.02
    start = np.linspace(0.0, 1.0, k)
    moving = -np.square(start - rng.uniform(0, 1, (n, 1))) * rng.uniform(50, 100, (n, 1)) + 200
    ratio, valid = np.zeros((n, k)), np.ones((n, k), dtype=np.bool_)
    pairs = Pairs(row, other, fits)
    column, report = choose_coupled(moving, None, ratio, valid, pairs=pairs, time_limit=20.0)
    assert pairs.kept(column).all()
    assert report.status in {"optimal", "within_gap"}
    assert report.gap <= 1e-4
    assert report.objective < moving.max(axis=1).sum() - 1.0


def test_hundreds_of_tied_rows_come_with_a_small_certified_gap() -> None:
    rng = np.random.default_rng(12)
    n, k = 400, 8
    ratio = np.sort(rng.uniform(-0.15, 0.15, (n, k)), axis=1)
    elasticity = rng.uniform(1.5, 3.5, n)[:, None]
    moving = rng.lognormal(3, 1, n)[:, None] * np.exp(-elasticity * ratio)
    moving *= np.exp(ratio) - rng.uniform(0.4, 0.7, n)[:, None]
    effects = sparse.random_array((n, n), density=0.02, rng=rng) * 0.1
    effects.setdiag(0.0)
    row = np.arange(0, n - 1, 4)
    fits = ratio[row][:, :, None] <= ratio[row + 1][:, None, :] + 0.1
    changes = np.ones((n, k), dtype=np.int64)
    changes[:, k // 2] = 0
    column, report = choose_coupled(
        moving,
        None,
        ratio,
        np.ones((n, k), np.bool_),
        cross=CrossEffects(sparse.csr_array(effects)),
        pairs=Pairs(row, row + 1, fits),
        limits=[JointLimit("changes", changes, 150)],
        gap=5e-4,
        time_limit=20.0,
    )
    assert report.gap <= 5e-3
    assert (column != k // 2).sum() <= 150
    assert fits[np.arange(len(row)), column[row], column[row + 1]].all()


def test_cross_effects_too_strong_to_be_believed_are_refused() -> None:
    effects = CrossEffects(sparse.csr_array(np.array([[0.0, 9.0], [0.0, 0.0]])))
    ratio = np.array([[0.0, 0.1], [0.0, -0.15]])
    with pytest.raises(InvalidLimits, match="shrink"):
        choose_coupled(np.ones((2, 2)), None, ratio, np.ones((2, 2), np.bool_), cross=effects)


def test_limits_that_exclude_each_other_are_told_at_once_and_for_certain() -> None:
    rng = np.random.default_rng(5)
    n, k = 400, 6
    ratio = np.linspace(-0.15, 0.15, k) * np.ones((n, 1))
    moving = np.exp(-2.5 * ratio) * rng.uniform(50, 100, (n, 1))
    effects = sparse.random_array((n, n), density=0.01, rng=rng) * 0.1
    effects.setdiag(0.0)
    changes = np.minimum(np.abs(np.arange(k) - 2), 1) * np.ones((n, 1), dtype=np.int64)
    units = -np.exp(-2.5 * ratio)
    few = JointLimit("few changes", changes.astype(np.int64), 10)
    sold = JointLimit("many sales", units, 1.3 * float(units[:, 2].sum()), moves_with_demand=True)
    far = JointLimit("too many sales", units, 9.0 * float(units.sum()), moves_with_demand=True)
    cross, valid = CrossEffects(effects.tocsr()), np.ones((n, k), dtype=np.bool_)
    with pytest.raises(InfeasibleLimits, match="no set of prices satisfies") as caught:
        choose_coupled(moving, None, ratio, valid, cross=cross, limits=[few, sold])
    assert caught.value.conflicting == ("few changes", "many sales")
    with pytest.raises(InfeasibleLimits, match="no set of prices satisfies") as caught:
        choose_coupled(moving, None, ratio, valid, cross=cross, limits=[few, far])
    assert caught.value.conflicting == ("too many sales",)
    column, _ = choose_coupled(moving, None, ratio, valid, cross=cross, limits=[few])
    assert changes[np.arange(n), column].sum() <= 10
