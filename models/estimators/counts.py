"""Counts: Poisson, quasi-Poisson and negative binomial regression by statsmodels."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import pandas as pd
from statsmodels.genmod.families import NegativeBinomial, Poisson
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import (
    ConvergenceWarning,
    HessianInversionWarning,
    PerfectSeparationWarning,
)

from models.arrays import FloatArray
from models.errors import InvalidSpec, NotIdentified
from models.estimators.elasticity_spec import Family
from models.estimators.model_frame import codes_of
from models.estimators.sandwich import Errors, ErrorSpec

_NO_EXCESS: Final = 1e-6
"""Over-dispersion below which a negative binomial is a Poisson."""


def fit_counts(
    units: FloatArray, columns: FloatArray, family: Family, errors: ErrorSpec, extra: pd.DataFrame
) -> tuple[FloatArray, FloatArray, float]:
    """(k,) coefficients, (k, k) covariance and share of deviance explained; log link.

    The dispersion of the negative binomial is taken from the Poisson fit's residuals; without
    excess variance it is the Poisson. With robust errors both are right whenever the mean is.

    Args:
        units: (n,) sold, not negative.
        columns: (n, k) of full rank.
        family: not `normal`.
        errors: how standard errors are formed.
        extra: (n rows) holds the columns that the errors need.

    Raises:
        InvalidSpec: units below zero.
        NotIdentified: `not_converged`.
    """
    if (units < 0).any():
        raise InvalidSpec("counts must not be negative; take returns out first")
    kind, keywords = _covariance_of(family, errors, extra)
    with warnings.catch_warnings():
        for trouble in (ConvergenceWarning, HessianInversionWarning, PerfectSeparationWarning):
            warnings.simplefilter("error", trouble)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            glm = GLM(units, columns, family=Poisson())
            start = glm.fit(
                scale="X2" if family is Family.QUASI_POISSON else None,
                cov_type=kind,
                cov_kwds=keywords,
            )
            explained = (
                1.0 - start.deviance / start.null_deviance if start.null_deviance else np.nan
            )
            if family is not Family.NEGATIVE_BINOMIAL:
                return start.params, start.cov_params(), float(explained)
            # Cameron and Trivedi (1990): the excess variance regressed on the square of the mean.
            mean = start.mu
            alpha = float((((units - mean) ** 2 - units) * mean).sum() / (mean**3).sum())
            if alpha <= _NO_EXCESS:
                return start.params, start.cov_params(), float(explained)
            family_of = NegativeBinomial(alpha=alpha)
            found = GLM(units, columns, family=family_of).fit(cov_type=kind, cov_kwds=keywords)
        except (ConvergenceWarning, HessianInversionWarning, PerfectSeparationWarning):
            raise NotIdentified("not_converged") from None
        except (np.linalg.LinAlgError, ValueError, FloatingPointError):
            raise NotIdentified("not_converged") from None
    if not (np.isfinite(found.params).all() and np.isfinite(found.cov_params()).all()):
        raise NotIdentified("not_converged")
    return found.params, found.cov_params(), float(explained)


def _covariance_of(
    family: Family, errors: ErrorSpec, extra: pd.DataFrame
) -> tuple[str, dict[str, Any] | None]:
    """How statsmodels is told to form the covariance."""
    if errors.kind is Errors.CLUSTER:
        return "cluster", {"groups": codes_of(extra[errors.cluster])}
    if errors.kind is Errors.HAC:
        n = len(extra)
        lags = int(4 * (n / 100) ** (2 / 9)) if errors.lags is None else errors.lags
        return "HAC", {"maxlags": lags}
    if errors.kind is Errors.HC1 and family is not Family.QUASI_POISSON:
        return "HC1", None
    return "nonrobust", None
