"""What promotions do week by week: lift by depth and mechanic, the dip after, baseline and gain.

Within every series, against its own level:

    log(units + 1/2) = series + season + trend + regular price
                       + lift(depth step) + lift(mechanic) + dip(weeks since the promotion) + rest

The dip is the pull-forward: customers who stocked up buy less afterwards, and a lift that is not
set against it is counted too high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray
from models.calendar import season_waves
from models.errors import InvalidPanel, InvalidSpec, NotIdentified
from models.estimators.absorb import absorb, absorbed_parameters
from models.estimators.model_frame import codes_of, require_columns
from models.estimators.sandwich import Coefficients, ErrorSpec
from models.sensitivity.partialling import independent

_STEPS: Final = (0.02, 0.10, 0.20, 0.30, 0.40)


@dataclass(frozen=True, slots=True, eq=False)
class PromotionResponse:
    """How units answer promotions.

    Attributes:
        lifts: one row a depth step, mechanic and week after: `term`, `lift` (share of the
            baseline, 0.5 is half as much again), `ci_low`, `ci_high`, `p_value`, `rows` in which it
            was on.
        weeks: one row a row used, with the frame's index: `baseline` and `incremental` units.
        coefficients: on the log scale.
        net_gain: incremental units of the promotions less what the weeks after lost, as a share of
            the baseline of the promoted weeks.
        pulled_forward: share of the promotions' lift that the weeks after took back.
    """

    lifts: pd.DataFrame
    weeks: pd.DataFrame
    coefficients: Coefficients
    net_gain: float
    pulled_forward: float


def fit_promotion_response(
    frame: pd.DataFrame,
    *,
    by: str | Sequence[str] = ("sku", "market"),
    period: str = "period_start",
    units: str = "units",
    price: str = "price",
    regular_price: str = "regular_price",
    mechanics: Sequence[str] = ("feature", "display"),
    steps: Sequence[float] = _STEPS,
    weeks_after: int = 3,
    harmonics: int = 2,
    cluster: str | None = None,
) -> PromotionResponse:
    """Estimate lift by depth and mechanic, pooled over the series of a category.

    Args:
        frame: one row a series and week.
        by: columns that tell series apart.
        period: column of dates.
        units: column of units sold.
        price: column of the price paid.
        regular_price: column of the price without promotion.
        mechanics: columns (0..1) of what went with the price: feature, display, coupon.
        steps: lower ends of the depth steps; below the first there is no promotion.
        weeks_after: weeks in which a dip may follow.
        harmonics: pairs of yearly waves held constant.
        cluster: column whose values share luck; the series where None.

    Raises:
        InvalidPanel: a column is missing or holds no dates.
        InvalidSpec: steps out of order.
        NotIdentified: no promotion in the data.

    Example: see docs/price-sensitivity.md.
    """
    keys = [by] if isinstance(by, str) else list(by)
    require_columns(frame, [*keys, period, units, price, regular_price, *mechanics])
    if not pd.api.types.is_datetime64_any_dtype(frame[period]):
        raise InvalidPanel(f"{period!r} must hold dates; convert it with pandas.to_datetime")
    if list(steps) != sorted(set(steps)) or not 0 < steps[0] < 1:
        raise InvalidSpec(f"steps must rise within 0..1, not {tuple(steps)}")
    rows = frame.sort_values([*keys, period], kind="stable")
    series = rows.groupby(keys, sort=False, observed=True).ngroup().to_numpy().astype(np.int64)
    depth = np.clip(1.0 - rows[price] / rows[regular_price], 0.0, 1.0).to_numpy(np.float64)
    step = np.searchsorted(np.asarray(steps), depth, side="right").astype(np.int64)
    terms, names = _terms(rows, series, step, steps, mechanics, weeks_after)
    logged = np.log(rows[units].to_numpy(np.float64) + 0.5)
    regular = np.log(rows[regular_price].to_numpy(np.float64))
    waves = season_waves(rows[period].to_numpy("datetime64[D]"), 7, harmonics)
    years = rows[period].to_numpy("datetime64[D]").astype(np.float64) / 365.25
    other = np.column_stack([waves, years - years.mean(), regular])
    keep = np.isfinite(logged) & np.isfinite(other).all(axis=1) & np.isfinite(terms).all(axis=1)
    if not (step[keep] > 0).any():
        raise NotIdentified(
            f"no row has a price {steps[0]:.0%} or more below its regular price: no promotion to "
            "learn from"
        )
    effects = (codes_of(pd.Series(series[keep])),)
    both = absorb(np.column_stack([other, terms, logged])[keep], effects)
    kept = independent(both[:, :-1])
    kept[: other.shape[1]] &= np.ptp(other[keep], axis=0) > 0
    x, y = both[:, :-1][:, kept], both[:, -1]
    back = np.linalg.pinv(x)
    values = back @ y
    rest = y - x @ values
    extra = pd.DataFrame({"group": series[keep] if cluster is None else rows[cluster][keep]})
    spec = ErrorSpec(cluster="group") if len(pd.unique(extra["group"])) > 1 else ErrorSpec()
    parameters = x.shape[1] + (0 if cluster is None else absorbed_parameters(effects))
    covariance = spec.covariance(back @ back.T, x * rest[:, None], parameters, extra)
    wanted = np.flatnonzero(kept) >= other.shape[1]
    which = np.flatnonzero(kept)[wanted] - other.shape[1]
    found = Coefficients(
        tuple(names[j] for j in which),
        values[wanted],
        covariance[np.ix_(wanted, wanted)],
        float(max(len(y) - parameters, 1)),
    )
    effect = terms[keep][:, which] @ found.estimates
    during = step[keep] > 0
    return _summed_up(rows.loc[keep, units], effect, during, found, terms[keep][:, which])


def _terms(
    rows: pd.DataFrame,
    series: IntArray,
    step: IntArray,
    steps: Sequence[float],
    mechanics: Sequence[str],
    weeks_after: int,
) -> tuple[FloatArray, list[str]]:
    """(n, k) indicators of depth steps, mechanics and weeks after."""
    columns = [(step == i).astype(np.float64) for i in range(1, len(steps) + 1)]
    ends = [*steps[1:], None]
    names = [
        f"depth {low:.0%} to {high:.0%}" if high else f"depth {low:.0%} and more"
        for low, high in zip(steps, ends, strict=True)
    ]
    for name in mechanics:
        columns.append(rows[name].fillna(0.0).to_numpy(np.float64))
        names.append(name)
    promoted = step > 0
    since = np.full(len(rows), np.inf)
    count = np.inf
    for i in range(len(rows)):
        if i == 0 or series[i] != series[i - 1]:
            count = np.inf
        count = 0.0 if promoted[i] else count + 1.0
        since[i] = count
    for week in range(1, weeks_after + 1):
        columns.append((since == week).astype(np.float64))
        names.append(f"week {week} after")
    return np.column_stack(columns), names


def _summed_up(
    units: pd.Series,
    effect: FloatArray,
    during: BoolArray,
    found: Coefficients,
    terms: FloatArray,
) -> PromotionResponse:
    low, high = found.intervals()
    lifts = pd.DataFrame(
        {
            "term": found.names,
            "lift": np.expm1(found.estimates),
            "ci_low": np.expm1(low),
            "ci_high": np.expm1(high),
            "p_value": found.p_values,
            "rows": (terms > 0).sum(axis=0),
        }
    )
    sold = units.to_numpy(np.float64)
    baseline = sold * np.exp(-effect)
    weeks = pd.DataFrame({"baseline": baseline, "incremental": sold - baseline}, index=units.index)
    gained = float((sold - baseline)[during].sum())
    lost = float((baseline - sold)[~during].sum())
    base = float(baseline[during].sum())
    return PromotionResponse(
        lifts=lifts,
        weeks=weeks,
        coefficients=found,
        net_gain=(gained - lost) / base if base > 0 else np.nan,
        pulled_forward=lost / gained if gained > 0 else np.nan,
    )
