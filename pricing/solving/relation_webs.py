"""Best candidates of groups too entangled to be tabulated, by CP-SAT of OR-Tools.

One boolean a candidate; a pair of tied products is written as clauses: whoever chooses a candidate
chooses one of those that go with it. The model is built once and asked again for every set of
scores; the effort of an answer is bounded, and its bound holds whether it is the best or not.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.solving.cp_sat import CpModel, LinearExpr, new_solver, solve
from pricing.solving.scaling import in_steps

_STEPS: Final = 10**7
"""Integer steps between the least and the greatest score of a group."""

_EFFORT: Final = 4.0
"""CP-SAT's deterministic seconds an answer: equal questions get equal answers."""


class RelationWeb:
    """One group of tied products.

    Args:
        rows: (s,) its members.
        edges: pairs of positions in `rows`.
        fits: (e, k, k) which candidates of the two go together.
    """

    def __init__(self, rows: IntArray, edges: tuple[tuple[int, int], ...], fits: BoolArray) -> None:
        self.rows = rows
        self._edges = edges
        self._fits = fits
        s, k = len(rows), fits.shape[1]
        self._known: IntArray | None = None  # columns that were found to go together
        self._model = CpModel()
        self._chosen = [[self._model.new_bool_var("") for _ in range(k)] for _ in range(s)]
        for member in self._chosen:
            self._model.add_exactly_one(member)
        for (a, b), table in zip(edges, fits, strict=True):
            for mine, theirs, fit in ((a, b, table), (b, a, table.T)):
                for column, x in enumerate(self._chosen[mine]):
                    open_ = [self._chosen[theirs][other] for other in np.flatnonzero(fit[column])]
                    self._model.add_bool_or([*open_, ~x])

    def best(self, score: FloatArray) -> tuple[IntArray, float]:
        """Columns (s,) of great total score, and a bound that no columns exceed.

        Args:
            score: (s, k); -inf where there is no candidate.

        Returns:
            The bound is -inf where no candidates go together, which is proven then, and inf where
            none were found within the effort.
        """
        alive = np.isfinite(score)
        every = np.arange(len(score))
        if not alive.any(axis=1).all():
            return np.argmax(score, axis=1), -np.inf
        top = np.where(alive, score, -np.inf).max(axis=1)
        loss = np.where(alive, top[:, None] - score, 0.0)
        unit = max(float(loss.max()), 1e-12) / _STEPS
        # A candidate that there is not costs more than all others of the group together.
        missing = _STEPS * (len(score) + 1)
        steps = np.where(alive, in_steps(loss, unit), missing)
        flat = [x for member in self._chosen for x in member]
        self._model.minimize(LinearExpr.weighted_sum(flat, steps.ravel().tolist()))
        solver = new_solver()
        solver.parameters.max_deterministic_time = _EFFORT
        found = solve(solver, self._model)
        column = self._known
        if found.answered:
            column = np.array(
                [[solver.boolean_value(x) for x in member].index(True) for member in self._chosen],
                dtype=np.int64,
            )
        if column is None or not alive[every, column].all():
            if found.complete:
                return np.argmax(score, axis=1), -np.inf
            column = self._known
            if column is None or not alive[every, column].all():
                return np.argmax(score, axis=1), np.inf
            return column, float(top.sum())
        if not found.answered:
            return column, float(top.sum())
        self._known = column
        if found.complete:
            # Nothing else is better by more than the rounding of the steps.
            worth = float(score[every, column].sum())
            return column, worth + unit * len(column)
        least = max(solver.best_objective_bound, 0.0)
        return column, float(top.sum() - unit * (least - len(column)))
