"""Tests that say whether instruments can be believed and whether they were needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import stats

from models.arrays import FloatArray
from models.estimators.model_frame import codes_of
from models.estimators.sandwich import Errors, ErrorSpec, cluster_meat, newey_west_meat


class IVSample(Protocol):
    """The arrays of an instrumented regression; see `models.estimators.k_class.Sample`."""

    @property
    def y(self) -> FloatArray: ...  # noqa: D102
    @property
    def endogenous(self) -> FloatArray: ...  # noqa: D102
    @property
    def exogenous(self) -> FloatArray: ...  # noqa: D102
    @property
    def instruments(self) -> FloatArray: ...  # noqa: D102
    @property
    def outside(self) -> FloatArray: ...  # noqa: D102
    @property
    def regressors(self) -> FloatArray: ...  # noqa: D102
    @property
    def absorbed(self) -> int: ...  # noqa: D102
    @property
    def extra(self) -> pd.DataFrame: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class FirstStage:
    """How strongly the instruments move one endogenous term.

    Attributes:
        f: F of the instruments, classical errors.
        robust_f: the same with the errors asked for (the effective F of one instrument).
        partial_r2: share of the term's movement beside the controls that they explain.
        p_value: of `f`.
    """

    f: float
    robust_f: float
    partial_r2: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Test:
    """A test.

    Attributes:
        name: whose it is.
        statistic: its value.
        freedom: degrees of freedom.
        p_value: chance of as much if the null hypothesis holds.
    """

    __test__ = False  # not one of pytest's

    name: str
    statistic: float
    freedom: int
    p_value: float


@dataclass(frozen=True, slots=True)
class IVTests:
    """All tests of an instrumented regression.

    Attributes:
        first_stages: one for each endogenous term.
        overidentification: Sargan's (two-stage least squares) or Anderson and Rubin's (LIML); None
            where there are just as many instruments as endogenous terms.
        hansen_j: Hansen's test with the errors asked for; None with classical ones, where there are
            just as many instruments as endogenous terms, or fewer clusters than instruments.
        wu_hausman: null: prices do not follow demand.
        anderson_rubin: 95 % set of the elasticity that weak instruments do not shorten; None where
            it is no single interval, or there are several endogenous terms.
    """

    first_stages: tuple[FirstStage, ...]
    overidentification: Test | None
    hansen_j: Test | None
    wu_hausman: Test
    anderson_rubin: tuple[float, float] | None


def first_stage(
    endogenous: FloatArray, column: int, sample: IVSample, spec: ErrorSpec
) -> FirstStage:
    """The first stage of one endogenous term."""
    x, z = endogenous[:, column], sample.outside
    q, r = np.linalg.qr(z)
    rest = x - q @ (q.T @ x)
    q_controls = np.linalg.qr(sample.exogenous)[0]
    without = x - q_controls @ (q_controls.T @ x)
    number = sample.instruments.shape[1]
    spare = len(x) - z.shape[1] - sample.absorbed
    gain = float(without @ without - rest @ rest)
    f = gain / number / (float(rest @ rest) / spare)
    back = np.linalg.inv(r)
    values = back @ (q.T @ x)
    robust = f
    if spec.kind is not Errors.CLASSICAL:
        scores = z * rest[:, None]
        covariance = spec.covariance(
            back @ back.T, scores, z.shape[1] + sample.absorbed, sample.extra
        )
        block, part = covariance[-number:, -number:], values[-number:]
        robust = float(part @ np.linalg.solve(block, part)) / number
    return FirstStage(
        f=f,
        robust_f=robust,
        partial_r2=gain / float(without @ without),
        p_value=float(stats.f.sf(f, number, spare)),
    )


def overidentification(
    sample: IVSample,
    residuals: FloatArray,
    kappa: float,
    liml: bool,  # noqa: FBT001
) -> Test | None:
    """Do the instruments agree? Sargan (1958); for LIML Anderson and Rubin (1949)."""
    freedom = sample.instruments.shape[1] - sample.endogenous.shape[1]
    if freedom == 0:
        return None
    n = len(residuals)
    if liml:
        statistic, name = float(n * np.log(kappa)), "Anderson-Rubin"
    else:
        q = np.linalg.qr(sample.outside)[0]
        part = q.T @ residuals
        statistic, name = float(n * (part @ part) / (residuals @ residuals)), "Sargan"
    return Test(name, statistic, freedom, float(stats.chi2.sf(statistic, freedom)))


def hansen_j(sample: IVSample, residuals: FloatArray, spec: ErrorSpec) -> Test | None:
    """Do the instruments agree, whatever the errors? Hansen (1982), by two-step efficient GMM.

    Args:
        sample: the arrays.
        residuals: structural, of a consistent first step.
        spec: how the moments scatter.
    """
    freedom = sample.instruments.shape[1] - sample.endogenous.shape[1]
    if freedom == 0 or spec.kind is Errors.CLASSICAL:
        return None
    z, x = sample.outside, sample.regressors
    moments = z.shape[1]
    scatter = _scatter(z * residuals[:, None], spec, sample.extra)
    if np.linalg.matrix_rank(scatter, hermitian=True) < moments:
        return None
    across = z.T @ x
    weighed = np.linalg.solve(scatter, across)
    values = np.linalg.solve(across.T @ weighed, weighed.T @ (z.T @ sample.y))
    left = z.T @ (sample.y - x @ values)
    statistic = float(left @ np.linalg.solve(scatter, left))
    return Test("Hansen J", statistic, freedom, float(stats.chi2.sf(statistic, freedom)))


def _scatter(scores: FloatArray, spec: ErrorSpec, extra: pd.DataFrame) -> FloatArray:
    """(z, z) covariance of the summed moments, without small-sample corrections."""
    if spec.kind is Errors.CLUSTER:
        group = codes_of(extra[spec.cluster])
        groups = int(group.max()) + 1
        return cluster_meat(scores, group) * (groups - 1) / groups
    if spec.kind is Errors.HAC:
        if spec.order is not None:
            scores = scores[np.argsort(extra[spec.order].to_numpy(), kind="stable")]
        return newey_west_meat(scores, spec.lags)
    plain: FloatArray = scores.T @ scores
    return plain


def wu_hausman(sample: IVSample, spec: ErrorSpec) -> Test:
    """Are prices endogenous? The first stages' residuals as added regressors (Wu 1973).

    With classical errors the F of Wu and Hausman; else the Wald test with the errors asked for.
    """
    q = np.linalg.qr(sample.outside)[0]
    v = sample.endogenous - q @ (q.T @ sample.endogenous)
    wide = np.column_stack([sample.regressors, v])
    qw, r = np.linalg.qr(wide)
    back = np.linalg.inv(r)
    values = back @ (qw.T @ sample.y)
    rest = sample.y - wide @ values
    m = v.shape[1]
    parameters = wide.shape[1] + sample.absorbed
    spare = len(rest) - parameters
    bread = back @ back.T
    if spec.kind is Errors.CLASSICAL:
        covariance = bread * float(rest @ rest) / spare
    else:
        covariance = spec.covariance(bread, wide * rest[:, None], parameters, sample.extra)
    part, block = values[-m:], covariance[-m:, -m:]
    f = float(part @ np.linalg.solve(block, part)) / m
    return Test("Wu-Hausman", f, m, float(stats.f.sf(f, m, spare)))
