"""A promotion calendar as JSON, as a table, and as drafts of promotions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from api.plans.calendar.input import CalendarQuestion
from api.plans.calendar.job import GREEDY, LAST_YEAR, NOTHING, PLAN, CalendarAnswer
from api.plans.calendar.schema import MechanicIn, PromotionsIn
from api.plans.files import money
from api.plans.outlooks import sides
from models.arrays import IntArray
from pricing.calendar.demand import follow_calendar
from pricing.calendar.limits import CalendarRows
from simulations.scenarios.outlook import Outlook

CalendarRow = dict[str, Any]


def calendar_rows(question: CalendarQuestion, actions: IntArray) -> list[CalendarRow]:
    """A row a product and week under promotion."""
    problem, given = question.problem, question.given
    currency = given.currency
    course = follow_calendar(problem, actions)
    rows = []
    for i, week in np.argwhere(actions > 0).tolist():
        action = int(actions[i, week])
        mechanic = given.mechanics[action - 1]
        rows.append(
            {
                "sku": str(problem.sku[i]),
                "week": week + 1,
                "starts_on": (given.starts_on + timedelta(weeks=week)).isoformat(),
                "mechanic": mechanic.name,
                "channel": mechanic.channel,
                "features": list(mechanic.features),
                "price": money(float(question.price[i, action]), currency)["amount"],
                "expected_units": round(float(course.units[i, week]), 4),
                "expected_profit": money(float(course.profit[i, week]), currency)["amount"],
                "given_away": money(float(course.given_away[i, week]), currency)["amount"],
                "pinned": bool(problem.pinned[i, week] >= 0),
            }
        )
    return rows


def calendar_document(question: CalendarQuestion, answer: CalendarAnswer) -> dict[str, Any]:
    """Everything, as JSON values; amounts are objects of amount and currency."""
    given, problem, report = question.given, question.problem, answer.plan.report
    currency, actions = given.currency, answer.plan.actions
    replanned = answer.replanned_lower
    return {
        "certificate": {
            "status": report.status,
            "method": report.method,
            "value": money(report.objective, currency),
            "bound": money(report.bound, currency),
            "gap": report.gap,
            "value_without_promotions": money(answer.plan.unpromoted, currency),
        },
        "limits": limits_used(question, actions),
        "expected": _sides(answer.outlook, currency),
        "if_demand_is_20_percent_lower": {
            **_sides(answer.lower, currency),
            "value_of_a_plan_made_for_it": None
            if replanned is None
            else money(replanned.report.objective, currency),
        },
        "interval_level": answer.outlook.level,
        "warnings": _warnings(question, actions),
        "calendar": calendar_rows(question, actions),
        "weekly_units": {
            str(sku): [round(float(units), 4) for units in row]
            for sku, row in zip(problem.sku, follow_calendar(problem, actions).units, strict=True)
        },
        "promotion_drafts": {
            "currency": currency,
            "time_zone": given.time_zone,
            "promotions": draft_promotions(given, actions_table(question, actions)),
        },
    }


def calendar_table(document: Mapping[str, Any]) -> pd.DataFrame:
    """The calendar as a table, lists as text."""
    frame = pd.DataFrame(document["calendar"])
    if len(frame):
        frame["features"] = [";".join(names) for names in frame["features"]]
    return frame


def limits_used(question: CalendarQuestion, actions: IntArray) -> dict[str, Any]:
    """What the calendar uses of each joint limit, in the week in which it uses most."""
    rows = CalendarRows(question.problem, question.limits)
    used = np.asarray(rows.usage(np.arange(len(actions)), actions).sum(axis=0)).ravel()
    found: dict[str, Any] = {}
    for name, amount, room in zip(rows.names, used.tolist(), rows.room.tolist(), strict=True):
        if name not in found or amount / max(room, 1e-9) > found[name][0] / max(
            found[name][1], 1e-9
        ):
            found[name] = (amount, room)
    currency = question.given.currency
    return {
        name: {"used": money(amount, currency), "limit": money(room, currency)}
        if name == "budget"
        else {"used": round(amount), "limit": round(room)}
        for name, (amount, room) in found.items()
    }


def actions_table(question: CalendarQuestion, actions: IntArray) -> dict[str, list[str | None]]:
    """By sku, the mechanic of each week."""
    names = [None, *question.problem.mechanics]
    return {
        str(sku): [names[action] for action in row]
        for sku, row in zip(question.problem.sku, actions.tolist(), strict=True)
    }


def draft_promotions(
    given: PromotionsIn,
    table: Mapping[str, list[str | None]],
    *,
    prefix: str = "plan",
    starts_on: date | None = None,
    market: str | None = None,
) -> list[dict[str, Any]]:
    """Promotions in the promotion file's format: one a mechanic and run of weeks.

    Products that are under a mechanic in the same weeks share one, unless brands pay different
    shares of them.
    """
    mechanics = {mechanic.name: mechanic for mechanic in given.mechanics}
    funding = {
        product.sku: {m.name: product.funding.get(m.name, m.funding) for m in given.mechanics}
        for product in given.products
    }
    groups: dict[tuple[str, int, int, float], list[str]] = defaultdict(list)
    for sku, weeks in table.items():
        start = 0
        for name, run in groupby(weeks):
            length = len(list(run))
            if name is not None:
                groups[name, start, start + length, funding[sku][name]].append(sku)
            start += length
    first = starts_on or given.starts_on
    drafts: list[dict[str, Any]] = []
    for (name, begin, end, share), skus in sorted(groups.items(), key=lambda item: item[0][:3]):
        number = sum(draft["id"].startswith(f"{prefix}-w{begin + 1}-") for draft in drafts)
        drafts.append(
            {
                **_terms(mechanics[name], share),
                "id": f"{prefix}-w{begin + 1}-{_spelled(name)}"
                + (f"-{number + 1}" if number else ""),
                "name": f"{name}, week {begin + 1}" + (f" to {end}" if end > begin + 1 else ""),
                "products": {"skus": skus},
                "when": {
                    "from": f"{first + timedelta(weeks=begin)}T00:00",
                    "until": f"{first + timedelta(weeks=end)}T00:00",
                    "time_zone": given.time_zone,
                },
                **_audience(mechanics[name], market or given.market),
            }
        )
    return drafts


def _terms(mechanic: MechanicIn, share: float) -> dict[str, Any]:
    terms = {key: value for key, value in mechanic.promotion.items() if key != "for"}
    if share > 0 and "funding" not in terms:
        brand = Decimal(str(round(share * 100, 4))).normalize()
        terms["funding"] = {"brand": f"{brand:f}", "shop": f"{100 - brand:f}"}
        if share >= 1:
            terms["funding"] = {"brand": "100"}
    return terms


def _audience(mechanic: MechanicIn, market: str | None) -> dict[str, Any]:
    audience = dict(mechanic.promotion.get("for") or {})
    if mechanic.channel is not None:
        audience.setdefault("channels", [mechanic.channel])
    if market is not None:
        audience.setdefault("markets", [market])
    return {"for": audience} if audience else {}


def _spelled(name: str) -> str:
    kept = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part) or "mechanic"


def _warnings(question: CalendarQuestion, actions: IntArray) -> list[str]:
    """What a person should know that no limit forbids."""
    warnings = []
    units = follow_calendar(question.problem, actions).units
    for product, sold in zip(question.given.products, units, strict=True):
        if product.stock is None:
            continue
        came = np.cumsum(product.inbound or [0.0] * len(sold))
        short = np.cumsum(sold) - product.stock - came
        if (short > 1e-6).any():
            week = int(np.argmax(short > 1e-6)) + 1
            warnings.append(
                f"{product.sku}: stock and inbound run out in week {week}; "
                f"{float(short.max()):,.0f} units are missing by the end"
            )
    if question.last_year is not None:
        rows = CalendarRows(question.problem, question.limits)
        used = rows.usage(np.arange(len(actions)), question.last_year).sum(axis=0)
        over = np.asarray(used).ravel() > rows.room * (1 + 1e-9)
        broken = sorted({rows.names[row] for row in np.flatnonzero(over).tolist()})
        if broken:
            warnings.append(f"last year's calendar breaks {', '.join(broken)} of this plan")
    return warnings


def _sides(view: Outlook, currency: str) -> dict[str, Any]:
    def shown(value: float, measure: str) -> object:
        return round(value, 2) if measure == "units" else money(value, currency)

    return sides(view, PLAN, (NOTHING, LAST_YEAR, GREEDY), shown)
