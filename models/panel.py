"""From a sales history to a panel: weekly rows of (sku, market) series that an estimator can read.

Nothing is dropped in silence: `CleaningReport` accounts for every row of the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray, StrArray, frozen
from models.calendar import DateArray
from models.errors import InvalidPanel

DAYS_A_WEEK: Final = 7

_REQUIRED: Final = ("sku", "market", "period_start", "units", "price")
_MONEY: Final = ("price", "regular_price", "cost", "competitor_price")
_SHARES: Final = ("deal", "feature", "display")
_REASONS: Final = (
    "units_not_a_number",
    "returns",
    "duplicate",
    "stock_out",
    "price_not_known",
    "zero_price",
    "price_jump",
    "promotion_price_not_known",
)
_LONGEST_PERIOD: Final = 10
"""Days between rows, in the middle series, above which a history is no longer weekly."""
_JUMP: Final = 20.0
"""A price this many times above or below its series' median is taken for a slip of units."""


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What became of every row of a sales history.

    Attributes:
        rows_in: rows given.
        rows_kept: rows that entered the panel.
        dropped: rows left out, by reason; `rows_in` = `rows_kept` + their sum.
        periods: rows of the panel; fewer than `rows_kept` where days were summed to weeks.
    """

    rows_in: int
    rows_kept: int
    dropped: Mapping[str, int]
    periods: int

    def as_dict(self) -> dict[str, object]:
        """Plain values for storage and JSON."""
        return {
            "rows_in": self.rows_in,
            "rows_kept": self.rows_kept,
            "dropped": dict(self.dropped),
            "periods": self.periods,
        }


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

    def __post_init__(self) -> None:
        n, r = len(self.sku), len(self.period_start)
        if r and not len(self.competitor_price):
            object.__setattr__(self, "competitor_price", np.full(r, np.nan))
        if len(self.offset) != n + 1 or self.offset[0] != 0 or self.offset[-1] != r:
            raise InvalidPanel(f"offset must be {n + 1} row numbers from 0 to {r}")
        for name in ("market", "category", "brand"):
            if len(getattr(self, name)) != n:
                raise InvalidPanel(f"{name} has {len(getattr(self, name))} series, sku has {n}")
        for name in ("units", *_MONEY, *_SHARES):
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
        columns = ("period_start", "units", *_MONEY, *_SHARES)
        return Panel(
            **{name: getattr(self, name)[series] for name in names},
            offset=self.offset[first : last + 1] - self.offset[first],
            **{name: getattr(self, name)[rows] for name in columns},
            period_days=self.period_days,
        )

    def until(self, day: np.datetime64) -> Panel:
        """The same series with the rows of periods that begin on this day or before."""
        kept = self.period_start <= day
        counts = np.add.reduceat(np.append(kept, 0), self.offset[:-1]) * (self.lengths > 0)
        columns = ("period_start", "units", *_MONEY, *_SHARES)
        return replace(
            self,
            offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            **{name: getattr(self, name)[kept] for name in columns},
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a series and period, in the names of `build_panel`."""
        lengths = self.lengths
        keys = {
            name: np.repeat(getattr(self, name), lengths)
            for name in ("sku", "market", "category", "brand")
        }
        values = {name: getattr(self, name) for name in ("units", *_MONEY, *_SHARES)}
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


def build_panel(frame: pd.DataFrame) -> tuple[Panel, CleaningReport]:
    """Clean a sales history and arrange it in series of weeks.

    Daily rows are summed to weeks that start on Monday; weekly rows keep their own first day. A
    week in which the product ran out is censored (demand was higher than sales) and left out, not
    read as low demand.

    Args:
        frame: one row a (sku, market, period). Needs `sku`, `market`, `period_start` (datetime),
            `units` and `price` (paid a unit, major currency units). May have `category`,
            `brand`, `regular_price`, `cost`, `competitor_price`, `deal`, `feature`, `display`
            (0..1) and `stock_out` (bool); missing values in those mean not known, or not on.

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
    _refuse_unreadable(frame)
    series, identity = _identify(frame)
    table = _sorted_by_time(frame, series)
    reason = _reasons_to_drop(table)
    dropped = {name: int((reason == i).sum()) for i, name in enumerate(_REASONS, 1)}
    daily = _is_daily(table)
    # Nothing to drop, nothing to copy: a long history is held once.
    kept = table[reason == 0] if reason.any() else table
    if daily:
        kept, dropped["partial_week"] = _whole_weeks(kept)
    rows_kept = len(kept)
    if daily:
        kept = _weeks_of_days(kept)
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
        competitor_price=kept["competitor_price"].to_numpy(np.float64),
    )
    dropped = {name: count for name, count in dropped.items() if count}
    return panel, CleaningReport(len(frame), rows_kept, dropped, len(kept))


def _refuse_unreadable(frame: pd.DataFrame) -> None:
    missing = [name for name in _REQUIRED if name not in frame.columns]
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
    for name in ("units", *_MONEY, *_SHARES):
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


def _sorted_by_time(frame: pd.DataFrame, series: IntArray) -> pd.DataFrame:
    """Plain numbers in order of series and time, with one meaning for what is not known."""
    days = frame["period_start"].to_numpy(dtype="datetime64[D]")
    order = np.lexsort((days.astype(np.int64), series))
    nothing = pd.Series(np.nan, index=frame.index)

    def column(name: str) -> FloatArray:
        values = frame.get(name, nothing).to_numpy(np.float64, na_value=np.nan)
        return np.asarray(values, dtype=np.float64)[order]

    columns: dict[str, object] = {
        "series": series[order],
        "period_start": days[order].astype("datetime64[s]"),
        "units": column("units"),
        "price": column("price"),
    }
    for name in ("regular_price", "cost", "competitor_price"):
        values = column(name)
        columns[name] = np.where(values > 0, values, np.nan)
    for name in _SHARES:
        columns[name] = np.clip(np.nan_to_num(column(name), nan=0.0), 0.0, 1.0)
    columns["stock_out"] = np.nan_to_num(column("stock_out"), nan=0.0) > 0
    return pd.DataFrame(columns)


def _reasons_to_drop(table: pd.DataFrame) -> IntArray:
    """(r,) why each row can not be used, 1 + position in `_REASONS`; 0 where it can.

    The first reason that applies counts.
    """
    units, price, regular = (table[name].to_numpy() for name in ("units", "price", "regular_price"))
    series, day = table["series"].to_numpy(), table["period_start"].to_numpy()
    again = np.zeros(len(table), dtype=np.bool_)
    again[1:] = (series[1:] == series[:-1]) & (day[1:] == day[:-1])
    usable_price = pd.Series(np.where(np.isfinite(price) & (price > 0), price, np.nan))
    middle = usable_price.groupby(series).transform("median").to_numpy()
    with np.errstate(invalid="ignore"):
        jump = np.maximum(price / middle, middle / np.where(price > 0, price, np.nan)) > _JUMP
    # Without a sale nobody paid a price; in a promotion the regular price was not on either.
    unknown = (units == 0) & (table["deal"].to_numpy() > 0) & (price == regular)
    found = {
        "units_not_a_number": ~np.isfinite(units),
        "returns": units < 0,
        "duplicate": again,
        "stock_out": table["stock_out"].to_numpy(),
        "price_not_known": ~np.isfinite(price),
        "zero_price": price <= 0,
        "price_jump": jump,
        "promotion_price_not_known": unknown,
    }
    reason: IntArray = np.select(
        [found[name] for name in _REASONS], list(range(1, len(_REASONS) + 1)), default=0
    ).astype(np.int64)
    return reason


def _is_daily(table: pd.DataFrame) -> bool:
    """True where rows lie closer together than a week."""
    days = table["period_start"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    gap, same = np.diff(days), np.diff(table["series"].to_numpy()) == 0
    gaps = gap[same & (gap > 0)]
    if not gaps.size:
        return False
    if float(np.median(gaps)) > _LONGEST_PERIOD:
        raise InvalidPanel(
            f"rows lie {float(np.median(gaps)):.0f} days apart; price sensitivity needs daily or "
            "weekly sales, longer periods blend the prices that it compares"
        )
    return bool(gaps.min() < DAYS_A_WEEK)


def _whole_weeks(kept: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Rows of weeks that the history covers from Monday to Sunday, and how many rows are not."""
    days = kept["period_start"].to_numpy(dtype="datetime64[D]")
    if not days.size:
        return kept, 0
    week = _monday(days)
    whole = (week >= days.min()) & (week + (DAYS_A_WEEK - 1) <= days.max())
    return kept[whole], int((~whole).sum())


def _weeks_of_days(kept: pd.DataFrame) -> pd.DataFrame:
    """Daily rows summed to weeks; prices weighted by what was sold at them."""
    sold = kept["units"].to_numpy()
    weighted = kept.assign(
        period_start=_monday(kept["period_start"].to_numpy(dtype="datetime64[D]")),
        revenue=sold * kept["price"],
    )
    weeks = weighted.groupby(["series", "period_start"], sort=True, as_index=False).agg(
        units=("units", "sum"),
        revenue=("revenue", "sum"),
        listed=("price", "mean"),
        regular_price=("regular_price", "mean"),
        cost=("cost", "mean"),
        competitor_price=("competitor_price", "mean"),
        deal=("deal", "mean"),
        feature=("feature", "mean"),
        display=("display", "mean"),
    )
    paid = weeks["revenue"] / weeks["units"].where(weeks["units"] > 0)
    return weeks.assign(price=paid.fillna(weeks["listed"]))


def _monday(days: DateArray) -> DateArray:
    """(r,) the Monday on or before each day; 1970-01-01 was a Thursday."""
    since = days.astype("datetime64[D]").astype(np.int64)
    monday: DateArray = (since - (since + 3) % DAYS_A_WEEK).astype("datetime64[D]")
    return monday
