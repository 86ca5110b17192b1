"""Promotions: written as drafts, tried, scheduled, watched, ended. Nothing is ever erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response
from sqlalchemy import Connection

from api.errors import MarketRequired, NoPriceBook, NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded, encoded, gives, takes
from api.live.promotion_board import MarketPromotions
from api.promotions.conflicts import Conflict
from api.promotions.documents import (
    HistoryDocument,
    MonitorDocument,
    PromotionDocument,
    PromotionsDocument,
    conflict_documents,
    history_document,
    monitor_document,
    promotion_document,
)
from api.promotions.errors import PromotionsConflict
from api.promotions.files import conflicts_beside
from api.quotes.carts import market_named
from api.quotes.documents import CartDocument
from api.quotes.quoting import evaluate_cart
from api.quotes.trying import TryRequest
from api.routes.dependencies import Operator, Reading, Running, Service
from models.refusals import Defect, Invalid, TooLarge, within
from storage.database import reading, writing
from storage.errors import (
    DatabaseUnavailable,
    NoPriceForMarket,
    PromotionNotFound,
    PromotionRefused,
)
from storage.products.cart_facts import market_by_code
from storage.promotion_terms import Terms, check_terms
from storage.promotions.monitor import figures_of
from storage.promotions.versions import (
    StoredPromotion,
    audit_of,
    create_promotion,
    end_promotion,
    list_promotions,
    read_promotion,
    revise_promotion,
    schedule_promotion,
    scheduled_promotions,
    versions_of,
    withdraw_promotion,
)

router = APIRouter(prefix="/v1/promotions", tags=["promotions"])

Name = Annotated[str, Path(min_length=1, max_length=100, examples=["spring"])]
_TERMS: Final = {
    "promotion": {
        "id": "spring",
        "type": "percent_off",
        "percent": "10",
        "when": {"from": "2026-03-01", "until": "2026-04-01"},
        "limits": {"uses": 1000, "budget": "5000"},
    },
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
}
ALWAYS: Final = (Invalid, DatabaseUnavailable, Defect)
CHANGES: Final = (NotAnOperator, PromotionNotFound, PromotionRefused, *ALWAYS)


def _conflicts(
    conn: Connection, service: Service, terms: Terms, now: datetime
) -> tuple[Conflict, ...]:
    return conflicts_beside(conn, service.packs, terms, now, service.settings.map_floor_in)


def _changed(
    service: Service, work: Callable[[Connection, datetime], StoredPromotion], status: int = 200
) -> Response:
    """Change a promotion, and answer with it and with what is wrong with it."""
    now = datetime.now(UTC)
    with within("body"):
        with writing(service.engine) as conn:
            stored = work(conn, now)
        with reading(service.engine) as conn:
            conflicts = _conflicts(conn, service, stored.terms, now)
    service.board.refresh()
    location = {"location": f"/v1/promotions/{stored.name}"} if status == 201 else {}
    return encoded(promotion_document(stored, now, conflicts), status, **location)


@router.post(
    "",
    operation_id="create_promotion",
    summary="Write a promotion",
    status_code=201,
    responses={
        **gives(PromotionDocument, "The draft", 201),
        **problem_responses(NotAnOperator, PromotionRefused, TooLarge, *ALWAYS),
    },
    openapi_extra=takes(Terms, _TERMS),
)
def post_promotion(service: Running, actor: Operator, raw: Raw) -> Response:
    """It is a draft: nothing runs until it is scheduled. The answer lists conflicts."""
    terms = decoded(raw, Terms)
    return _changed(
        service, lambda conn, now: create_promotion(conn, terms, actor=actor, at=now), 201
    )


@router.get(
    "",
    operation_id="list_promotions",
    summary="Promotions",
    responses={
        **gives(PromotionsDocument, "Promotions by id"),
        **problem_responses(*ALWAYS),
    },
)
def get_promotions(
    conn: Reading,
    after: Annotated[str, Query(max_length=100, description="Ids after this one")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ended: Annotated[bool, Query(description="Those that somebody ended, too")] = True,  # noqa: FBT002
) -> Response:
    """By id, in pages."""
    now = datetime.now(UTC)
    found = list_promotions(conn, ended=ended, after=after, limit=limit)
    return encoded(PromotionsDocument([promotion_document(p, now) for p in found]))


@router.post(
    ":try",
    operation_id="try_cart",
    summary="Test a cart at any time, with drafts",
    responses={
        **gives(CartDocument, "What the cart would come to"),
        **problem_responses(
            PromotionNotFound,
            NoPriceForMarket,
            MarketRequired,
            TooLarge,
            NoPriceBook,
            *ALWAYS,
        ),
    },
    openapi_extra=takes(
        TryRequest,
        {
            "cart": {"market": "online", "lines": [{"sku": "TEA-1"}]},
            "at": "2026-03-01T20:00:00+01:00",
            "drafts": ["spring"],
        },
    ),
)
def post_try(service: Running, raw: Raw) -> Response:
    """Nothing is stored and nothing is used up. Prices are today's, promotions those of `at`."""
    request = decoded(raw, TryRequest)
    at = _moment(request.at)
    with within("body"):
        promotions = _tried(service, request)
        answer = evaluate_cart(
            service,
            request.cart,
            at=at,
            explain=True,
            mode=request.mode or None,
            promotions=promotions,
        )
    return encoded(answer.document)


@router.get(
    "/{name}",
    operation_id="read_promotion",
    summary="A promotion",
    responses={
        **gives(PromotionDocument, "The promotion"),
        **problem_responses(PromotionNotFound, *ALWAYS),
    },
)
def get_promotion(conn: Reading, name: Name) -> Response:
    """At its newest version; `ETag` is what `If-Match` wants when it is revised."""
    stored = read_promotion(conn, name)
    return encoded(promotion_document(stored, datetime.now(UTC)), etag=f'"{stored.version}"')


@router.put(
    "/{name}",
    operation_id="revise_promotion",
    summary="Add a version of a promotion",
    responses={
        **gives(PromotionDocument, "The promotion"),
        **problem_responses(*CHANGES, TooLarge),
    },
    openapi_extra=takes(Terms, _TERMS),
)
def put_promotion(
    service: Running,
    actor: Operator,
    name: Name,
    raw: Raw,
    note: Annotated[str, Query(max_length=500, description="Why, for the history")] = "",
    if_match: Annotated[str | None, Header(description="Version that was read")] = None,
) -> Response:
    """It holds at once, for new quotes; open ones keep what they were promised."""
    terms = decoded(raw, Terms)
    if terms.name != name:
        raise Invalid(
            f"is {terms.name!r}, not {name!r} as in the path", ("body", "promotion", "id")
        )
    version = _version(if_match)

    def revise(conn: Connection, now: datetime) -> StoredPromotion:
        return revise_promotion(conn, terms, actor=actor, at=now, note=note, from_version=version)

    return _changed(service, revise)


@router.post(
    "/{name}/schedule",
    operation_id="schedule_promotion",
    summary="Let a promotion run",
    responses={
        **gives(PromotionDocument, "The promotion"),
        **problem_responses(*CHANGES, PromotionsConflict),
    },
)
def post_schedule(
    service: Running,
    actor: Operator,
    name: Name,
    accept_conflicts: Annotated[bool, Query(description="Run in spite of conflicts")] = False,  # noqa: FBT002
) -> Response:
    """From its first moment on it is live; after its last it has ended, by the clock alone."""
    now = datetime.now(UTC)
    with within("body"), reading(service.engine) as conn:
        conflicts = _conflicts(conn, service, read_promotion(conn, name).terms, now)
    if conflicts and not accept_conflicts:
        raise PromotionsConflict(
            f"{len(conflicts)} conflicts, the first: {conflicts[0]}; change it, or schedule with "
            "accept_conflicts=true",
            conflicts=conflict_documents(conflicts),
        )
    detail = {"accepted_conflicts": [str(conflict) for conflict in conflicts]} if conflicts else {}
    return _changed(
        service,
        lambda conn, at: schedule_promotion(conn, name, actor=actor, at=at, detail=detail),
    )


@router.post(
    "/{name}/withdraw",
    operation_id="withdraw_promotion",
    summary="Make a promotion a draft again",
    responses={**gives(PromotionDocument, "The draft"), **problem_responses(*CHANGES)},
)
def post_withdraw(service: Running, actor: Operator, name: Name) -> Response:
    """Before its first moment; later it can only be ended."""
    return _changed(service, lambda conn, now: withdraw_promotion(conn, name, actor=actor, at=now))


@router.delete(
    "/{name}",
    operation_id="end_promotion",
    summary="End a promotion",
    responses={**gives(PromotionDocument, "The promotion"), **problem_responses(*CHANGES)},
)
def delete_promotion(service: Running, actor: Operator, name: Name) -> Response:
    """Now and for good. Its history stays, and quotes that were made before stay good."""
    return _changed(service, lambda conn, now: end_promotion(conn, name, actor=actor, at=now))


@router.get(
    "/{name}/history",
    operation_id="read_promotion_history",
    summary="Versions of a promotion, and who did what",
    responses={
        **gives(HistoryDocument, "Versions and steps"),
        **problem_responses(PromotionNotFound, *ALWAYS),
    },
)
def get_history(conn: Reading, name: Name) -> Response:
    """Everything, the oldest first."""
    return encoded(history_document(name, versions_of(conn, name), audit_of(conn, name)))


@router.get(
    "/{name}/monitor",
    operation_id="monitor_promotion",
    summary="How a promotion runs",
    responses={
        **gives(MonitorDocument, "Its figures"),
        **problem_responses(PromotionNotFound, *ALWAYS),
    },
)
def get_monitor(conn: Reading, name: Name) -> Response:
    """Redemptions, budget against plan, stock cover, conversion, order value, margin."""
    stored = read_promotion(conn, name)
    return encoded(monitor_document(stored, figures_of(conn, stored, at=datetime.now(UTC))))


def _moment(text: str) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else _refuse_time(text)
    except (ValueError, OverflowError):
        return _refuse_time(text)


def _refuse_time(text: str) -> datetime:
    raise Invalid(f"{text!r} is not a time like 2026-11-11T20:00:00+08:00", ("body", "at"))


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    try:
        return int(if_match.strip().strip('"'))
    except ValueError:
        raise Invalid("is not the ETag of a promotion", ("header", "If-Match")) from None


def _tried(service: Service, request: TryRequest) -> MarketPromotions | None:
    """The promotions of the market with the drafts and the unstored ones; None for those live."""
    if not request.drafts and not request.terms:
        return None
    snapshot = service.live.serving.snapshot
    markets = snapshot.book.markets if snapshot is not None else ()
    with reading(service.engine) as conn:
        stored = {p.name: p for p in scheduled_promotions(conn)}
        stored |= {name: read_promotion(conn, name) for name in request.drafts}
        market = market_by_code(conn, market_named(request.cart, markets))
    for number, terms in enumerate(request.terms):
        beside = [p.terms for p in stored.values() if p.name != terms.name]
        with within("terms", number):
            check_terms(terms, beside)
        stored[terms.name] = _unstored(terms, -number - 1)
    return MarketPromotions.of(market, stored.values())


def _unstored(terms: Terms, number: int) -> StoredPromotion:
    now = datetime.now(UTC)
    return StoredPromotion(number, "scheduled", 0, None, None, now, now, terms)
