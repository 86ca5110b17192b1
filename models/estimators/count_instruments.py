"""Prices that follow demand, and counts with zeros: a control function in a Poisson regression.

The price's first-stage residual is a further regressor of `E[units] = exp(...)`; what is left of
the price is what the instruments moved (Wooldridge 2015; Terza, Basu and Rathouz 2008). Standard
errors count both stages, by the influence of the first on the second (Murphy and Topel 1985).

    >>> rng = np.random.default_rng(0)
    >>> cost, hidden = rng.normal(0, 0.3, (2, 4000))
    >>> log_price = cost + 0.5 * hidden
    >>> sold = rng.poisson(np.exp(1 - 2 * log_price + hidden))
    >>> frame = pd.DataFrame({"units": sold, "price": np.exp(log_price), "cost": cost})
    >>> found = fit_iv_counts(frame, "units ~ 1 [log(price) ~ cost]")
    >>> round(found.elasticity, 1), round(found.naive.elasticity, 1), found.used
    (-2.0, -1.6, 'control-function poisson')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from models.arrays import FloatArray, IntArray
from models.errors import InvalidSpec, NotIdentified
from models.estimators.counts import fit_counts
from models.estimators.elasticity_spec import Family
from models.estimators.instruments import WEAK, Naive, iv_terms
from models.estimators.iv_tests import FirstStage, Test, first_stage
from models.estimators.k_class import Sample, prepared
from models.estimators.model_frame import model_frame
from models.estimators.sandwich import Coefficients, Errors, ErrorSpec, FirstTerm, errors_of

_BY_CHANCE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class CountIVFit(FirstTerm):
    """A Poisson regression with instruments.

    Attributes:
        coefficients: of the endogenous terms, then the exogenous ones, then the effects' dummies.
        naive: Poisson regression that takes prices as given.
        first_stages: one for each endogenous term.
        endogeneity: null: prices do not follow demand (Wald test of the residuals' coefficients).
        n_obs: rows.
        row: (n,) position of each row in the frame given.
        dropped: rows left out, by reason.
        left_out: columns that are combinations of others.
        used: `control-function poisson`, or `poisson` where the data give no reason to instrument.
        why: sentences: what naive and instrumented answers say of each other, which to use.
    """

    coefficients: Coefficients
    naive: Naive
    first_stages: tuple[FirstStage, ...]
    endogeneity: Test
    n_obs: int
    row: IntArray
    dropped: dict[str, int]
    left_out: tuple[str, ...]
    used: str
    why: tuple[str, ...]


def fit_iv_counts(
    frame: pd.DataFrame,
    formula: str | None = None,
    *,
    dependent: str | None = None,
    endogenous: str | Sequence[str] = (),
    exogenous: Sequence[str] = (),
    instruments: Sequence[str] = (),
    effects: Sequence[str] = (),
    errors: Errors | str = Errors.HC1,
    cluster: str | None = None,
    lags: int | None = None,
    order: str | None = None,
) -> CountIVFit:
    """Regress counts with a log link and instruments.

    Args:
        frame: one row an observation; zeros are welcome.
        formula: `units ~ controls [log(price) ~ instruments] | effects`, units as they are; or give
            columns by name, as for `models.estimators.instruments.fit_iv`:
        dependent: units sold.
        endogenous: the price term, or several.
        exogenous: controls; a constant is added.
        instruments: what moves the price from outside demand.
        effects: columns whose every value has a level of its own, as dummies.
        errors: `hc1`, `hac` or `cluster`.
        cluster: column of the groups of clustered errors.
        lags: of errors that last; None chooses by the number of rows.
        order: column by which rows follow each other in time.

    Raises:
        InvalidSpec: no instruments, classical errors, or units below zero.
        InvalidPanel: a column is missing, or no row is left.
        NotIdentified: fewer instruments that vary than endogenous terms, too few rows, or a
            regression that does not converge.

    Example: see the module, and docs/estimators.md.
    """
    spec = ErrorSpec(errors_of(errors), cluster, lags, order)
    if spec.kind is Errors.CLASSICAL:
        raise InvalidSpec("counts with instruments take hc1, hac or cluster errors")
    terms = iv_terms(formula, dependent, endogenous, exogenous, instruments, effects)
    rows = model_frame(frame, terms, spec.columns)
    if (rows.dependent < 0).any():
        raise InvalidSpec(f"{terms.dependent} must not be negative; take returns out first")
    if not rows.dependent.any():
        raise NotIdentified(f"{terms.dependent}: nothing was sold in any row")
    for name, code in zip(terms.effects, rows.effects, strict=True):
        # `prepared` leaves out the dummies that other columns hold.
        rows = replace(
            rows,
            exogenous=np.column_stack([rows.exogenous, np.eye(int(code.max()) + 1)[code]]),
            exogenous_names=(
                *rows.exogenous_names,
                *(f"{name}[{value}]" for value in range(int(code.max()) + 1)),
            ),
        )
    rows = replace(rows, effects=())
    sample = prepared(rows, spec, None)
    values, covariance, second = _two_stages(sample, spec)
    naive_values, naive_covariance, _ = fit_counts(
        sample.y, sample.regressors, Family.POISSON, spec, sample.extra
    )
    m, k = sample.endogenous.shape[1], len(sample.names)
    coefficients = Coefficients(sample.names, values[:k], covariance[:k, :k])
    naive = Naive(float(naive_values[0]), float(np.sqrt(naive_covariance[0, 0])))
    stages = tuple(first_stage(sample.endogenous, j, sample, spec) for j in range(m))
    # Under the null the first stage's error does not matter: the plain covariance is right.
    part, block = values[k:], second[k:, k:]
    wald = float(part @ np.linalg.solve(block, part))
    test = Test("endogeneity (Wald)", wald, m, float(stats.chi2.sf(wald, m)))
    used, why = _verdict(coefficients, naive, stages, test)
    return CountIVFit(
        coefficients=coefficients,
        naive=naive,
        first_stages=stages,
        endogeneity=test,
        n_obs=len(sample.y),
        row=rows.row,
        dropped=dict(rows.dropped),
        left_out=sample.left_out,
        used=used,
        why=why,
    )


def _two_stages(sample: Sample, spec: ErrorSpec) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coefficients with the residuals' last, their covariance, and that of the second stage."""
    z = sample.outside
    q, r = np.linalg.qr(z)
    back = np.linalg.inv(r)
    first_bread = back @ back.T
    v = sample.endogenous - q @ (q.T @ sample.endogenous)
    wide = np.column_stack([sample.regressors, v])
    values, second, _ = fit_counts(sample.y, wide, Family.POISSON, spec, sample.extra)
    mean = np.exp(wide @ values)
    bread = np.linalg.inv(wide.T @ (wide * mean[:, None]))
    rho = values[-v.shape[1] :]
    # d(score of stage two)/d(first-stage coefficients), where units less their mean vanish.
    through = (wide * mean[:, None]).T @ z @ first_bread
    scores = wide * (sample.y - mean)[:, None] + (z * (v @ rho)[:, None]) @ through.T
    covariance = spec.covariance(bread, scores, sample.parameters, sample.extra)
    return values, covariance, second


def _verdict(
    found: Coefficients, naive: Naive, stages: Sequence[FirstStage], test: Test
) -> tuple[str, tuple[str, ...]]:
    value, error = float(found.estimates[0]), float(found.std_errors[0])
    compared = (
        f"naive {naive.elasticity:.2f} (± {1.96 * naive.std_error:.2f}), "
        f"instrumented {value:.2f} (± {1.96 * error:.2f})"
    )
    says = [compared]
    weakest = min(stage.f for stage in stages)
    weak = weakest < WEAK
    if weak:
        says.append(
            f"the instruments are weak (first-stage F {weakest:.1f} < {WEAK:.0f}): the "
            "instrumented answer leans toward the naive one and its interval is too short"
        )
    if test.p_value < _BY_CHANCE or not weak:
        differ = "differ" if test.p_value < _BY_CHANCE else "do not differ beyond chance"
        says.append(f"they {differ} (p {test.p_value:.3f}); the instrumented answer is used")
        return "control-function poisson", tuple(says)
    says.append(
        f"they do not differ beyond chance (p {test.p_value:.2f}) and the instruments are weak: "
        "the naive answer is used, with that doubt"
    )
    return "poisson", tuple(says)
