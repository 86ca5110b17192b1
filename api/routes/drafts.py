"""Proposals of prices: what waits, what it changes, and the word that lets it go live."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import Field
from sqlalchemy import Connection

from api.access.principal import Principal
from api.access.scope import require_within
from api.errors import NotAllowed, NotAnOperator, problem_responses
from api.http.documents import Document, UtcTime
from api.jobs.release import approve_draft
from api.routes.dependencies import Asking, Reading, Running, Service
from api.routes.price_book_changes import DiffDocument
from models.refusals import Conflict, Defect, Invalid
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, DraftNotFound
from storage.releases.book_diff import diff_draft
from storage.releases.drafts import Draft, list_drafts, read_draft, reject
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
    with writing(service.engine) as conn:
        found = reject(conn, draft, at=datetime.now(UTC), by=asking.actor, reason=word.note)
    return DraftDocument.of(found)


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
