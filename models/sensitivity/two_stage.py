"""Prices that follow demand: two-stage least squares, all series at once.

A shop that raises prices when it sees demand coming makes price and demand move together, and
least squares takes that for insensitive customers. Cost and planned discount depth move the price
for reasons of their own; two-stage least squares listens only to that part of the movement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from statsmodels.regression.linear_model import OLS

from models.arrays import FloatArray, IntArray
from models.sensitivity.design import Design
from models.sensitivity.partialling import (
    Partialled,
    SlopeEstimates,
    independent,
    orthonormal,
    slope,
)


@dataclass(frozen=True, slots=True, eq=False)
class IVEstimates:
    """Two-stage least squares of s series, each array (s,); NaN where it has no answer.

    Attributes:
        slope: elasticity and HC1 standard error.
        instruments: how many instruments varied in the series.
        first_stage_f: F of the instruments in the first stage, classical errors.
        wu_hausman_t: t (HC1) of the control function: how far least squares and two-stage least
            squares differ. Standard normal where price does not follow demand; positive where
            least squares finds demand too insensitive.
    """

    slope: SlopeEstimates
    instruments: IntArray
    first_stage_f: FloatArray
    wu_hausman_t: FloatArray

    @property
    def wu_hausman_p(self) -> FloatArray:
        """(s,) two-sided p-value of `wu_hausman_t`."""
        p: FloatArray = 2.0 * special.ndtr(-np.abs(self.wu_hausman_t))
        return p


def two_stage(parts: Partialled) -> IVEstimates:
    """Two-stage least squares of log units on log price with its first-stage and Wu-Hausman tests.

    Args:
        parts: series without their controls; a series whose instruments are all zero gets NaN.
    """
    basis = orthonormal(parts.instruments)
    price = parts.log_price
    explained = basis.fitted(price)
    unexplained = price - explained
    degrees = parts.degrees + 1 - basis.rank
    explained_ss, rest_ss = np.vecdot(explained, explained), np.vecdot(unexplained, unexplained)
    usable = (basis.rank > 0) & (degrees > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (explained_ss / basis.rank) / (rest_ss / degrees)
    return IVEstimates(
        slope=slope(parts, explained).where(usable, SlopeEstimates.unknown(len(usable))),
        instruments=basis.rank,
        first_stage_f=np.where(usable, f, np.nan),
        wu_hausman_t=np.where(usable, _control_function(parts, explained, unexplained), np.nan),
    )


def _control_function(
    parts: Partialled, explained: FloatArray, unexplained: FloatArray
) -> FloatArray:
    """(s,) t of the first-stage residual added to the regression of units on price.

    The explained and unexplained parts of the price are orthogonal, so the two coefficients come
    from one inner product each; the added residual's coefficient is their difference.
    """
    units = parts.log_units
    with np.errstate(divide="ignore", invalid="ignore"):
        from_explained = explained / np.vecdot(explained, explained)[:, None]
        from_rest = unexplained / np.vecdot(unexplained, unexplained)[:, None]
        a, b = np.vecdot(from_explained, units), np.vecdot(from_rest, units)
        residual = units - a[:, None] * explained - b[:, None] * unexplained
        scale = parts.n_obs / np.maximum(parts.degrees - 1, 1)
        score = (from_rest - from_explained) * residual
        variance = np.vecdot(score, score) * scale
        t: FloatArray = (b - a) / np.sqrt(variance)
    return t


def two_stage_by_statsmodels(design: Design) -> tuple[FloatArray, FloatArray]:
    """(s,) elasticities and HC1 errors by two statsmodels regressions a series, else NaN.

    The second stage's own residuals are not the structural ones, so the HC1 error is formed from
    log units less the elasticity times the price itself.
    """
    elasticity, std_error = (np.full(len(design.used), np.nan) for _ in range(2))
    for row in range(len(design.used)):
        used = design.used[row]
        price, units = design.log_price[row][used], design.log_units[row][used]
        controls = design.controls[row][used]
        controls = controls[:, independent(controls)]
        outside = np.column_stack([controls, design.instruments[row][used]])
        outside = outside[:, independent(outside)]
        n, k = len(price), controls.shape[1] + 1
        moves = n > k and independent(np.column_stack([controls, price]))[-1]
        if not moves or outside.shape[1] < k:
            continue
        first = OLS(price, outside).fit()
        second = OLS(units, np.column_stack([controls, first.fittedvalues])).fit()
        structural = units - np.column_stack([controls, price]) @ second.params
        influence = second.model.pinv_wexog[-1]
        elasticity[row] = second.params[-1]
        std_error[row] = np.sqrt(((influence * structural) ** 2).sum() * n / (n - k))
    return elasticity, std_error
