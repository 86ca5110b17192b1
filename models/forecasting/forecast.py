"""Demand ahead: every (sku, market) over weeks to come, by the method that foretold it best.

history ─▶ rectangle (series, periods), stock-outs and gaps unknown ─▶ rolling origins: every
method forecasts what then came ─▶ the best a series ─▶ forecast, with the errors seen as interval
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, StrArray
from models.errors import InvalidPanel
from models.estimators.model_frame import require_columns
from models.forecasting.history import METHODS, ForecastSpec, History, history_of
from models.forecasting.life_cycle import first_sale, is_young
from models.forecasting.methods import Past

__all__ = ["METHODS", "Forecast", "ForecastSpec", "backtest", "forecast", "wmape"]

_BETTER_BY: Final = 0.97
"""A series leaves its category's best method only for one this much better."""
_SHIFT: Final = 0.5
_LEAST_PAST: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Demand ahead, and how far to believe it.

    Attributes:
        table: one row a series and period ahead: the `by` columns, the period, `units` (as likely
            above as below), `mean`, `low`, `high` (prediction interval), `method`.
        accuracy: one row a method: `wmape` over all series and origins (absolute error over
            units sold), and `chosen`: how many series it was chosen for.
        wmape: of the chosen methods over all series and origins. They were chosen on these very
            periods, so it is somewhat flattering; `backtest` is not.
        coverage: share of what came in the back-test that lay inside the intervals.
    """

    table: pd.DataFrame
    accuracy: pd.DataFrame
    wmape: float
    coverage: float


def forecast(
    frame: pd.DataFrame, spec: ForecastSpec | None = None, *, future: pd.DataFrame | None = None
) -> Forecast:
    """Forecast every series.

    Args:
        frame: history, one row a series and period; periods without a row are not known, rows of
            zero units are no demand.
        spec: what is asked.
        future: planned `price` and promotions of periods to come; what it does not say goes on as
            in the newest quarter.

    Raises:
        InvalidPanel: a column is missing, or there is too little history to try methods on.

    Example:
        >>> weeks = pd.date_range("2025-01-06", periods=60, freq="7D")
        >>> past = pd.DataFrame({"sku": "A", "market": "m", "period_start": weeks, "units": 20})
        >>> found = forecast(past, ForecastSpec(horizon=2, price=None))
        >>> found.table["units"].round(3).tolist()
        [20.0, 20.0]
    """
    spec = ForecastSpec() if spec is None else spec
    history = history_of(frame, spec, future)
    tried = _tried(history, spec)
    chosen = _chosen(history, tried, spec)
    ahead = _by_method(history.past(history.units.shape[1], spec.horizon), spec.methods)
    units = _pick(ahead, chosen)
    low, high, mean, coverage = _intervals(history, tried, chosen, units, spec)
    return Forecast(
        table=_table(history, spec, units, mean, low, high, chosen),
        accuracy=_accuracy(tried, chosen, spec),
        wmape=_wmape(_pick_tried(tried, chosen), tried.truth),
        coverage=coverage,
    )


def backtest(
    frame: pd.DataFrame,
    spec: ForecastSpec | None = None,
    *,
    holdout: int | None = None,
    origins: int = 1,
    planned: bool = True,
) -> pd.DataFrame:
    """What `forecast` would have said before the last periods, beside what then came.

    Methods are chosen before the held-out periods, at every origin anew.

    Args:
        frame: as for `forecast`.
        spec: what is asked.
        holdout: periods held out at an origin; the horizon where None.
        origins: how often, each time as many periods further back.
        planned: prices and promotions of the held-out periods are known, as plans are.

    Returns:
        `forecast`'s table with the columns `actual` and `origin` (the first held-out period), rows
        whose truth is not known left out.

    Raises:
        InvalidPanel: there is too little history.
    """
    spec = ForecastSpec() if spec is None else spec
    held = spec.horizon if holdout is None else holdout
    require_columns(frame, [spec.period])
    periods = np.sort(frame[spec.period].unique())
    if len(periods) <= held * origins:
        raise InvalidPanel(
            f"{len(periods)} periods of history, of which {held * origins} are to be held out"
        )
    parts = []
    for back in range(1, origins + 1):
        start = periods[-held * back]
        before, after = frame[frame[spec.period] < start], frame[frame[spec.period] >= start]
        if back > 1:
            after = after[after[spec.period] < periods[-held * (back - 1)]]
        found = forecast(before, spec, future=after if planned else None).table
        truth = after[[*spec.by, spec.period, spec.units]].rename(columns={spec.units: "actual"})
        if spec.stock_out is not None:
            truth = truth[~after[spec.stock_out].fillna(value=False).astype(bool)]
        parts.append(found.merge(truth, on=[*spec.by, spec.period]).assign(origin=start))
    return pd.concat(parts[::-1], ignore_index=True)


def wmape(table: pd.DataFrame) -> float:
    """Absolute errors over units sold, of a `backtest` table."""
    return float((table["units"] - table["actual"]).abs().sum() / table["actual"].abs().sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """What each method said at the origins, and what came.

    Attributes:
        said: by method, (s, o, h).
        truth: (s, o, h) NaN where not known.
    """

    said: dict[str, FloatArray]
    truth: FloatArray


def _tried(history: History, spec: ForecastSpec) -> _Tried:
    t = history.units.shape[1]
    ahead = min(spec.horizon, max(t // 3, 1))
    last = t - ahead
    if last < _LEAST_PAST:
        raise InvalidPanel(
            f"{t} periods of history are too few to forecast {spec.horizon} and to try methods on"
        )
    stride = max(ahead // 2, 1)
    origins = [o for o in (last - i * stride for i in range(spec.origins)) if o >= _LEAST_PAST]
    said: dict[str, list[FloatArray]] = {name: [] for name in spec.methods}
    truth = []
    for origin in origins:
        for name, answer in _by_method(history.past(origin, ahead), spec.methods).items():
            said[name].append(answer)
        truth.append(history.units[:, origin : origin + ahead])
    return _Tried(
        {name: np.stack(answers, axis=1) for name, answers in said.items()},
        np.stack(truth, axis=1),
    )


def _by_method(past: Past, names: Sequence[str]) -> dict[str, FloatArray]:
    answers = {}
    for name in names:
        answer = METHODS[name](past)
        answers[name] = np.where(np.isfinite(answer), answer, 0.0)
    return answers


def _chosen(history: History, tried: _Tried, spec: ForecastSpec) -> StrArray:
    """(s,) each series' method: its category's best, unless another is clearly better for it."""
    names = np.array(spec.methods)
    loss = np.stack(
        [np.nansum(np.abs(tried.said[n] - tried.truth), axis=(1, 2)) for n in spec.methods]
    )
    best = np.empty(loss.shape[1], dtype=np.int64)
    for g in np.unique(history.group):
        members = history.group == g
        usual = int(loss[:, members].sum(axis=1).argmin())
        own = loss[:, members].argmin(axis=0)
        clearly = loss[own, members] < _BETTER_BY * loss[usual, members]
        best[members] = np.where(clearly, own, usual)
    chosen = names[best]
    if "life-cycle" in spec.methods:
        # A new product has no history to choose by: its category's launches are what is known.
        fresh: BoolArray = is_young(history.units)
        fresh &= history.units.shape[1] - first_sale(history.units) < spec.horizon + _LEAST_PAST
        chosen = np.where(fresh, "life-cycle", chosen)
    return chosen


def _pick(answers: dict[str, FloatArray], chosen: StrArray) -> FloatArray:
    first = next(iter(answers.values()))
    picked = np.empty_like(first)
    for name, answer in answers.items():
        picked[chosen == name] = answer[chosen == name]
    return picked


def _pick_tried(tried: _Tried, chosen: StrArray) -> FloatArray:
    return _pick(tried.said, chosen)


def _intervals(
    history: History, tried: _Tried, chosen: StrArray, units: FloatArray, spec: ForecastSpec
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Low, high and mean (s, h), and the share of the back-test inside such intervals.

    Errors of log(units + 1/2): their spread is each series' own, drawn toward its category's,
    times the growth with the horizon that all series share; their shape is that of all series.
    """
    said = _pick_tried(tried, chosen)
    error = np.log(tried.truth + _SHIFT) - np.log(said + _SHIFT)
    by_horizon = np.sqrt(np.nanmean(error**2, axis=(0, 1)))
    steps = np.arange(1, error.shape[2] + 1)
    usable = np.isfinite(by_horizon) & (by_horizon > 0)
    power = 0.0
    if usable.sum() > 2:
        slope = np.polyfit(np.log(steps[usable]), np.log(by_horizon[usable]), 1)[0]
        power = float(np.clip(slope, 0.0, 0.5))
    count = np.isfinite(error).sum(axis=(1, 2))
    squares = np.nansum((error / steps**power) ** 2, axis=(1, 2))
    usual = np.bincount(history.group, squares) / np.maximum(np.bincount(history.group, count), 1)
    # Errors of overlapping origins are not independent: count each origin's horizon as a few.
    weight = np.maximum(count, 0) / 4.0
    usual_of = usual[history.group]
    spread = np.sqrt((weight * squares / np.maximum(count, 1) + 4.0 * usual_of) / (weight + 4.0))
    spread = np.maximum(spread, 1e-6)
    standard = error / (spread[:, None, None] * steps**power)
    known = standard[np.isfinite(standard)]
    tails = (1.0 - spec.level) / 2.0
    if len(known):
        below, above = np.quantile(known, [tails, 1.0 - tails])
        coverage = float(((known >= below) & (known <= above)).mean())
    else:
        below, above, coverage = -2.0, 2.0, np.nan
    ahead = np.arange(1, units.shape[1] + 1) ** power * spread[:, None]
    centre = np.log(units + _SHIFT)
    low = np.maximum(np.exp(centre + below * ahead) - _SHIFT, 0.0)
    high = np.exp(centre + above * ahead) - _SHIFT
    mean = np.maximum((units + _SHIFT) * np.exp(np.minimum(ahead, 1.5) ** 2 / 2.0) - _SHIFT, 0.0)
    return low, high, np.where(units > 0, mean, units), coverage


def _accuracy(tried: _Tried, chosen: StrArray, spec: ForecastSpec) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": list(spec.methods),
            "wmape": [_wmape(tried.said[name], tried.truth) for name in spec.methods],
            "chosen": [int((chosen == name).sum()) for name in spec.methods],
        }
    ).set_index("method")


def _wmape(said: FloatArray, truth: FloatArray) -> float:
    total = np.nansum(np.abs(truth))
    return float(np.nansum(np.abs(said - truth)) / total) if total > 0 else np.nan


def _table(
    history: History,
    spec: ForecastSpec,
    units: FloatArray,
    mean: FloatArray,
    low: FloatArray,
    high: FloatArray,
    chosen: StrArray,
) -> pd.DataFrame:
    s, h = units.shape
    start = history.first + history.step * history.units.shape[1]
    when = (start + history.step * np.arange(h)).astype("datetime64[D]").astype("datetime64[s]")
    table = history.keys.loc[np.repeat(np.arange(s), h)].reset_index(drop=True)
    return table.assign(
        **{spec.period: np.tile(when, s)},
        units=units.ravel(),
        mean=mean.ravel(),
        low=low.ravel(),
        high=high.ravel(),
        method=np.repeat(chosen, h),
    )
