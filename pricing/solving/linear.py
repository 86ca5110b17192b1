"""Linear programmes, the only place where GLOP of OR-Tools is asked.

A bound is never taken from a simplex run: callers evaluate the duals that come out of here on their
own numbers (weak duality), so what the solver rounds costs a little tightness and no truth.
"""

from __future__ import annotations

import numpy as np
from ortools.linear_solver import pywraplp
from scipy import sparse

from models.arrays import FloatArray, IntArray


class CutMaster:
    """Kelley's master problem (1960): the lowest point above all cuts, within a box.

    Args:
        low: (d,) least of each coordinate.
        high: (d,) greatest.
        shares: so many of the last coordinates add up to 1.
    """

    def __init__(self, low: FloatArray, high: FloatArray, shares: int = 0) -> None:
        solver = pywraplp.Solver.CreateSolver("GLOP")
        self._solver = solver
        self._point = [
            solver.NumVar(least, most, "")
            for least, most in zip(low.tolist(), high.tolist(), strict=True)
        ]
        if shares:
            whole = solver.Constraint(1.0, 1.0)
            for share in self._point[-shares:]:
                whole.SetCoefficient(share, 1.0)
        self._height = solver.NumVar(-solver.infinity(), solver.infinity(), "")
        solver.Minimize(self._height)

    def cut(self, base: float, slope: FloatArray) -> None:
        """The height is at least `base + slope · point`."""
        row = self._solver.Constraint(base, self._solver.infinity())
        row.SetCoefficient(self._height, 1.0)
        for coordinate, rise in zip(self._point, slope.tolist(), strict=True):
            row.SetCoefficient(coordinate, -rise)

    def lowest(self) -> tuple[float, FloatArray] | None:
        """The height and the point (d,); None where the simplex method gave up."""
        if self._solver.Solve() != pywraplp.Solver.OPTIMAL:
            return None
        point = np.array([one.solution_value() for one in self._point], np.float64)
        return self._height.solution_value(), point


def relaxed_choice(
    value: FloatArray, which: IntArray, usage: sparse.csr_array, room: FloatArray, cost: FloatArray
) -> tuple[float, FloatArray] | None:
    """The best mixture of columns, one an item in all, where more of a limit may be bought.

    Args:
        value: (c,) of each column.
        which: (c,) item of each, from 0 up.
        usage: (c, m) of each limit.
        room: (m,) what may be used.
        cost: (m,) of one more unit of each limit.

    Returns:
        What the mixture is worth, and (m,) what one more unit of each limit would bring; None where
        the simplex method gave up.
    """
    solver = pywraplp.Solver.CreateSolver("GLOP")
    objective, infinity = solver.Objective(), solver.infinity()
    objective.SetMaximization()
    rows = [solver.Constraint(-infinity, limit) for limit in room.tolist()]
    for row, price in zip(rows, cost.tolist(), strict=True):
        bought = solver.NumVar(0.0, infinity, "")
        row.SetCoefficient(bought, -1.0)
        objective.SetCoefficient(bought, -price)
    one_each = [solver.Constraint(1.0, 1.0) for _ in range(int(which[-1]) + 1)]
    item = which.tolist()
    for c, worth in enumerate(value.tolist()):
        variable = solver.NumVar(0.0, infinity, "")
        one_each[item[c]].SetCoefficient(variable, 1.0)
        objective.SetCoefficient(variable, worth)
        for k in range(int(usage.indptr[c]), int(usage.indptr[c + 1])):
            rows[usage.indices[k]].SetCoefficient(variable, float(usage.data[k]))
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return None
    return objective.Value(), np.array([row.dual_value() for row in rows], np.float64)
