"""Promotion calendars as a kind of plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from api.plans.calendar.input import CalendarQuestion, read_question
from api.plans.calendar.job import plan_promotions
from api.plans.calendar.output import (
    calendar_document,
    calendar_rows,
    draft_promotions,
)
from api.plans.calendar.schema import PromotionsIn, WeekIn
from api.plans.errors import PlanInputInvalid
from api.plans.fields import Strict
from api.plans.files import money, parsed
from api.plans.kinds import Acceptance, Accepted, BestSoFar, Json, PlanKind
from api.work.progress import Progress
from models.arrays import IntArray

_GAP: Final = 1e-3


class CalendarAmendment(Strict, frozen=True, kw_only=True):
    """What a person changes by hand: pins, and weeks that stay as the plan has them."""

    pins: list[WeekIn] = msgspec.field(default_factory=list)
    unpin: list[WeekIn] = msgspec.field(default_factory=list)
    keep_weeks: list[int] = msgspec.field(default_factory=list)
    keep_skus: list[str] = msgspec.field(default_factory=list)


def _run(document: Mapping[str, Any], progress: Progress, best: BestSoFar) -> Json:
    question = read_question(document)
    search = question.given.search

    def better(profit: float, bound: float, actions: IntArray) -> None:
        best(_seen(question, profit, bound, actions))

    answer = plan_promotions(
        question.problem,
        question.limits,
        paid=question.paid,
        last_year=question.last_year,
        doubt=question.doubt,
        rng=np.random.default_rng(search.seed),
        draws=search.draws,
        gap=_GAP if search.gap is None else search.gap,
        time_limit=search.time_limit,
        progress=progress,
        better=better,
    )
    return calendar_document(question, answer)


def _seen(
    question: CalendarQuestion, profit: float, bound: float, actions: IntArray
) -> dict[str, Any]:
    unit = question.given.currency
    known = np.isfinite(bound)
    return {
        "value": money(profit, unit),
        "bound": money(bound, unit) if known else None,
        "gap": max(bound - profit, 0.0) / max(abs(bound), 1e-9) if known else None,
        "plan": calendar_rows(question, actions),
    }


def _table(document: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, list[str | None]]:
    given = parsed(document, PromotionsIn)
    table: dict[str, list[str | None]] = {p.sku: [None] * given.weeks for p in given.products}
    for row in result["calendar"]:
        table[row["sku"]][row["week"] - 1] = row["mechanic"]
    return table


def _accept(
    document: Mapping[str, Any], result: Mapping[str, Any], acceptance: Acceptance
) -> Accepted:
    given = parsed(document, PromotionsIn)
    zone = acceptance.time_zone or given.time_zone
    drafts = draft_promotions(
        given,
        _table(document, result),
        prefix=f"plan-{acceptance.plan}",
        starts_on=acceptance.starts_on,
        market=acceptance.market,
    )
    return Accepted(
        promotions=tuple(
            {"promotion": draft, "currency": given.currency, "time_zone": zone} for draft in drafts
        )
    )


def _amend(
    document: Mapping[str, Any], result: Mapping[str, Any], amendment: Mapping[str, Any]
) -> Json:
    given = parsed(document, PromotionsIn)
    change = parsed(amendment, CalendarAmendment)
    pins = {(pin.sku, pin.week): pin.mechanic for pin in given.pins}
    table = _table(document, result)
    unknown = [sku for sku in change.keep_skus if sku not in table]
    if unknown:
        raise PlanInputInvalid(f"{unknown[0]!r} is not in the plan", ("keep_skus",))
    for at, week in enumerate(change.keep_weeks):
        if not 1 <= week <= given.weeks:
            raise PlanInputInvalid(
                f"week {week} is not from 1 to {given.weeks}", ("keep_weeks", at)
            )
    for sku, weeks in table.items():
        for week, mechanic in enumerate(weeks, start=1):
            if week in change.keep_weeks or sku in change.keep_skus:
                pins.setdefault((sku, week), mechanic)
    for pin in change.pins:
        pins[pin.sku, pin.week] = pin.mechanic
    for pin in change.unpin:
        pins.pop((pin.sku, pin.week), None)
    entries = [{"sku": s, "week": w, "mechanic": m} for (s, w), m in sorted(pins.items())]
    amended = {**document, "pins": entries}
    read_question(amended)
    return amended


def _expected(document: Mapping[str, Any], result: Mapping[str, Any]) -> pd.DataFrame:
    given = parsed(document, PromotionsIn)
    price = {product.sku: float(product.price) for product in given.products}
    promoted = {(row["sku"], row["week"]): float(row["price"]) for row in result["calendar"]}
    rows = [
        (sku, given.market or "all", week, promoted.get((sku, week), price[sku]), units)
        for sku, weekly in result["weekly_units"].items()
        for week, units in enumerate(weekly, start=1)
    ]
    return pd.DataFrame(rows, columns=["sku", "market", "week", "price", "units"])


def _continued(
    document: Mapping[str, Any], result: Mapping[str, Any], sold: pd.DataFrame, weeks: int
) -> Json:
    """Weeks that have passed are pinned; what is left expects demand as it turned out.

    Each product's demand is scaled by a mean of 1 and of sold / expected, weighted by how much
    either is to be trusted: 1 has the variance `own_scale`², the ratio that of counting so many
    units and of each week's noise. Weeks that an earlier plan learned from count no second time.
    """
    given = parsed(document, PromotionsIn)
    expected, learned = _expected(document, result), given.learned_weeks
    past = expected[expected["week"].between(learned + 1, weeks)].groupby("sku")["units"].sum()
    seen = sold[sold["week"].between(learned + 1, weeks)].groupby("sku")["units"].sum()
    spread, noise = max(given.doubt.own_scale, 1e-3), given.doubt.noise
    table = _table(document, result)
    products = []
    for product, raw in zip(given.products, document["products"], strict=True):
        planned = float(past.get(product.sku, 0.0))
        if product.sku not in seen.index or planned <= 0:
            products.append(dict(raw))
            continue
        doubt = 1.0 / planned + noise**2 / max(weeks - learned, 1)
        trust = spread**2 / (spread**2 + doubt)
        factor = (1.0 - trust) + trust * float(seen[product.sku]) / planned
        base = product.base if isinstance(product.base, list) else [product.base] * given.weeks
        later = [b if w <= weeks else b * factor for w, b in enumerate(base, start=1)]
        products.append({**raw, "base": later})
    pins = {(pin.sku, pin.week): pin.mechanic for pin in given.pins}
    for sku, planned_weeks in table.items():
        for week in range(1, weeks + 1):
            pins[sku, week] = planned_weeks[week - 1]
    entries = [{"sku": s, "week": w, "mechanic": m} for (s, w), m in sorted(pins.items())]
    continued = {
        **document, "products": products, "pins": entries, "learned_weeks": max(weeks, learned),
    }  # fmt: skip
    read_question(continued)
    return continued


KIND: Final = PlanKind(
    name="promotions",
    check=read_question,
    run=_run,
    accept=_accept,
    amend=_amend,
    expected=_expected,
    continued=_continued,
)
