"""The arithmetic of instrumented regressions: k-class estimators on prepared arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, stats

from models.arrays import BoolArray, FloatArray
from models.errors import InvalidSpec, NotIdentified
from models.estimators.absorb import absorb, absorbed_parameters, nested
from models.estimators.model_frame import ModelFrame, codes_of
from models.estimators.sandwich import Errors, ErrorSpec
from models.sensitivity.partialling import independent


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Arrays of an instrumented regression: effects absorbed, weighted, of full rank.

    Attributes:
        y: (n,).
        endogenous: (n, m).
        exogenous: (n, k).
        instruments: (n, q) without the exogenous columns.
        names: (m + k,) of endogenous and exogenous columns.
        absorbed: parameters of the effects.
        left_out: columns dropped because others hold them.
        extra: columns that the errors need.
        root: (n,) square roots of the weights; None where equal.
    """

    y: FloatArray
    endogenous: FloatArray
    exogenous: FloatArray
    instruments: FloatArray
    names: tuple[str, ...]
    absorbed: int
    left_out: tuple[str, ...]
    extra: pd.DataFrame
    root: FloatArray | None

    @property
    def regressors(self) -> FloatArray:
        """(n, m + k)."""
        return np.column_stack([self.endogenous, self.exogenous])

    @property
    def outside(self) -> FloatArray:
        """(n, k + q) all that is taken as given."""
        return np.column_stack([self.exogenous, self.instruments])

    @property
    def parameters(self) -> int:
        """Parameters of the regression, effects among them."""
        return len(self.names) + self.absorbed

    @property
    def spare(self) -> int:
        """Rows beyond the parameters."""
        return len(self.y) - self.parameters


def prepared(rows: ModelFrame, spec: ErrorSpec, weights: str | None) -> Sample:
    """Take effects out, apply weights, leave out columns that others hold.

    Raises:
        InvalidSpec: weights not above zero.
        NotIdentified: fewer instruments that vary than endogenous terms, or too few rows.
    """
    root = None
    if weights is not None:
        w = rows.extra[weights].to_numpy(np.float64)
        if (w <= 0).any():
            raise InvalidSpec(f"weights in {weights!r} must be above zero")
        root = np.sqrt(w)
    parts = [rows.dependent[:, None], rows.endogenous, rows.exogenous, rows.instruments]
    stacked = np.column_stack(parts)
    if rows.effects:
        left = absorb(stacked, rows.effects, None if root is None else root**2)
        # What the effects explain entirely comes back as rounding: make it nothing.
        size = np.abs(stacked).max(axis=0)
        stacked = np.where(np.abs(left).max(axis=0) > 1e-9 * size, left, 0.0)
    if root is not None:
        stacked = stacked * root[:, None]
    m, k = rows.endogenous.shape[1], rows.exogenous.shape[1]
    y, endogenous = stacked[:, 0], stacked[:, 1 : 1 + m]
    exogenous, instruments = stacked[:, 1 + m : 1 + m + k], stacked[:, 1 + m + k :]
    kept = independent(np.column_stack([exogenous, instruments]))
    kept_x, kept_z = kept[:k], kept[k:]
    left_out = [
        *np.array(rows.exogenous_names, dtype=object)[~kept_x],
        *np.array(rows.instrument_names, dtype=object)[~kept_z],
    ]
    exogenous, instruments = exogenous[:, kept_x], instruments[:, kept_z]
    if instruments.shape[1] < m:
        raise NotIdentified(
            f"{m} endogenous term(s), and only {instruments.shape[1]} instrument(s) that vary "
            f"beside the controls{': left out ' + ', '.join(left_out) if left_out else ''}"
        )
    _refuse_unmoved(rows, np.column_stack([exogenous, endogenous]), exogenous.shape[1])
    names = (*rows.endogenous_names, *np.array(rows.exogenous_names, dtype=object)[kept_x])
    sample = Sample(
        y=y,
        endogenous=endogenous,
        exogenous=exogenous,
        instruments=instruments,
        names=tuple(map(str, names)),
        absorbed=_absorbed(rows, spec),
        left_out=tuple(map(str, left_out)),
        extra=rows.extra,
        root=root,
    )
    if sample.spare <= instruments.shape[1]:
        raise NotIdentified(
            f"{len(y)} rows are too few for {sample.parameters} parameters and "
            f"{instruments.shape[1]} instruments"
        )
    return sample


def _refuse_unmoved(rows: ModelFrame, columns: FloatArray, first: int) -> None:
    moves: BoolArray = independent(columns)[first:]
    if not moves.all():
        still = np.array(rows.endogenous_names)[~moves][0]
        raise NotIdentified(
            f"{still} does not move beside the controls: nothing can be learnt of it"
        )


def _absorbed(rows: ModelFrame, spec: ErrorSpec) -> int:
    """Parameters of the effects; those that lie within clusters cost nothing (as in reghdfe)."""
    if spec.cluster is None or len(rows.effects) != 1:
        return absorbed_parameters(rows.effects)
    group = codes_of(rows.extra[spec.cluster])
    return 0 if nested(rows.effects[0], group) else absorbed_parameters(rows.effects)


def k_class(
    sample: Sample, kappa: float, spec: ErrorSpec
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coefficients, covariance and structural residuals of a k-class estimator (Theil 1958)."""
    x = sample.regressors
    q, _ = np.linalg.qr(sample.outside)
    # (I - kappa · M) x, with M what the instruments and controls do not explain.
    directed: FloatArray = (1.0 - kappa) * x + kappa * (q @ (q.T @ x))
    gram = directed.T @ x
    values = np.asarray(np.linalg.solve(gram, directed.T @ sample.y), dtype=np.float64)
    residuals: FloatArray = np.asarray(sample.y - x @ values, dtype=np.float64)
    bread: FloatArray = np.asarray(np.linalg.inv(gram), dtype=np.float64)
    if spec.kind is Errors.CLASSICAL:
        covariance: FloatArray = bread * float(residuals @ residuals) / sample.spare
        return values, covariance, residuals
    # Robust scores rest on the projection, as in two-stage least squares; for least squares itself
    # on the regressors.
    scores = (q @ (q.T @ x) if kappa else x) * residuals[:, None]
    return values, spec.covariance(bread, scores, sample.parameters, sample.extra), residuals


def liml_kappa(sample: Sample) -> float:
    """Least ratio of what the controls leave of (y, prices), before and after the instruments."""
    both = np.column_stack([sample.y, sample.endogenous])
    q_controls = np.linalg.qr(sample.exogenous)[0]
    q_all = np.linalg.qr(sample.outside)[0]
    before = both - q_controls @ (q_controls.T @ both)
    after = both - q_all @ (q_all.T @ both)
    roots = linalg.eigvalsh(before.T @ before, after.T @ after)
    return float(roots.min())


def control_function_covariance(sample: Sample, values: FloatArray, spec: ErrorSpec) -> FloatArray:
    """Covariance of the control function, both stages' errors counted (Murphy and Topel 1985).

    The second stage regresses on prices, controls and first-stage residuals v. Its influence is
    corrected for the first stage's by the derivative through v.
    """
    x, z = sample.regressors, sample.outside
    m = sample.endogenous.shape[1]
    first = np.linalg.lstsq(z, sample.endogenous, rcond=None)[0]
    v = sample.endogenous - z @ first
    wide = np.column_stack([x, v])
    second = np.linalg.lstsq(wide, sample.y, rcond=None)[0]
    rest = sample.y - wide @ second
    bread = np.linalg.inv(wide.T @ wide)
    first_bread = np.linalg.inv(z.T @ z)
    rho = second[-m:]
    # d(score of stage two)/d(first-stage coefficients), expected: W' z rho (rest vanishes).
    correction = (wide.T @ z) @ first_bread
    scores = wide * rest[:, None] + (z * (v @ rho)[:, None]) @ correction.T
    if spec.kind is Errors.CLASSICAL:
        spec = ErrorSpec(Errors.HC1)
    covariance = spec.covariance(bread, scores, sample.parameters, sample.extra)
    return covariance[: len(values), : len(values)]


def anderson_rubin(sample: Sample) -> tuple[float, float] | None:
    """95 % set of the elasticity that stays right with weak instruments; for one endogenous term.

    The set of elasticities e at which the instruments do not explain y - e · price (Anderson and
    Rubin 1949), by the classical F. (-inf, inf) where the data do not bound it at all; None where
    no elasticity passes, or the set is the outside of an interval.
    """
    if sample.endogenous.shape[1] != 1:
        return None
    q_controls = np.linalg.qr(sample.exogenous)[0]
    q_all = np.linalg.qr(sample.outside)[0]
    both = np.column_stack([sample.y, sample.endogenous])
    both = both - q_controls @ (q_controls.T @ both)
    inside = q_all.T @ both
    explained = inside.T @ inside
    rest = both.T @ both - explained
    q = sample.instruments.shape[1]
    spare = len(sample.y) - sample.exogenous.shape[1] - q - sample.absorbed
    limit = float(stats.f.ppf(0.95, q, spare)) * q / spare
    # (1, -e) (explained - limit · rest) (1, -e)' <= 0, a quadratic in e.
    a = explained - limit * rest
    square, linear, constant = a[1, 1], -2.0 * a[0, 1], a[0, 0]
    root = linear**2 - 4.0 * square * constant
    if square > 0:
        if root < 0:
            return None
        half = np.sqrt(root)
        return float((-linear - half) / (2 * square)), float((-linear + half) / (2 * square))
    return (-np.inf, np.inf) if root <= 0 else None
