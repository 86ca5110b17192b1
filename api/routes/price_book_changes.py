"""What differs between price books, and the way back to one of them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import Field

from api.errors import NotAnOperator, problem_responses
from api.http.documents import Amount, Document
from api.jobs.release import roll_back_to
from api.routes.dependencies import Operator, Reading, Running
from models.refusals import Conflict, Defect, Invalid
from storage.database import reading
from storage.errors import DatabaseUnavailable, PriceBookNotFound
from storage.releases.book_diff import BookDiff, diff_books
from storage.releases.publishing import kept_by_law

router = APIRouter(prefix="/v1/price-books", tags=["governance"])

_Number = Annotated[int, Path(ge=1, le=2**62)]


class ChangeDocument(Document):
    """One price that differs."""

    sku: str
    market: str
    tier: str
    before: Amount | None = Field(description="Null for a new price")
    after: Amount | None = Field(description="Null for one that was taken off")
    run: int | None = Field(description="Decision run that set it; null for a rollback")
    reasons: list[dict[str, Any]]


class EffectDocument(Document):
    """What the changes in one currency should bring a period, in major units."""

    currency: str
    changes: int
    revenue_before: float
    revenue: float
    profit_before: float
    profit: float


class DiffDocument(Document):
    """What differs: figures over all changes, and the largest of them."""

    older: int | None
    newer: str = Field(description="A version, or `draft N`", examples=["12"])
    changes: int
    raised: int
    lowered: int
    added: int
    removed: int
    average_change: float = Field(description="Mean size as a share of the older price")
    expected: list[EffectDocument]
    largest: list[ChangeDocument]

    @classmethod
    def of(cls, diff: BookDiff) -> Self:
        """The wire form."""
        return cls(
            older=diff.older,
            newer=diff.newer,
            changes=diff.changes,
            raised=diff.raised,
            lowered=diff.lowered,
            added=diff.added,
            removed=diff.removed,
            average_change=diff.average_change,
            expected=[
                EffectDocument(
                    currency=effect.currency,
                    changes=effect.changes,
                    revenue_before=effect.revenue_before,
                    revenue=effect.revenue,
                    profit_before=effect.profit_before,
                    profit=effect.profit,
                )
                for effect in diff.effects
            ],
            largest=[
                ChangeDocument(
                    sku=change.sku,
                    market=change.market,
                    tier=change.tier,
                    before=Amount.of_optional(change.before),
                    after=Amount.of_optional(change.after),
                    run=change.run_id,
                    reasons=[reason.wire() for reason in change.reasons],
                )
                for change in diff.largest
            ],
        )


class RollbackRequest(Document):
    """Why prices go back."""

    reason: str = Field(min_length=1, max_length=2000)
    while_frozen: bool = Field(default=False, strict=True)


class RollbackDocument(Document):
    """The version that brought old prices back."""

    version: int
    restored: int = Field(description="The version whose prices came back")
    kept_by_law: int = Field(
        description="Prices that stay as they were: the law forbids the older ones by now"
    )


@router.get(
    "/{version}/diff",
    operation_id="diff_price_books",
    summary="What changed between two price books",
    responses=problem_responses(PriceBookNotFound, Invalid, DatabaseUnavailable, Defect),
)
def read_diff(
    conn: Reading,
    version: _Number,
    against: Annotated[int, Query(ge=1, le=2**62, description="The version compared from")],
    limit: Annotated[int, Query(ge=0, le=1000)] = 20,
    offset: Annotated[int, Query(ge=0, le=2**62, description="Skip so many larger ones")] = 0,
) -> DiffDocument:
    """What changed from `against` to this version, why, and what it should bring."""
    return DiffDocument.of(diff_books(conn, against, version, limit=limit, offset=offset))


@router.post(
    "/{version}/rollback",
    operation_id="roll_back",
    summary="Bring the prices of a version back",
    responses=problem_responses(
        PriceBookNotFound,
        NotAnOperator,
        Conflict,
        Invalid,
        DatabaseUnavailable,
        Defect,
    ),
)
def roll_back_one(
    service: Running, operator: Operator, version: _Number, request: RollbackRequest
) -> RollbackDocument:
    """A new version with the old prices goes live at once; nothing is deleted."""
    made = roll_back_to(
        service.engine,
        version,
        now=datetime.now(UTC),
        by=operator,
        reason=request.reason,
        while_frozen=request.while_frozen,
        packs=service.packs,
    )
    with reading(service.engine) as conn:
        kept = kept_by_law(conn, made)
    service.live.refresh()
    return RollbackDocument(version=made, restored=version, kept_by_law=kept)
