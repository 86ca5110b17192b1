"""Standard errors: the covariance of an estimate from its scores, in the forms the field uses.

Each estimator brings its bread B (k, k) and its scores S (n, k), one row an observation; then
estimate - truth ≈ B · sum of scores, and the covariance is B · Var(sum of scores) · B'.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from models.arrays import FloatArray, IntArray
from models.errors import InvalidSpec
from models.estimators.model_frame import codes_of


class Errors(StrEnum):
    """How standard errors are formed."""

    CLASSICAL = "classical"
    """All errors alike (homoskedastic) and independent."""
    HC1 = "hc1"
    """Errors of different size (White 1980), with n / (n - k)."""
    HAC = "hac"
    """Errors that last (Newey and West 1987, Bartlett weights), with n / (n - k)."""
    CLUSTER = "cluster"
    """Errors shared within groups (Liang and Zeger 1986), with G/(G-1) · (n-1)/(n-k)."""


def errors_of(kind: Errors | str) -> Errors:
    """A kind of standard errors by its name, in any case.

    Raises:
        InvalidSpec: there is no such kind.
    """
    try:
        return Errors(str(kind).lower())
    except ValueError:
        known = ", ".join(repr(item.value) for item in Errors)
        raise InvalidSpec(f"errors {kind!r} must be one of {known}") from None


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """What standard errors are asked for.

    Attributes:
        kind: see `Errors`.
        cluster: column of the groups; giving one implies `cluster`.
        lags: of `hac`; None takes 4 · (n / 100)^(2/9) (Newey and West 1994).
        order: column by which rows follow each other in time, for `hac`; the frame's own order
            where None.
    """

    kind: Errors = Errors.HC1
    cluster: str | None = None
    lags: int | None = None
    order: str | None = None

    def __post_init__(self) -> None:
        kind = errors_of(self.kind)
        if self.cluster is not None and kind is Errors.HC1:
            kind = Errors.CLUSTER
        if (kind is Errors.CLUSTER) != (self.cluster is not None):
            raise InvalidSpec("errors='cluster' and the column `cluster` go together")
        if self.lags is not None and self.lags < 0:
            raise InvalidSpec(f"lags must not be negative, they are {self.lags}")
        object.__setattr__(self, "kind", kind)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the frame that the errors need."""
        return tuple(name for name in (self.cluster, self.order) if name is not None)

    def covariance(
        self, bread: FloatArray, scores: FloatArray, parameters: int, extra: pd.DataFrame
    ) -> FloatArray:
        """(k, k) robust covariance; not for `classical`, which needs no scores.

        Args:
            bread: (k, k).
            scores: (n, k).
            parameters: number of parameters, absorbed effects among them.
            extra: (n rows) holds `columns`.

        Raises:
            InvalidSpec: fewer than two clusters.
        """
        n = len(scores)
        spare = max(n - parameters, 1)
        if self.kind is Errors.CLUSTER:
            group = codes_of(extra[self.cluster])
            meat = cluster_meat(scores, group) * (n - 1) / spare
        elif self.kind is Errors.HAC:
            order = np.arange(n)
            if self.order is not None:
                order = np.argsort(extra[self.order].to_numpy(), kind="stable")
            meat = newey_west_meat(scores[order], self.lags) * n / spare
        else:
            meat = scores.T @ scores * n / spare
        covariance: FloatArray = bread @ meat @ bread.T
        return covariance


def cluster_meat(scores: FloatArray, group: IntArray) -> FloatArray:
    """(k, k) sum over groups of the outer product of each group's summed scores, by G/(G-1)."""
    groups = int(group.max(initial=-1)) + 1
    if groups < 2:
        raise InvalidSpec("clustered errors need two clusters or more; there is only one")
    total = np.zeros((groups, scores.shape[1]))
    np.add.at(total, group, scores)
    meat: FloatArray = total.T @ total * groups / (groups - 1)
    return meat


def newey_west_meat(scores: FloatArray, lags: int | None) -> FloatArray:
    """(k, k) long-run variance of scores in order of time."""
    n = len(scores)
    lags = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    meat = scores.T @ scores
    for lag in range(1, min(lags, n - 1) + 1):
        cross = scores[lag:].T @ scores[:-lag]
        meat = meat + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return meat


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """Estimates with their covariance, and how to read them.

    Attributes:
        names: (k,) what they belong to.
        estimates: (k,) their values.
        covariance: (k, k).
        freedom: degrees of freedom of Student's t; infinite for the normal distribution.
    """

    names: tuple[str, ...]
    estimates: FloatArray
    covariance: FloatArray
    freedom: float = np.inf

    def __getitem__(self, name: str) -> float:
        return float(self.estimates[self.position(name)])

    def position(self, name: str) -> int:
        """Where a coefficient stands.

        Raises:
            InvalidSpec: there is none of this name.
        """
        if name not in self.names:
            raise InvalidSpec(f"no coefficient {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors."""
        errors: FloatArray = np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))
        return errors

    def std_error(self, name: str) -> float:
        """Standard error of one coefficient."""
        return float(self.std_errors[self.position(name)])

    @property
    def p_values(self) -> FloatArray:
        """(k,) two-sided p-values of the coefficients being zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return two_sided_p(self.estimates / self.std_errors, self.freedom)

    def intervals(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """(k,) low and (k,) high ends of the confidence intervals."""
        half = quantile(0.5 + level / 2.0, self.freedom) * self.std_errors
        return self.estimates - half, self.estimates + half

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row a coefficient, as a user reads it; the index holds the names."""
        low, high = self.intervals(level)
        columns: dict[str, Any] = {
            "estimate": self.estimates,
            "std_error": self.std_errors,
            "ci_low": low,
            "ci_high": high,
            "p_value": self.p_values,
        }
        return pd.DataFrame(columns, index=pd.Index(self.names, name="term"))


def two_sided_p(t: FloatArray, freedom: float) -> FloatArray:
    """P-values of t statistics; normal where the degrees of freedom are infinite."""
    tail = special.ndtr(-np.abs(t)) if np.isinf(freedom) else special.stdtr(freedom, -np.abs(t))
    p: FloatArray = np.asarray(2.0 * tail, dtype=np.float64)
    return p


def quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t, or of the normal distribution."""
    value = (
        special.ndtri(probability) if np.isinf(freedom) else special.stdtrit(freedom, probability)
    )
    return float(value)


class FirstTerm:
    """How a fit reads its first coefficient: the elasticity, where it is a log price's."""

    __slots__ = ()
    coefficients: Coefficients

    @property
    def elasticity(self) -> float:
        """Coefficient of the first term: the elasticity, where it is a log price."""
        return float(self.coefficients.estimates[0])

    @property
    def std_error(self) -> float:
        """Standard error of `elasticity`."""
        return float(self.coefficients.std_errors[0])

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of `elasticity`."""
        low, high = self.coefficients.intervals(level)
        return float(low[0]), float(high[0])
