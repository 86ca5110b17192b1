"""Double machine learning: one elasticity beside very many controls.

Units, price and instruments are each predicted from the controls by a learner that has not seen
the rows it predicts (cross-fitting); what the predictions leave is a regression of one on one.
Errors of the learners then only matter multiplied with each other (Chernozhukov et al.,
*Econometrics Journal* 21, 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LassoCV, RidgeCV
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.arrays import FloatArray
from models.choices import chosen
from models.errors import InvalidSpec, NotIdentified
from models.estimators.model_frame import Terms, codes_of, model_frame
from models.estimators.sandwich import Coefficients, Errors, ErrorSpec

_TWO: Final = 2


class Learner(StrEnum):
    """What predicts from the controls."""

    LASSO = "lasso"
    """Linear, few of many controls matter."""
    RIDGE = "ridge"
    """Linear, many matter a little."""
    FOREST = "forest"
    """Anything: bends and interactions."""


@dataclass(frozen=True, slots=True, eq=False)
class DebiasedFit:
    """An elasticity with the controls partialled out.

    Attributes:
        coefficients: of the price alone.
        n_obs: rows.
        price_r2, units_r2: share of each that the controls predict out of sample.
        by_split: (repeats,) the estimate of each way to split the rows.
        dropped: rows left out, by reason.
    """

    coefficients: Coefficients
    n_obs: int
    price_r2: float
    units_r2: float
    by_split: FloatArray
    dropped: dict[str, int]

    @property
    def elasticity(self) -> float:
        """Coefficient of the price."""
        return float(self.coefficients.estimates[0])

    @property
    def std_error(self) -> float:
        """Its standard error."""
        return float(self.coefficients.std_errors[0])


def fit_dml(
    frame: pd.DataFrame,
    *,
    dependent: str,
    price: str,
    controls: Sequence[str],
    rng: np.random.Generator,
    instruments: Sequence[str] = (),
    learner: Learner | str = Learner.LASSO,
    folds: int = 5,
    repeats: int = 3,
    cluster: str | None = None,
) -> DebiasedFit:
    """Partially linear regression by double machine learning.

    Args:
        frame: one row an observation.
        dependent: term explained, such as `log(units)`.
        price: term whose coefficient is wanted, such as `log(price)`.
        controls: terms to partial out; columns, or formula terms such as `C(store):week`.
        rng: splits the rows and seeds the learners.
        instruments: terms that move the price from outside; none takes the price as given.
        learner: see `Learner`.
        folds: parts of the rows; each is predicted from the others.
        repeats: ways to split; the median estimate is taken, and its error covers their spread.
        cluster: column whose rows stay in one part and share errors.

    Raises:
        InvalidSpec: settings out of range, or a term can not be evaluated.
        NotIdentified: the controls leave no movement of the price (that the instruments explain).

    Example:
        >>> rng = np.random.default_rng(1)
        >>> x = pd.DataFrame(rng.normal(size=(400, 30)), columns=[f"x{i}" for i in range(30)])
        >>> frame = x.assign(p=x["x0"] + rng.normal(size=400))
        >>> frame["q"] = -2 * frame["p"] + 3 * x["x0"] + rng.normal(size=400)
        >>> found = fit_dml(frame, dependent="q", price="p", controls=list(x), rng=rng)
        >>> abs(found.elasticity + 2) < 0.15
        True
    """
    kind = chosen(Learner, learner, "learner")
    if folds < _TWO or repeats < 1:
        raise InvalidSpec(f"folds must be 2 or more and repeats 1 or more: {folds}, {repeats}")
    terms = Terms(
        dependent=dependent,
        exogenous=" + ".join(["0", *controls]),
        endogenous=price,
        instruments=" + ".join(instruments),
    )
    rows = model_frame(frame, terms, [cluster] if cluster else [])
    targets = np.column_stack([rows.dependent, rows.endogenous[:, 0], rows.instruments])
    groups = codes_of(rows.extra[cluster]) if cluster else None
    spec = ErrorSpec(Errors.CLUSTER, cluster) if cluster else ErrorSpec()
    found = [
        _one_split(rows.exogenous, targets, kind, folds, groups, spec, rows.extra, rng)
        for _ in range(repeats)
    ]
    values = np.array([item[0] for item in found])
    variances = np.array([item[1] for item in found])
    centre = float(np.median(values))
    # Chernozhukov et al. (2018), definition 3.3: the spread over splits is uncertainty too.
    variance = float(np.median(variances + (values - centre) ** 2))
    units_r2, price_r2 = np.mean([item[2] for item in found], axis=0)
    return DebiasedFit(
        coefficients=Coefficients((price,), np.array([centre]), np.array([[variance]])),
        n_obs=len(targets),
        price_r2=float(price_r2),
        units_r2=float(units_r2),
        by_split=values,
        dropped=dict(rows.dropped),
    )


def _one_split(
    controls: FloatArray,
    targets: FloatArray,
    kind: Learner,
    folds: int,
    groups: Any,  # noqa: ANN401 - codes or None, as scikit-learn takes them
    spec: ErrorSpec,
    extra: pd.DataFrame,
    rng: np.random.Generator,
) -> tuple[float, float, tuple[float, float]]:
    """Estimate, variance, and out-of-sample R² of units and price for one way to split."""
    seed = int(rng.integers(2**31))
    if groups is None:
        splits = KFold(folds, shuffle=True, random_state=seed).split(controls)
    else:
        splitter = GroupKFold(folds, shuffle=True, random_state=seed)
        splits = splitter.split(controls, groups=groups)
    left = np.empty_like(targets)
    for train, test in splits:
        for j in range(targets.shape[1]):
            model = _made(kind, seed)
            model.fit(controls[train], targets[train, j])
            left[test, j] = targets[test, j] - model.predict(controls[test])
    y, price = left[:, 0], left[:, 1]
    if left.shape[1] > _TWO:
        outside = left[:, 2:]
        direction = outside @ np.linalg.lstsq(outside, price, rcond=None)[0]
    else:
        direction = price
    strength = float(direction @ price)
    if strength <= 1e-12 * float(targets[:, 1] @ targets[:, 1]):
        raise NotIdentified("the controls (or weak instruments) leave no movement of the price")
    value = float(direction @ y) / strength
    scores = (direction * (y - value * price))[:, None]
    variance = spec.covariance(np.array([[1.0 / strength]]), scores, 1, extra)
    r2 = 1.0 - left[:, :2].var(axis=0) / targets[:, :2].var(axis=0)
    return value, float(variance[0, 0]), (float(r2[0]), float(r2[1]))


def _made(kind: Learner, seed: int) -> Any:  # noqa: ANN401 - scikit-learn is untyped
    if kind is Learner.LASSO:
        return make_pipeline(StandardScaler(), LassoCV(cv=5, random_state=seed))
    if kind is Learner.RIDGE:
        return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 4, 15)))
    return RandomForestRegressor(n_estimators=200, min_samples_leaf=5, random_state=seed)
