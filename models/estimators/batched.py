"""Many least-squares regressions at once: s series, each with its own k coefficients.

Normal equations on columns of unit length, solved for all series in one call; a series whose
columns are nearly dependent is solved again by orthogonalisation, so that speed costs no digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.estimators.sandwich import Errors

_WELL_CONDITIONED: Final = 1e-3
"""Least pivot of the scaled normal equations below which they are not trusted with 1e-8: the
error grows with the square of its inverse."""
_DEPENDENT: Final = 1e-7
_TWO: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class BatchedFit:
    """Coefficients of s regressions.

    Attributes:
        coefficients: (s, k); NaN in a series that its rows do not determine.
        covariance: (s, k, k) likewise.
        n_obs: (s,) rows that count.
        freedom: (s,) rows beyond the parameters.
        residuals: (s, t) zero where a row does not count.
        identified: (s,) True where the columns are independent and rows are left over.
    """

    coefficients: FloatArray
    covariance: FloatArray
    n_obs: IntArray
    freedom: IntArray
    residuals: FloatArray
    identified: BoolArray

    @property
    def std_errors(self) -> FloatArray:
        """(s, k) standard errors."""
        variance = np.diagonal(self.covariance, axis1=1, axis2=2)
        errors: FloatArray = np.sqrt(np.maximum(variance, 0.0))
        return errors


def least_squares(
    dependent: FloatArray,
    columns: FloatArray,
    *,
    used: BoolArray | None = None,
    weights: FloatArray | None = None,
    errors: Errors = Errors.HC1,
    cluster: IntArray | None = None,
) -> BatchedFit:
    """Weighted least squares of every series, with robust errors, equal to statsmodels to 1e-8.

    Args:
        dependent: (s, t).
        columns: (s, t, k), a constant among them where one is wanted.
        used: (s, t) rows that count; all where None.
        weights: (s, t) above zero, inverse to the error variance; equal where None.
        errors: `classical`, `hc1` or `cluster`.
        cluster: (s, t) group of each row, from 0; only with `cluster`.
    """
    s, t, k = columns.shape
    if used is not None:
        dependent, columns = dependent * used, columns * used[..., None]
    if weights is not None:
        root = np.sqrt(weights)
        dependent, columns = dependent * root, columns * root[..., None]
    n = np.full(s, t, dtype=np.int64) if used is None else used.sum(axis=1).astype(np.int64)
    coefficients, bread, sound = _solved(dependent, columns)
    freedom = n - k
    identified = sound & (freedom > 0)
    residuals = dependent - np.matmul(columns, coefficients[..., None])[..., 0]
    spare = np.maximum(freedom, 1)
    if errors is Errors.CLASSICAL:
        variance = (residuals**2).sum(axis=1) / spare
        covariance = bread * variance[:, None, None]
    else:
        scores = columns * residuals[..., None]
        if errors is Errors.CLUSTER:
            if cluster is None:
                raise TypeError("errors='cluster' needs `cluster`")
            scores, correction = _summed(scores, cluster, used)
            identified &= np.isfinite(correction)
            correction = correction * (n - 1) / spare
        else:
            correction = n / spare
        meat = np.matmul(scores.transpose(0, 2, 1), scores)
        covariance = bread @ (meat * correction[:, None, None]) @ bread
    return BatchedFit(
        coefficients=np.where(identified[:, None], coefficients, np.nan),
        covariance=np.where(identified[:, None, None], covariance, np.nan),
        n_obs=n,
        freedom=freedom,
        residuals=residuals if weights is None else residuals / np.where(root > 0, root, 1.0),
        identified=identified,
    )


def _solved(dependent: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """(s, k) coefficients, (s, k, k) inverse of X'X, and (s,) whether X has full rank."""
    s, _, k = columns.shape
    transposed = columns.transpose(0, 2, 1)
    gram = np.matmul(transposed, columns)
    right = np.matmul(transposed, dependent[..., None])[..., 0]
    length = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(length > 0, length, 1.0)
    scaled = gram / (scale[:, :, None] * scale[:, None, :])
    pivot = _least_pivot(scaled)
    safe = pivot > _WELL_CONDITIONED
    scaled[~safe] = np.eye(k)
    inverse = np.linalg.inv(scaled) / (scale[:, :, None] * scale[:, None, :])
    coefficients = np.matmul(inverse, right[..., None])[..., 0]
    sound = np.ones(s, dtype=np.bool_)
    for row in np.flatnonzero(~safe):
        q, r = np.linalg.qr(columns[row] / scale[row])
        height = np.abs(np.diagonal(r))
        sound[row] = len(height) == k and bool((height > _DEPENDENT).all()) and length[row].all()
        if sound[row]:
            back = np.linalg.inv(r)
            coefficients[row] = (back @ (q.T @ dependent[row])) / scale[row]
            inverse[row] = (back @ back.T) / np.outer(scale[row], scale[row])
    return coefficients, inverse, sound


def _least_pivot(gram: FloatArray) -> FloatArray:
    """(s,) smallest pivot of elimination: what is left of a column beside those before it."""
    left = gram.copy()
    k = left.shape[1]
    least = np.full(len(left), np.inf)
    for j in range(k):
        pivot = left[:, j, j]
        least = np.minimum(least, pivot)
        if j + 1 < k:
            below = left[:, j + 1 :, j]
            with np.errstate(divide="ignore", invalid="ignore"):
                share = below / np.where(pivot > 0, pivot, 1.0)[:, None]
            left[:, j + 1 :, j + 1 :] -= share[:, :, None] * left[:, None, j, j + 1 :]
    return least


def _summed(
    scores: FloatArray, cluster: IntArray, used: BoolArray | None
) -> tuple[FloatArray, FloatArray]:
    """(s, g, k) scores summed within clusters, and (s,) the correction G/(G-1); NaN for one."""
    s, _, k = scores.shape
    groups = int(cluster.max(initial=-1)) + 1
    total = np.zeros((s, groups, k))
    series = np.broadcast_to(np.arange(s)[:, None], cluster.shape)
    np.add.at(total, (series, cluster), scores)
    there = np.zeros((s, groups), dtype=np.bool_)
    counted = np.ones(cluster.shape, dtype=np.bool_) if used is None else used
    there[series[counted], cluster[counted]] = True
    number = there.sum(axis=1)
    correction = np.where(number >= _TWO, number / np.maximum(number - 1, 1), np.nan)
    return total, correction
