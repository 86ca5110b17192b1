"""The regression that a panel asks for: log units, log price, controls and instruments as blocks.

A block is a rectangle of s series by t periods, shorter series padded; `used` says which cells
count. Everything outside is zero, so that sums over t need no mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray
from models.calendar import (
    DateArray,
    festival_share,
    gift_season_share,
    holiday_share,
    season_waves,
)
from models.sensitivity.panel import Panel
from models.sensitivity.seen_span import (
    WEEKS_FOR_YEARLY_TERMS,
    entering,
    nearest_to_zero,
    plain_of,
    richness,
    seen_of,
)
from models.sensitivity.spec import LOGARITHMS, FitSpec

_Number = TypeVar("_Number", np.float64, np.int64)

_DAYS: Final = 7
_KNOWN: Final = 0.5
"""Share of a series' periods that must know a column for it to be used."""
_COUNT_SHIFT: Final = 0.5
"""log(count + 1/2) has the mean log(expected count) up to order 1/count², and is finite at zero
(Haldane 1956; Anscombe 1956)."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Regressions of s series over at most t periods.

    Attributes:
        used: (s, t) cells that count.
        log_units: (s, t) dependent variable, less the offset.
        offset: (s, t) or (1, 1) what log units owe to traffic by assumption.
        units: (s, t) sold.
        log_price: (s, t) log price paid.
        own_controls: (s, t, k) columns held constant; a constant 1 among them, or in the next.
        common_controls: (t, c) columns held constant that come first and are the same in all
            series, which then have all t periods; (t, 0) where there are none.
        lags: periods over which errors last: a week of days; 0 for weeks.
        names: (c + k,) what the columns are.
        plain: (c + k,) value of each control in a plain period: no promotion, no holiday, average
            season, trend at the end of the window.
        instruments: (s, t, q) what moves the price from outside; a column of zeros where the
            series lacks it.
        plain_seen: (s, c + k) the same as near to it as each series has seen: what its level is
            told at; None where it is `plain` for all.
    """

    used: BoolArray
    log_units: FloatArray
    units: FloatArray
    log_price: FloatArray
    own_controls: FloatArray
    names: tuple[str, ...]
    plain: FloatArray
    instruments: FloatArray
    common_controls: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    offset: FloatArray = field(default_factory=lambda: np.zeros((1, 1)))
    lags: int = 0
    plain_seen: FloatArray | None = None

    @property
    def controls(self) -> FloatArray:
        """(s, t, c + k) all columns held constant, the common ones first."""
        if not self.common_controls.shape[1]:
            return self.own_controls
        shape = (*self.used.shape, self.common_controls.shape[1])
        return np.concatenate(
            [np.broadcast_to(self.common_controls, shape), self.own_controls], axis=2
        )

    @property
    def n_obs(self) -> IntArray:
        """(s,) periods that count in each series."""
        n_obs: IntArray = self.used.sum(axis=1).astype(np.int64)
        return n_obs


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Columns that depend on the period alone, looked up by panel row.

    Attributes:
        names: (c,) what the columns are.
        table: (p, c) one row a period.
        period: (r,) period of each panel row.
        plain: (c,) values in a plain period.
        day: (p,) first day of each period, days since 1970.
        chosen: (c,) columns asked for by number, which enter whatever a series has seen.
    """

    names: tuple[str, ...]
    table: FloatArray
    period: IntArray
    plain: FloatArray
    day: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    chosen: BoolArray = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    def of_rows(self, first: int, last: int) -> Calendar:
        """The same for panel rows `first` to `last` (exclusive)."""
        return replace(self, period=self.period[first:last])


def calendar_of(panel: Panel, spec: FitSpec) -> Calendar:
    """Season, holidays and trend of every row, as rich as the length of the history allows.

    Which of them enter a series is a question of its own history, see
    `models.sensitivity.seen_span`.
    """
    if not len(panel.period_start):
        return Calendar((), np.empty((0, 0)), np.empty(0, dtype=np.int64), np.empty(0))
    periods, row = _periods(panel.period_start)
    weeks = ((periods[-1] - periods[0]).astype(np.int64) + panel.period_days) / _DAYS
    long = bool(weeks >= WEEKS_FOR_YEARLY_TERMS)
    harmonics = spec.harmonics
    if harmonics is None:
        harmonics = 2 if long else int(weeks >= WEEKS_FOR_YEARLY_TERMS / 2)
    waves = season_waves(periods, panel.period_days, harmonics)
    names = [f"wave_{i}" for i in range(waves.shape[1])]
    columns = [*waves.T]
    if spec.country is not None:
        names += ["holiday", "gifts"]
        columns += [
            holiday_share(periods, panel.period_days, spec.country),
            gift_season_share(periods, panel.period_days),
        ]
    if panel.period_days == 1:
        names += [f"weekday_{day}" for day in range(1, _DAYS)]
        columns += [*_weekdays(periods).T]
    names += spec.festivals
    columns += [festival_share(periods, panel.period_days, name) for name in spec.festivals]
    if long if spec.trend is None else spec.trend:
        names.append("trend")
        columns.append(_years_before(periods[-1], periods))
    # The trend counts back from the newest period, so zero is "now" for it as well.
    table = np.column_stack(columns) if columns else np.empty((len(periods), 0))
    chosen = [
        (name.startswith("wave_") and spec.harmonics is not None)
        or (name == "trend" and spec.trend is not None)
        for name in names
    ]
    return Calendar(
        tuple(names),
        table,
        row,
        np.zeros(len(names)),
        periods.astype(np.int64),
        np.array(chosen, dtype=np.bool_),
    )


def _weekdays(days: DateArray) -> FloatArray:
    """(t, 6) one column a weekday but Monday, less its mean over a week: 0 is the average day."""
    weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % _DAYS
    return np.asarray(np.eye(_DAYS)[weekday][:, 1:] - 1.0 / _DAYS, dtype=np.float64)


def design_block(panel: Panel, calendar: Calendar, spec: FitSpec, first: int, last: int) -> Design:
    """The regressions of series `first` to `last` (exclusive) of the panel.

    Rows without sales count where units are whole numbers, through log(units + 1/2); of a series
    sold by weight they have no logarithm and do not count.
    """
    block = panel.part(first, last) if (first, last) != (0, len(panel)) else panel
    if not len(block.period_start):
        return _empty(last - first, calendar, spec)
    cells = _cells_of(block)
    period = calendar.period[int(panel.offset[first]) : int(panel.offset[last])]
    units = cells.of(block.units)
    counted = (units == np.rint(units)).all(axis=1)
    used = cells.there & (counted[:, None] | (units > 0))
    shift = np.where(counted, _COUNT_SHIFT, 0.0)[:, None]
    log_units = np.log(np.where(used, units + shift, 1.0))
    when = cells.of(period)
    alike = bool(used.all() and (when == when[0]).all())
    rich, enters = _seen(calendar, used, when, panel.period_days, alike=alike)
    spare = used.sum(axis=1) - enters.sum(axis=1) - len(spec.controls) - 2
    common = np.empty((0, 0))
    if alike and spare[0] >= spec.minimum_spare:
        table = calendar.table[when[0]] * enters[0]
        common = np.column_stack([np.ones(used.shape[1]), table])
        before = 0
    else:
        before = 1 + len(calendar.names)
    # Columns lie side by side in memory (the transpose is a view): each is read many times.
    shape = (len(used), before + len(spec.controls), used.shape[1])
    controls = np.empty(shape).transpose(0, 2, 1)
    if before:
        controls[..., 0] = used
        for j, column in enumerate(calendar.table.T, 1):
            controls[..., j] = column[when] * (used & enters[:, j - 1, None])
    for j, name in enumerate(spec.controls, before):
        if name in LOGARITHMS:
            controls[..., j] = _log_of(getattr(block, LOGARITHMS[name]), cells, used)
        else:
            controls[..., j] = cells.of(getattr(block, name)) * used
    if before:
        # A short series can not pay for all controls; the constant alone still gives its level.
        controls[spare < spec.minimum_spare, :, 1:] = 0.0
    offset = np.zeros((1, 1))
    if spec.offset_traffic:
        offset = _log_of(block.traffic, cells, used)
    seen = np.zeros((len(used), 1 + len(calendar.names) + len(spec.controls)))
    seen[:, 0] = 1.0
    for j in range(len(calendar.names)):
        column = common[None, :, 1 + j] if not before else controls[..., 1 + j]
        there = used[:1] if not before else used
        seen[:, 1 + j] = plain_of(calendar.names, column, there, rich, j)
    for j, name in enumerate(spec.controls):
        if name not in LOGARITHMS:
            seen[:, 1 + len(calendar.names) + j] = nearest_to_zero(controls[..., before + j], used)
    return Design(
        used=used,
        log_units=log_units - offset,
        offset=offset,
        units=units * used,
        log_price=np.where(used, np.log(cells.of(block.price)), 0.0),
        own_controls=controls,
        names=("constant", *calendar.names, *spec.controls),
        plain=np.concatenate([[1.0], calendar.plain, np.zeros(len(spec.controls))]),
        instruments=_instruments(block, spec, cells, used),
        common_controls=common,
        lags=_DAYS - 1 if panel.period_days == 1 else 0,
        plain_seen=seen,
    )


def _seen(
    calendar: Calendar, used: BoolArray, when: IntArray, period_days: int, *, alike: bool
) -> tuple[IntArray, BoolArray]:
    """(s,) how much of the year each series has seen, (s, c) which columns therefore enter it."""
    some = slice(0, 1) if alike else slice(None)
    rich = richness(*seen_of(used[some], when[some], calendar.day, period_days))
    enters = entering(calendar.names, rich, chosen=calendar.chosen)
    shape = (len(used), len(calendar.names))
    return np.broadcast_to(rich, len(used)), np.broadcast_to(enters, shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Where the rows of a panel lie in its rectangle of series by periods.

    Attributes:
        there: (s, t) True where there is a row.
        rows: (s, t) row of each cell; None where the rows fill the rectangle in order.
    """

    there: BoolArray
    rows: IntArray | None

    def of(self, column: NDArray[_Number]) -> NDArray[_Number]:
        """(s, t) a column (r,) of the panel; padding holds some valid value."""
        return column.reshape(self.there.shape) if self.rows is None else column[self.rows]


def _cells_of(panel: Panel) -> _Cells:
    lengths = panel.lengths
    if (lengths == lengths[0]).all():
        return _Cells(np.ones((len(panel), int(lengths[0])), dtype=np.bool_), None)
    rows, there = panel.padded(0, len(panel))
    return _Cells(there, rows)


def _instruments(panel: Panel, spec: FitSpec, cells: _Cells, used: BoolArray) -> FloatArray:
    """(s, t, q) instruments; the unknown cells of a mostly known column carry its mean."""
    shape = (used.shape[0], len(spec.instruments), used.shape[1])
    stacked = np.empty(shape).transpose(0, 2, 1)
    for j, name in enumerate(spec.instruments):
        with np.errstate(invalid="ignore"):
            if name == "cost":
                column = np.log(panel.cost)
            else:
                column = np.log(np.maximum(panel.regular_price, panel.price) / panel.price)
        stacked[..., j] = _centred(cells.of(column), used)
    return stacked


def _log_of(column: FloatArray, cells: _Cells, used: BoolArray) -> FloatArray:
    """(s, t) logarithm of a column of the panel, as `_centred`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _centred(np.log(cells.of(column)), used)


def _centred(values: FloatArray, used: BoolArray) -> FloatArray:
    """(s, t) values less their series' mean; 0 where not known, and in series that know too few."""
    known = used & np.isfinite(values)
    if known.all():
        return np.asarray(values - values.mean(axis=1, keepdims=True), dtype=np.float64)
    share = known.sum(axis=1) / np.maximum(used.sum(axis=1), 1)
    values = np.where(known, values, 0.0)
    mean = values.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, values - mean[:, None], 0.0)
    return np.where(share[:, None] >= _KNOWN, filled, 0.0)


def _periods(days: DateArray) -> tuple[DateArray, IntArray]:
    """The different days in order, and which of them each row has; days are small numbers."""
    number = days.astype("datetime64[D]").astype(np.int64)
    first = int(number.min())
    there = np.zeros(int(number.max()) - first + 1, dtype=np.bool_)
    there[number - first] = True
    position = np.cumsum(there) - 1
    periods: DateArray = (np.flatnonzero(there) + first).astype("datetime64[D]")
    return periods, position[number - first]


def _years_before(end: np.datetime64, periods: DateArray) -> FloatArray:
    """(t,) years from each period to the newest one, not above zero."""
    years: FloatArray = (periods - end).astype(np.int64) / 365.25
    return years


def _empty(series: int, calendar: Calendar, spec: FitSpec) -> Design:
    k = 1 + len(calendar.names) + len(spec.controls)
    nothing = np.zeros((series, 1))
    return Design(
        used=nothing > 0,
        log_units=nothing,
        units=nothing,
        log_price=nothing,
        own_controls=np.zeros((series, 1, k)),
        names=("constant", *calendar.names, *spec.controls),
        plain=np.concatenate([[1.0], calendar.plain, np.zeros(len(spec.controls))]),
        instruments=np.zeros((series, 1, len(spec.instruments))),
    )
