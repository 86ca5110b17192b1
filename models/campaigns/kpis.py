"""Key figures of a campaign, during against before, each with an interval."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from models.errors import InvalidPanel
from models.estimators.model_frame import require_columns

_DRAWS: Final = 1000


def campaign_kpis(
    lines: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    rng: np.random.Generator,
    before_days: int | None = None,
    visits: pd.DataFrame | None = None,
    coupons_issued: int | None = None,
    funding: float = 0.0,
    draws: int = _DRAWS,
) -> pd.DataFrame:
    """Sales, units, order value, conversion, redemption, margin after funding, new customers.

    Intervals come from drawing days with replacement, because orders of one day share weather and
    luck; a difference is not an effect: for that see `models.campaigns.uplift.measure_uplift`.

    Args:
        lines: one row an order line: `order`, `customer`, `date` (datetime), `units`, `revenue`
            (net), and where known `cost` (of the line), `coupon` (true where one was redeemed).
            Customers are new on the first day that `lines` has of them.
        start: first day of the campaign.
        end: last day.
        rng: draws days.
        before_days: length of the comparison before; that of the campaign where None.
        visits: `date` and `visits`, for conversion.
        coupons_issued: for the redemption rate.
        funding: paid by a supplier towards the campaign.
        draws: of days.

    Returns:
        one row a figure: `during`, `before`, `difference`, `ci_low`, `ci_high` of the difference a
        day for totals, of the ratio itself for ratios. Figures without their columns are left out.

    Raises:
        InvalidPanel: a column is missing, or a window has no day.
    """
    require_columns(lines, ["order", "customer", "date", "units", "revenue"])
    if not pd.api.types.is_datetime64_any_dtype(lines["date"]):
        raise InvalidPanel("'date' must hold dates; convert it with pandas.to_datetime")
    for name in ("units", "revenue", "cost"):
        if name in lines and not pd.api.types.is_numeric_dtype(lines[name]):
            raise InvalidPanel(f"{name!r} must hold numbers, not {lines[name].dtype}")
    day = lines["date"].dt.normalize()
    length = (end - start).days + 1
    before_start = start - pd.Timedelta(days=before_days or length)
    table = _by_day(lines.assign(day=day), visits, before_start, end)
    inside = table[(table.index >= start) & (table.index <= end)]
    before = table[(table.index >= before_start) & (table.index < start)]
    if inside.empty or before.empty or not before["orders"].any():
        raise InvalidPanel(
            f"no orders from {before_start:%Y-%m-%d} to {start:%Y-%m-%d}, or an empty campaign "
            f"({start:%Y-%m-%d} to {end:%Y-%m-%d})"
        )
    share = funding / len(inside)
    rows: list[dict[str, Any]] = []
    for name, top, bottom in _FIGURES:
        if top not in table or (bottom is not None and bottom not in table):
            continue
        added = share if top == "margin" else 0.0
        rows.append(_compared(name, inside, before, top, bottom, added, rng, draws))
    if coupons_issued:
        redeemed = float(inside.get("redeemed", pd.Series(0.0)).sum())
        rate = redeemed / coupons_issued
        half = 1.96 * np.sqrt(rate * (1 - rate) / coupons_issued)
        rows.append(
            {
                "kpi": "coupon redemption rate",
                "during": rate,
                "before": np.nan,
                "difference": np.nan,
                "ci_low": rate - half,
                "ci_high": rate + half,
            }
        )
    return pd.DataFrame(rows).set_index("kpi")


_FIGURES: Final = (
    ("sales a day", "revenue", None),
    ("units a day", "units", None),
    ("orders a day", "orders", None),
    ("average order value", "revenue", "orders"),
    ("conversion", "orders", "visits"),
    ("margin after funding a day", "margin", None),
    ("new customers a day", "new", None),
)


def _by_day(
    lines: pd.DataFrame, visits: pd.DataFrame | None, first: pd.Timestamp, last: pd.Timestamp
) -> pd.DataFrame:
    days = lines.groupby("day")
    table = pd.DataFrame(
        {
            "revenue": days["revenue"].sum(),
            "units": days["units"].sum(),
            "orders": days["order"].nunique(),
        }
    )
    table["new"] = lines.groupby("customer")["day"].min().value_counts().reindex(table.index)
    if "cost" in lines:
        table["margin"] = days["revenue"].sum() - days["cost"].sum()
    if "coupon" in lines:
        used = lines[lines["coupon"].fillna(value=False).astype(bool)]
        table["redeemed"] = used.groupby("day")["order"].nunique().reindex(table.index)
    table = table.reindex(pd.date_range(first, last, freq="D")).fillna(0.0)
    if visits is not None:
        require_columns(visits, ["date", "visits"])
        counted = visits.groupby(visits["date"].dt.normalize())["visits"].sum()
        table["visits"] = counted.reindex(table.index).fillna(0.0)
    return table


def _compared(
    name: str,
    inside: pd.DataFrame,
    before: pd.DataFrame,
    top: str,
    bottom: str | None,
    added: float,
    rng: np.random.Generator,
    draws: int,
) -> dict[str, Any]:
    drawn = []
    for part in (inside, before):
        pick = rng.integers(len(part), size=(draws, len(part)))
        over = part[top].to_numpy(np.float64)
        under = np.ones(len(part)) if bottom is None else part[bottom].to_numpy(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn.append(over[pick].sum(axis=1) / under[pick].sum(axis=1))
    values = [
        float(part[top].sum() / (len(part) if bottom is None else part[bottom].sum()))
        for part in (inside, before)
    ]
    low, high = np.nanquantile(drawn[0] - drawn[1], [0.025, 0.975])
    return {
        "kpi": name,
        "during": values[0] + added,
        "before": values[1],
        "difference": values[0] + added - values[1],
        "ci_low": float(low) + added,
        "ci_high": float(high) + added,
    }
