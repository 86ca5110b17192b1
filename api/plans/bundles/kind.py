"""Bundles as a kind of plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec
import numpy as np

from api.plans.bundles.input import read_bundle_question
from api.plans.bundles.job import plan_with_outlook
from api.plans.bundles.output import bundle_document, seen
from api.plans.bundles.schema import BundlesIn
from api.plans.errors import PlanInputInvalid
from api.plans.fields import Price, Strict
from api.plans.files import parsed
from api.plans.kinds import Acceptance, Accepted, BestSoFar, Json, PlanKind
from api.work.progress import Progress
from pricing.bundles import Effort
from pricing.bundles.market import Outcome


class PricePinIn(Strict, frozen=True, kw_only=True):
    """A single price that a person sets."""

    sku: str
    price: Price


class PinnedIn(Strict, frozen=True, kw_only=True):
    """A product whose single price is free again."""

    sku: str


class BundleAmendment(Strict, frozen=True, kw_only=True):
    """What a person changes by hand: single prices that are set, or stay as the plan has them."""

    pins: list[PricePinIn] = msgspec.field(default_factory=list)
    unpin: list[PinnedIn] = msgspec.field(default_factory=list)
    keep_skus: list[str] = msgspec.field(default_factory=list)


def _run(document: Mapping[str, Any], progress: Progress, best: BestSoFar) -> Json:
    question = read_bundle_question(document)
    search = question.given.search

    def better(outcome: Outcome, bound: int) -> None:
        best(seen(question, outcome, bound))

    answer = plan_with_outlook(
        question.problem,
        question.doubt,
        rng=np.random.default_rng(search.seed),
        planned=question.planned,
        draws=search.draws,
        effort=Effort(seconds=search.time_limit, workers=search.threads, gap=search.gap or 0.0),
        progress=progress,
        better=better,
    )
    return bundle_document(question, answer)


def _accept(
    document: Mapping[str, Any], result: Mapping[str, Any], acceptance: Acceptance
) -> Accepted:
    """Bundles become drafts; single prices that change become dated prices."""
    given = parsed(document, BundlesIn)
    zone = acceptance.time_zone or given.time_zone
    first = acceptance.starts_on or given.starts_on
    market = acceptance.market or given.market
    drafts = []
    for number, draft in enumerate(result["promotion_drafts"]["promotions"], start=1):
        kept = {key: value for key, value in draft.items() if key not in ("when", "for")}
        kept["id"] = f"plan-{acceptance.plan}-{number}"
        if first is not None or given.ends_on is not None:
            kept["when"] = {"time_zone": zone}
            if first is not None:
                kept["when"]["from"] = f"{first}T00:00"
            if (last := _last(given, acceptance)) is not None:
                kept["when"]["until"] = f"{last}T00:00"
        if market:
            kept["for"] = {"markets": [market]}
        drafts.append({"promotion": kept, "currency": given.currency, "time_zone": zone})
    return Accepted(promotions=tuple(drafts), price_schedule=_schedule(given, result, acceptance))


def _amend(
    document: Mapping[str, Any], result: Mapping[str, Any], amendment: Mapping[str, Any]
) -> Json:
    change = parsed(amendment, BundleAmendment)
    planned = {row["sku"]: row["price"]["amount"] for row in result["prices"]}
    pins: dict[str, str | None] = {sku: planned.get(sku) for sku in change.keep_skus}
    pins |= {pin.sku: str(pin.price) for pin in change.pins}
    free = {pin.sku for pin in change.unpin}
    unknown = sorted((set(pins) | free) - set(planned))
    if unknown:
        raise PlanInputInvalid(f"{unknown[0]!r} is not in the plan", ("pins",))
    products = []
    for product in document["products"]:
        kept = dict(product)
        if product["sku"] in free:
            kept = {k: v for k, v in kept.items() if k not in ("least_price", "most_price")}
        if (price := pins.get(product["sku"])) is not None:
            kept |= {"least_price": price, "most_price": price}
        products.append(kept)
    amended = {**document, "products": products}
    read_bundle_question(amended)
    return amended


def _last(given: BundlesIn, acceptance: Acceptance) -> date | None:
    """First day without the bundles; another first day moves it."""
    if given.ends_on is None:
        return None
    if acceptance.starts_on is None or given.starts_on is None:
        return given.ends_on
    return acceptance.starts_on + (given.ends_on - given.starts_on)


def _schedule(
    given: BundlesIn, result: Mapping[str, Any], acceptance: Acceptance
) -> tuple[Json, ...]:
    changed = [row for row in result["prices"] if row["price"] != row["price_now"]]
    first, last = acceptance.starts_on or given.starts_on, _last(given, acceptance)
    if not changed:
        return ()
    if first is None or last is None:
        raise PlanInputInvalid(
            "single prices change, and dated prices need a first day and, in the document, ends_on",
            ("starts_on",),
        )
    return tuple(
        {
            "sku": row["sku"],
            "market": acceptance.market or given.market or "all",
            "from": first.isoformat(),
            "until": last.isoformat(),
            "price": row["price"]["amount"],
            "currency": row["price"]["currency"],
        }
        for row in changed
    )


KIND: Final = PlanKind(
    name="bundles", check=read_bundle_question, run=_run, accept=_accept, amend=_amend
)
