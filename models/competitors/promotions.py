"""Price reductions of a competitor: how often, how deep, how long, on how many products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray
from models.competitors.figures import Figure, mean, median, median_time, share
from models.competitors.panel import RivalPanel
from models.errors import InvalidSpec

LEAST_PRODUCTS: Final = 5
LEAST_REDUCTIONS: Final = 8
LEAST_DAYS: Final = 28
"""Known days of a product below which it says nothing about promotions."""

_TYPES: Final = {
    "series": "int64", "start": "int64", "end": "int64", "started": "bool", "ended": "bool",
    "depth": "float64", "claimed": "float64", "kind": "str",
}  # fmt: skip
_BACK: Final = 0.02  # a price this close to the one before the drop has returned
_BRIDGED: Final = 7  # days of a gap with the same price on both sides


@dataclass(frozen=True, slots=True)
class Promotions:
    """How one competitor reduces prices, in one category or in all.

    Attributes:
        category: None for all.
        products: share of the products with a reduction; `n` counts products watched for four
            weeks or more.
        days: mean over products of the share of known days on which the price was reduced.
        interval: median days from one start to the next of the same product, those still waited
            for taken into account; `n` counts waits.
        duration: median days that a reduction lasts, those still running taken into account.
        depth: median reduction, as a share of the price asked before, or of the price beside it
            where none was seen before.
        claimed: median reduction against the price beside it, where one is shown.
        standing: share of the products whose price is shown as reduced over the whole record:
            these are claims, not promotions, and count in none of the other figures.
        reductions: how many were found.
    """

    seller: str
    category: str | None
    products: Figure
    days: Figure
    interval: Figure
    duration: Figure
    depth: Figure
    claimed: Figure
    standing: Figure
    reductions: int


def find_reductions(
    panel: RivalPanel, *, least: float = 0.05, returns_within: int = 8
) -> pd.DataFrame:
    """Reductions of every series of the panel.

    A reduction is a time with a higher price shown beside the price, or a drop from which the
    price comes back within some weeks. A drop that stays is a new price, and none. Short gaps with
    the same price on both sides are bridged; other gaps end what is known.

    Args:
        panel: prices by the day.
        least: least reduction, as a share.
        returns_within: weeks.

    Returns:
        One row a reduction: `series`, `start`, `end` (days of the panel; `end` is the first day
        without it, or the first day not known), `started`, `ended` (whether these were seen; a
        reduction that was there at the first sight has no known start), `depth`, `claimed` (NaN
        where no price was shown beside), `kind` (`list` or `drop`).

    Raises:
        InvalidSpec: `least` outside 0..1, or fewer than 1 week.
    """
    if not 0.0 < least < 1.0:
        raise InvalidSpec(f"a least reduction of {least}: give a share between 0 and 1")
    if returns_within < 1:
        raise InvalidSpec(f"{returns_within} weeks: give 1 or more")
    rows: list[tuple[object, ...]] = []
    for series in range(len(panel.seller)):
        for run in _runs(panel.price[series], panel.list_price[series], least):
            listed = _by_list(run, least)
            rows += [(series, *each, "list") for each in listed]
            covered = [(int(start), int(end)) for start, end, *_ in listed]
            rows += [
                (series, *each, "drop")
                for each in _by_drop(run, least, 7 * returns_within)
                if all(each[1] <= start or each[0] >= end for start, end in covered)
            ]
    found = pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)
    return found.sort_values(["series", "start"], ignore_index=True)


def promotions(
    panel: RivalPanel, found: pd.DataFrame, seller: str, category: str | None = None
) -> Promotions:
    """What the reductions of one competitor say of its habits.

    Args:
        panel: prices by the day.
        found: of `find_reductions` on the same panel.
        seller: one of the panel's competitors.
        category: of our products, or None for all.
    """
    rows = panel.rows(seller, category)
    known = np.isfinite(panel.price[rows])
    watched = rows[known.sum(axis=1) >= LEAST_DAYS]
    mine = found[found["series"].isin(watched.tolist())]
    always = ~(mine["started"] | mine["ended"]) & (mine["kind"] == "list")
    lasting = (mine["end"] - mine["start"]).to_numpy() >= LEAST_DAYS
    standing = set(mine.loc[always & lasting, "series"])
    mine = mine[~mine["series"].isin(standing)]
    judged = np.array([row for row in watched.tolist() if row not in standing], dtype=np.int64)
    started = mine[mine["started"]]
    waits = _waits(panel, started)
    lasted = (started["end"] - started["start"]).to_numpy(np.int64)
    claims = mine["claimed"].dropna().to_numpy(np.float64)
    depths = mine["depth"].to_numpy(np.float64)
    return Promotions(
        seller=seller,
        category=category,
        products=share(
            mine["series"].nunique(), len(judged), least=LEAST_PRODUCTS, things="products watched"
        ),
        days=mean(
            _reduced_days(panel, mine, judged), least=LEAST_PRODUCTS, things="products watched"
        ),
        interval=median_time(*waits, least=LEAST_REDUCTIONS, things="waits for the next start"),
        duration=median_time(
            lasted, started["ended"].to_numpy(bool), least=LEAST_REDUCTIONS, things="reductions"
        ),
        depth=median(depths, least=LEAST_REDUCTIONS, things="reductions"),
        claimed=median(claims, least=LEAST_REDUCTIONS, things="reductions with a price beside"),
        standing=share(
            len(standing), len(watched), least=LEAST_PRODUCTS, things="products watched"
        ),
        reductions=len(mine),
    )


@dataclass(frozen=True, slots=True)
class _Segment:
    """Days `start` to `end` (not included) with one price and one price beside it (NaN: none)."""

    start: int
    end: int
    price: float
    beside: float


def _runs(price: FloatArray, beside: FloatArray, least: float) -> list[list[_Segment]]:
    """What is known without a gap, each as segments of one price."""
    known = np.flatnonzero(np.isfinite(price))
    if not len(known):
        return []
    shown = np.where(beside * (1.0 - least) >= price, beside, np.nan)
    values = np.column_stack([price, np.nan_to_num(shown, nan=-1.0)])[known]
    new = np.r_[True, (values[1:] != values[:-1]).any(axis=1) | (np.diff(known) > _BRIDGED + 1)]
    # A gap whose two sides differ can not be bridged, however short.
    new[1:] |= (np.diff(known) > 1) & (values[1:] != values[:-1]).any(axis=1)
    runs: list[list[_Segment]] = []
    starts = np.flatnonzero(new)
    for begin, stop in zip(starts, np.r_[starts[1:], len(known)], strict=True):
        first, after = int(known[begin]), int(known[stop - 1]) + 1
        segment = _Segment(first, after, float(price[first]), float(shown[first]))
        if runs and runs[-1][-1].end == first:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


_Reduction = tuple[int, int, bool, bool, float, float]


def _by_list(run: list[_Segment], least: float) -> list[_Reduction]:
    """Times with a higher price beside the price."""
    found: list[_Reduction] = []
    at = 0
    while at < len(run):
        if np.isnan(run[at].beside):
            at += 1
            continue
        stop = at
        while stop < len(run) and not np.isnan(run[stop].beside):
            stop += 1
        part = run[at:stop]
        lowest = min(segment.price for segment in part)
        claimed = max(1.0 - segment.price / segment.beside for segment in part)
        before = run[at - 1].price if at else None
        depth = claimed if before is None else 1.0 - lowest / before
        # A price that is struck out for show, with no drop behind it, is no reduction.
        if depth >= least:
            found.append((part[0].start, part[-1].end, at > 0, stop < len(run), depth, claimed))
        at = stop
    return found


def _by_drop(run: list[_Segment], least: float, longest: int) -> list[_Reduction]:
    """Drops from which the price came back in time."""
    found: list[_Reduction] = []
    at = 1
    while at < len(run):
        before, first = run[at - 1].price, run[at]
        back = None
        if first.price <= before * (1.0 - least):
            for later in range(at + 1, len(run)):
                if run[later].start - first.start > longest:
                    break
                if run[later].price >= before * (1.0 - _BACK):
                    back = later
                    break
        if back is None:
            at += 1
            continue
        lowest = min(segment.price for segment in run[at:back])
        found.append(
            (first.start, run[back].start, True, True, 1.0 - lowest / before, float("nan"))
        )
        at = back + 1
    return found


def _waits(panel: RivalPanel, started: pd.DataFrame) -> tuple[IntArray, BoolArray]:
    """Days from each start to the next of its series, or to where the record stops or breaks."""
    lasted: list[int] = []
    ended: list[bool] = []
    for series, group in started.groupby("series", sort=True):
        known = np.flatnonzero(np.isfinite(panel.price[int(str(series))]))
        breaks = known[:-1][np.diff(known) > _BRIDGED + 1] + 1
        starts = group["start"].to_numpy(np.int64)
        for place, start in enumerate(starts.tolist()):
            later = breaks[breaks > start]
            stop = int(later[0]) if len(later) else int(known[-1]) + 1
            following = int(starts[place + 1]) if place + 1 < len(starts) else None
            seen = following is not None and following <= stop
            lasted.append((following if seen and following is not None else stop) - start)
            ended.append(seen)
    keep = np.array(lasted, dtype=np.int64) > 0
    return np.array(lasted, dtype=np.int64)[keep], np.array(ended, dtype=bool)[keep]


def _reduced_days(panel: RivalPanel, found: pd.DataFrame, rows: IntArray) -> FloatArray:
    """Share of known days with a reduction, by series."""
    known = np.isfinite(panel.price)
    reduced = np.zeros(known.shape, dtype=bool)
    for series, start, end in found[["series", "start", "end"]].itertuples(index=False):
        reduced[series, start:end] = True
    both = (reduced & known)[rows].sum(axis=1)
    shares: FloatArray = both / np.maximum(known[rows].sum(axis=1), 1)
    return shares
