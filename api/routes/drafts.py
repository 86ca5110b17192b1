"""Proposals of prices: what waits, what it changes, and the word that lets it go live."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path, Query
from pydantic import Field
from sqlalchemy import Connection

from api.access.principal import Principal
from api.access.scope import require_within
from api.errors import NotAllowed, NotAnOperator, problem_responses
from api.http.documents import Amount, Document, UtcTime
from api.jobs.draft_review import amend_price, comment_on, restore_price, review_draft
from api.jobs.release import approve_draft, reject_draft
from api.jobs.release_terms import budget_of
from api.routes.dependencies import Asking, Operator, Reading, Running, Service
from api.routes.price_book_changes import DiffDocument
from models.refusals import Conflict, Defect, Invalid, within
from storage.database import reading
from storage.errors import (
    DatabaseUnavailable,
    DecisionNotFound,
    DraftNotFound,
    NoPriceForMarket,
    UnknownProduct,
)
from storage.releases.amendments import Amendment, Comment
from storage.releases.book_diff import diff_draft
from storage.releases.drafts import Draft, list_drafts, read_draft
from storage.releases.reach import reach_of_run

router = APIRouter(prefix="/v1/price-book-drafts", tags=["governance"])

_Number = Annotated[int, Path(ge=1, le=2**62)]


class ApprovalDocument(Document):
    """One person's consent."""

    by: str
    at: UtcTime
    note: str


class DraftDocument(Document):
    """A proposed price book."""

    draft: int
    run: int
    status: str = Field(
        description="`draft`, `approved`, `releasing`, `released`, `rejected` or `rolled_back`"
    )
    version: int | None = Field(description="The price book that its last stage made")
    created_at: UtcTime
    created_by: str
    note: str
    review: dict[str, Any] = Field(description="What it changes, against the change budget")
    approvals_needed: int
    approvals: list[ApprovalDocument]
    stages: int
    stages_done: int
    activate_at: UtcTime | None = Field(description="The earliest time to go live")
    next_stage_at: UtcTime | None
    reason: str = Field(description="Why it was rejected or rolled back")

    @classmethod
    def of(cls, draft: Draft) -> Self:
        """The wire form."""
        return cls(
            draft=draft.draft_id,
            run=draft.run_id,
            status=draft.status,
            version=draft.version,
            created_at=draft.created_at,
            created_by=draft.created_by,
            note=draft.note,
            review=dict(draft.review),
            approvals_needed=draft.approvals_needed,
            approvals=[
                ApprovalDocument(by=item.approved_by, at=item.approved_at, note=item.note)
                for item in draft.approvals
            ],
            stages=draft.stages,
            stages_done=draft.stages_done,
            activate_at=draft.activate_at,
            next_stage_at=draft.next_stage_at,
            reason=draft.reason,
        )


class DraftsDocument(Document):
    """The newest drafts, the newest first."""

    drafts: list[DraftDocument]


class WordDocument(Document):
    """What somebody says to a draft."""

    note: str = Field(default="", max_length=2000)


class AmendmentDocument(Document):
    """One price of a draft as somebody wants it."""

    sku: str
    market: str
    price: Amount | None = Field(description="Null where the price in force stays")
    at: UtcTime
    by: str
    note: str


class AmendmentsDocument(Document):
    """The prices of a draft that people changed, by product and market."""

    amendments: list[AmendmentDocument]

    @classmethod
    def of(cls, found: Sequence[Amendment]) -> Self:
        """The wire form."""
        return cls(
            amendments=[
                AmendmentDocument(
                    sku=item.sku,
                    market=item.market,
                    price=Amount.of_optional(item.price),
                    at=item.amended_at,
                    by=item.amended_by,
                    note=item.note,
                )
                for item in found
            ]
        )


class AmendmentRequest(Document):
    """What to make of one price."""

    sku: str = Field(min_length=1, max_length=256)
    market: str = Field(min_length=1, max_length=256)
    action: Literal["set", "leave_out", "restore"] = "set"
    price: str | None = Field(
        default=None,
        max_length=40,
        description="With `set`: an amount in the market's currency",
        examples=["4.79"],
    )
    note: str = Field(default="", max_length=2000)

    def wanted(self) -> str | None:
        """The amount; None to leave the price out.

        Raises:
            InvalidRequest: `set` without a price, or another action with one.
        """
        if (self.action == "set") is (self.price is None):
            raise Invalid("`set` has a price, and no other action has one", ("price",))
        return self.price


class CommentDocument(Document):
    """What somebody said."""

    sku: str | None = Field(description="Null for the whole draft")
    market: str | None
    at: UtcTime
    by: str
    text: str


class CommentsDocument(Document):
    """What was said of a draft, the oldest first."""

    comments: list[CommentDocument]

    @classmethod
    def of(cls, found: Sequence[Comment]) -> Self:
        """The wire form."""
        return cls(
            comments=[
                CommentDocument(
                    sku=item.sku,
                    market=item.market,
                    at=item.said_at,
                    by=item.said_by,
                    text=item.text,
                )
                for item in found
            ]
        )


class CommentRequest(Document):
    """What to say."""

    text: str = Field(min_length=1, max_length=2000)
    sku: str | None = Field(
        default=None, description="Of this product's price only", max_length=256
    )
    market: str | None = Field(default=None, max_length=256)


@router.get(
    "",
    operation_id="list_drafts",
    summary="Proposals of prices",
    responses=problem_responses(Invalid, DatabaseUnavailable, Defect),
)
def read_drafts(
    conn: Reading,
    asking: Asking,
    status: Annotated[str | None, Query(description="Only those of this status")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> DraftsDocument:
    """What was proposed, by whom, and where it stands; of the newest, those in one's own scope."""
    found = list_drafts(conn, status=status, limit=limit)
    if not asking.everywhere:
        found = tuple(draft for draft in found if _is_theirs(conn, asking, draft))
    return DraftsDocument(drafts=[DraftDocument.of(draft) for draft in found])


@router.get(
    "/{draft}",
    operation_id="read_draft",
    summary="One proposal of prices",
    responses=problem_responses(DraftNotFound, Invalid, DatabaseUnavailable, Defect),
)
def read_one_draft(conn: Reading, asking: Asking, draft: _Number) -> DraftDocument:
    """Where a draft stands, and what it changes against the change budget."""
    return DraftDocument.of(_found(conn, asking, draft))


@router.get(
    "/{draft}/diff",
    operation_id="diff_draft",
    summary="What a proposal would change",
    responses=problem_responses(DraftNotFound, Invalid, DatabaseUnavailable, Defect),
)
def read_draft_diff(
    conn: Reading,
    asking: Asking,
    draft: _Number,
    limit: Annotated[int, Query(ge=0, le=1000)] = 20,
    offset: Annotated[int, Query(ge=0, le=2**62, description="Skip so many larger ones")] = 0,
) -> DiffDocument:
    """What a draft would change of the live book, why, and what it should bring."""
    found = _found(conn, asking, draft)
    return DiffDocument.of(diff_draft(conn, found, limit=limit, offset=offset))


_CHANGING = problem_responses(
    DraftNotFound, NotAnOperator, Conflict, Invalid, DatabaseUnavailable, Defect
)


@router.post(
    "/{draft}/approve", operation_id="approve_draft", summary="Approve", responses=_CHANGING
)
def approve_one(
    service: Running, asking: Asking, draft: _Number, word: WordDocument
) -> DraftDocument:
    """Consent to a draft. It goes live at once unless it has a later time.

    One beyond the change budget takes somebody else than who proposed it, where there is anybody
    else who may.

    Where the law, or a limit at today's cost, forbids one of its prices, the draft is rejected, its
    `reason` names rows and articles, and nothing goes live.
    """
    _require_theirs(service, asking, draft)
    found, version = approve_draft(
        service.engine,
        draft,
        now=datetime.now(UTC),
        by=asking.actor,
        four_eyes=service.settings.four_eyes,
        note=word.note,
        packs=service.packs,
    )
    if version is not None:
        serve_at_once(service)
    return DraftDocument.of(found)


@router.post("/{draft}/reject", operation_id="reject_draft", summary="Reject", responses=_CHANGING)
def reject_one(
    service: Running, asking: Asking, draft: _Number, word: WordDocument
) -> DraftDocument:
    """Give a draft up. Stages of it that are live stay so."""
    _require_theirs(service, asking, draft)
    found = reject_draft(
        service.engine, draft, now=datetime.now(UTC), by=asking.actor, reason=word.note
    )
    return DraftDocument.of(found)


@router.get(
    "/{draft}/amendments",
    operation_id="list_amendments",
    summary="Single prices that people changed",
    responses=problem_responses(DraftNotFound, Invalid, DatabaseUnavailable, Defect),
)
def read_amendments(service: Running, draft: _Number) -> AmendmentsDocument:
    """Prices of a draft that stand in the place of decided ones."""
    return AmendmentsDocument.of(review_draft(service.engine, draft).amendments)


_AMENDING = {**_CHANGING, **problem_responses(DecisionNotFound, UnknownProduct, NoPriceForMarket)}


@router.post(
    "/{draft}/amendments",
    operation_id="amend_draft",
    summary="Change one price",
    responses=_AMENDING,
)
def amend_one(
    service: Running, operator: Operator, draft: _Number, request: AmendmentRequest
) -> DraftDocument:
    """Put a price in the place of a decided one, leave that one out, or restore it.

    Only of a draft that waits for approval. The price must be within the law and within the limits
    of the run; the draft is measured anew, and earlier approvals count no more. Under four eyes
    whoever changed a price cannot approve the draft.
    """
    now, settings = datetime.now(UTC), service.settings
    with within("body"):
        if request.action == "restore":
            found = restore_price(
                service.engine,
                draft,
                request.sku,
                request.market,
                budget=budget_of(settings),
                now=now,
                by=operator,
                note=request.note,
            )
        else:
            found = amend_price(
                service.engine,
                draft,
                request.sku,
                request.market,
                request.wanted(),
                budget=budget_of(settings),
                now=now,
                by=operator,
                note=request.note,
                packs=service.packs,
            )
    return DraftDocument.of(found)


@router.get(
    "/{draft}/comments",
    operation_id="list_draft_comments",
    summary="What was said of a proposal",
    responses=problem_responses(DraftNotFound, Invalid, DatabaseUnavailable, Defect),
)
def read_comments(service: Running, draft: _Number) -> CommentsDocument:
    """What people said, the oldest first."""
    return CommentsDocument.of(review_draft(service.engine, draft).comments)


@router.post(
    "/{draft}/comments",
    operation_id="comment_on_draft",
    summary="Say something of a proposal",
    responses={**_CHANGING, **problem_responses(UnknownProduct, NoPriceForMarket)},
)
def comment_one(
    service: Running, operator: Operator, draft: _Number, request: CommentRequest
) -> CommentsDocument:
    """Of the whole draft, or of one price of it; nothing that was said is taken back."""
    with within("body"):
        said = comment_on(
            service.engine,
            draft,
            request.text,
            now=datetime.now(UTC),
            by=operator,
            sku=request.sku,
            market=request.market,
        )
    return CommentsDocument.of(said)


def serve_at_once(service: Service) -> None:
    """Take up the new price book in this process without waiting for the next poll."""
    service.live.refresh()


def _found(conn: Connection, asking: Principal, number: int) -> Draft:
    """A draft that who asks may see.

    Raises:
        DraftNotFound: there is no such draft.
        NotAllowed: it is about markets or categories that are not theirs.
    """
    draft = read_draft(conn, number)
    if not asking.everywhere:
        require_within(asking, reach_of_run(conn, draft.run_id))
    return draft


def _require_theirs(service: Service, asking: Principal, number: int) -> None:
    if not asking.everywhere:  # what a draft is about never changes
        with reading(service.engine) as conn:
            _found(conn, asking, number)


def _is_theirs(conn: Connection, asking: Principal, draft: Draft) -> bool:
    try:
        require_within(asking, reach_of_run(conn, draft.run_id))
    except NotAllowed:
        return False
    return True
