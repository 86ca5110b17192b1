"""Quotes: what a cart costs, kept as promised until it is committed, cancelled, or expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Path
from fastapi.responses import Response
from sqlalchemy import Connection

from api.bodies import Raw, checked, decoded, encoded, gives, takes
from api.dependencies import Reading, Running, Service
from api.errors import (
    BodyTooLarge,
    DatabaseAway,
    InvalidRequest,
    MarketRequired,
    NoPriceBook,
    NoPriceForMarket,
    Problem,
    UnexpectedFailure,
    problem_responses,
)
from api.promotion_errors import (
    IdempotencyKeyReused,
    LimitUsedUp,
    QuoteClosed,
    QuoteMissing,
    invalid_body,
    invalid_field,
)
from api.quote_documents import QuoteDocument, utc_text
from api.quote_signing import verified
from api.quoting import QuoteRequest, digest_of, make_quote
from pricing.promotions.errors import InvalidCart
from pricing.promotions.promotion import Record
from storage.database import writing
from storage.errors import (
    KeyReused,
    LimitReached,
    QuoteNotFound,
    QuoteSettled,
    RedemptionRefused,
)
from storage.idempotency import claim_key, keep_answer
from storage.quotes import StoredQuote, cancel_quote, commit_quote, read_quote

router = APIRouter(prefix="/v1/quotes", tags=["quotes"])

_MAX_ORDER: Final = 200
_EXAMPLE: Final = {
    "market": "online",
    "lines": [{"sku": "TEA-1", "quantity": 2}],
    "customer": {"id": "c-17", "lifecycle": "active"},
    "codes": ["SPRING-7KQ3-9XPM"],
    "shipping": "4.90",
}

QuoteId = Annotated[str, Path(min_length=1, max_length=64, examples=["q_5fGhJ2kLmN8pQrStUvWxYz01"])]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same request gives the same answer, for seven days",
    ),
]


class CommitRequest(Record, frozen=True, kw_only=True):
    """The order that a quote became.

    Attributes:
        order: the shop's own name of it.
        token: the quote's; given, it must be the one that this service signed.
    """

    order: str = ""
    token: str = ""


@router.post(
    "",
    operation_id="make_quote",
    summary="Price a cart and hold its promotions",
    status_code=201,
    responses={
        **gives(QuoteDocument, "The quote", 201),
        **problem_responses(
            NoPriceForMarket,
            MarketRequired,
            InvalidRequest,
            IdempotencyKeyReused,
            BodyTooLarge,
            NoPriceBook,
            DatabaseAway,
            UnexpectedFailure,
        ),
    },
    openapi_extra=takes(QuoteRequest, _EXAMPLE),
)
def post_quote(service: Running, raw: Raw, idempotency_key: Key = None) -> Response:
    """The cart at live prices under the live promotions; the answer is good until `expires_at`.

    It holds its share of every limit (uses, units, budgets) until then, unless `reserve` is false.
    """
    request = decoded(raw, QuoteRequest)
    key = checked(idempotency_key)
    try:
        quote = make_quote(service, request, now=datetime.now(UTC), key=key, digest=digest_of(raw))
    except InvalidCart as error:
        raise invalid_body(error) from None
    except KeyReused as error:
        raise IdempotencyKeyReused(str(error)) from None
    return encoded(quote, 201, location=f"/v1/quotes/{quote.id}")


@router.get(
    "/{quote_id}",
    operation_id="read_quote",
    summary="A quote and where it stands",
    responses={
        **gives(QuoteDocument, "The quote"),
        **problem_responses(QuoteMissing, InvalidRequest, DatabaseAway, UnexpectedFailure),
    },
)
def get_quote(conn: Reading, quote_id: QuoteId) -> Response:
    """As it was made, with its status now."""
    try:
        stored = read_quote(conn, quote_id)
    except QuoteNotFound as error:
        raise QuoteMissing(str(error)) from None
    return encoded(_document(stored, datetime.now(UTC)))


@router.post(
    "/{quote_id}/commit",
    operation_id="commit_quote",
    summary="Redeem a quote: the order was placed",
    responses={
        **gives(QuoteDocument, "The quote, committed"),
        **problem_responses(
            QuoteMissing,
            QuoteClosed,
            LimitUsedUp,
            InvalidRequest,
            IdempotencyKeyReused,
            BodyTooLarge,
            DatabaseAway,
            UnexpectedFailure,
        ),
    },
    openapi_extra=takes(CommitRequest, {"order": "2026-000417"}),
)
def post_commit(
    service: Running, quote_id: QuoteId, raw: Raw, idempotency_key: Key = None
) -> Response:
    """All its promotions are redeemed, or none is.

    `Idempotency-Key` is needed: after a broken connection, ask again with the same key until there
    is an answer. Refusals are kept under the key, too.
    """
    key = checked(
        idempotency_key,
        lambda: invalid_field("header.Idempotency-Key", "is missing; make one for each order"),
    )
    request = decoded(raw, CommitRequest) if raw.strip() else CommitRequest()
    if len(request.order) > _MAX_ORDER:
        raise invalid_field("body.order", f"has more than {_MAX_ORDER} characters")
    _check_token(service, quote_id, request.token)

    def commit(conn: Connection, now: datetime) -> StoredQuote:
        return commit_quote(conn, quote_id, at=now, order_reference=request.order or None)

    return _settle(service, "commit", key, digest_of(quote_id.encode(), raw), commit)


@router.post(
    "/{quote_id}/cancel",
    operation_id="cancel_quote",
    summary="Give back what a quote holds",
    responses={
        **gives(QuoteDocument, "The quote, cancelled"),
        **problem_responses(
            QuoteMissing,
            QuoteClosed,
            InvalidRequest,
            IdempotencyKeyReused,
            DatabaseAway,
            UnexpectedFailure,
        ),
    },
)
def post_cancel(service: Running, quote_id: QuoteId, idempotency_key: Key = None) -> Response:
    """Whether it is open, or committed and the order was called off. Twice is as once."""
    key = checked(idempotency_key)

    def cancel(conn: Connection, now: datetime) -> StoredQuote:
        return cancel_quote(conn, quote_id, at=now)

    return _settle(service, "cancel", key, digest_of(quote_id.encode()), cancel)


def _settle(
    service: Service,
    operation: str,
    key: str | None,
    digest: str,
    work: Callable[[Connection, datetime], StoredQuote],
) -> Response:
    """Do the work once for its key, and answer alike every time."""
    now = datetime.now(UTC)
    try:
        with service.till, writing(service.engine, durable=True) as conn:
            known = claim_key(conn, operation, key, digest, at=now) if key is not None else None
            if known is None:
                known = msgspec.to_builtins(_document(work(conn, now), now))
                if key is not None:
                    keep_answer(conn, operation, key, known)
    except KeyReused as error:
        raise IdempotencyKeyReused(str(error)) from None
    except QuoteNotFound as error:
        raise QuoteMissing(str(error)) from None
    except (QuoteSettled, LimitReached) as error:
        # The transaction is undone, the key with it; the refusal is an answer and is kept.
        known = _kept(service, operation, key, digest, _refusal(error), now)
    refused = known.get("refused")
    if refused is not None:
        raise _problem(refused)
    return encoded(known)


def _kept(
    service: Service,
    operation: str,
    key: str | None,
    digest: str,
    refusal: dict[str, Any],
    now: datetime,
) -> Any:  # noqa: ANN401  (a JSON document)
    if key is None:
        return refusal
    with service.till, writing(service.engine, durable=True) as conn:
        known = claim_key(conn, operation, key, digest, at=now)
        if known is not None:  # the same request was quicker elsewhere
            return known
        keep_answer(conn, operation, key, refusal)
    return refusal


def _refusal(error: RedemptionRefused) -> dict[str, Any]:
    status = error.status if isinstance(error, QuoteSettled) else None
    return {"refused": {"quote_status": status, "detail": str(error)}}


def _problem(refused: dict[str, Any]) -> Problem:
    if refused["quote_status"] is None:
        return LimitUsedUp(refused["detail"])
    return QuoteClosed(refused["detail"], quote_status=refused["quote_status"])


def _check_token(service: Service, quote_id: str, token: str) -> None:
    if not token:
        return
    claims = verified(token, service.signing_key)
    if claims is None:
        raise invalid_field(
            "body.token",
            "was not signed here; leave it out, or set PRICEWRIGHT_QUOTE_SIGNING_KEY to the same "
            "key in all processes",
        )
    if claims.get("jti") != quote_id:
        raise invalid_field("body.token", "is of another quote")


def _document(stored: StoredQuote, now: datetime) -> QuoteDocument:
    """A quote as it was made, with its status now."""
    document = msgspec.convert(stored.document, QuoteDocument)
    expired = stored.status == "open" and now >= stored.expires_at
    settled_at = stored.expires_at if expired else stored.settled_at
    return msgspec.structs.replace(
        document,
        status="expired" if expired else stored.status,
        settled_at=None if settled_at is None else utc_text(settled_at),
        order=stored.order_reference,
    )
