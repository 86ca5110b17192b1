"""One regression a series: all together as arrays where that can be done, else one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray
from models.calendar import season_waves
from models.errors import InvalidSpec, NotIdentified
from models.estimators.absorb import absorb, absorbed_parameters
from models.estimators.batched import least_squares
from models.estimators.counts import fit_counts
from models.estimators.elasticity_level import Anchor, anchor
from models.estimators.elasticity_spec import ElasticitySpec, Family, Form
from models.estimators.model_frame import ModelFrame, model_frame
from models.estimators.sandwich import Coefficients, Errors
from models.sensitivity.partialling import independent

_LEFT: Final = 0.05
"""Share of its own movement that a price must keep once the controls are taken out."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows of all series, sorted by series; the price is the last column.

    Attributes:
        frame: what the terms evaluated to.
        series: (n,) series of each row.
        count: number of series.
        columns: (n, k) controls, then asymmetric terms, then the price.
        names: (k,).
    """

    frame: ModelFrame
    series: IntArray
    count: int
    columns: FloatArray
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One series' estimate.

    Attributes:
        coefficients: the price's comes last.
        multiple: elasticity per unit of that coefficient.
        n_obs: rows.
        r_squared: share of the variance (of the deviance, for counts) explained; within, where
            effects were absorbed.
        anchor: where the curve passes.
    """

    coefficients: Coefficients
    multiple: float
    n_obs: int
    r_squared: float
    anchor: Anchor


def sample_of(frame: pd.DataFrame, spec: ElasticitySpec, series: IntArray, count: int) -> Sample:
    """Evaluate the spec on a frame; its rows carry the number of their series."""
    extra = [*spec.error_spec.columns, *([spec.weights] if spec.weights else [])]
    if spec.family is Family.NORMAL and spec.error_spec.columns == ():
        extra = [spec.weights] if spec.weights else []
    rows = model_frame(frame, spec.terms(), extra)
    if spec.weights and (rows.extra[spec.weights] <= 0).any():
        raise InvalidSpec(f"weights in {spec.weights!r} must be above zero")
    kept = series[rows.row]
    columns, names = [rows.exogenous], list(rows.exogenous_names)
    for added, label in _calendar_terms(frame, spec, rows.row):
        columns.append(added[:, None])
        names.append(label)
    price = rows.endogenous[:, -1]
    if spec.asymmetric:
        fall, rise = _moves(price, kept, spec)
        columns += [fall[:, None], rise[:, None]]
        names += ["fall", "rise"]
    stacked = np.column_stack([*columns, price])
    return Sample(rows, kept, count, stacked, (*names, spec.price_term))


def _calendar_terms(
    frame: pd.DataFrame, spec: ElasticitySpec, row: IntArray
) -> list[tuple[FloatArray, str]]:
    """Trend and yearly waves of the rows kept."""
    if spec.time is None or not (spec.trend or spec.harmonics):
        return []
    when = frame[spec.time].iloc[row]
    terms: list[tuple[FloatArray, str]] = []
    dated = pd.api.types.is_datetime64_any_dtype(when)
    if spec.trend:
        past = when.to_numpy(dtype="datetime64[D]").astype(np.float64) / 365.25 if dated else when
        number = np.asarray(past, dtype=np.float64)
        terms.append((number - number.mean(), "trend"))
    if spec.harmonics:
        if not dated:
            raise InvalidSpec(f"harmonics need dates in {spec.time!r}; convert with to_datetime")
        waves = season_waves(when.to_numpy(dtype="datetime64[D]"), 1, spec.harmonics)
        terms += [(wave, f"wave_{i}") for i, wave in enumerate(waves.T)]
    return terms


def _moves(
    price: FloatArray, series: IntArray, spec: ElasticitySpec
) -> tuple[FloatArray, FloatArray]:
    """(n,) noticed falls and rises of the price term against the row before, both positive."""
    change = np.diff(price, prepend=price[:1])
    change[np.diff(series, prepend=-1) != 0] = 0.0
    return (
        np.maximum(-change - spec.threshold, 0.0),
        np.maximum(change - spec.threshold, 0.0),
    )


def estimate(sample: Sample, spec: ElasticitySpec) -> tuple[dict[int, Found], NDArray[Any]]:
    """Every series, all together where that can be done."""
    status = np.full(sample.count, "no_usable_rows", dtype=object)
    order = np.argsort(sample.series, kind="stable")
    ends = np.searchsorted(sample.series[order], np.arange(sample.count + 1))
    todo: list[tuple[int, IntArray]] = []
    for i in range(sample.count):
        rows = order[ends[i] : ends[i + 1]]
        if len(rows):
            status[i] = _standing(sample, spec, rows)
            if status[i] == "ok":
                todo.append((i, rows))
    together = (
        spec.family is Family.NORMAL
        and not sample.frame.effects
        and spec.errors is not Errors.HAC
        and len(todo) > 1
    )
    found = _together(sample, spec, todo) if together else {}
    for i, rows in todo:
        if i in found:
            continue
        try:
            found[i] = _alone(sample, spec, rows)
        except NotIdentified as error:
            status[i] = str(error)
    return found, status


def _standing(sample: Sample, spec: ElasticitySpec, rows: IntArray) -> str:
    """Why a series can not be estimated, as far as one sees before trying."""
    y, price = sample.frame.dependent[rows], sample.columns[rows, -1]
    scale = 1.0 if spec.in_logs or spec.form is Form.LOG_LOG else max(abs(price.mean()), 1e-300)
    if spec.family is not Family.NORMAL and not y.any():
        return "no_sales"
    if len(rows) <= spec.minimum_spare:
        return "too_few_periods"
    if price.std() / scale < spec.minimum_price_std:
        return "price_never_moved"
    return "ok"


def _together(
    sample: Sample, spec: ElasticitySpec, todo: list[tuple[int, IntArray]]
) -> dict[int, Found]:
    """Least squares of all series at once; those left out have dependent columns or few rows."""
    width = max(len(rows) for _, rows in todo)
    index = np.zeros((len(todo), width), dtype=np.int64)
    used = np.zeros(index.shape, dtype=np.bool_)
    for i, (_, rows) in enumerate(todo):
        index[i, : len(rows)], used[i, : len(rows)] = rows, True
    extra = sample.frame.extra
    cluster = None
    if spec.cluster is not None:
        codes = pd.factorize(extra[spec.cluster])[0]
        # Numbered within each series, so that the table of sums stays small.
        cluster = np.stack([np.unique(row, return_inverse=True)[1] for row in codes[index]])
    weights = None
    if spec.weights is not None:
        weights = np.where(used, extra[spec.weights].to_numpy(np.float64)[index], 1.0)
    y = sample.frame.dependent[index]
    fitted = least_squares(
        y,
        sample.columns[index],
        used=used,
        weights=weights,
        errors=spec.errors,
        cluster=cluster,
    )
    total = _spread(y, used, weights)
    rest = (fitted.residuals**2 * (1.0 if weights is None else weights) * used).sum(axis=1)
    found = {}
    for i, (series, rows) in enumerate(todo):
        if fitted.identified[i] and fitted.freedom[i] >= spec.minimum_spare:
            if not _moves_alone(sample.columns[rows]):
                continue
            found[series] = Found(
                Coefficients(
                    sample.names,
                    fitted.coefficients[i],
                    fitted.covariance[i],
                    float(fitted.freedom[i]),
                ),
                _multiple(sample, spec, rows),
                int(fitted.n_obs[i]),
                float(1.0 - rest[i] / total[i]) if total[i] > 0 else np.nan,
                anchor(
                    spec,
                    sample.frame.dependent[rows],
                    sample.columns[rows, -1],
                    fitted.residuals[i][used[i]],
                    sample.columns[rows],
                    fitted.covariance[i],
                    float(fitted.freedom[i]),
                ),
            )
    return found


def _spread(y: FloatArray, used: BoolArray, weights: FloatArray | None) -> FloatArray:
    """(s,) weighted sum of squares about the mean."""
    w = used * (1.0 if weights is None else weights)
    mean = (w * y).sum(axis=1) / np.maximum(w.sum(axis=1), 1e-300)
    spread: FloatArray = (w * (y - mean[:, None]) ** 2).sum(axis=1)
    return spread


def _moves_alone(columns: FloatArray) -> bool:
    """True where the price keeps some movement of its own beside the other columns."""
    others, price = columns[:, :-1], columns[:, -1]
    if not others.shape[1]:
        return True
    left = price - others @ np.linalg.lstsq(others, price, rcond=None)[0]
    return float(left.std()) > _LEFT * float(price.std())


def _alone(sample: Sample, spec: ElasticitySpec, rows: IntArray) -> Found:
    """One series by itself: fixed effects, lasting errors, counts, dependent columns."""
    columns, y = sample.columns[rows], sample.frame.dependent[rows]
    price, sold = columns[:, -1], y
    effects = tuple(np.unique(code[rows], return_inverse=True)[1] for code in sample.frame.effects)
    extra = sample.frame.extra.iloc[rows].reset_index(drop=True)
    weights = extra[spec.weights].to_numpy(np.float64) if spec.weights else None
    if effects and spec.family is not Family.NORMAL:
        dummies = [
            np.eye(int(code.max()) + 1)[code][:, int(j > 0) :] for j, code in enumerate(effects)
        ]
        columns = np.column_stack([*dummies, columns])
    elif effects:
        both = absorb(np.column_stack([columns, y]), effects, weights)
        columns, y = both[:, :-1], both[:, -1]
    kept = independent(columns)
    if not kept[-1] or not _moves_alone(columns):
        raise NotIdentified("price_moves_with_controls")
    offset = columns.shape[1] - len(sample.names)
    names = tuple(
        f"effect_{j}" if j < offset else sample.names[j - offset] for j in np.flatnonzero(kept)
    )
    columns = columns[:, kept]
    absorbed = absorbed_parameters(effects) if spec.family is Family.NORMAL else 0
    spare = len(y) - columns.shape[1] - absorbed
    if spare < spec.minimum_spare:
        raise NotIdentified("too_few_periods")
    if spec.family is Family.NORMAL:
        values, covariance, r2 = _least(y, columns, weights, spec, absorbed, extra)
        freedom, rest = float(spare), y - columns @ values
    else:
        values, covariance, r2 = fit_counts(y, columns, spec.family, spec.error_spec, extra)
        freedom, rest = np.inf, y - np.exp(np.minimum(columns @ values, 700.0))
    return Found(
        Coefficients(names, values, covariance, freedom),
        _multiple(sample, spec, rows),
        len(y),
        r2,
        anchor(spec, sold, price, rest, columns, covariance, float(spare)),
    )


def _least(
    y: FloatArray,
    columns: FloatArray,
    weights: FloatArray | None,
    spec: ElasticitySpec,
    absorbed: int,
    extra: pd.DataFrame,
) -> tuple[FloatArray, FloatArray, float]:
    """(k,) coefficients, (k, k) covariance and R² (within, where effects were absorbed)."""
    if weights is not None:
        root = np.sqrt(weights)
        y, columns = y * root, columns * root[:, None]
    q, r = np.linalg.qr(columns)
    back = np.linalg.inv(r)
    values = back @ (q.T @ y)
    rest = y - columns @ values
    bread = back @ back.T
    parameters = columns.shape[1] + absorbed
    if spec.errors is Errors.CLASSICAL:
        covariance = bread * float(rest @ rest) / (len(y) - parameters)
    else:
        scores = columns * rest[:, None]
        covariance = spec.error_spec.covariance(bread, scores, parameters, extra)
    about = (
        y - y.mean()
        if weights is None
        else y - np.sqrt(weights) * (np.sqrt(weights) @ y) / weights.sum()
    )
    total = float(about @ about)
    return values, covariance, 1.0 - float(rest @ rest) / total if total > 0 else np.nan


def _multiple(sample: Sample, spec: ElasticitySpec, rows: IntArray) -> float:
    """Elasticity per unit of the price coefficient: 1 in log-log, the mean price in semi-log."""
    if spec.in_logs or spec.form is Form.LOG_LOG:
        return 1.0
    return float(sample.columns[rows, -1].mean())
