"""Instrumental variables from a plain frame: prices that follow demand.

    >>> rng = np.random.default_rng(0)
    >>> cost, hidden, luck = rng.normal(size=(3, 500))
    >>> price = cost + hidden
    >>> frame = pd.DataFrame({"q": 3 - 2 * price + 3 * hidden + luck, "p": price, "cost": cost})
    >>> found = fit_iv(frame, "q ~ 1 [p ~ cost]")
    >>> round(found.elasticity, 1), round(found.naive.elasticity, 1), found.used
    (-2.0, -0.6, '2sls')

`models.sensitivity.two_stage` is the batched sibling for thousands of series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import FloatArray, IntArray
from models.choices import chosen
from models.errors import InvalidSpec
from models.estimators.iv_tests import (
    IVTests,
    first_stage,
    hansen_j,
    overidentification,
    wu_hausman,
)
from models.estimators.k_class import (
    anderson_rubin,
    control_function_covariance,
    k_class,
    liml_kappa,
    prepared,
)
from models.estimators.model_frame import Terms, model_frame
from models.estimators.sandwich import Coefficients, Errors, ErrorSpec, FirstTerm, errors_of

WEAK: Final = 10.0
"""First-stage F below which instruments count as weak (Staiger and Stock 1997)."""
_BY_CHANCE: Final = 0.05


class Method(StrEnum):
    """How instruments are used."""

    TSLS = "2sls"
    """Two-stage least squares."""
    LIML = "liml"
    """Limited-information maximum likelihood: nearly unbiased where instruments are many."""
    CONTROL_FUNCTION = "control-function"
    """The first stage's residual as a control: the same answer as two-stage least squares, and a
    test of whether it was needed on the same line."""


@dataclass(frozen=True, slots=True, eq=False)
class Naive:
    """Least squares that takes prices as given.

    Attributes:
        elasticity: coefficient of the (first) endogenous term.
        std_error: its standard error, of the same kind as the instrumented one.
    """

    elasticity: float
    std_error: float


@dataclass(frozen=True, slots=True, eq=False)
class IVFit(FirstTerm):
    """An instrumented regression and the tests that say whether to believe it.

    Attributes:
        coefficients: of the endogenous terms, then the exogenous ones.
        method: how instruments were used.
        naive: least squares on the same rows.
        tests: first stage, over-identification, Wu-Hausman, Anderson-Rubin.
        kappa: of the k-class: 1 is two-stage least squares, 0 would be least squares.
        n_obs: rows.
        residuals: (n,) structural.
        row: (n,) position of each row in the frame given.
        dropped: rows left out, by reason.
        left_out: columns that are combinations of others.
        used: `2sls`, `liml`, `control-function`, or `ols` where the data give no reason to
            instrument or no means to.
        why: sentences: what naive and instrumented answers say of each other, which to use.
    """

    coefficients: Coefficients
    method: Method
    naive: Naive
    tests: IVTests
    kappa: float
    n_obs: int
    residuals: FloatArray
    row: IntArray
    dropped: dict[str, int]
    left_out: tuple[str, ...]
    used: str
    why: tuple[str, ...]


def fit_iv(
    frame: pd.DataFrame,
    formula: str | None = None,
    *,
    dependent: str | None = None,
    endogenous: str | Sequence[str] = (),
    exogenous: Sequence[str] = (),
    instruments: Sequence[str] = (),
    effects: Sequence[str] = (),
    method: Method | str = Method.TSLS,
    errors: Errors | str = Errors.HC1,
    cluster: str | None = None,
    lags: int | None = None,
    order: str | None = None,
    weights: str | None = None,
) -> IVFit:
    """Regress with instruments, and test them.

    Args:
        frame: one row an observation.
        formula: `y ~ controls [price ~ instruments] | effects`; or give columns by name:
        dependent: what is explained, as it is (take logarithms first, or use a formula).
        endogenous: the price, or several terms.
        exogenous: controls; a constant is added.
        instruments: what moves the price from outside demand.
        effects: columns whose every value has a level of its own.
        method: see `Method`.
        errors: see `models.estimators.sandwich.Errors`.
        cluster: column of the groups of clustered errors.
        lags: of errors that last; None chooses by the number of rows.
        order: column by which rows follow each other in time.
        weights: column of weights, inverse to the error variance.

    Raises:
        InvalidSpec: no instruments, or settings that contradict each other.
        InvalidPanel: a column is missing, or no row is left.
        NotIdentified: fewer instruments that vary than endogenous terms, or too few rows.

    Example: see the module, and docs/price-sensitivity.md.
    """
    method = chosen(Method, method, "method")
    spec = ErrorSpec(errors_of(errors), cluster, lags, order)
    terms = iv_terms(formula, dependent, endogenous, exogenous, instruments, effects)
    extra = [*spec.columns, *([weights] if weights else [])]
    rows = model_frame(frame, terms, extra)
    sample = prepared(rows, spec, weights)
    kappa = liml_kappa(sample) if method is Method.LIML else 1.0
    values, covariance, residuals = k_class(sample, kappa, spec)
    if method is Method.CONTROL_FUNCTION:
        covariance = control_function_covariance(sample, values, spec)
    plain_values, plain_covariance, _ = k_class(sample, 0.0, spec)
    coefficients = Coefficients(sample.names, values, covariance, float(sample.spare))
    naive = Naive(float(plain_values[0]), float(np.sqrt(plain_covariance[0, 0])))
    tests = IVTests(
        first_stages=tuple(
            first_stage(sample.endogenous, j, sample, spec)
            for j in range(sample.endogenous.shape[1])
        ),
        overidentification=overidentification(sample, residuals, kappa, method is Method.LIML),
        hansen_j=hansen_j(sample, residuals, spec),
        wu_hausman=wu_hausman(sample, spec),
        anderson_rubin=anderson_rubin(sample),
    )
    used, why = _verdict(method, coefficients, naive, tests)
    scale = 1.0 if sample.root is None else sample.root
    return IVFit(
        coefficients=coefficients,
        method=method,
        naive=naive,
        tests=tests,
        kappa=kappa,
        n_obs=len(residuals),
        residuals=residuals / scale,
        row=rows.row,
        dropped=dict(rows.dropped),
        left_out=sample.left_out,
        used=used,
        why=why,
    )


def iv_terms(
    formula: str | None,
    dependent: str | None,
    endogenous: str | Sequence[str],
    exogenous: Sequence[str],
    instruments: Sequence[str],
    effects: Sequence[str],
) -> Terms:
    """The terms of an instrumented regression, by formula or by columns as in `fit_iv`."""
    as_list = [
        [str(item)] if isinstance(item, (str, int)) else [str(name) for name in item]
        for item in (endogenous, exogenous, instruments, effects)
    ]
    if (formula is None) == (dependent is None):
        raise InvalidSpec("give a formula, or the columns `dependent`, `endogenous`, `instruments`")
    if formula is not None and any(as_list):
        raise InvalidSpec("give all terms in the formula, or all as columns")
    terms = (
        Terms.parsed(formula)
        if formula is not None
        else Terms.of_columns(str(dependent), as_list[1], as_list[0], as_list[2], as_list[3])
    )
    if not terms.endogenous or not terms.instruments:
        raise InvalidSpec(
            "an instrumented regression needs the endogenous price and its instruments: "
            "'y ~ controls [price ~ cost]'; without instruments "
            "use models.estimators.elasticity.fit"
        )
    return terms


def _verdict(
    method: Method, found: Coefficients, naive: Naive, tests: IVTests
) -> tuple[str, tuple[str, ...]]:
    """Which answer to use, and the sentences that say why."""
    value, error = float(found.estimates[0]), float(found.std_errors[0])
    weakest = min(stage.f for stage in tests.first_stages)
    p = tests.wu_hausman.p_value
    used = method.value
    compared = (
        f"naive {naive.elasticity:.2f} (± {1.96 * naive.std_error:.2f}), "
        f"instrumented {value:.2f} (± {1.96 * error:.2f})"
    )
    says = [compared]
    if weakest < WEAK:
        weak = (
            f"the instruments are weak (first-stage F {weakest:.1f} < {WEAK:.0f}): the "
            "instrumented answer leans toward the naive one and its interval is too short; read "
            "the Anderson-Rubin set, or find a stronger cost shifter"
        )
        says.append(weak)
    if p < _BY_CHANCE:
        direction = (
            "prices follow demand: naive customers look too insensitive"
            if naive.elasticity > value
            else "naive customers look too sensitive, as when they stock up in promotions or a "
            "cost moves with demand"
        )
        says.append(
            f"they differ (Wu-Hausman p {p:.3f}); {direction}; the instrumented answer is used"
        )
    elif weakest < WEAK:
        used = "ols"
        says.append(
            f"they do not differ beyond chance (Wu-Hausman p {p:.2f}) and the instruments are "
            "weak: the naive answer is used, with that doubt"
        )
    else:
        says.append(
            f"they do not differ beyond chance (Wu-Hausman p {p:.2f}); the instrumented answer "
            "is used because the instruments are strong enough to afford it"
        )
    over = tests.hansen_j or tests.overidentification
    if over is not None and over.p_value < _BY_CHANCE:
        says.append(
            f"the instruments contradict each other ({over.name} p {over.p_value:.3f}): at least "
            "one of them moves demand itself; drop the least credible"
        )
    return used, tuple(says)


def rival_characteristics(
    frame: pd.DataFrame, *, market: str, columns: Sequence[str], firm: str | None = None
) -> pd.DataFrame:
    """Instruments after Berry, Levinsohn and Pakes: sums of characteristics of the other products.

    Args:
        frame: one row a product and market.
        market: column that tells markets (place and period) apart.
        columns: characteristics.
        firm: column of the seller; adds the sums over products of other firms.

    Returns:
        columns `others_<c>` and, with `firm`, `rivals_<c>`, with the frame's index.
    """
    groups = frame.groupby(market, observed=True)
    made = {f"others_{c}": groups[c].transform("sum") - frame[c] for c in columns}
    if firm is not None:
        own = frame.groupby([market, firm], observed=True)
        for c in columns:
            made[f"rivals_{c}"] = groups[c].transform("sum") - own[c].transform("sum")
    return pd.DataFrame(made, index=frame.index)


def other_market_prices(frame: pd.DataFrame, *, product: str, period: str, price: str) -> pd.Series:
    """Instrument after Hausman: mean price of the same product and period in the other markets.

    Right where markets share costs but not demand; NaN where there is no other market.
    """
    groups = frame.groupby([product, period], observed=True)[price]
    count = groups.transform("count")
    others = (groups.transform("sum") - frame[price]) / (count - 1).where(count > 1)
    return others.rename(f"{price}_elsewhere")
