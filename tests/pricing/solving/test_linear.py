"""Linear programmes have the optimum that another simplex code finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse

from pricing.solving.linear import CutMaster, relaxed_choice


@pytest.mark.parametrize("shares", [0, 2])
def test_the_lowest_point_above_all_cuts_is_that_of_another_solver(shares: int) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(2, 5))
        low, high = rng.uniform(-1.0, 0.2, d), rng.uniform(0.8, 2.0, d)
        base, slope = rng.normal(size=6), rng.normal(size=(6, d))
        master = CutMaster(low, high, shares=shares)
        for one, rises in zip(base.tolist(), slope, strict=True):
            master.cut(one, rises)
        lowest = master.lowest()
        assert lowest is not None
        height, point = lowest
        assert height == pytest.approx(float((base + slope @ point).max()))
        assert (low - 1e-9 <= point).all()
        assert (point <= high + 1e-9).all()
        same = np.append(np.append(np.zeros(d - shares), np.ones(shares)), 0.0)
        theirs = optimize.linprog(
            np.append(np.zeros(d), 1.0),
            A_ub=np.column_stack([slope, -np.ones(6)]),
            b_ub=-base,
            A_eq=same[None] if shares else None,
            b_eq=[1.0] if shares else None,
            bounds=[*zip(low, high, strict=True), (None, None)],
        )
        assert height == pytest.approx(theirs.fun)


def test_no_point_where_the_box_is_empty() -> None:
    master = CutMaster(np.array([2.0]), np.array([3.0]), shares=1)
    master.cut(0.0, np.array([1.0]))
    assert master.lowest() is None


def test_the_best_mixture_of_columns_is_worth_what_its_duals_say() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        which = np.sort(np.append(np.arange(4), rng.integers(0, 4, 8)))
        value, usage = rng.uniform(0.0, 9.0, 12), rng.uniform(0.0, 3.0, (12, 2))
        room, cost = rng.uniform(1.0, 6.0, 2), np.array([4.0, 9.0])
        found = relaxed_choice(value, which, sparse.csr_array(usage), room, cost)
        assert found is not None
        worth, duals = found
        assert ((duals >= -1e-9) & (duals <= cost + 1e-9)).all()
        charged = value - usage @ duals
        bound = sum(charged[which == item].max() for item in range(4)) + duals @ room
        assert worth == pytest.approx(float(bound))
        once = np.array([which == item for item in range(4)], dtype=np.float64)
        theirs = optimize.linprog(
            -np.append(value, -cost),
            A_ub=np.column_stack([usage.T, -np.eye(2)]),
            b_ub=room,
            A_eq=np.column_stack([once, np.zeros((4, 2))]),
            b_eq=np.ones(4),
        )
        assert -worth == pytest.approx(theirs.fun)
