"""What a forecast is asked, and the rectangle of history that its methods read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray
from models.calendar import season_waves
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.model_frame import codes_of, require_columns
from models.forecasting import methods as forecast_methods
from models.forecasting import reference as forecast_reference
from models.forecasting.life_cycle import life_cycle
from models.forecasting.methods import Past

_YEAR: Final = 365.25
METHODS: Final[dict[str, Callable[[Past], FloatArray]]] = {
    "level": forecast_methods.level,
    "median": forecast_methods.median,
    "combination": forecast_methods.combination,
    "seasonal-naive": forecast_methods.seasonal_naive,
    "seasonal": forecast_methods.seasonal,
    "drivers": forecast_methods.drivers,
    "intermittent": forecast_methods.intermittent,
    "life-cycle": life_cycle,
    "ets": forecast_reference.ets,
    "arima": forecast_reference.arima,
    "unobserved-components": forecast_reference.unobserved_components,
}
"""By name; the last three fit series one by one and are slow."""

_RECENT: Final = 13
"""Periods before the origin whose mean a driver that nobody plans goes on with."""
_QUICK: Final = (
    "level",
    "median",
    "combination",
    "seasonal-naive",
    "seasonal",
    "drivers",
    "intermittent",
    "life-cycle",
)


@dataclass(frozen=True, slots=True)
class ForecastSpec:
    """What is asked of a forecast.

    Attributes:
        horizon: periods ahead, 1 to 400.
        level: of the prediction intervals.
        origins: moments of the past at which every method is tried, half a horizon apart.
        methods: names in `METHODS` that may be chosen.
        harmonics: pairs of yearly waves of the category's season.
        by: columns that tell series apart.
        period: column of dates, days or weeks apart.
        units: column of units sold.
        price: column of the price; taken as a driver in logarithms; None for none.
        promotions: columns of promotion flags (0..1), drivers as they are.
        category: column of groups that lend each other season and drivers; None for one group.
        stock_out: column that is true where the product ran out: not learned as low demand.
    """

    horizon: int = 13
    level: float = 0.95
    origins: int = 8
    methods: tuple[str, ...] = _QUICK
    harmonics: int = 2
    by: tuple[str, ...] = ("sku", "market")
    period: str = "period_start"
    units: str = "units"
    price: str | None = "price"
    promotions: tuple[str, ...] = ()
    category: str | None = None
    stock_out: str | None = None

    def __post_init__(self) -> None:
        for name in ("by", "promotions", "methods"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        unknown = [name for name in self.methods if name not in METHODS]
        if unknown or not self.methods:
            raise InvalidSpec(f"methods {unknown or '()'} must be of {', '.join(METHODS)}")
        for name, low, high in (("horizon", 1, 400), ("origins", 1, 50), ("harmonics", 0, 6)):
            if not low <= getattr(self, name) <= high:
                raise InvalidSpec(f"{name} must lie in {low}..{high}, not {getattr(self, name)}")
        if not 0.0 < self.level < 1.0:
            raise InvalidSpec(f"level must lie between 0 and 1, not {self.level}")


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The rectangle: s series, t periods of past, h beyond.

    Attributes:
        keys: (s rows) who the series are.
        units: (s, t) sold; NaN where not known.
        drivers: (s, t + h, d) season, weekday, price and promotions.
        season: (d,) 1 where a driver is one of the calendar's.
        planned: (s, d) True where the driver is known ahead: the calendar's, and what plans say.
        group: (s,) category of each.
        first: day number of the first period.
        step: days a period, 1 or 7.
    """

    keys: pd.DataFrame
    units: FloatArray
    drivers: FloatArray
    season: FloatArray
    planned: BoolArray
    group: IntArray
    first: int
    step: int

    def past(self, origin: int, horizon: int) -> Past:
        """What is known at an origin, with the drivers of the periods to forecast.

        A driver that nobody plans goes on as in the quarter before the origin: methods are tried
        with no more knowledge than they will have.
        """
        length = max(round(_YEAR / self.step), 1)
        drivers = self.drivers[:, : origin + horizon]
        if not self.planned.all():
            recent = drivers[:, max(origin - _RECENT, 0) : origin].mean(axis=1, keepdims=True)
            drivers = drivers.copy()
            drivers[:, origin:] = np.where(self.planned[:, None, :], drivers[:, origin:], recent)
        return Past(
            units=self.units[:, :origin],
            drivers=drivers,
            season=self.season,
            group=self.group,
            horizon=horizon,
            season_length=length,
        )


def history_of(frame: pd.DataFrame, spec: ForecastSpec, future: pd.DataFrame | None) -> History:
    """Arrange a frame in a rectangle; stock-outs, gaps and negative units are not known.

    Raises:
        InvalidPanel: a column is missing or holds no dates, or there are no rows.
    """
    named = [name for name in (spec.price, spec.category, spec.stock_out) if name is not None]
    require_columns(frame, [*spec.by, spec.period, spec.units, *spec.promotions, *named])
    if frame.empty:
        raise InvalidPanel("the frame has no rows")
    if not pd.api.types.is_datetime64_any_dtype(frame[spec.period]):
        raise InvalidPanel(f"{spec.period!r} must hold dates; convert it with pandas.to_datetime")
    days = frame[spec.period].to_numpy("datetime64[D]").astype(np.int64)
    gaps = np.diff(np.unique(days))
    step = 1 if not gaps.size or gaps.min() < 7 else 7
    first = int(days.min())
    column = (days - first) // step
    series = frame.groupby(list(spec.by), sort=True, observed=True)
    row = series.ngroup().to_numpy()
    keys = frame[list(spec.by)].iloc[np.unique(row, return_index=True)[1]].reset_index(drop=True)
    t = int(column.max()) + 1
    units = np.full((len(keys), t), np.nan)
    sold = frame[spec.units].to_numpy(np.float64)
    known = np.isfinite(sold) & (sold >= 0)
    if spec.stock_out is not None:
        known &= ~frame[spec.stock_out].fillna(value=False).astype(bool).to_numpy()
    units[row[known], column[known]] = sold[known]
    group = np.zeros(len(keys), dtype=np.int64)
    if spec.category is not None:
        group[row] = codes_of(frame[spec.category])
    whole = t + spec.horizon
    season = season_waves(
        (first + step * np.arange(whole)).astype("datetime64[D]"), step, spec.harmonics
    )
    waves = list(season.T)
    if step == 1:
        weekday = (first + np.arange(whole) + 3) % 7
        waves += [(weekday == day).astype(np.float64) for day in range(1, 7)]
    columns = [np.broadcast_to(wave, (len(keys), whole)) for wave in waves]
    named = [*([spec.price] if spec.price else []), *spec.promotions]
    columns += [
        _driver(frame, name, row, column, keys, spec, future, whole, first, step) for name in named
    ]
    drivers = np.stack(columns, axis=2) if columns else np.zeros((len(keys), whole, 0))
    return History(
        keys=keys,
        units=units,
        drivers=drivers,
        planned=_planned(keys, spec, future, len(waves), named),
        season=(np.arange(drivers.shape[2]) < len(waves)).astype(np.float64),
        group=group,
        first=first,
        step=step,
    )


def _planned(
    keys: pd.DataFrame,
    spec: ForecastSpec,
    future: pd.DataFrame | None,
    waves: int,
    named: list[str],
) -> BoolArray:
    """(s, d) which drivers are known ahead: the calendar's, and those of series that a plan has."""
    planned = np.zeros((len(keys), waves + len(named)), dtype=np.bool_)
    planned[:, :waves] = True
    if future is not None:
        require_columns(future, [*spec.by, spec.period])
        for j, name in enumerate(named, waves):
            if name in future:
                told = pd.MultiIndex.from_frame(future.loc[future[name].notna(), list(spec.by)])
                planned[:, j] = pd.MultiIndex.from_frame(keys).isin(told)
    return planned


def _driver(
    frame: pd.DataFrame,
    name: str,
    row: np.ndarray,
    column: np.ndarray,
    keys: pd.DataFrame,
    spec: ForecastSpec,
    future: pd.DataFrame | None,
    whole: int,
    first: int,
    step: int,
) -> FloatArray:
    """(s, t + h) a driver over past and future; prices in logarithms; holes filled."""
    values = np.full((len(keys), whole), np.nan)
    values[row, column] = frame[name].to_numpy(np.float64)
    if future is not None and name in future:
        index = pd.MultiIndex.from_frame(keys).get_indexer(
            pd.MultiIndex.from_frame(future[list(spec.by)])
        )
        days = future[spec.period].to_numpy("datetime64[D]").astype(np.int64)
        place = (days - first) // step
        inside = (index >= 0) & (place >= 0) & (place < whole)
        values[index[inside], place[inside]] = future[name].to_numpy(np.float64)[inside]
    if name == spec.price:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(values > 0, np.log(values), np.nan)
    recent = values[:, max(whole - spec.horizon - _RECENT, 0) : whole - spec.horizon]
    usual = _mean_known(recent, _mean_known(values, np.zeros(len(keys))))
    return np.where(np.isfinite(values), values, usual[:, None])


def _mean_known(values: FloatArray, otherwise: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, otherwise)
