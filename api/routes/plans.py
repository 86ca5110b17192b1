"""Plans: asked for, watched while the solver works, amended, accepted, tracked, continued."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path
from fastapi.responses import Response
from sqlalchemy.engine import Connection

from api.errors import NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded, encoded, gives, takes
from api.plans.following import accept, amend, continue_plan, track
from api.plans.kinds import Acceptance
from api.plans.wire import (
    PlanAcceptance,
    PlanAmendment,
    PlanContinuation,
    PlanDocument,
    PlanInputDocument,
    PlanRequest,
    PlansDocument,
    TrackingDocument,
    document_of,
    tracking_document,
)
from api.plans.work import ask_for_plan
from api.routes.dependencies import Operator, Reading, Running
from api.routes.paging import Before, OfKind, OfStatus, PageLength
from models.refusals import Defect, Invalid, TooLarge, within
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, PlanNotFound, PlanNotReady, PromotionRefused
from storage.jobs.plans import (
    accepted_as,
    best_so_far,
    cancel_plan,
    list_plans,
    plan_document,
    plan_result,
    read_plan,
)

router = APIRouter(prefix="/v1/plans", tags=["plans"])

Number = Annotated[int, Path(ge=1, le=2**62)]
_ALWAYS: Final = (Invalid, DatabaseUnavailable, Defect)
_CHANGES: Final = (NotAnOperator, PlanNotFound, PlanNotReady, TooLarge, *_ALWAYS)
_EXAMPLE: Final[dict[str, Any]] = {
    "kind": "markdown",
    "document": {
        "currency": "EUR",
        "weeks": 6,
        "starts_on": "2026-11-23",
        "limits": {"budget": "5000"},
        "items": [
            {"sku": "TEA-1", "ladder": ["4.99", "3.99"], "demand": 40, "elasticity": -2.2,
             "stock": 300}
        ],
    },
}  # fmt: skip


@router.post(
    "",
    operation_id="ask_for_plan",
    summary="Ask for a plan",
    status_code=202,
    responses={
        **gives(PlanDocument, "It is queued", 202),
        **problem_responses(NotAnOperator, TooLarge, *_ALWAYS),
    },
    openapi_extra=takes(PlanRequest, _EXAMPLE),
)
def post_plan(service: Running, actor: Operator, raw: Raw) -> Response:
    """The document is checked at once; the plan is made by a process of its own."""
    request = decoded(raw, PlanRequest)
    with within("body", "document"):
        number = ask_for_plan(
            service.engine, request.kind, request.document,
            now=datetime.now(UTC), by=actor, note=request.note,
        )  # fmt: skip
    return _queued(service, number)


@router.get(
    "",
    operation_id="list_plans",
    summary="Plans",
    responses={**gives(PlansDocument, "The newest first"), **problem_responses(*_ALWAYS)},
)
def get_plans(
    conn: Reading,
    kind: OfKind = None,
    status: OfStatus = None,
    before: Before = None,
    limit: PageLength = 50,
) -> Response:
    """Where each stands, without its long parts."""
    found = list_plans(conn, kind=kind, status=status, before=before, limit=limit)
    return encoded(PlansDocument([document_of(plan) for plan in found]))


@router.get(
    "/{plan}",
    operation_id="read_plan",
    summary="A plan and how far it is",
    responses={
        **gives(PlanDocument, "With the best so far, or the result"),
        **problem_responses(PlanNotFound, *_ALWAYS),
    },
)
def get_plan(conn: Reading, plan: Number) -> Response:
    """While it runs, `best` has the best plan so far with its value and the bound known by then."""
    return encoded(_whole(conn, plan))


@router.get(
    "/{plan}/document",
    operation_id="read_plan_document",
    summary="What was asked",
    responses={
        **gives(PlanInputDocument, "The document"),
        **problem_responses(PlanNotFound, *_ALWAYS),
    },
)
def get_plan_document(conn: Reading, plan: Number) -> Response:
    """The document as it is planned, pins and history of amended and continued plans included."""
    found = read_plan(conn, plan)
    return encoded(PlanInputDocument(plan, found.kind, plan_document(conn, plan)))


@router.get(
    "/{plan}/tracking",
    operation_id="track_plan",
    summary="Planned against sold",
    responses={
        **gives(TrackingDocument, "The weeks that have passed"),
        **problem_responses(PlanNotFound, PlanNotReady, *_ALWAYS),
    },
)
def get_tracking(conn: Reading, plan: Number) -> Response:
    """Weeks count as passed up to the last one of which sales are stored."""
    return encoded(tracking_document(plan, track(conn, plan, now=datetime.now(UTC))))


@router.post(
    "/{plan}/cancel",
    operation_id="cancel_plan",
    summary="Stop a plan",
    responses={
        **gives(PlanDocument, "Where it stands"),
        **problem_responses(NotAnOperator, PlanNotFound, PlanNotReady, *_ALWAYS),
    },
)
def post_cancel(service: Running, _actor: Operator, plan: Number) -> Response:
    """What waits is stopped at once, what is being made within seconds; the best so far stays."""
    with writing(service.engine) as conn:
        cancel_plan(conn, plan, at=datetime.now(UTC))
        return encoded(_whole(conn, plan))


@router.post(
    "/{plan}/accept",
    operation_id="accept_plan",
    summary="Accept a plan",
    responses={
        **gives(PlanDocument, "With what was made of it"),
        **problem_responses(*_CHANGES, PromotionRefused),
    },
    openapi_extra=takes(PlanAcceptance, {"starts_on": "2026-11-23"}),
)
def post_accept(service: Running, actor: Operator, plan: Number, raw: Raw) -> Response:
    """Promotions become drafts, prices a schedule. Drafts are scheduled one by one, as all are."""
    request = decoded(raw or b"{}", PlanAcceptance)
    with within("body"):
        accept(
            service.engine,
            plan,
            Acceptance(plan=plan, **msgspec.structs.asdict(request)),
            now=datetime.now(UTC),
            by=actor,
        )
    with reading(service.engine) as conn:
        return encoded(_whole(conn, plan))


@router.post(
    "/{plan}/amend",
    operation_id="amend_plan",
    summary="Change a plan by hand",
    status_code=202,
    responses={
        **gives(PlanDocument, "The new plan is queued", 202),
        **problem_responses(*_CHANGES),
    },
    openapi_extra=takes(
        PlanAmendment, {"pins": [{"sku": "TEA-1", "week": 2, "price": "3.99"}], "keep_weeks": [1]}
    ),
)
def post_amend(service: Running, actor: Operator, plan: Number, raw: Raw) -> Response:
    """A new plan holds what is pinned and is best in the rest."""
    request = msgspec.to_builtins(decoded(raw, PlanAmendment))
    note = request.pop("note", "")
    with within("body"):
        number = amend(service.engine, plan, request, now=datetime.now(UTC), by=actor, note=note)
    return _queued(service, number)


@router.post(
    "/{plan}/replan",
    operation_id="continue_plan",
    summary="Plan the weeks that are left",
    status_code=202,
    responses={
        **gives(PlanDocument, "The new plan is queued", 202),
        **problem_responses(*_CHANGES),
    },
    openapi_extra=takes(PlanContinuation, {"note": "after week 3"}),
)
def post_replan(service: Running, actor: Operator, plan: Number, raw: Raw) -> Response:
    """From the sales that are stored: demand is learned, and what is used of limits taken off."""
    request = decoded(raw or b"{}", PlanContinuation)
    with within("body"):
        number = continue_plan(
            service.engine, plan, now=datetime.now(UTC), by=actor, note=request.note
        )
    return _queued(service, number)


def _queued(service: Running, number: int) -> Response:
    service.work.wake()
    with reading(service.engine) as conn:
        found = _whole(conn, number)
    return encoded(found, 202, location=f"/v1/plans/{number}")


def _whole(conn: Connection, number: int) -> PlanDocument:
    found = read_plan(conn, number)
    result = plan_result(conn, number)
    return document_of(
        found,
        best=best_so_far(conn, number) if result is None else None,
        result=result,
        accepted=accepted_as(conn, number),
    )
