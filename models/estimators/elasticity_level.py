"""Where a regression's curve is anchored: how much an average period sells at the average price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray
from models.estimators.elasticity_spec import ElasticitySpec, Family, Form, Zeros


@dataclass(frozen=True, slots=True)
class Anchor:
    """The level of one curve.

    Attributes:
        reference: price of the anchor: the mean of the price term (geometric in log-log).
        log_base: log of expected units there, all controls at their means.
        variance: of `log_base`.
        covariance: of `log_base` and the elasticity.
        residual_variance: of log units around the curve.
    """

    reference: float
    log_base: float
    variance: float
    covariance: float
    residual_variance: float


def anchor(
    spec: ElasticitySpec,
    y: FloatArray,
    price: FloatArray,
    rest: FloatArray,
    columns: FloatArray,
    covariance: FloatArray,
    spare: float,
) -> Anchor:
    """Anchor the curve of one fitted series at its means.

    Args:
        spec: what was asked.
        y: (n,) the dependent variable as it was, before effects were taken out.
        price: (n,) the price term as it was.
        rest: (n,) residuals of log units; for counts, units less their means.
        columns: (n, k) as fitted, the price last.
        covariance: (k, k) of the coefficients.
        spare: rows beyond the parameters.
    """
    n = len(y)
    middle = float(price.mean())
    logs = spec.in_logs or spec.form is Form.LOG_LOG
    reference = float(np.exp(middle)) if logs else middle
    multiple = 1.0 if logs else middle
    if spec.family is Family.NORMAL:
        fitted = y - rest
        with np.errstate(over="ignore"):
            sold = np.exp(y) - (0.5 if spec.zeros is Zeros.HALF and not spec.in_logs else 0.0)
            # Duan (1983): the mean of the antilog, not the antilog of the mean.
            smear = float(np.mean(sold * np.exp(-fitted)))
        variance = float(rest @ rest) / max(spare, 1.0)
        # At the means the level and the slope are uncorrelated.
        base = float(fitted.mean()) + float(np.log(max(smear, 1e-300)))
        return Anchor(reference, base, variance / n, 0.0, variance)
    mean = y - rest
    centre = columns.mean(axis=0)
    with np.errstate(divide="ignore"):
        base = float(np.log(np.maximum(mean, 1e-300)).mean())
    scatter = float(rest @ rest) / max(float(mean @ mean), 1e-300)
    return Anchor(
        reference,
        base,
        float(centre @ covariance @ centre),
        float(covariance[-1] @ centre) * multiple,
        float(np.log1p(scatter)),
    )
