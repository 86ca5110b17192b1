"""Costs that hold their prices until somebody says yes."""

from datetime import UTC, datetime
from typing import Annotated, Final, Self

import numpy as np
from fastapi import APIRouter, Query
from msgspec import Meta
from pydantic import Field

from api.access.scope import require_categories, require_markets
from api.errors import NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded, takes
from api.http.documents import Amount, Document
from api.http.wire import MoneyDocument
from api.routes.dependencies import Asking, Reading, Running
from models.refusals import Conflict, Defect, Invalid, within
from pricing.money import Money
from pricing.promotions.promotion import Record
from storage.database import writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.decision_inputs.trusted_costs import HeldCost, confirm_costs, held_costs
from storage.errors import DatabaseUnavailable, NoPriceForMarket

router = APIRouter(prefix="/v1/costs", tags=["costs"])


class HeldCostDocument(Document):
    """A cost that holds its price."""

    sku: str
    market: str
    cost: Amount = Field(description="The cost in force")
    trusted: Amount = Field(description="The one that was last confirmed, or first used")

    @classmethod
    def of(cls, held: HeldCost) -> Self:
        """The wire form."""
        return cls(
            sku=held.sku,
            market=held.market,
            cost=Amount.of(held.cost),
            trusted=Amount.of(held.trusted),
        )


class HeldCostsDocument(Document):
    """Costs that wait for a confirmation."""

    count: int = Field(description="How many wait in all")
    costs: list[HeldCostDocument]


_Name = Annotated[str, Meta(min_length=1, max_length=256)]


class SeenCost(Record, frozen=True, kw_only=True):
    """A cost as a person has seen it."""

    sku: _Name
    market: _Name
    cost: MoneyDocument


class ConfirmationBody(Record, frozen=True, kw_only=True):
    """The costs that are right."""

    costs: Annotated[list[SeenCost], Meta(min_length=1, max_length=1000)]


_EXAMPLE: Final = {
    "costs": [
        {"sku": "TEA-1", "market": "online", "cost": {"amount": "2.10", "currency": "EUR"}}
    ]
}  # fmt: skip


@router.get(
    "/held",
    operation_id="list_held_costs",
    summary="Costs that wait for a confirmation",
    responses=problem_responses(NoPriceForMarket, Invalid, DatabaseUnavailable, Defect),
)
def list_held_costs(
    conn: Reading,
    market: Annotated[str | None, Query(description="This market only")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> HeldCostsDocument:
    """More than twice, or less than half, the last trusted ones: their prices stay until a yes."""
    found = held_costs(read_catalogue(conn, at=datetime.now(UTC), market=market))
    return HeldCostsDocument(
        count=len(found), costs=[HeldCostDocument.of(held) for held in found[:limit]]
    )


@router.post(
    "/confirmations",
    operation_id="confirm_costs",
    summary="Say yes to costs that wait",
    responses=problem_responses(NotAnOperator, Invalid, Conflict, DatabaseUnavailable, Defect),
    openapi_extra=takes(ConfirmationBody, _EXAMPLE),
)
def confirm_held_costs(raw: Raw, service: Running, asking: Asking) -> HeldCostsDocument:
    """All of them or none: where another cost waits by now, none is confirmed."""
    body = decoded(raw, ConfirmationBody)
    with within("body", "costs"):
        seen = {
            (item.sku, item.market, Money.parse(item.cost.amount, item.cost.currency))
            for item in body.costs
        }
    require_markets(asking, {market for _, market, _ in seen})
    pairs, now = {(sku, market) for sku, market, _ in seen}, datetime.now(UTC)
    with service.write_turn, writing(service.engine) as conn:
        known = read_catalogue(conn, at=now, skus=sorted({sku for sku, _ in pairs}))
        require_categories(asking, known.category.names)
        keys = zip(known.sku.tolist(), known.market.values().tolist(), strict=True)
        rows = np.flatnonzero([key in pairs for key in keys])
        found = confirm_costs(conn, known.take(rows), at=now, by=asking.actor, expected=seen)
    return HeldCostsDocument(count=len(found), costs=[HeldCostDocument.of(held) for held in found])
