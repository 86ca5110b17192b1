"""Periods that the regression of their series can not explain: reported, left out, or pulled in.

What a week sold is judged beside its price, promotions and season, not by itself: a promotion is
no outlier. The scale is the median absolute residual of the series, which outliers do not move.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray
from models.choices import chosen
from models.errors import InvalidSpec
from models.sensitivity.design import calendar_of, design_block
from models.sensitivity.panel import Panel
from models.sensitivity.partialling import ols, partial_out
from models.sensitivity.spec import FitSpec

_TO_STD: Final = 1.4826
"""Standard deviations in one median absolute deviation of a normal distribution."""
_ROUNDS: Final = 8
_HELD: Final = 2.5
"""Distance to which far periods are pulled in, while the regression is found and afterwards."""
_LEAST_SPARE: Final = 8


class OutlierAction(StrEnum):
    """What becomes of outliers."""

    REPORT = "report"
    """They stay as they are."""
    DROP = "drop"
    """Their periods are left out."""
    CLIP = "clip"
    """Their units are pulled in to 2.5 robust standard deviations, as Huber's estimator does with
    what lies beyond."""


@dataclass(frozen=True, slots=True, eq=False)
class Outliers:
    """The outliers of a panel.

    Attributes:
        table: one row an outlier: `sku`, `market`, `period_start`, `units`, `expected` (units that
            the series' regression expects), `distance` (in robust standard deviations, signed).
        action: what became of them.
        limit: distance from which a period counts as one.
    """

    table: pd.DataFrame
    action: OutlierAction
    limit: float


def treat_outliers(
    panel: Panel,
    spec: FitSpec | None = None,
    *,
    action: OutlierAction | str = OutlierAction.REPORT,
    limit: float = 6.0,
) -> tuple[Panel, Outliers]:
    """Find periods that lie far from what their series' regression expects, and deal with them.

    Args:
        panel: from `build_panel`.
        spec: whose controls the regression has; the defaults of `FitSpec` where None.
        action: see `OutlierAction`.
        limit: robust standard deviations, above 2: at 6, normal luck makes one in 500 million.

    Returns:
        the panel as asked for (the same one where nothing is to be done), and the report.

    Raises:
        InvalidSpec: an action that does not exist, or a limit of 2 or less.
    """
    action = chosen(OutlierAction, action, "outliers")
    if not limit > 2.0:
        raise InvalidSpec(f"the limit must lie above 2, it is {limit}")
    spec = FitSpec() if spec is None else spec
    distance, expected = _distances(panel, spec)
    far: BoolArray = np.abs(distance) > limit
    outliers = Outliers(_table(panel, far, distance, expected), action, limit)
    if action is OutlierAction.REPORT or not far.any():
        return panel, outliers
    if action is OutlierAction.DROP:
        return panel.where(~far), outliers
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = (np.log(panel.units + 0.5) - np.log(expected + 0.5)) / distance
        pulled = np.exp(np.log(expected + 0.5) + np.sign(distance) * _HELD * scale) - 0.5
    pulled = np.maximum(np.rint(pulled), 0.0)
    return replace(panel, units=np.where(far, pulled, panel.units)), outliers


def _distances(panel: Panel, spec: FitSpec) -> tuple[FloatArray, FloatArray]:
    """(r,) robust standard deviations of each row from what is expected, and (r,) that in units.

    The regression is fitted again and again with far periods pulled in (Huber 1981), so that one
    outlier does not hide another, nor make a neighbour look like one.
    """
    rows = len(panel.period_start)
    distance, expected = np.zeros(rows), np.full(rows, np.nan)
    if not rows:
        return distance, expected
    calendar = calendar_of(panel, spec)
    for first in range(0, len(panel), spec.series_at_once):
        last = min(first + spec.series_at_once, len(panel))
        design = design_block(panel, calendar, spec, first, last)
        y = design.log_units
        std, rest = np.zeros((len(y), 1)), np.zeros_like(y)
        for _ in range(_ROUNDS):
            parts = partial_out(replace(design, log_units=y))
            slope = np.nan_to_num(ols(parts).elasticity)[:, None]
            left = parts.log_units - slope * parts.log_price
            fitted = y - left
            rest = np.where(design.used, design.log_units - fitted, np.nan)
            few = parts.degrees < _LEAST_SPARE
            with np.errstate(invalid="ignore"):
                std = _TO_STD * _median(np.abs(rest))
                # A series that repeats itself exactly has no scale to judge by.
                std = np.where(few[:, None] | (std < 1e-6), np.inf, std)
                y = np.where(design.used, fitted + np.clip(rest, -_HELD * std, _HELD * std), 0.0)
        at = slice(int(panel.offset[first]), int(panel.offset[last]))
        there = np.arange(design.used.shape[1]) < panel.lengths[first:last, None]
        distance[at] = np.nan_to_num(rest / std)[there]
        middle = np.exp(design.log_units + design.offset - np.nan_to_num(rest))
        expected[at] = np.maximum(middle - 0.5, 0.0)[there]
    return distance, expected


def _median(values: FloatArray) -> FloatArray:
    """(s, 1) median of what is known; NaN where nothing is."""
    order = np.sort(values, axis=1)  # NaN goes last
    count = np.isfinite(values).sum(axis=1)
    rows = np.arange(len(values))
    below, above = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    above = np.minimum(above, np.maximum(count - 1, 0))
    middle: FloatArray = (order[rows, below] + order[rows, above]) / 2.0
    return middle[:, None]


def _table(
    panel: Panel, far: BoolArray, distance: FloatArray, expected: FloatArray
) -> pd.DataFrame:
    rows = np.flatnonzero(far)
    series = np.searchsorted(panel.offset, rows, side="right") - 1
    return pd.DataFrame(
        {
            "sku": panel.sku[series],
            "market": panel.market[series],
            "period_start": panel.period_start[rows].astype("datetime64[s]"),
            "units": panel.units[rows],
            "expected": expected[rows],
            "distance": distance[rows],
        }
    )
