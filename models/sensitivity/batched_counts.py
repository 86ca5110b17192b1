"""Many Poisson and negative-binomial regressions at once: s series of counts, log link.

Iterated weighted least squares (McCullagh and Nelder 1989, 2.5), every step for all series in one
call; equal to statsmodels' GLM to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.sensitivity.partialling import SlopeEstimates, lasting, orthonormal

_STEPS: Final = 60
_SETTLED: Final = 1e-10
_NO_EXCESS: Final = 1e-6
_CLEARLY: Final = 1.645
_FARTHEST: Final = 30.0
"""Log of a mean beyond which a coefficient is running away: a control that only zeros go with."""


@dataclass(frozen=True, slots=True, eq=False)
class CountFit:
    """Count regressions of s series.

    Attributes:
        coefficients: (s, k); 0 for a column that others hold.
        slope: of the last column, with its robust error; NaN where not identified.
        mean: (s, t) expected counts, 0 where a cell does not count.
        alpha: (s,) excess variance: Var = mean + alpha · mean²; 0 is Poisson.
    """

    coefficients: FloatArray
    slope: SlopeEstimates
    mean: FloatArray
    alpha: FloatArray


def count_regressions(
    units: FloatArray,
    columns: FloatArray,
    used: BoolArray,
    *,
    offset: FloatArray | float = 0.0,
    negative_binomial: bool = False,
    where_clear: bool = False,
    lags: int = 0,
) -> CountFit:
    """Regress counts on columns with a log link.

    The dispersion of the negative binomial comes from the Poisson fit's residuals (Cameron and
    Trivedi 1990), as in `models.estimators.counts.fit_counts`.

    Args:
        units: (s, t) counts.
        columns: (s, t, k) of which the last is the price term; a constant is among the others.
        used: (s, t) cells that count.
        offset: (s, t) added to the index, with a coefficient of 1.
        negative_binomial: let the variance exceed the mean.
        where_clear: do so only where it exceeds the mean by more than chance explains (one-sided,
            5 %); the other series are Poisson.
        lags: periods over which errors last, see `models.sensitivity.partialling.lasting`.
    """
    offset = np.where(used, offset, 0.0)
    columns = columns * used[..., None]
    units = units * used
    # A column that others hold has no coefficient; weights do not change which those are.
    columns = columns * (orthonormal(columns).q != 0).any(axis=1)[:, None, :]
    alpha = np.zeros(len(units))
    mean, coefficients, settled = _iterated(units, columns, used, alpha, offset)
    if negative_binomial:
        alpha = _excess(units, mean, clearly=where_clear)
        over = np.flatnonzero(alpha > 0)
        if len(over):
            mean[over], coefficients[over], settled[over] = _iterated(
                units[over], columns[over], used[over], alpha[over], offset[over]
            )
    slope = _slope(units, columns, used, mean, coefficients, alpha, settled, lags)
    return CountFit(coefficients, slope, mean, alpha)


def _excess(units: FloatArray, mean: FloatArray, *, clearly: bool) -> FloatArray:
    """(s,) excess variance by a Poisson fit's residuals; 0 where there is none.

    A Poisson count y of mean m has E[(y - m)² - y] = 0, with the variance 2 m².
    """
    excess = (((units - mean) ** 2 - units) * mean).sum(axis=1)
    chance = np.sqrt(2.0 * (mean**4).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = excess / (mean**3).sum(axis=1)
    alpha = np.where(alpha > _NO_EXCESS, np.nan_to_num(alpha), 0.0)
    return np.where(excess > _CLEARLY * chance, alpha, 0.0) if clearly else alpha


def _iterated(
    units: FloatArray,
    columns: FloatArray,
    used: BoolArray,
    alpha: FloatArray,
    offset: FloatArray,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """(s, t) means, (s, k) coefficients, and (s,) whether they came to rest."""
    count = np.maximum(used.sum(axis=1), 1)
    middle = np.maximum(units.sum(axis=1) / count, 1e-3)[:, None]
    mean = np.where(used, (units + middle) / 2.0, 0.0)
    index = np.log(np.where(used, mean, 1.0))
    settled: BoolArray = np.zeros(len(units), dtype=np.bool_)
    coefficients: FloatArray = np.zeros((len(units), columns.shape[2]))
    # Only what still moves is worked on: one series that runs away must not keep the others.
    rows = np.arange(len(units))
    for _ in range(_STEPS):
        x, there, m, at = columns[rows], used[rows], mean[rows], index[rows]
        root = np.sqrt(m / (1.0 + alpha[rows, None] * m))
        working = at - offset[rows] + (units[rows] - m) / np.where(there, m, 1.0)
        basis = orthonormal(x * root[..., None])
        told = np.matmul(basis.q.transpose(0, 2, 1), (root * working)[..., None])
        coefficients[rows] = np.linalg.solve(basis.r, told)[..., 0]
        moved = np.matmul(x, coefficients[rows][..., None])[..., 0]
        moved = np.clip(moved + offset[rows], -_FARTHEST, _FARTHEST)
        change = np.abs(moved - at).max(axis=1, where=there, initial=0.0)
        still = change >= _SETTLED * np.maximum(np.abs(moved).max(axis=1), 1.0)
        index[rows], mean[rows] = moved, np.where(there, np.exp(moved), 0.0)
        settled[rows] = ~still
        rows = rows[still]
        if not len(rows):
            break
    within = np.asarray((np.abs(index) < _FARTHEST).all(axis=1), dtype=np.bool_)
    return mean, coefficients, settled & within


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """What each cell does to one coefficient of s count regressions.

    Attributes:
        score: (s, t) whose sum over t is the error of the coefficient, to first order.
        pull: (s, t) derivative of the coefficient by the index of a cell, but for its sign.
        along: (s, t) whose inner products are the model's variances and covariances.
        rank: (s,) columns that count.
    """

    score: FloatArray
    pull: FloatArray
    along: FloatArray
    rank: IntArray


def influence_of(
    units: FloatArray, columns: FloatArray, mean: FloatArray, alpha: FloatArray, place: int
) -> Influence:
    """The influence of cells on the coefficient of the column at `place`.

    Args:
        units: (s, t) counts, 0 where a cell does not count.
        columns: (s, t, k) likewise.
        mean: (s, t) expected counts, likewise.
        alpha: (s,) excess variance.
        place: of the column.
    """
    s, _, k = columns.shape
    over = alpha[:, None]
    # The observed information; for Poisson it is the expected one.
    root = np.sqrt(mean * (1.0 + over * units)) / (1.0 + over * mean)
    basis = orthonormal(columns * root[..., None])
    one = np.zeros((s, k, 1))
    one[:, place] = 1.0
    # Row of the column in the inverse of the information, spread over the cells.
    direction = np.linalg.solve(basis.r.transpose(0, 2, 1), one)
    along = np.matmul(basis.q, direction)[..., 0]
    influence = along / np.where(root > 0, root, 1.0)
    return Influence(
        score=influence * (units - mean) / (1.0 + over * mean),
        pull=along * root,
        along=along,
        rank=basis.rank,
    )


def _slope(
    units: FloatArray,
    columns: FloatArray,
    used: BoolArray,
    mean: FloatArray,
    coefficients: FloatArray,
    alpha: FloatArray,
    settled: BoolArray,
    lags: int,
) -> SlopeEstimates:
    """The last coefficient, with its robust and its model-based error."""
    s = len(units)
    told = influence_of(units, columns, mean, alpha, -1)
    score = told.score
    freedom = used.sum(axis=1) - told.rank
    # As statsmodels: what it calls HC1 of a generalised linear model has no n / (n - k).
    more = lasting(score, lags)
    robust = np.vecdot(score, score) * more
    model = np.vecdot(told.along, told.along) * more
    known = settled & (columns[..., -1] != 0).any(axis=1) & (freedom > 0) & (robust > 0)
    nothing = np.zeros(s)
    found = SlopeEstimates(
        coefficients[:, -1],
        np.sqrt(np.maximum(robust, 0.0)),
        np.column_stack([robust, nothing, nothing]),
        np.column_stack([model, nothing, nothing]),
    )
    return found.where(known, SlopeEstimates.unknown(s))
