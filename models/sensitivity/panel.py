"""From a sales history to a panel: weekly rows of (sku, market) series that an estimator can read.

Nothing is dropped in silence: `CleaningReport` accounts for every row of the input.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray, StrArray, frozen
from models.calendar import DateArray
from models.errors import InvalidPanel
from models.sensitivity.cleaning import (
    DAYS_A_WEEK,
    MONEY,
    PLAIN,
    REASONS,
    REQUIRED,
    SHARES,
    CleaningReport,
    PackChange,
    PanelSpec,
    Period,
    gaps_of,
    in_newest_packs,
    is_daily,
    pack_changes_of,
    reasons_to_drop,
    sorted_by_time,
    weeks_of_days,
    whole_weeks,
)


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """n series of weekly rows, r rows in all, sorted by series and then by time.

    Attributes:
        sku, market, category, brand: (n,) what each series is; `""` where not known.
        offset: (n + 1,) the rows of series i are `offset[i]:offset[i + 1]`; may be none.
        period_start: (r,) first day, `datetime64[D]`.
        units: (r,) sold, not negative.
        price: (r,) paid a unit, major currency units, above zero.
        regular_price: (r,) before any promotion; NaN where not known.
        cost: (r,) unit cost; NaN where not known.
        competitor_price: (r,) what rivals ask (an index or the lowest offer); NaN where not known.
        deal, feature, display: (r,) share of the period 0..1 in which each was on.
        traffic: (r,) visitors or receipts of the market in the period; NaN where not known.
        period_days: length of a period.
    """

    sku: StrArray
    market: StrArray
    category: StrArray
    brand: StrArray
    offset: IntArray
    period_start: DateArray
    units: FloatArray
    price: FloatArray
    regular_price: FloatArray
    cost: FloatArray
    deal: FloatArray
    feature: FloatArray
    display: FloatArray
    period_days: int = field(default=DAYS_A_WEEK)
    competitor_price: FloatArray = field(default_factory=lambda: np.empty(0))
    traffic: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        n, r = len(self.sku), len(self.period_start)
        for name in ("competitor_price", "traffic"):
            if r and not len(getattr(self, name)):
                # Not known anywhere: one NaN, read r times.
                object.__setattr__(self, name, np.broadcast_to(np.nan, r))
        if len(self.offset) != n + 1 or self.offset[0] != 0 or self.offset[-1] != r:
            raise InvalidPanel(f"offset must be {n + 1} row numbers from 0 to {r}")
        for name in ("market", "category", "brand"):
            if len(getattr(self, name)) != n:
                raise InvalidPanel(f"{name} has {len(getattr(self, name))} series, sku has {n}")
        for name in ("units", *MONEY, *SHARES, *PLAIN):
            if len(getattr(self, name)) != r:
                raise InvalidPanel(f"{name} has {len(getattr(self, name))} rows, not {r}")
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.sku)

    @property
    def lengths(self) -> IntArray:
        """(n,) rows of each series."""
        return np.diff(self.offset)

    def part(self, first: int, last: int) -> Panel:
        """Series `first` to `last` (exclusive) by themselves; the rows are views."""
        rows = slice(int(self.offset[first]), int(self.offset[last]))
        series = slice(first, last)
        names = ("sku", "market", "category", "brand")
        columns = ("period_start", "units", *MONEY, *SHARES, *PLAIN)
        return Panel(
            **{name: getattr(self, name)[series] for name in names},
            offset=self.offset[first : last + 1] - self.offset[first],
            **{name: getattr(self, name)[rows] for name in columns},
            period_days=self.period_days,
        )

    def until(self, day: np.datetime64) -> Panel:
        """The same series with the rows of periods that begin on this day or before."""
        return self.where(self.period_start <= day)

    def where(self, kept: BoolArray) -> Panel:
        """The same series with these rows (r,) only."""
        before = np.concatenate([[0], np.cumsum(kept)])
        columns = ("period_start", "units", *MONEY, *SHARES, *PLAIN)
        return replace(
            self,
            offset=before[self.offset].astype(np.int64),
            **{name: getattr(self, name)[kept] for name in columns},
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a series and period, in the names of `build_panel`."""
        lengths = self.lengths
        keys = {
            name: np.repeat(getattr(self, name), lengths)
            for name in ("sku", "market", "category", "brand")
        }
        values = {name: getattr(self, name) for name in ("units", *MONEY, *SHARES, *PLAIN)}
        when = self.period_start.astype("datetime64[s]")
        return pd.DataFrame({**keys, "period_start": when, **values})

    def padded(self, first: int, last: int) -> tuple[IntArray, BoolArray]:
        """Row numbers of series `first` to `last` (exclusive) as a rectangle.

        Returns:
            rows (s, t) with t the longest of these series, and (s, t) True where there is a row;
            padding points at some valid row so that it may be read.
        """
        start, length = self.offset[first:last], self.lengths[first:last]
        width = max(int(length.max(initial=0)), 1)
        position = np.arange(width)
        there = position < length[:, None]
        rows = np.where(there, start[:, None] + position, 0)
        return rows, there


def build_panel(frame: pd.DataFrame, spec: PanelSpec | None = None) -> tuple[Panel, CleaningReport]:
    """Clean a sales history and arrange it in series of weeks.

    Daily rows are summed to weeks that start on Monday, unless asked otherwise; weekly rows keep
    their own first day. A
    week in which the product ran out is censored (demand was higher than sales) and left out, not
    read as low demand.

    Args:
        frame: one row a (sku, market, period). Needs `sku`, `market`, `period_start` (datetime),
            `units` and `price` (paid a unit, major currency units). May have `category`,
            `brand`, `regular_price`, `cost`, `competitor_price`, `traffic`, `pack_size`, `deal`,
            `feature`, `display` (0..1) and `stock_out` (bool); missing values in those mean not
            known, or not on.
        spec: periods and pack sizes; the defaults of `PanelSpec` where None.

    Returns:
        the panel, with every (sku, market) of the input as a series even if no row of it could
        be used, and what became of each row.

    Raises:
        InvalidPanel: a required column is missing or of the wrong type, the frame is empty, or
            periods are longer than a week.

    Example:
        >>> sales = pd.DataFrame({
        ...     "sku": "A", "market": "online", "units": [9, 4], "price": [1.0, 2.0],
        ...     "period_start": pd.to_datetime(["2026-01-05", "2026-01-12"]),
        ... })
        >>> panel, report = build_panel(sales)
        >>> len(panel), report.rows_kept
        (1, 2)
    """
    spec = PanelSpec() if spec is None else spec
    _refuse_unreadable(frame)
    series, identity = _identify(frame)
    table = sorted_by_time(frame, series)
    daily = is_daily(table)
    if spec.period is Period.DAY and not daily:
        raise InvalidPanel("the history holds weeks, so it can not be read by day")
    gaps, gapped = gaps_of(table, 1 if daily else DAYS_A_WEEK)
    pack_changes = pack_changes_of(table)
    if pack_changes and spec.pack_change is PackChange.UNIT_PRICE:
        table = in_newest_packs(table)
    reason = reasons_to_drop(table)
    dropped = {name: int((reason == i).sum()) for i, name in enumerate(REASONS, 1)}
    # Nothing to drop, nothing to copy: a long history is held once.
    kept = table[reason == 0] if reason.any() else table
    weeks = daily and spec.period is Period.WEEK
    if weeks:
        kept, dropped["partial_week"] = whole_weeks(kept)
    rows_kept = len(kept)
    if weeks:
        kept = weeks_of_days(kept)
    counts = np.bincount(kept["series"], minlength=len(identity))
    panel = Panel(
        sku=identity["sku"].to_numpy(dtype=np.str_),
        market=identity["market"].to_numpy(dtype=np.str_),
        category=identity["category"].to_numpy(dtype=np.str_),
        brand=identity["brand"].to_numpy(dtype=np.str_),
        offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        period_start=kept["period_start"].to_numpy(dtype="datetime64[D]"),
        units=kept["units"].to_numpy(np.float64),
        price=kept["price"].to_numpy(np.float64),
        regular_price=kept["regular_price"].to_numpy(np.float64),
        cost=kept["cost"].to_numpy(np.float64),
        deal=kept["deal"].to_numpy(np.float64),
        feature=kept["feature"].to_numpy(np.float64),
        display=kept["display"].to_numpy(np.float64),
        **{
            name: kept[name].to_numpy(np.float64)
            for name in ("competitor_price", "traffic")
            if name in kept.columns
        },
        period_days=1 if daily and not weeks else DAYS_A_WEEK,
    )
    dropped = {name: count for name, count in dropped.items() if count}
    report = CleaningReport(
        rows_in=len(frame),
        rows_kept=rows_kept,
        dropped=dropped,
        periods=len(kept),
        gaps=gaps,
        gapped_series=gapped,
        pack_changes=pack_changes,
    )
    return panel, report


def _refuse_unreadable(frame: pd.DataFrame) -> None:
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        raise InvalidPanel(
            f"the sales frame lacks {', '.join(missing)}; "
            f"it has {', '.join(map(str, frame.columns))}"
        )
    if frame.empty:
        raise InvalidPanel("the sales frame has no rows; import sales first, or widen the filter")
    if not pd.api.types.is_datetime64_any_dtype(frame["period_start"]):
        raise InvalidPanel(
            f"period_start must hold dates, not {frame['period_start'].dtype}; "
            "convert it with pandas.to_datetime"
        )
    for name in ("units", *MONEY, *SHARES, *PLAIN, "pack_size"):
        if name in frame.columns and not pd.api.types.is_numeric_dtype(frame[name]):
            raise InvalidPanel(f"{name} must hold numbers, not {frame[name].dtype}")


def _identify(frame: pd.DataFrame) -> tuple[IntArray, pd.DataFrame]:
    """The series of each row, numbered by (sku, market), and who the series are."""
    codes, names = [], []
    for column in ("sku", "market"):
        missing = int(frame[column].isna().sum())
        if missing:
            raise InvalidPanel(f"{column} is missing in {missing} rows; every sale needs one")
        code, name = _numbered(frame[column])
        codes.append(code)
        names.append(name)
    pair = codes[0] * len(names[1]) + codes[1]
    pairs, first, series = np.unique(pair, return_index=True, return_inverse=True)
    identity = pd.DataFrame(
        {"sku": names[0][pairs // len(names[1])], "market": names[1][pairs % len(names[1])]}
    )
    for column in ("category", "brand"):
        if column in frame.columns:
            known = frame[column].iloc[first].astype("object")
            identity[column] = known.where(known.notna(), "").astype("str").to_numpy()
        else:
            identity[column] = ""
    return series.astype(np.int64), identity


def _numbered(labels: pd.Series) -> tuple[IntArray, StrArray]:
    """(r,) position of each label among the different ones, in their order as text."""
    if not isinstance(labels.dtype, pd.CategoricalDtype):
        code, different = pd.factorize(labels.astype("str"), sort=True)
        return code.astype(np.int64), np.asarray(different, dtype=np.str_)
    # Categories are few: sort them and renumber, without making text of every row.
    text = np.asarray(labels.cat.categories.astype("str"), dtype=np.str_)
    name, position = np.unique(text, return_inverse=True)
    return position[labels.cat.codes.to_numpy()].astype(np.int64), name
