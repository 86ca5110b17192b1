"""Logit and nested logit on single choices: who chose what from which offers.

Conditional logit (McFadden 1974) by maximum likelihood, with a dissimilarity parameter where
alternatives come in nests. The gradient is exact; the Hessian is its derivative by differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import optimize

from models.arrays import BoolArray, FloatArray, IntArray
from models.errors import InvalidPanel, NotIdentified
from models.estimators.model_frame import Terms, codes_of, model_frame, quoted, require_columns
from models.estimators.sandwich import Coefficients

_STEP: Final = 1e-5
_DISSIMILARITY: Final = "log_dissimilarity"


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """Offers and what was chosen, n rows.

    Attributes:
        columns: (n, k) attributes.
        chooser: (n,) occasion of each row, from 0 without gaps.
        chosen: (n,) True once an occasion.
        nest: (n,) nest within the occasion, numbered over all occasions; None for a plain logit.
    """

    columns: FloatArray
    chooser: IntArray
    chosen: BoolArray
    nest: IntArray | None


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceFit:
    """A logit on single choices.

    Attributes:
        coefficients: of the attributes; with nests the log of the dissimilarity comes last.
        log_likelihood: at the estimates.
        null_log_likelihood: with all offers alike.
        occasions: choices made.
        dropped: rows left out, by reason.
    """

    coefficients: Coefficients
    log_likelihood: float
    null_log_likelihood: float
    occasions: int
    dropped: dict[str, int]

    @property
    def dissimilarity(self) -> float:
        """1 is the plain logit; toward 0 the offers of a nest are all but the same."""
        if _DISSIMILARITY not in self.coefficients.names:
            return 1.0
        return float(np.exp(self.coefficients[_DISSIMILARITY]))


def fit_choices(
    frame: pd.DataFrame,
    *,
    chooser: str,
    chosen: str,
    attributes: Sequence[str],
    nest: str | None = None,
) -> ChoiceFit:
    """Fit a conditional or nested logit to single choices.

    Args:
        frame: one row an offer that a chooser had.
        chooser: column that tells choice occasions apart.
        chosen: column that is true (1) for the offer taken, once an occasion.
        attributes: terms of utility, columns or formula terms; the price among them.
        nest: column of groups of like offers.

    Raises:
        InvalidPanel: an occasion without exactly one choice.
        NotIdentified: attributes that do not differ within occasions, or no maximum is found.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> offers = pd.DataFrame({"who": np.repeat(range(2000), 3), "p": rng.uniform(1, 3, 6000)})
        >>> u = (-1.2 * offers["p"] + rng.gumbel(size=6000)).to_numpy().reshape(-1, 3)
        >>> offers["took"] = (u == u.max(axis=1, keepdims=True)).ravel()
        >>> found = fit_choices(offers, chooser="who", chosen="took", attributes=["p"])
        >>> round(found.coefficients["p"], 1)
        -1.1
    """
    require_columns(frame, [chooser, chosen])
    plain = [text if "(" in text else quoted(text) for text in attributes]
    work = frame.assign(**{chosen: frame[chosen].astype(float)})
    terms = Terms(quoted(chosen), " + ".join(["0", *plain]))
    rows = model_frame(work, terms, [chooser, *([nest] if nest else [])])
    who = codes_of(rows.extra[chooser])
    counts = np.bincount(who, rows.dependent)
    if not (counts == 1).all():
        raise InvalidPanel(
            f"{int((counts != 1).sum())} of {len(counts)} occasions do not have exactly one offer "
            f"with {chosen!r} true; drop occasions without a choice, or give them an outside offer"
        )
    nests = None
    if nest is not None:
        nests = rows.extra.groupby([chooser, nest], sort=False).ngroup().to_numpy().astype(np.int64)
    data = Choices(rows.exogenous, who, rows.dependent > 0, nests)
    names = rows.exogenous_names + ((_DISSIMILARITY,) if nest else ())

    def downhill(theta: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = log_likelihood(theta, data)
        return -value, -gradient

    start = np.zeros(len(names))
    best = optimize.minimize(
        downhill,
        start,
        method="BFGS",
        jac=True,
        options={"gtol": 1e-6 * len(counts)},
    )
    hessian = _hessian(best.x, data)
    spread = np.linalg.eigvalsh(-hessian)
    if spread.min() <= 1e-10 * max(spread.max(), 1.0):
        raise NotIdentified("the attributes do not differ enough within occasions to be told apart")
    return ChoiceFit(
        coefficients=Coefficients(names, best.x, np.asarray(np.linalg.inv(-hessian))),
        log_likelihood=float(-best.fun),
        null_log_likelihood=float(log_likelihood(np.zeros(len(names)), data)[0]),
        occasions=len(counts),
        dropped=dict(rows.dropped),
    )


def log_likelihood(theta: FloatArray, data: Choices) -> tuple[float, FloatArray]:
    """Log-likelihood and its gradient.

    Args:
        theta: (k,) coefficients, then the log of the dissimilarity where there are nests.
        data: the choices.
    """
    k = data.columns.shape[1]
    utility = data.columns @ theta[:k]
    if data.nest is None:
        share, log_share = _softmax(utility, data.chooser)
        value = float(log_share[data.chosen].sum())
        gradient: FloatArray = data.columns.T @ (data.chosen - share)
        return value, gradient
    scale = float(np.exp(theta[k]))
    within, log_within = _softmax(utility / scale, data.nest)
    first = np.unique(data.nest, return_index=True)[1]
    top = _log_sum(utility / scale, data.nest)
    of_nest, log_of_nest = _softmax(scale * top, data.chooser[first])
    taken = data.chosen
    value = float(log_within[taken].sum() + log_of_nest[data.nest[taken]].sum())
    # d/du: own nest's inside, then between nests; the chain rule through both.
    taken_nest = np.bincount(data.nest, taken, len(first))
    between = taken_nest - of_nest
    by_utility = (taken - taken_nest[data.nest] * within) / scale + between[data.nest] * within
    inside = np.bincount(data.nest, within * utility, len(first))
    by_scale = (
        -(utility[taken] / scale**2).sum()
        + (inside / scale**2) @ taken_nest
        + between @ (top - inside / scale)
    )
    return value, np.append(data.columns.T @ by_utility, by_scale * scale)


def _log_sum(values: FloatArray, group: IntArray) -> FloatArray:
    """(g,) log of the sum of exponentials within each group."""
    groups = int(group.max()) + 1
    top = np.full(groups, -np.inf)
    np.maximum.at(top, group, values)
    total: FloatArray = np.log(np.bincount(group, np.exp(values - top[group]), groups)) + top
    return total


def _softmax(values: FloatArray, group: IntArray) -> tuple[FloatArray, FloatArray]:
    """(n,) shares within groups, and their logs."""
    log_share = values - _log_sum(values, group)[group]
    return np.exp(log_share), log_share


def _hessian(theta: FloatArray, data: Choices) -> FloatArray:
    """(k, k) derivative of the exact gradient by central differences, made symmetric."""
    columns = []
    for j in range(len(theta)):
        step = np.zeros(len(theta))
        step[j] = _STEP * max(1.0, abs(theta[j]))
        above, below = (log_likelihood(theta + sign * step, data)[1] for sign in (1, -1))
        columns.append((above - below) / (2.0 * step[j]))
    matrix = np.column_stack(columns)
    symmetric: FloatArray = (matrix + matrix.T) / 2.0
    return symmetric
