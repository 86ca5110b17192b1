"""What becomes of every row of a sales history: kept, summed, converted, or dropped and why.

Rows are a table sorted by series and time; `models.sensitivity.panel.build_panel` puts these steps
in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray
from models.calendar import DateArray
from models.choices import chosen
from models.errors import InvalidPanel

DAYS_A_WEEK: Final = 7

REQUIRED: Final = ("sku", "market", "period_start", "units", "price")
MONEY: Final = ("price", "regular_price", "cost", "competitor_price")
SHARES: Final = ("deal", "feature", "display")
PLAIN: Final = ("traffic",)
OPTIONAL: Final = ("competitor_price", "traffic", "pack_size")
"""Columns that take no memory where the history does not have them."""
REASONS: Final = (
    "units_not_a_number",
    "returns",
    "duplicate",
    "stock_out",
    "price_not_known",
    "zero_price",
    "price_jump",
    "older_pack_size",
    "promotion_price_not_known",
)
_LONGEST_PERIOD: Final = 10
"""Days between rows, in the middle series, above which a history is no longer weekly."""
_JUMP: Final = 20.0
"""A price this many times above or below its series' median is taken for a slip of units."""
_SAME_PACK: Final = 1e-6


class Period(StrEnum):
    """How long the periods of a panel are."""

    WEEK = "week"
    """Daily rows are summed to weeks from Monday to Sunday."""
    DAY = "day"
    """Days stay days; weekdays are held constant by the fit."""


class PackChange(StrEnum):
    """What a change of pack size does to a series."""

    NEW_SERIES = "new-series"
    """The series starts anew: rows of the packs before are left out, and counted."""
    UNIT_PRICE = "unit-price"
    """Units and prices before are converted to the newest pack, as if sold in it."""


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """How a sales history is arranged.

    Attributes:
        period: see `Period`.
        pack_change: see `PackChange`; only where the history has a column `pack_size`.
    """

    period: Period = Period.WEEK
    pack_change: PackChange = PackChange.NEW_SERIES

    def __post_init__(self) -> None:
        for name, kind in (("period", Period), ("pack_change", PackChange)):
            object.__setattr__(self, name, chosen(kind, getattr(self, name), name))


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What became of every row of a sales history.

    Attributes:
        rows_in: rows given.
        rows_kept: rows that entered the panel.
        dropped: rows left out, by reason; `rows_in` = `rows_kept` + their sum.
        periods: rows of the panel; fewer than `rows_kept` where days were summed to weeks.
        gaps: periods between the first and the last row of a series for which there is no row.
        gapped_series: series that have such gaps.
        pack_changes: changes of pack size within a series.
    """

    rows_in: int
    rows_kept: int
    dropped: Mapping[str, int]
    periods: int
    gaps: int = 0
    gapped_series: int = 0
    pack_changes: int = 0

    def as_dict(self) -> dict[str, object]:
        """Plain values for storage and JSON."""
        return {
            "rows_in": self.rows_in,
            "rows_kept": self.rows_kept,
            "dropped": dict(self.dropped),
            "periods": self.periods,
            "gaps": self.gaps,
            "gapped_series": self.gapped_series,
            "pack_changes": self.pack_changes,
        }


def sorted_by_time(frame: pd.DataFrame, series: IntArray) -> pd.DataFrame:
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
    for name in ("regular_price", "cost", *OPTIONAL):
        if name in OPTIONAL and name not in frame.columns:
            continue
        values = column(name)
        columns[name] = np.where(values > 0, values, np.nan)
    for name in SHARES:
        columns[name] = np.clip(np.nan_to_num(column(name), nan=0.0), 0.0, 1.0)
    columns["stock_out"] = np.nan_to_num(column("stock_out"), nan=0.0) > 0
    return pd.DataFrame(columns)


def reasons_to_drop(table: pd.DataFrame) -> IntArray:
    """(r,) why each row can not be used, 1 + position in `REASONS`; 0 where it can.

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
        "older_pack_size": _older_packs(table),
        "promotion_price_not_known": unknown,
    }
    reason: IntArray = np.select(
        [found[name] for name in REASONS], list(range(1, len(REASONS) + 1)), default=0
    ).astype(np.int64)
    return reason


def is_daily(table: pd.DataFrame) -> bool:
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


def whole_weeks(kept: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Rows of weeks that the history covers from Monday to Sunday, and how many rows are not."""
    days = kept["period_start"].to_numpy(dtype="datetime64[D]")
    if not days.size:
        return kept, 0
    week = _monday(days)
    whole = (week >= days.min()) & (week + (DAYS_A_WEEK - 1) <= days.max())
    return kept[whole], int((~whole).sum())


def weeks_of_days(kept: pd.DataFrame) -> pd.DataFrame:
    """Daily rows summed to weeks; prices weighted by what was sold at them."""
    sold = kept["units"].to_numpy()
    weighted = kept.assign(
        period_start=_monday(kept["period_start"].to_numpy(dtype="datetime64[D]")),
        revenue=sold * kept["price"],
    )
    means = [*MONEY[1:], *SHARES]
    how: dict[str, Any] = {"units": "sum", "revenue": "sum", "price": "mean", "traffic": _known_sum}
    how |= dict.fromkeys(means, "mean")
    how = {name: way for name, way in how.items() if name in weighted.columns}
    weeks = weighted.groupby(["series", "period_start"], sort=True, as_index=False).agg(how)
    paid = weeks["revenue"] / weeks["units"].where(weeks["units"] > 0)
    return weeks.assign(price=paid.fillna(weeks["price"]))


def _known_sum(values: pd.Series) -> float:
    """The sum of days that are all known; a week that lacks one is not known."""
    return float(values.sum(skipna=False))


def _monday(days: DateArray) -> DateArray:
    """(r,) the Monday on or before each day; 1970-01-01 was a Thursday."""
    since = days.astype("datetime64[D]").astype(np.int64)
    monday: DateArray = (since - (since + 3) % DAYS_A_WEEK).astype("datetime64[D]")
    return monday


def gaps_of(table: pd.DataFrame, step: int) -> tuple[int, int]:
    """Periods without a row inside the series' spans, and how many series have some."""
    days = table["period_start"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    series = table["series"].to_numpy()
    missing = np.maximum(np.rint(np.diff(days) / step).astype(np.int64) - 1, 0)
    missing[np.diff(series) != 0] = 0
    return int(missing.sum()), len(np.unique(series[1:][missing > 0]))


def in_newest_packs(table: pd.DataFrame) -> pd.DataFrame:
    """Units and money of every row as if it had been sold in its series' newest pack size."""
    pack = table["pack_size"].to_numpy()
    newest = _newest_packs(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(np.isfinite(pack / newest), pack / newest, 1.0)
    money = {name: table[name].to_numpy() / share for name in MONEY if name in table.columns}
    return table.assign(units=table["units"].to_numpy() * share, pack_size=newest, **money)


def pack_changes_of(table: pd.DataFrame) -> int:
    """How often the pack size of a series changes from one row that knows it to the next."""
    if "pack_size" not in table.columns:
        return 0
    known = table["pack_size"].notna().to_numpy()
    pack, series = table["pack_size"].to_numpy()[known], table["series"].to_numpy()[known]
    changes = (np.diff(series) == 0) & ~np.isclose(pack[1:], pack[:-1], rtol=_SAME_PACK)
    return int(changes.sum())


def _newest_packs(table: pd.DataFrame) -> FloatArray:
    """(r,) the last known pack size of each row's series; NaN where none is known."""
    newest = table.groupby("series")["pack_size"].transform("last")
    return newest.to_numpy(np.float64)


def _older_packs(table: pd.DataFrame) -> BoolArray:
    """(r,) True for rows up to the last one that was sold in another pack than the newest."""
    if "pack_size" not in table.columns:
        return np.zeros(len(table), dtype=np.bool_)
    pack, newest = table["pack_size"].to_numpy(), _newest_packs(table)
    other = np.isfinite(pack) & ~np.isclose(pack, newest, rtol=_SAME_PACK)
    series = table["series"].to_numpy()
    last = pd.Series(np.where(other, np.arange(len(table)), -1)).groupby(series).transform("max")
    older: BoolArray = np.arange(len(table)) <= last.to_numpy()
    return older
