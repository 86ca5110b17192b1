"""The kinds of plans, by name: one seam for the command line, HTTP and the console.

A kind is a record of functions over plain JSON documents: what a person hands in, what comes back,
what is made of it when it is accepted. Everything around them, the queue, progress, cancelling,
storing, is the same for every kind. A kind's module is imported when it is first asked for, so that
the service and `pricewright --help` wait for no solver.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Protocol

import pandas as pd

from api.plans.errors import PlanInputInvalid
from api.work.progress import Progress

Json = dict[str, Any]
"""A JSON object."""

KINDS: Final = {
    "bundles": "api.plans.bundles.kind",
    "markdown": "api.plans.markdown.kind",
    "promotions": "api.plans.calendar.kind",
}
"""Name: module with the kind's `KIND`."""


class BestSoFar(Protocol):
    """Told of a better plan while the solver goes on; must return at once and never raise."""

    def __call__(self, found: Mapping[str, Any]) -> None:
        """`found` is what a person may see of it: value, bound, gap, and the plan itself."""
        ...


def unseen(found: Mapping[str, Any]) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is made of a plan that somebody accepted.

    Attributes:
        promotions: terms of promotions, as `storage.promotion_terms.terms_from` reads them; each
            becomes a draft.
        price_schedule: rows of sku, market, from, until (dates), price and currency.
    """

    promotions: tuple[Json, ...] = ()
    price_schedule: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How a plan is to be accepted.

    Attributes:
        plan: its number; drafts are named after it.
        starts_on: first day of its first week; None takes that of the document.
        time_zone: of the days; None takes that of the document.
        market: where the drafts hold, where the document names none.
        as_promotions: make promotion drafts of a price schedule too.
    """

    plan: int
    starts_on: date | None = None
    time_zone: str | None = None
    market: str | None = None
    as_promotions: bool = False


@dataclass(frozen=True, slots=True)
class PlanKind:
    """One kind of plan.

    Attributes:
        name: as in addresses and commands.
        check: refuses a document that cannot be planned, with the field and the fix.
        run: plans it; `gap`, `seed` and the like stand in the document under `search`.
        accept: what a finished plan becomes; takes the document and the result.
        amend: the document with prices or weeks pinned by hand; takes document, result, and what
            is to be changed. None where the kind knows no weeks.
        expected: rows of sku, market, week (from 1), price and units that the plan expects; None
            where it cannot be tracked.
        continued: the document for the weeks that are left; takes document, result, what was sold
            (sku, market, week, price, units, sold_out) and the weeks that have passed.

    Raises (all of them):
        PlanInputInvalid: the document cannot be used.
        PricingError: no plan is possible; says why and what would help.
    """

    name: str
    check: Callable[[Mapping[str, Any]], object]
    run: Callable[[Mapping[str, Any], Progress, BestSoFar], Json]
    accept: Callable[[Mapping[str, Any], Mapping[str, Any], Acceptance], Accepted]
    amend: Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Json] | None = None
    expected: Callable[[Mapping[str, Any], Mapping[str, Any]], pd.DataFrame] | None = None
    continued: Callable[[Mapping[str, Any], Mapping[str, Any], pd.DataFrame, int], Json] | None = (
        field(default=None)
    )


def plan_kind(name: str) -> PlanKind:
    """The kind of this name.

    Raises:
        PlanInputInvalid: there is none.
    """
    if name not in KINDS:
        raise PlanInputInvalid(
            f"{name!r} is no kind of plan; there are {', '.join(KINDS)}", ("kind",)
        )
    kind: PlanKind = importlib.import_module(KINDS[name]).KIND
    return kind
