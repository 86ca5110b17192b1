"""What follows a plan: it is accepted, watched against what is sold, and continued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy.engine import Connection, Engine

from api.plans.errors import PlanInputInvalid
from api.plans.kinds import Acceptance, plan_kind
from api.plans.work import ask_for_plan
from storage.database import reading, writing
from storage.errors import PlanNotReady
from storage.jobs.plans import (
    StoredPlan,
    accept_plan,
    acceptable,
    accepted_as,
    plan_document,
    plan_result,
    read_plan,
)
from storage.products.sales import read_sales
from storage.promotion_terms import terms_from
from storage.promotions.versions import create_promotion

_WEEK: Final = 7
_EVERYWHERE: Final = "all"
"""The market of an item that stands for all markets together."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracking:
    """A plan against what was sold.

    Attributes:
        starts_on: first day of week 1.
        weeks: how many weeks have passed and have sales.
        rows: sku, market, week, planned_price, price, planned_units, units, sold_out; a row a key
            and week that has passed.
        totals: week, planned_units, units, planned_revenue, revenue.
    """

    starts_on: date
    weeks: int
    rows: pd.DataFrame
    totals: pd.DataFrame


def accept(
    engine: Engine, plan_id: int, acceptance: Acceptance, *, now: datetime, by: str
) -> tuple[StoredPlan, dict[str, Any]]:
    """Make of a finished plan what its kind makes: drafts of promotions, dated prices.

    Either all drafts are stored, or nothing is.

    Raises:
        PlanNotFound: there is no such plan.
        PlanNotReady: it is not finished, or was accepted before.
        PlanInputInvalid: how to accept it is missing or cannot be.
        PromotionRefused, InvalidPromotion: a draft cannot be stored.
    """
    with writing(engine) as conn:
        found = read_plan(conn, plan_id)
        acceptable(found)
        document, result = _both(conn, found)
        made = plan_kind(found.kind).accept(document, result, acceptance)
        names = [
            create_promotion(conn, terms_from(terms), actor=by, at=now).name
            for terms in made.promotions
        ]
        kept = {
            "promotions": names,
            "price_schedule": list(made.price_schedule),
            "terms": {
                key: value.isoformat() if isinstance(value, date) else value
                for key, value in asdict(acceptance).items()
            },
        }
        return accept_plan(conn, plan_id, at=now, by=by, made=kept), kept


def amend(
    engine: Engine,
    plan_id: int,
    amendment: Mapping[str, Any],
    *,
    now: datetime,
    by: str,
    note: str = "",
) -> int:
    """Queue the same plan with prices or weeks pinned by hand; returns the new one's number.

    Raises:
        PlanNotFound: there is no such plan.
        PlanNotReady: it is not finished.
        PlanInputInvalid: the amendment cannot be used, or the kind knows none.
        PricingError: the same, found by the kind itself.
    """
    with reading(engine) as conn:
        found = read_plan(conn, plan_id)
        document, result = _both(conn, found)
    kind = plan_kind(found.kind)
    if kind.amend is None:
        raise PlanInputInvalid(
            f"plans of {found.kind} are amended by changing the document", ("kind",)
        )
    changed = kind.amend(document, result, amendment)
    return ask_for_plan(engine, found.kind, changed, now=now, by=by, note=note, parent=plan_id)


def track(conn: Connection, plan_id: int, *, now: datetime) -> Tracking:
    """Planned against sold, for the weeks that have passed.

    Raises:
        PlanNotFound: there is no such plan.
        PlanNotReady: it is not finished.
        PlanInputInvalid: nobody said on which day it starts, or its kind has no weeks.
    """
    found = read_plan(conn, plan_id)
    document, result = _both(conn, found)
    expected = plan_kind(found.kind).expected
    if expected is None:
        raise PlanInputInvalid(f"plans of {found.kind} have no weeks to track", ("kind",))
    planned = expected(document, result)
    starts_on, zone = _start(document, accepted_as(conn, plan_id) or {})
    last = int(planned["week"].max()) if len(planned) else 0
    begun = (now.astimezone(zone).date() - starts_on).days // _WEEK
    sold = _sold(conn, planned, starts_on, min(max(begun, 0), last))
    weeks = int(sold["week"].max()) if len(sold) else 0
    rows = planned[planned["week"] <= weeks].rename(
        columns={"price": "planned_price", "units": "planned_units"}
    )
    rows = rows.merge(sold, on=["sku", "market", "week"], how="left")
    rows["units"] = rows["units"].fillna(0.0)
    rows["sold_out"] = rows["sold_out"].eq(True)  # noqa: FBT003  (missing is not sold out)
    worth = rows.assign(
        planned_revenue=rows["planned_price"] * rows["planned_units"],
        revenue=(rows["price"] * rows["units"]).fillna(0.0),
    )
    figures = ["planned_units", "units", "planned_revenue", "revenue"]
    totals = worth.groupby("week", as_index=False)[figures].sum()
    return Tracking(starts_on, weeks, rows, totals)


def continue_plan(engine: Engine, plan_id: int, *, now: datetime, by: str, note: str = "") -> int:
    """Queue a plan of the weeks that are left, with what was sold; returns its number.

    Raises:
        PlanNotFound: there is no such plan.
        PlanNotReady: it is not finished, or no week of it has passed with sales.
        PlanInputInvalid: as `track`.
        PricingError: what was sold cannot be.
    """
    with reading(engine) as conn:
        found = read_plan(conn, plan_id)
        document, result = _both(conn, found)
        seen = track(conn, plan_id, now=now)
    kind = plan_kind(found.kind)
    if kind.continued is None:
        raise PlanInputInvalid(f"plans of {found.kind} cannot be continued", ("kind",))
    if seen.weeks == 0:
        raise PlanNotReady(
            f"plan {plan_id} starts on {seen.starts_on}: no week has passed of which sales are "
            "stored; import sales first"
        )
    known = seen.rows[seen.rows["price"].notna()]
    document = {**document, "starts_on": seen.starts_on.isoformat()}
    continued = kind.continued(document, result, known, seen.weeks)
    return ask_for_plan(engine, found.kind, continued, now=now, by=by, note=note, parent=plan_id)


def _both(conn: Connection, found: StoredPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    result = plan_result(conn, found.plan_id)
    if found.status != "finished" or result is None:
        raise PlanNotReady(f"plan {found.plan_id} is {found.status}; it must be finished first")
    return plan_document(conn, found.plan_id), result


def _start(document: Mapping[str, Any], accepted: Mapping[str, Any]) -> tuple[date, ZoneInfo]:
    terms = accepted.get("terms") or {}
    first = terms.get("starts_on") or document.get("starts_on")
    if first is None:
        raise PlanInputInvalid(
            "nobody said on which day week 1 begins; give it in the document, or when accepting",
            ("starts_on",),
        )
    zone = terms.get("time_zone") or document.get("time_zone") or "UTC"
    return date.fromisoformat(str(first)), ZoneInfo(zone)


def _sold(conn: Connection, planned: pd.DataFrame, starts_on: date, weeks: int) -> pd.DataFrame:
    """Sales by sku, market and week of the plan; weeks after the last one sold are left out."""
    columns = ["sku", "market", "week", "price", "units", "sold_out"]
    if weeks <= 0:
        return pd.DataFrame(columns=columns)
    sales = read_sales(
        conn,
        skus=sorted(set(planned["sku"])),
        since=starts_on,
        until=starts_on + timedelta(days=_WEEK * weeks - 1),
    )
    days = (sales["period_start"] - pd.Timestamp(starts_on)).dt.days
    sales = sales.assign(week=days // _WEEK + 1, revenue=sales["price"] * sales["units"])
    everywhere = planned.loc[planned["market"] == _EVERYWHERE, "sku"]
    whole = sales[sales["sku"].isin(set(everywhere))].assign(market=_EVERYWHERE)
    keys = planned[["sku", "market"]].drop_duplicates()
    found = pd.concat([sales, whole]).merge(keys, on=["sku", "market"])
    grouped = found.groupby(["sku", "market", "week"], as_index=False).agg(
        units=("units", "sum"),
        revenue=("revenue", "sum"),
        shown=("price", "mean"),
        sold_out=("stock_out", "max"),
    )
    # Where nothing was sold the price that was asked is still known.
    paid = grouped["revenue"] / grouped["units"].where(grouped["units"] > 0)
    return grouped.assign(price=paid.fillna(grouped["shown"]))[columns]
