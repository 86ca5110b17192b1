"""Charges on the joint limits at which the items' own best paths are worth least together.

That worth is an upper bound on every plan (Geoffrion 1974, "Lagrangean relaxation for integer
programming"), and over a fixed set of columns it equals the LP bound. The charges are found by
cutting planes (Kelley 1960) in the space of the limits, which stays small whatever the number of
items; trial points are drawn toward the best one known (Ben-Ameur and Neto 2007, "Acceleration of
cutting-plane and column generation algorithms"). With risk, the weights of the scenarios are part
of the dual: the CVaR is the least weighted mean over weights that are bounded (Rockafellar and
Uryasev 2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.solving.columns import Charges, Columns
from pricing.solving.linear import CutMaster, relaxed_choice
from pricing.solving.risk import Risk

_ROUNDS: Final = 1_500
_FEW_ROWS: Final = 12
_LP_COLUMNS: Final = 400_000
"""With more rows cutting planes get slow; up to so many columns the simplex method is quicker."""
_DENSE: Final = 4_000_000
"""Cells of usage below which a plain array is quicker than a sparse one."""
_INWARD: Final = 0.4
"""How far a trial is drawn toward the best point; 0 is Kelley's method."""


@dataclass(frozen=True, slots=True, eq=False)
class DualPoint:
    """The dual over some columns.

    Attributes:
        charges: where the bound is least.
        bound: the bound over these columns, proven.
        below: no charges give a bound under this.
    """

    charges: Charges
    bound: float
    below: float


def toward(point: Charges, best: Charges, pull: float = 0.5) -> Charges:
    """A trial between the newest charges and the best known: fewer of them swing."""
    return Charges(
        (1.0 - pull) * point.limits + pull * best.limits,
        (1.0 - pull) * point.weights + pull * best.weights,
    )


def charged(columns: Columns, point: Charges) -> FloatArray:
    """(c,) value of each column net of charges."""
    value: FloatArray = point.weights @ columns.value - columns.usage @ point.limits
    return value


def best_columns(columns: Columns, value: FloatArray) -> IntArray:
    """(n,) column of greatest value of each item, the first of equals."""
    starts = columns.starts
    top = np.maximum.reduceat(value, starts)
    hits = np.flatnonzero(value >= np.repeat(top, np.diff(np.append(starts, len(value)))))
    first: IntArray = hits[np.diff(columns.item[hits], prepend=-1) != 0]
    return first


def least_bound(
    columns: Columns,
    room: FloatArray,
    ceiling: FloatArray,
    risk: Risk,
    start: Charges,
    *,
    valued: bool = True,
    tolerance: float = 1e-9,
) -> DualPoint:
    """Minimise the bound over charges, and over the scenarios' weights.

    Args:
        columns: paths to choose from.
        room: (m,) what may be used of each limit.
        ceiling: (m,) charges above these are not tried.
        risk: how the scenarios are weighed.
        start: first trial.
        valued: False asks only how far the limits are from being met: values count nothing.
        tolerance: share of the bound to which it is minimised.
    """
    many = len(room) > _FEW_ROWS and len(columns) <= _LP_COLUMNS and len(columns.value) == 1
    if many:
        return _by_linear_programme(columns, room, ceiling, valued=valued)
    search = _Search(columns, room, ceiling, risk, valued=valued)
    return search.run(start, tolerance)


def _by_linear_programme(
    columns: Columns, room: FloatArray, ceiling: FloatArray, *, valued: bool
) -> DualPoint:
    """The same from the LP over the columns, in which a limit may be bought at its ceiling."""
    value = columns.value[0] if valued else np.zeros(len(columns))
    unit = max(float(np.abs(value).mean()), 1e-9) if valued else 1.0
    # A row is measured in its own room, so that all coefficients are near 1.
    scale = np.maximum(np.abs(room), _mean_usage(columns) / len(columns.starts))
    scale = np.maximum(scale, 1e-9)
    which = np.repeat(np.arange(len(columns.starts)), _sizes(columns))
    usage = columns.usage
    scaled = usage.copy()
    scaled.data = usage.data / scale[usage.indices]
    relaxed = relaxed_choice(value / unit, which, scaled, room / scale, ceiling * scale / unit)
    if relaxed is None:
        zero = Charges(np.zeros(len(room)), np.ones(1) if valued else np.zeros(1))
        return DualPoint(zero, np.inf, -np.inf)
    below, duals = relaxed
    point = Charges(
        np.clip(duals * unit / scale, 0.0, ceiling), np.ones(1) if valued else np.zeros(1)
    )
    chosen = best_columns(columns, charged(columns, point))
    bound = float((point.weights @ columns.value - usage @ point.limits)[chosen].sum())
    return DualPoint(point, bound + float(point.limits @ room), below * unit)


def _sizes(columns: Columns) -> IntArray:
    """(n,) columns of each item."""
    return np.diff(np.append(columns.starts, len(columns)))


class _Search:
    """Kelley's master problem; charges are scaled so that 1 is a ceiling's worth."""

    def __init__(
        self, columns: Columns, room: FloatArray, ceiling: FloatArray, risk: Risk, *, valued: bool
    ) -> None:
        self._columns, self._room, self._ceiling = columns, room, ceiling
        self._starts = columns.starts
        self._sizes = _sizes(columns)
        small = columns.usage.shape[0] * columns.usage.shape[1] <= _DENSE
        self._usage = columns.usage.toarray() if small else columns.usage
        scenarios, m = len(columns.value), len(room)
        self._free = scenarios if valued and scenarios > 1 else 0
        self._fixed = np.full(scenarios, 1.0 / scenarios if valued else 0.0)
        self._even = (1.0 - risk.weight) / scenarios
        # Numbers near 1 keep the simplex method honest whatever the currency.
        worth = np.abs(columns.value).sum(axis=1).max() if valued else 1.0
        self._unit = max(float(worth) / max(len(columns), 1) * len(columns.starts), 1e-9)
        self._scale = self._unit / np.maximum(np.abs(room) + _mean_usage(columns), 1e-9)
        heaviest = self._even + risk.weight * risk.most_weight(scenarios)
        self._master = CutMaster(
            np.append(np.zeros(m), np.full(self._free, self._even)),
            np.append(ceiling / self._scale, np.full(self._free, heaviest)),
            shares=self._free,
        )
        self._m = m

    def run(self, start: Charges, tolerance: float) -> DualPoint:
        centre, trial = start, start
        best, below = np.inf, -np.inf
        for _ in range(_ROUNDS):
            bound = self._cut(trial)
            if bound < best:
                best, centre = bound, trial
            if (lowest := self._master.lowest()) is None:
                break
            height, proposed = lowest
            below = max(below, height * self._unit)
            if best - below <= tolerance * max(abs(best), 1e-9 * self._unit):
                break
            trial = self._drawn_inward(proposed, centre)
        return DualPoint(centre, best, below)

    def _cut(self, point: Charges) -> float:
        """Add the cut of one point; its bound."""
        columns = self._columns
        value = point.weights @ columns.value - self._usage @ point.limits
        top = np.maximum.reduceat(value, self._starts)
        hits = np.flatnonzero(value >= np.repeat(top, self._sizes))
        chosen = hits[np.diff(columns.item[hits], prepend=-1) != 0]
        used = np.asarray(self._usage[chosen].sum(axis=0)).ravel()
        worth = columns.value[:, chosen].sum(axis=1)
        slack = self._room - used
        constant = 0.0 if self._free else float(self._fixed @ worth)
        free = worth[: self._free] / self._unit
        self._master.cut(constant / self._unit, np.append(slack * self._scale / self._unit, free))
        return float(point.weights @ worth + point.limits @ slack)

    def _drawn_inward(self, proposed: FloatArray, centre: Charges) -> Charges:
        limits = np.clip(proposed[: self._m] * self._scale, 0.0, self._ceiling)
        weights = proposed[self._m :] if self._free else self._fixed
        pull = _INWARD if self._m + self._free > 1 else 0.0
        return Charges(
            (1.0 - pull) * limits + pull * centre.limits,
            (1.0 - pull) * weights + pull * centre.weights,
        )


def _mean_usage(columns: Columns) -> FloatArray:
    """(m,) what the items use of each limit on the mean of their columns, all together."""
    total = np.asarray(abs(columns.usage).sum(axis=0)).ravel()
    return total / max(len(columns), 1) * len(columns.starts)
