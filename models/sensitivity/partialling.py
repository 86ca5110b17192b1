"""Own-price elasticity of each series by least squares, all series at once.

Controls are taken out of units, price and instruments first; what remains is a regression with
one coefficient (Frisch and Waugh 1933, Lovell 1963), equal to the full regression to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from statsmodels.regression.linear_model import OLS, RegressionResultsWrapper

from models.arrays import BoolArray, FloatArray, IntArray
from models.sensitivity.design import Design

_DEPENDENT: Final = 1e-7
"""A column whose part outside the columns before it is shorter than this share of its length is
taken for a combination of them and left out."""
_WELL_CONDITIONED: Final = 1e-5
"""Square of that part above which the normal equations tell it with all digits that matter."""
_WELL_APART: Final = 1e-2
"""Square of that part above which one pass leaves columns orthogonal to thirteen digits."""
_LEAST_FREEDOM: Final = 1e-3
"""A period that the fit passes through has no residual of its own to divide by."""


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """Orthonormal columns that all series of a block have in common, and come first.

    Attributes:
        q: (t, c) orthonormal, zero where a column was left out.
        r: (c, c) upper triangular; the columns are q · r.
        rank: columns that were kept.
    """

    q: FloatArray
    r: FloatArray
    rank: int

    def residual(self, values: FloatArray) -> FloatArray:
        """(s, m, t) what the columns do not explain of `values` (s, m, t), contiguous."""
        # Twice is enough (Giraud et al. 2005): the second pass removes what rounding left over.
        # A product a series, not one large one: blocks run side by side, and a large product
        # would start threads of its own.
        for _ in range(2):
            values = values - np.matmul(np.matmul(values, self.q), self.q.T)
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Orthonormal columns that span k columns of each of s series.

    Attributes:
        q: (s, t, k) orthonormal columns, zero where a column was left out.
        r: (s, k, k) upper triangular, columns = q · r; 1 on the diagonal of one left out.
        rank: (s,) columns that were kept, common ones among them.
        common: columns before these k that all series share, where there are some; q is
            orthogonal to them.
        across: (s, c, k) what the k columns have of the common ones, or nothing.
    """

    q: FloatArray
    r: FloatArray
    rank: IntArray
    common: Common | None = None
    across: FloatArray | None = None

    def take(self, rows: IntArray) -> Basis:
        """The basis of these series only, in this order."""
        across = None if self.across is None else self.across[rows]
        return replace(self, q=self.q[rows], r=self.r[rows], rank=self.rank[rows], across=across)

    def residual(self, values: FloatArray) -> FloatArray:
        """(s, m, t) what the columns do not explain of `values` (s, m, t)."""
        if self.common is not None:
            values = self.common.residual(values)
        transposed = self.q.transpose(0, 2, 1)
        for _ in range(2):
            values = values - np.matmul(np.matmul(values, self.q), transposed)
        return values

    def fitted(self, values: FloatArray) -> FloatArray:
        """(s, t) projection of `values` (s, t) on the k columns."""
        inner = np.matmul(values[:, None, :], self.q)
        fitted: FloatArray = np.matmul(inner, self.q.transpose(0, 2, 1))[:, 0]
        return fitted

    @property
    def leverage(self) -> FloatArray:
        """(s, t) diagonal of the projection on all columns."""
        leverage: FloatArray = np.einsum("stk,stk->st", self.q, self.q)
        return leverage if self.common is None else leverage + (self.common.q**2).sum(axis=1)

    def weights_of(self, contrast: FloatArray) -> FloatArray:
        """(s, t) weights w for which w · y = contrast · (least-squares coefficients of y).

        Args:
            contrast: (c + k,), or (s, c + k) with the first c the same in every series.
        """
        s, _, k = self.q.shape
        contrast = np.atleast_2d(contrast)
        c = contrast.shape[1] - k
        first, own = contrast[0, :c], contrast[:, c:]
        wanted = np.broadcast_to(own, (s, k))
        weights: FloatArray | float = 0.0
        if self.common is not None and self.across is not None:
            solved = np.linalg.solve(self.common.r.T, first)
            weights = self.common.q @ solved
            wanted = wanted - np.matmul(solved, self.across)
        if k:
            # Forward substitution: the transposed factor is lower triangular, and k is small.
            v = np.empty((s, k))
            for j in range(k):
                told = np.vecdot(self.r[:, :j, j], v[:, :j])
                v[:, j] = (wanted[:, j] - told) / self.r[:, j, j]
            weights = weights + np.matmul(self.q, v[..., None])[..., 0]
        return np.broadcast_to(np.asarray(weights, dtype=np.float64), self.q.shape[:2])


@dataclass(frozen=True, slots=True, eq=False)
class Partialled:
    """Series with their controls taken out.

    Attributes:
        log_units, log_price: (s, t) residuals on the controls.
        instruments: (s, t, q) likewise.
        controls: basis of the controls.
        n_obs: (s,) periods.
        leverage: (s, t) of the controls.
        lags: periods over which errors last, see `lasting`.
    """

    log_units: FloatArray
    log_price: FloatArray
    instruments: FloatArray
    controls: Basis
    n_obs: IntArray
    leverage: FloatArray
    lags: int = 0

    @property
    def degrees(self) -> IntArray:
        """(s,) degrees of freedom left after the controls and the price."""
        return self.n_obs - self.controls.rank - 1

    @property
    def price_variation(self) -> FloatArray:
        """(s,) standard deviation of log price that the controls leave unexplained."""
        spare = np.maximum(self.n_obs - self.controls.rank, 1)
        variation: FloatArray = np.sqrt(np.vecdot(self.log_price, self.log_price) / spare)
        return variation


@dataclass(frozen=True, slots=True, eq=False)
class SlopeEstimates:
    """Elasticities of s series, each (s,); NaN where not identified.

    Attributes:
        elasticity: coefficient of log price.
        std_error: its HC1 standard error (White 1980 with n / (n - k)); of days, Newey and West's.
        robust: (s, 3) the HC2 variance (MacKinnon and White 1985) as a function of the elasticity
            e at which residuals are taken: column 0 + column 1 · e + column 2 · e².
        classical: (s, 3) the variance under homoskedasticity, likewise.
    """

    elasticity: FloatArray
    std_error: FloatArray
    robust: FloatArray
    classical: FloatArray

    @classmethod
    def unknown(cls, series: int) -> SlopeEstimates:
        """No estimate for any of these series."""
        one, three = np.full(series, np.nan), np.full((series, 3), np.nan)
        return cls(one, one, three, three)

    @classmethod
    def joined(cls, parts: Sequence[SlopeEstimates]) -> SlopeEstimates:
        """The estimates of several blocks, one after the other."""
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__)
        )

    def where(self, condition: BoolArray, other: SlopeEstimates) -> SlopeEstimates:
        """These estimates where the condition (s,) holds, the other ones elsewhere."""
        return SlopeEstimates(
            np.where(condition, self.elasticity, other.elasticity),
            np.where(condition, self.std_error, other.std_error),
            np.where(condition[:, None], self.robust, other.robust),
            np.where(condition[:, None], self.classical, other.classical),
        )


def orthonormal(columns: FloatArray) -> Basis:
    """Orthonormal columns of the same span, leaving out dependent columns, later ones first.

    Cholesky factors of the normal equations, taken twice where columns lean on each other, are as
    orthogonal as Householder's where columns are well conditioned (Yamamoto et al. 2015), and one
    call for all series; the other series go through Gram-Schmidt with reorthogonalisation.

    Args:
        columns: (s, t, k), zero outside the cells that count.
    """
    s, _, k = columns.shape
    if not s or not k:
        return _gram_schmidt(columns)
    gram = np.matmul(columns.transpose(0, 2, 1), columns)
    length = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    empty = length == 0.0
    scale = np.where(empty, 1.0, length)
    once, least = _cholesky(gram / (scale[:, :, None] * scale[:, None, :]), empty)
    # Rows of the inverse carry the scale, so that one product both scales and rotates.
    q = np.matmul(columns, np.linalg.inv(once).transpose(0, 2, 1) / scale[:, :, None])
    r = once.transpose(0, 2, 1) * scale[:, None, :]
    if (least < _WELL_APART).any():
        twice, _ = _cholesky(np.matmul(q.transpose(0, 2, 1), q), empty)
        q = np.matmul(q, np.linalg.inv(twice).transpose(0, 2, 1))
        r = np.matmul(twice.transpose(0, 2, 1), r)
    rank = k - empty.sum(axis=1)
    rest = np.flatnonzero(least <= _WELL_CONDITIONED)
    if len(rest):
        slow = _gram_schmidt(columns[rest])
        q[rest], r[rest], rank[rest] = slow.q, slow.r, slow.rank
    return Basis(q, r, rank.astype(np.int64))


def _cholesky(gram: FloatArray, empty: BoolArray) -> tuple[FloatArray, FloatArray]:
    """(s, k, k) lower factors, and (s,) their least pivot, squared; columns of zeros get a 1."""
    s, k, _ = gram.shape
    gram[:, np.arange(k), np.arange(k)] += empty
    lower = np.zeros((s, k, k))
    least = np.ones(s)
    for j in range(k):
        height2 = gram[:, j, j] - (lower[:, j, :j] ** 2).sum(axis=1)
        least = np.minimum(least, height2)
        lower[:, j, j] = np.sqrt(np.where(height2 > _WELL_CONDITIONED, height2, 1.0))
        if j + 1 < k:
            inner = np.matmul(lower[:, j + 1 :, :j], lower[:, j, :j, None])[..., 0]
            lower[:, j + 1 :, j] = (gram[:, j + 1 :, j] - inner) / lower[:, j, j, None]
    return lower, least


def _gram_schmidt(columns: FloatArray) -> Basis:
    """The same for any columns."""
    s, t, k = columns.shape
    # Columns lie side by side in memory: each is read many times.
    q, r = np.zeros((s, k, t)).transpose(0, 2, 1), np.zeros((s, k, k))
    rank = np.zeros(s, dtype=np.int64)
    for j in range(k):
        column = columns[:, :, j]
        length = np.sqrt((column**2).sum(axis=1))
        rest = column
        for _ in range(2):
            inner = np.matmul(rest[:, None, :], q[:, :, :j])
            rest = rest - np.matmul(q[:, :, :j], inner.transpose(0, 2, 1))[..., 0]
            r[:, :j, j] += inner[:, 0, :]
        height = np.sqrt((rest**2).sum(axis=1))
        kept = height > _DEPENDENT * length
        q[:, :, j] = np.where(kept[:, None], rest / np.where(kept, height, 1.0)[:, None], 0.0)
        r[:, :j, j] *= kept[:, None]
        r[:, j, j] = np.where(kept, height, 1.0)
        rank += kept
    return Basis(q, r, rank)


def independent(columns: FloatArray) -> BoolArray:
    """(k,) which of the columns (t, k) are no combination of the columns before them."""
    kept: BoolArray = (orthonormal(columns[None]).q[0] != 0).any(axis=0)
    return kept


def partial_out(design: Design) -> Partialled:
    """Take the controls out of units, price and instruments of every series."""
    basis = _controls_of(design)
    q = design.instruments.shape[2]
    stacked = np.empty((design.used.shape[0], 2 + q, design.used.shape[1]))
    stacked[:, 0], stacked[:, 1] = design.log_units, design.log_price
    stacked[:, 2:] = design.instruments.transpose(0, 2, 1)
    left = basis.residual(stacked)
    return Partialled(
        log_units=left[:, 0],
        log_price=left[:, 1],
        instruments=left[:, 2:].transpose(0, 2, 1),
        controls=basis,
        n_obs=design.n_obs,
        leverage=basis.leverage,
        lags=design.lags,
    )


def _controls_of(design: Design) -> Basis:
    """Basis of all controls; what all series share is worked out once."""
    own = design.own_controls
    if not design.common_controls.shape[1]:
        return orthonormal(own)
    shared = orthonormal(design.common_controls[None])
    common = Common(shared.q[0], shared.r[0], int(shared.rank[0]))
    before = own.transpose(0, 2, 1)
    across = np.matmul(before, common.q)
    left = common.residual(np.ascontiguousarray(before))
    # What is left of a column that the common ones explain is rounding, and no direction.
    gone = np.vecdot(left, left) <= _DEPENDENT**2 * np.vecdot(before, before)
    if gone.any():
        left, across = left * ~gone[..., None], across * ~gone[..., None]
    basis = orthonormal(left.transpose(0, 2, 1))
    rank = basis.rank + common.rank
    return replace(basis, rank=rank, common=common, across=across.transpose(0, 2, 1))


def ols(parts: Partialled) -> SlopeEstimates:
    """Least squares of log units on log price and controls.

    Right where the price does not follow demand; otherwise biased toward zero.
    """
    return slope(parts, parts.log_price)


def slope(parts: Partialled, direction: FloatArray) -> SlopeEstimates:
    """The elasticity identified by one direction of price variation, with its HC1 error.

    Args:
        parts: series without their controls.
        direction: (s, t) the price itself for least squares, the part of it that instruments
            explain for two-stage least squares.
    """
    units, price = parts.log_units, parts.log_price
    strength, length = np.vecdot(direction, price), np.vecdot(direction, direction)
    degrees = parts.degrees
    with np.errstate(divide="ignore", invalid="ignore"):
        elasticity = np.vecdot(direction, units) / strength
        scale = parts.n_obs / np.where(degrees > 0, degrees, np.nan) / strength**2
        score = (units - elasticity[:, None] * price) * direction
        more = lasting(score, parts.lags)
        std_error = np.sqrt(np.vecdot(score, score) * scale * more)
        square = direction**2
        rest = 1.0 - (parts.leverage + square / length[:, None])
        share = square / np.maximum(rest, _LEAST_FREEDOM)
        robust = _quadratic(units, price, share) * (more / strength**2)[:, None]
        usual = more * length / (degrees * strength**2)
        classical = _quadratic(units, price, None) * usual[:, None]
    known = np.isfinite(elasticity) & np.isfinite(std_error) & (strength > 0)
    estimates = SlopeEstimates(elasticity, std_error, robust, classical)
    return estimates.where(known, SlopeEstimates.unknown(len(known)))


def lasting(score: FloatArray, lags: int) -> FloatArray:
    """(s,) how much larger a variance is for errors that last from one period to the next.

    The long-run variance of the scores (s, t) over their plain one (Newey and West 1987, Bartlett
    weights), not below 1: daily sales have errors that last; weeks are taken as independent.
    """
    if not lags:
        return np.ones(len(score))
    plain = np.vecdot(score, score)
    total = plain.copy()
    for lag in range(1, min(lags, score.shape[1] - 1) + 1):
        weight = 2.0 * (1.0 - lag / (lags + 1.0))
        total += weight * np.vecdot(score[:, lag:], score[:, :-lag])
    more: FloatArray = np.maximum(total / np.where(plain > 0, plain, 1.0), 1.0)
    return more


def _quadratic(units: FloatArray, price: FloatArray, weight: FloatArray | None) -> FloatArray:
    """(s, 3) coefficients in e of the sum over t of weight · (log units - e · log price)²."""
    by_units = units if weight is None else weight * units
    by_price = price if weight is None else weight * price
    return np.column_stack(
        [np.vecdot(by_units, units), -2.0 * np.vecdot(by_units, price), np.vecdot(by_price, price)]
    )


def fit_series(design: Design, row: int) -> RegressionResultsWrapper:
    """One series by `statsmodels.OLS` with HC1 errors: the reference, and all its diagnostics.

    Args:
        design: a block of regressions.
        row: which of its series.

    Returns:
        statsmodels regression results; the last coefficient, `log_price`, is the elasticity.
        Controls that are combinations of those before them are left out.
    """
    used = design.used[row]
    controls, price = design.controls[row][used], design.log_price[row][used]
    kept = independent(controls)
    model = OLS(design.log_units[row][used], np.column_stack([controls[:, kept], price]))
    model.exog_names[:] = [*np.array(design.names)[kept], "log_price"]
    return model.fit(cov_type="HC1")


def ols_by_statsmodels(design: Design) -> tuple[FloatArray, FloatArray]:
    """(s,) elasticities and HC1 errors by one statsmodels regression a series, else NaN."""
    elasticity, std_error = (np.full(len(design.used), np.nan) for _ in range(2))
    for row in range(len(design.used)):
        used = design.used[row]
        columns = np.column_stack([design.controls[row][used], design.log_price[row][used]])
        if used.any() and independent(columns)[-1]:
            results = fit_series(design, row)
            if results.df_resid > 0:
                elasticity[row], std_error[row] = results.params[-1], results.bse[-1]
    return elasticity, std_error
