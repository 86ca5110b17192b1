"""Clearances as a kind of plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from api.plans.errors import PlanInputInvalid
from api.plans.fields import Strict
from api.plans.files import parsed
from api.plans.kinds import Acceptance, Accepted, BestSoFar, Json, PlanKind
from api.plans.markdown.input import read_markdown_question
from api.plans.markdown.job import plan_markdown
from api.plans.markdown.output import best_so_far, markdown_document
from api.plans.markdown.schema import MarkdownIn, PriceIn
from api.work.progress import Progress
from models.arrays import IntArray
from pricing.markdown import Effort

_GAP: Final = 1e-5
_MOST_DRAFTS: Final = 1_000


class WeekOfItem(Strict, frozen=True, kw_only=True):
    """An item in a week."""

    sku: str
    market: str = "all"
    week: int


class MarkdownAmendment(Strict, frozen=True, kw_only=True):
    """What a person changes by hand: pins, and weeks or items that stay as the plan has them."""

    pins: list[PriceIn] = msgspec.field(default_factory=list)
    unpin: list[WeekOfItem] = msgspec.field(default_factory=list)
    keep_weeks: list[int] = msgspec.field(default_factory=list)
    keep_skus: list[str] = msgspec.field(default_factory=list)


def _run(document: Mapping[str, Any], progress: Progress, best: BestSoFar) -> Json:
    search = parsed(document, MarkdownIn).search
    question = read_markdown_question(document)
    week = 0 if question.history is None else question.history.weeks

    def better(value: float, bound: float, rungs: IntArray) -> None:
        # A season under way shows the plan of the items that are left when it is complete.
        if week == 0:
            best(best_so_far(question.items, week, value, bound, rungs))

    answer = plan_markdown(
        question,
        rng=np.random.default_rng(search.seed),
        draws=search.draws,
        effort=Effort(
            gap=_GAP if search.gap is None else search.gap,
            time_limit=search.time_limit,
            threads=search.threads,
        ),
        progress=progress,
        watch=better,
    )
    return markdown_document(question, answer)


def _accept(
    document: Mapping[str, Any], result: Mapping[str, Any], acceptance: Acceptance
) -> Accepted:
    """The dated prices; on demand also a special price a step, as drafts of promotions."""
    given = parsed(document, MarkdownIn)
    first = acceptance.starts_on or given.starts_on
    if first is None:
        raise PlanInputInvalid(
            "say on which day week 1 begins, in the document or when accepting", ("starts_on",)
        )
    schedule = tuple(_schedule(result, first, given.currency))
    drafts: list[Json] = []
    if acceptance.as_promotions:
        zone = acceptance.time_zone or given.time_zone
        drafts = [
            {"promotion": draft, "currency": given.currency, "time_zone": zone}
            for draft in _drafts(given, schedule, acceptance)
        ]
    return Accepted(promotions=tuple(drafts), price_schedule=schedule)


def _schedule(result: Mapping[str, Any], first: date, currency: str) -> Iterator[Json]:
    """A row an item and run of weeks at one price."""
    for item in result["items"]:
        for price, run in groupby(item["weeks"], key=lambda week: week["price"]):
            weeks = [week["week"] for week in run]
            yield {
                "sku": item["sku"],
                "market": item["market"],
                "from": (first + timedelta(weeks=weeks[0] - 1)).isoformat(),
                "until": (first + timedelta(weeks=weeks[-1])).isoformat(),
                "price": price,
                "currency": currency,
            }


def _drafts(
    given: MarkdownIn, schedule: tuple[Json, ...], acceptance: Acceptance
) -> Iterator[Json]:
    """A special price for all items of a market that change in the same span of weeks."""
    full = {(i.sku, i.market): i.full_price or i.ladder[0] for i in given.items}
    spans: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in schedule:
        if float(row["price"]) < float(full[row["sku"], row["market"]]):
            span = spans.setdefault((row["from"], row["until"], row["market"]), {})
            span[row["sku"]] = row["price"]
    if len(spans) > _MOST_DRAFTS:
        raise PlanInputInvalid(
            f"as_promotions: the schedule has {len(spans):,} spans, more than {_MOST_DRAFTS:,} "
            "drafts; use the price schedule"
        )
    for number, ((begins, ends, market), prices) in enumerate(sorted(spans.items()), start=1):
        place = acceptance.market or (None if market == "all" else market)
        yield {
            "type": "special_price",
            "id": f"plan-{acceptance.plan}-{number}",
            "name": f"clearance from {begins}",
            "prices": prices,
            "products": {"skus": sorted(prices)},
            "when": {"from": f"{begins}T00:00", "until": f"{ends}T00:00"},
            **({"for": {"markets": [place]}} if place else {}),
        }


def _amend(
    document: Mapping[str, Any], result: Mapping[str, Any], amendment: Mapping[str, Any]
) -> Json:
    given = parsed(document, MarkdownIn)
    change = parsed(amendment, MarkdownAmendment)
    skus = {item.sku for item in given.items}
    for at, sku in enumerate(change.keep_skus):
        if sku not in skus:
            raise PlanInputInvalid(f"{sku!r} is not in the plan", ("keep_skus", at))
    for at, week in enumerate(change.keep_weeks):
        if not 1 <= week <= given.weeks:
            raise PlanInputInvalid(
                f"week {week} is not from 1 to {given.weeks}", ("keep_weeks", at)
            )
    pins = {(pin.sku, pin.market, pin.week): str(pin.price) for pin in given.pins}
    for item in result["items"]:
        for week in item["weeks"]:
            if week["week"] in change.keep_weeks or item["sku"] in change.keep_skus:
                pins.setdefault((item["sku"], item["market"], week["week"]), week["price"])
    for pin in change.pins:
        pins[pin.sku, pin.market, pin.week] = str(pin.price)
    for gone in change.unpin:
        pins.pop((gone.sku, gone.market, gone.week), None)
    amended = {
        **document,
        "pins": [
            {"sku": sku, "market": market, "week": week, "price": price}
            for (sku, market, week), price in sorted(pins.items())
        ],
    }
    read_markdown_question(amended)
    return amended


def _expected(document: Mapping[str, Any], result: Mapping[str, Any]) -> pd.DataFrame:
    del document
    rows = [
        (item["sku"], item["market"], week["week"], float(week["price"]), week["expected_units"])
        for item in result["items"]
        for week in item["weeks"]
    ]
    return pd.DataFrame(rows, columns=["sku", "market", "week", "price", "units"])


def _continued(
    document: Mapping[str, Any], result: Mapping[str, Any], sold: pd.DataFrame, weeks: int
) -> Json:
    """The same clearance with what happened, beside the plan in force.

    A week without a row sold nothing at the price that was planned.
    """
    given = parsed(document, MarkdownIn)
    told = {(row.sku, row.market, row.week): msgspec.to_builtins(row) for row in given.history}
    in_force = {(r.sku, r.market, r.week): str(r.price) for r in given.in_force}
    for item in result["items"]:
        for week in item["weeks"]:
            in_force[item["sku"], item["market"], week["week"]] = week["price"]
    ladders = {(item.sku, item.market): item.ladder for item in given.items}
    for row in sold[sold["week"] <= weeks].to_dict("records"):
        sku, market, number = str(row["sku"]), str(row["market"]), int(row["week"])
        told[sku, market, number] = {
            "sku": sku,
            "market": market,
            "week": number,
            "price": _nearest(ladders[sku, market], float(row["price"])),
            "units": float(row["units"]),
            "sold_out": bool(row["sold_out"]),
        }
    for (sku, market), ladder in ladders.items():
        price = str(ladder[0])
        for number in range(1, weeks + 1):
            price = in_force.get((sku, market, number), price)
            silent = {"sku": sku, "market": market, "week": number, "price": price, "units": 0.0}
            told.setdefault((sku, market, number), {**silent, "sold_out": False})
    continued = {
        **document,
        "history": [told[key] for key in sorted(told) if key[2] <= weeks],
        "in_force": [
            {"sku": sku, "market": market, "week": week, "price": price}
            for (sku, market, week), price in sorted(in_force.items())
        ],
    }
    read_markdown_question(continued)
    return continued


def _nearest(ladder: list[Decimal], paid: float) -> str:
    """The price of a ladder nearest to the mean that was paid."""
    return str(min(ladder, key=lambda price: abs(float(price) - paid)))


KIND: Final = PlanKind(
    name="markdown",
    check=read_markdown_question,
    run=_run,
    accept=_accept,
    amend=_amend,
    expected=_expected,
    continued=_continued,
)
