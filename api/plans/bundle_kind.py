"""Bundles as a kind of plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import numpy as np

from api.jobs.plan_bundles import plan_with_outlook
from api.jobs.progress import Progress
from api.plans.bundle_input import read_bundle_question
from api.plans.bundle_output import bundle_document, seen
from api.plans.bundle_schema import BundlesIn
from api.plans.errors import PlanInputInvalid
from api.plans.files import parsed
from api.plans.kinds import Acceptance, Accepted, BestSoFar, Json, PlanKind
from pricing.bundles import Effort
from pricing.bundles.market import Outcome


def _check(document: Mapping[str, Any]) -> None:
    read_bundle_question(document)


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
        effort=Effort(seconds=search.time_limit, workers=search.threads),
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


def _last(given: BundlesIn, acceptance: Acceptance) -> Any:  # noqa: ANN401
    """First day without the bundles; another first day moves it."""
    if given.ends_on is None:
        return None
    if acceptance.starts_on is None or given.starts_on is None:
        return given.ends_on
    length: timedelta = given.ends_on - given.starts_on
    return acceptance.starts_on + length


def _schedule(
    given: BundlesIn, result: Mapping[str, Any], acceptance: Acceptance
) -> tuple[Json, ...]:
    changed = [row for row in result["prices"] if row["price"] != row["price_now"]]
    first, last = acceptance.starts_on or given.starts_on, _last(given, acceptance)
    if not changed:
        return ()
    if first is None or last is None:
        raise PlanInputInvalid(
            "starts_on: single prices change, and dated prices need a first day and, in the "
            "document, ends_on"
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


KIND: Final = PlanKind(name="bundles", check=_check, run=_run, accept=_accept)
