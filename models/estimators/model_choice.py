"""Which form of demand? The one that foretells held-out weeks best, not the one of habit.

Every candidate gives a probability to every count of units, so that log-normal, Poisson and
negative-binomial models of counts are judged by one measure: the mean log-probability of what was
sold in weeks that the fit did not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
from scipy import special, stats

from models.arrays import BoolArray, FloatArray
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.elasticity import fit
from models.estimators.elasticity_spec import ElasticitySpec, Family, Zeros
from models.estimators.model_frame import require_columns
from models.estimators.series_regression import sample_of

_TINY: Final = 1e-300
_EXACT: Final = 1e-12
"""Below it a difference of two tails has no digits left, and the density stands for it."""


def choose_form(
    frame: pd.DataFrame, candidates: Mapping[str, ElasticitySpec], *, time: str, folds: int = 4
) -> pd.DataFrame:
    """Rank forms of demand by held-out likelihood, for one series of counts.

    Args:
        frame: one series; units are whole numbers.
        candidates: by name; effects are not understood here, and `zeros` is `half` for all.
        time: column by which rows follow each other; folds are blocks of it, because neighbouring
            weeks resemble each other.
        folds: blocks, each held out once.

    Returns:
        best first: `form`, `log_likelihood` (mean a held-out row), `std_error` of the difference to
        the best, `elasticity` on all rows.

    Raises:
        InvalidPanel: units are not counts, or there are too few rows.
        InvalidSpec: no candidates, or one that can not be judged so.
    """
    if not candidates:
        raise InvalidSpec("give candidates, such as {'log-log': ElasticitySpec()}")
    require_columns(frame, [time])
    ordered = frame.sort_values(time, kind="stable").reset_index(drop=True)
    if len(ordered) < 5 * folds:
        raise InvalidPanel(f"{len(ordered)} rows are too few for {folds} folds")
    block = np.arange(len(ordered)) * folds // len(ordered)
    scores, elasticities = {}, {}
    for name, spec in candidates.items():
        if spec.effects or spec.by or spec.in_logs or spec.formula:
            raise InvalidSpec(f"{name}: effects, by, in_logs and formulas are not judged here")
        half = replace(spec, zeros=Zeros.HALF)
        units = ordered[spec.units].to_numpy(np.float64)
        if (units != np.rint(units)).any() or (units < 0).any():
            raise InvalidPanel(f"{spec.units!r} must hold counts: whole numbers, not negative")
        columns = sample_of(ordered, half, np.zeros(len(ordered), dtype=np.int64), 1).columns
        parts = np.full(len(ordered), np.nan)
        for fold in range(folds):
            test = block == fold
            parts[test] = _scored(ordered, half, columns, units, ~test, test)
        scores[name] = parts
        elasticities[name] = fit(ordered, half).elasticity
    best = max(scores, key=lambda name: float(np.mean(scores[name])))
    rows = [
        {
            "form": name,
            "log_likelihood": float(np.mean(score)),
            "std_error": float(np.std(score - scores[best], ddof=1) / np.sqrt(len(score))),
            "elasticity": elasticities[name],
        }
        for name, score in scores.items()
    ]
    return pd.DataFrame(rows).sort_values("log_likelihood", ascending=False, ignore_index=True)


def _scored(
    frame: pd.DataFrame,
    spec: ElasticitySpec,
    columns: FloatArray,
    units: FloatArray,
    train: BoolArray,
    test: BoolArray,
) -> FloatArray:
    """(test rows,) log-probability of each held-out count."""
    found = fit(frame[train].reset_index(drop=True), spec)
    if 0 not in found.coefficients:
        return np.full(int(test.sum()), np.log(_TINY))
    coefficients = found.coefficients[0]
    if len(coefficients.estimates) != columns.shape[1]:
        return np.full(int(test.sum()), np.log(_TINY))
    index = columns @ coefficients.estimates
    u = units[test]
    if spec.family is Family.NORMAL:
        rest = np.log(units[train] + 0.5) - index[train]
        std = max(float(np.sqrt((rest**2).sum() / max(train.sum() - columns.shape[1], 1))), 1e-6)
        # log(units + 1/2) is normal: the count u is the interval from u to u + 1 of units + 1/2.
        with np.errstate(divide="ignore"):
            upper, lower = ((np.log(edge) - index[test]) / std for edge in (u + 1.0, u))
        probability = special.ndtr(upper) - special.ndtr(lower)
        density = stats.norm.pdf((np.log(u + 0.5) - index[test]) / std) / std / (u + 0.5)
        return np.log(np.maximum(np.where(probability > 1e-12, probability, density), _TINY))
    mean = np.exp(np.minimum(index, 700.0))
    if spec.family is Family.NEGATIVE_BINOMIAL:
        inside = mean[train]
        over = float((((units[train] - inside) ** 2 - units[train]) * inside).sum())
        alpha = max(over / float((inside**3).sum()), 1e-8)
        size = 1.0 / alpha
        return np.asarray(stats.nbinom.logpmf(u, size, size / (size + mean[test])))
    return np.asarray(stats.poisson.logpmf(u, mean[test]))
