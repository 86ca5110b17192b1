"""Quotes: what a cart costs, kept as promised until it is committed, cancelled, or expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from api.access.pages import client_address
from api.access.principal import Principal
from api.access.roles import MAY_SETTLE
from api.access.scope import require_all_categories, require_markets
from api.access.signing import verified
from api.errors import MarketRequired, NoPriceBook, NotAllowed, every_refusal, problem_responses
from api.http.bodies import MOST_KEY, Raw, checked, decoded, encoded, gives, takes
from api.http.wire import utc_text
from api.quotes.carts import market_named
from api.quotes.desk import QuoteDesk
from api.quotes.documents import QuoteDocument
from api.quotes.groups import join_groups
from api.quotes.holds import with_hold
from api.quotes.quoting import QuoteRequest, claimed_as, digest_of, make_quote
from api.quotes.returns import (
    MAX_REFERENCE,
    ReturnDocument,
    ReturnRequest,
    ReturnsDocument,
    returns_document,
    take_back,
)
from api.quotes.shoppers import shopper_of
from api.routes.dependencies import Caller, Desk, Reading
from models.refusals import Defect, Invalid, TooLarge, within
from pricing.promotions.promotion import Record
from storage.database import writing
from storage.errors import (
    DatabaseUnavailable,
    GroupClosed,
    KeyReused,
    LimitReached,
    NoPriceForMarket,
    QuoteNotFound,
    QuoteSettled,
    RedemptionRefused,
    ReturnRefused,
)
from storage.promotions.idempotency import claim_key, keep_answer
from storage.promotions.quotes import StoredQuote, cancel_quote, commit_quote, read_quote

router = APIRouter(prefix="/v1/quotes", tags=["quotes"])

_MAX_ORDER: Final = 200
_EXAMPLE: Final = {
    "market": "online",
    "lines": [{"sku": "TEA-1", "quantity": 2}],
    "customer": {"id": "c-17", "lifecycle": "active"},
    "shopper_address": "203.0.113.9",
    "codes": ["SPRING-7KQ3-9XPM"],
    "shipping": "4.90",
}

QuoteId = Annotated[str, Path(min_length=1, max_length=64, examples=["q_5fGhJ2kLmN8pQrStUvWxYz01"])]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same request gives the same answer, for seven days",
        json_schema_extra={"minLength": 1, "maxLength": MOST_KEY},
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
            Invalid,
            KeyReused,
            TooLarge,
            NoPriceBook,
            DatabaseUnavailable,
            Defect,
        ),
    },
    openapi_extra=takes(QuoteRequest, _EXAMPLE),
)
def post_quote(
    desk: Desk, caller: Caller, request: Request, raw: Raw, idempotency_key: Key = None
) -> Response:
    """The cart at live prices under the live promotions; the answer is good until `expires_at`.

    For a secret key, or a person who may commit, it holds its share of every limit (uses, units,
    budgets) until then, unless `reserve` is false. Others hold nothing; `notice` says so. So it
    does where quotes hold as much as they may: a customer's newest three hold, twenty of one
    `shopper_address`, and of what is left of a limit a part stays free for whoever commits. Who
    sends too many wrong codes waits.
    """
    wanted = decoded(raw, QuoteRequest)
    settles = caller is not None and caller.has(MAY_SETTLE)
    if caller is None or caller.test or not settles:
        wanted = msgspec.structs.replace(wanted, reserve=False)
    if caller is not None and not caller.everywhere:
        require_all_categories(caller)
        require_markets(caller, (_market_of(desk, wanted),))
    key = checked(idempotency_key)
    now, digest = datetime.now(UTC), digest_of(raw)
    with within("body"):
        shopper = shopper_of(
            caller,
            settles=settles,
            customer=wanted.customer.id,
            forwarded=wanted.shopper_address,
            seen=client_address(request.scope),
        )
        quote = make_quote(
            desk, wanted, now=now, key=key, digest=digest, caller=caller, shopper=shopper
        )
    return encoded(quote, 201, location=f"/v1/quotes/{quote.id}")


@router.get(
    "/{quote_id}",
    operation_id="read_quote",
    summary="A quote and where it stands",
    responses={
        **gives(QuoteDocument, "The quote"),
        **problem_responses(QuoteNotFound, Invalid, DatabaseUnavailable, Defect),
    },
)
def get_quote(conn: Reading, caller: Caller, quote_id: QuoteId) -> Response:
    """As it was made, with its status now."""
    stored = _quote_in_scope(conn, caller, quote_id)
    return encoded(_document(stored, datetime.now(UTC)))


@router.post(
    "/{quote_id}/commit",
    operation_id="commit_quote",
    summary="Redeem a quote: the order was placed",
    responses={
        **gives(QuoteDocument, "The quote, committed"),
        **problem_responses(
            QuoteNotFound,
            QuoteSettled,
            LimitReached,
            GroupClosed,
            Invalid,
            KeyReused,
            TooLarge,
            DatabaseUnavailable,
            Defect,
        ),
    },
    openapi_extra=takes(CommitRequest, {"order": "2026-000417"}),
)
def post_commit(
    desk: Desk, caller: Caller, quote_id: QuoteId, raw: Raw, idempotency_key: Key = None
) -> Response:
    """All its promotions are redeemed, or none is.

    `Idempotency-Key` is needed: after a broken connection, ask again with the same key until there
    is an answer. Refusals are kept under the key, too.
    """
    key = checked(
        idempotency_key,
        lambda: Invalid("is missing; make one for each order", ("header", "Idempotency-Key")),
    )
    request = decoded(raw, CommitRequest) if raw.strip() else CommitRequest()
    if len(request.order) > _MAX_ORDER:
        raise Invalid(f"has more than {_MAX_ORDER} characters", ("body", "order"))
    _check_token(desk, quote_id, request.token)

    def commit(conn: Connection, now: datetime) -> QuoteDocument:
        _quote_in_scope(conn, caller, quote_id)
        stored = commit_quote(conn, quote_id, at=now, order_reference=request.order or None)
        document = _document(stored, now)
        join_groups(conn, quote_id, document.groups, now)
        return document

    claimed = claimed_as("commit", caller=caller, quote_id=quote_id)
    return _settle(desk, claimed, key, digest_of(quote_id.encode(), raw), commit)


@router.post(
    "/{quote_id}/cancel",
    operation_id="cancel_quote",
    summary="Give back what a quote holds",
    responses={
        **gives(QuoteDocument, "The quote, cancelled"),
        **problem_responses(
            QuoteNotFound,
            QuoteSettled,
            GroupClosed,
            ReturnRefused,
            Invalid,
            KeyReused,
            DatabaseUnavailable,
            Defect,
        ),
    },
)
def post_cancel(
    desk: Desk, caller: Caller, quote_id: QuoteId, idempotency_key: Key = None
) -> Response:
    """Whether it is open, or committed and the order was called off. Twice is as once.

    The quote's own token cancels it while it is open; what was committed, the shop calls off.
    """
    key = checked(idempotency_key)

    def cancel(conn: Connection, now: datetime) -> QuoteDocument:
        stored = _quote_in_scope(conn, caller, quote_id)
        if caller is None and stored.status == "committed":
            raise NotAllowed("the shop calls an order off; a quote's token cancels an open quote")
        return _document(cancel_quote(conn, quote_id, at=now), now)

    claimed = claimed_as("cancel", caller=caller, quote_id=quote_id)
    return _settle(desk, claimed, key, digest_of(quote_id.encode()), cancel)


@router.post(
    "/{quote_id}/returns",
    operation_id="return_units",
    summary="Some of the order comes back: what goes back for it",
    status_code=201,
    responses={
        **gives(ReturnDocument, "The refund", 201),
        **problem_responses(
            QuoteNotFound,
            ReturnRefused,
            Invalid,
            KeyReused,
            TooLarge,
            DatabaseUnavailable,
            Defect,
        ),
    },
    openapi_extra=takes(ReturnRequest, {"lines": {"1": 1}, "reference": "RMA-88"}),
)
def post_return(
    desk: Desk, caller: Caller, quote_id: QuoteId, raw: Raw, idempotency_key: Key = None
) -> Response:
    """Worked out on the terms of the order, by the policy of its market; kept for good.

    Several returns of one order add up to what one return of all would give: what went back too
    much before is `owed`, and the next refund is less by it. An `Idempotency-Key` is needed: one
    for each return.
    """
    key = checked(
        idempotency_key,
        lambda: Invalid("is missing; make one for each return", ("header", "Idempotency-Key")),
    )
    request = decoded(raw, ReturnRequest)
    if len(request.reference) > MAX_REFERENCE:
        raise Invalid(f"has more than {MAX_REFERENCE} characters", ("body", "reference"))
    policies = desk.settings.return_policies

    def take(conn: Connection, now: datetime) -> ReturnDocument:
        _quote_in_scope(conn, caller, quote_id)
        return take_back(conn, quote_id, request, policies=policies, now=now)

    claimed = claimed_as("return", caller=caller, quote_id=quote_id)
    digest = digest_of(quote_id.encode(), raw)
    return _settle(desk, claimed, key, digest, take, status=201)


@router.get(
    "/{quote_id}/returns",
    operation_id="list_returns",
    summary="All that went back for an order",
    responses={
        **gives(ReturnsDocument, "The returns"),
        **problem_responses(QuoteNotFound, Invalid, DatabaseUnavailable, Defect),
    },
)
def get_returns(conn: Reading, caller: Caller, quote_id: QuoteId) -> Response:
    """The oldest first; what a group buy brought back is among them."""
    _quote_in_scope(conn, caller, quote_id)
    return encoded(returns_document(conn, quote_id))


def _market_of(desk: QuoteDesk, request: QuoteRequest) -> str:
    """The market of a cart: the one that it names, or the only one.

    Raises:
        MarketRequired, NoPriceForMarket: nobody can say.
    """
    snapshot = desk.live.serving.snapshot
    return market_named(request, () if snapshot is None else snapshot.book.markets)


def _quote_in_scope(conn: Connection, caller: Principal | None, quote_id: str) -> StoredQuote:
    """A quote that who asks may act on.

    Raises:
        QuoteNotFound: there is none of this id.
        NotAllowed: it is of a market that they may not act in, or one of them is a test.
    """
    stored = read_quote(conn, quote_id)
    if caller is not None and not caller.everywhere:
        require_all_categories(caller)
        require_markets(caller, (stored.document["market"],))
    is_test = bool(stored.document.get("test", False))
    if caller is not None and caller.test != is_test:
        raise NotAllowed(
            "a test key made this quote; a test key settles it"
            if is_test
            else "a test key redeems nothing; this quote was made by another one"
        )
    return stored


def _settle(
    desk: QuoteDesk,
    claimed: str,
    key: str | None,
    digest: str,
    work: Callable[[Connection, datetime], QuoteDocument | ReturnDocument],
    status: int = 200,
) -> Response:
    """Do the work once for its key, and answer alike every time."""
    now = datetime.now(UTC)
    try:
        with within("body"), desk.write_turn, writing(desk.engine, durable=True) as conn:
            known = claim_key(conn, claimed, key, digest, at=now) if key is not None else None
            if known is None:
                known = msgspec.to_builtins(work(conn, now))
                if key is not None:
                    keep_answer(conn, claimed, key, known)
    except RedemptionRefused as error:
        # The transaction is undone, the key with it; the refusal is an answer and is kept.
        said = {"refused": {"why": error.slug, "detail": error.sentence, "facts": error.facts}}
        known = _kept(desk, claimed, key, digest, said, now)
    refused = known.get("refused")
    if refused is not None:
        again = every_refusal()[refused["why"]]
        raise again.at(refused["detail"], **refused["facts"])
    return encoded(known, status)


def _kept(
    desk: QuoteDesk,
    claimed: str,
    key: str | None,
    digest: str,
    refusal: dict[str, Any],
    now: datetime,
) -> Any:  # noqa: ANN401  (a JSON document)
    if key is None:
        return refusal
    with desk.write_turn, writing(desk.engine, durable=True) as conn:
        known = claim_key(conn, claimed, key, digest, at=now)
        if known is not None:  # the same request was quicker elsewhere
            return known
        keep_answer(conn, claimed, key, refusal)
    return refusal


def _check_token(desk: QuoteDesk, quote_id: str, token: str) -> None:
    if not token:
        return
    claims = verified(token, desk.signing_key)
    if claims is None:
        raise Invalid(
            "was not signed here; leave it out, or set PRICEWRIGHT_QUOTE_SIGNING_KEY to the same "
            "key in all processes, or in none",
            ("body", "token"),
        )
    if claims.get("jti") != quote_id:
        raise Invalid("is of another quote", ("body", "token"))


def _document(stored: StoredQuote, now: datetime) -> QuoteDocument:
    """A quote as it was made, with its status now."""
    document = msgspec.convert(stored.document, QuoteDocument)
    expired = stored.status == "open" and now >= stored.expires_at
    settled_at = stored.expires_at if expired else stored.settled_at
    return msgspec.structs.replace(
        with_hold(document, stored, now),
        status="expired" if expired else stored.status,
        settled_at=None if settled_at is None else utc_text(settled_at),
        order=stored.order_reference,
    )
