"""The way of a price book: proposed, approved, live, refused, rolled back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pricing.events.event import Deed, Event, Fact


class DraftProposed(Deed, frozen=True, kw_only=True):
    """Somebody proposed the prices of a run.

    Attributes:
        draft: number of the draft.
        run: number of the decision run.
        note: kept with the draft.
    """

    type_name = "price_book.proposed"
    keyed_by = ("draft",)
    action = "proposed"

    draft: int
    run: int
    note: str


class DraftAwaitsApproval(Event, frozen=True, kw_only=True):
    """A draft waits for consent.

    Attributes:
        draft: number of the draft.
        run: number of the decision run.
        by: who proposed it.
        note: kept with the draft.
        review: what was measured, for those who approve.
    """

    type_name = "price_book.awaits_approval"
    keyed_by = ("draft",)
    told = True

    draft: int
    run: int
    by: str
    note: str
    review: Mapping[str, Any]


class DraftApproved(Deed, frozen=True, kw_only=True):
    """Somebody consented to a draft.

    Attributes:
        draft: number of the draft.
        note: kept with the consent.
        alone: true where whoever proposed it consented to it beyond the change budget, as nobody
            else could; left out elsewhere.
    """

    type_name = "price_book.approved"
    keyed_by = ("draft",)
    action = "approved"

    draft: int
    note: str
    alone: bool | msgspec.UnsetType = msgspec.UNSET


class DraftAmended(Deed, frozen=True, kw_only=True):
    """Somebody changed a single price of a draft that waits; consents given before count no more.

    Attributes:
        draft: number of the draft.
        sku: the product.
        market: the market.
        price: amount and currency, `left out` where the price in force stays, or `as decided`.
        note: why.
    """

    type_name = "price_book.amended"
    keyed_by = ("draft",)
    action = "amended"

    draft: int
    sku: str
    market: str
    price: str
    note: str


class DraftCommented(Deed, frozen=True, kw_only=True):
    """Somebody said something of a draft, or of one price of it.

    Attributes:
        draft: number of the draft.
        sku: the product; null for the whole draft.
        market: the market; null for the whole draft.
        text: what was said.
    """

    type_name = "price_book.commented"
    keyed_by = ("draft",)
    action = "commented"

    draft: int
    sku: str | None
    market: str | None
    text: str


class DraftRejected(Deed, frozen=True, kw_only=True):
    """A draft was given up, by somebody or because it may not go live.

    Attributes:
        draft: number of the draft.
        reason: why.
    """

    type_name = "price_book.rejected"
    keyed_by = ("draft",)
    action = "rejected"

    draft: int
    reason: str


class DraftWithdrawn(Deed, frozen=True, kw_only=True):
    """A draft that was live, whole or in part, was rolled back.

    Attributes:
        draft: number of the draft.
        reason: why.
    """

    type_name = "price_book.withdrawn"
    keyed_by = ("draft",)
    action = "rolled_back"

    draft: int
    reason: str


class DraftOvertaken(Event, frozen=True, kw_only=True):
    """A draft will not go live: another price book went live after it was approved.

    Attributes:
        draft: number of the draft.
        live: the price book that is live.
        stages_done: stages that are live already, and stay so.
    """

    type_name = "price_book.overtaken"
    keyed_by = ("draft",)
    told = True

    draft: int
    live: int | None
    stages_done: int


class ForbiddenPrice(Fact, frozen=True, kw_only=True):
    """A price that the law, or a limit at the cost of now, forbids.

    Attributes:
        sku: the product.
        market: the market.
        price: amount and currency.
        limits: the limits that it breaks.
        cost: the cost of now, where a limit of cost is broken.
        article: of the law, where the law is broken.
        at_most: the highest lawful price, where it is above.
        at_least: the lowest lawful price, where it is below.
    """

    sku: str
    market: str
    price: str
    limits: Sequence[str]
    cost: str | msgspec.UnsetType = msgspec.UNSET
    article: str | msgspec.UnsetType = msgspec.UNSET
    at_most: str | msgspec.UnsetType = msgspec.UNSET
    at_least: str | msgspec.UnsetType = msgspec.UNSET


class DraftRefused(Event, frozen=True, kw_only=True):
    """A draft will not go live: the law, or a limit at the cost of now, forbids prices of it.

    Attributes:
        draft: number of the draft.
        run: number of the decision run.
        stages_done: stages that are live already, and stay so.
        count: how many prices are forbidden.
        prices: the first of them.
        why: for a person.
    """

    type_name = "price_book.refused"
    keyed_by = ("draft",)
    told = True

    draft: int
    run: int
    stages_done: int
    count: int
    prices: tuple[ForbiddenPrice, ...]
    why: str


class StageWentLive(Deed, frozen=True, kw_only=True):
    """A stage of a draft went live.

    Attributes:
        draft: number of the draft.
        version: the price book that it made.
        stage: which stage, from 1.
    """

    type_name = "price_book.went_live"
    keyed_by = ("draft",)
    action = "went_live"

    draft: int
    version: int
    stage: int


class PriceBookRolledBack(Deed, frozen=True, kw_only=True):
    """Prices went back to what they were in an older price book.

    Attributes:
        live: the price book that was live; `from` on the wire.
        to: the price book whose prices came back.
        version: the new price book that brought them back.
        by: who did it.
        reason: why.
    """

    type_name = "price_book.rolled_back"
    keyed_by = ("version",)
    told = True
    action = "rolled_back"

    live: int | None = msgspec.field(name="from")
    to: int
    version: int
    by: str
    reason: str

    def detail(self) -> dict[str, Any]:
        """What came back, from what, and why."""
        return {"to": self.to, "live": self.live, "reason": self.reason}


class FigureBroke(Deed, frozen=True, kw_only=True):
    """A watched figure left its band, but nothing could be rolled back: people must look.

    Attributes:
        draft: number of the draft that it was watched for.
        live: the price book that is live.
        why: which figure, when, and which band.
    """

    type_name = "price_book.figure_broke"
    keyed_by = ("draft",)
    told = True
    action = "figure_broke"

    draft: int
    live: int | None
    why: str

    def detail(self) -> dict[str, Any]:
        """Which figure broke."""
        return {"why": self.why}


class LawKeptPrices(Event, frozen=True, kw_only=True):
    """A rollback left prices as they are, since the law forbids the older ones by now.

    Attributes:
        version: the price book that the rollback made.
        count: how many prices it left.
        prices: the first of those that did not come back.
    """

    type_name = "price_book.law_kept"
    keyed_by = ("version",)
    told = True

    version: int
    count: int
    prices: tuple[ForbiddenPrice, ...]
