"""Pricing a cart under the live promotions, and keeping the promise.

A quote is made in three steps: read the books, evaluate in memory, then store it and take its share
of every limit in one transaction. If somebody else was quicker with the last of something, nothing
is stored and the cart is evaluated anew, without it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from api.carts import CartRequest, PricedCart, check_request, market_named, priced_cart
from api.errors import NoPriceBook
from api.personal_prices import notice_of, personal_prices, tiers_forbidden
from api.promotion_board import (
    MarketPromotions,
    engine_used,
    gifts_left,
    is_limited,
    local_day,
    most_of,
    unique_code,
)
from api.quote_documents import (
    CartDocument,
    CodeState,
    QuoteDocument,
    TypedCode,
    cart_document,
    utc_text,
)
from api.quote_signing import sign
from pricing.price_book import PUBLIC
from pricing.promotions.cart import Cart
from pricing.promotions.codes import fold_code
from pricing.promotions.evaluate import evaluate
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.explain import Explanation, evaluate_and_explain
from pricing.promotions.promotion import Used
from storage.cart_facts import cart_facts, market_by_code
from storage.database import reading, writing
from storage.errors import LimitReached
from storage.idempotency import claim_key, keep_answer
from storage.personal_prices import PersonalPrice, log_personal_prices
from storage.promotion_codes import find_codes
from storage.promotion_usage import Take, UsedUp, code_uses, used_up
from storage.quotes import NewQuote, add_quote

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from api.dependencies import Service
    from storage.promotions import StoredPromotion

_TRIES: Final = 3
"""So often may one limit refuse what the books promised; then its promotion is left out."""

_NOTHING: Final = UsedUp()


class QuoteRequest(CartRequest, frozen=True, kw_only=True):
    """A cart to be quoted.

    Attributes:
        reserve: hold its share of every limit until it is settled; without it, a commit may find
            too little left.
        explain: say why other promotions do not apply, and what almost did.
    """

    reserve: bool = True
    explain: bool = True


@dataclass(frozen=True, slots=True)
class Books:
    """What was read for one cart.

    Attributes:
        promotions: that may run.
        priced: the cart at live prices, with the codes that are good.
        used: of each limited promotion.
        typed: state of each typed code.
        opened: folded unique or public code by promotion.
        shown: the typed code by what stands in the cart for it.
    """

    promotions: MarketPromotions
    priced: PricedCart
    used: Mapping[str, UsedUp]
    typed: tuple[tuple[str, CodeState], ...]
    opened: Mapping[str, str]
    shown: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An evaluated cart.

    Attributes:
        books: what it rests on.
        evaluation: what it comes to.
        document: the same on the wire.
        personal: those of its prices that not everybody pays.
    """

    books: Books
    evaluation: Evaluation
    document: CartDocument
    personal: tuple[PersonalPrice, ...] = ()


def evaluate_cart(
    service: Service,
    request: CartRequest,
    *,
    at: datetime,
    explain: bool,
    mode: Mode | None = None,
    promotions: MarketPromotions | None = None,
    without: frozenset[str] = frozenset(),
) -> Answer:
    """What a cart comes to at a moment, at live prices; nothing is stored.

    Args:
        service: its parts.
        request: the cart.
        at: the moment; limits by day look at its day.
        explain: whether to say why not, too.
        mode: how overlaps are resolved; as the settings say for the market if None.
        promotions: other ones than those on the board.
        without: names of promotions to leave out.

    Raises:
        InvalidCart: naming the field.
        MarketRequired, NoPriceForMarket, NoPriceBook: nothing to price it by.
    """
    check_request(request)
    serving = service.live.serving
    snapshot = serving.snapshot
    if snapshot is None or not len(snapshot.book):
        raise NoPriceBook("no price book is live; run `pricewright publish`")
    market = market_named(request, snapshot.book.markets)
    pack = serving.personal.get(market)
    if tiers_forbidden(pack):
        request = msgspec.structs.replace(request, tier=PUBLIC)
    chosen = promotions or service.board.of(market)
    with reading(service.engine) as conn:
        found = market_by_code(conn, market)
        facts = cart_facts(conn, found, {line.sku for line in request.lines}, at=at)
        priced = priced_cart(request, found, snapshot, facts, at=at)
        books = _read_books(
            conn, chosen or MarketPromotions.of(found, ()), request, priced, without
        )
    how = mode or service.settings.promotion_modes.get(market, "best")
    evaluation, explanation = _evaluated(books, how, explain=explain)
    personal = personal_prices(
        books.priced.cart,
        evaluation,
        books.promotions.by_name,
        pack,
        {"price_book": snapshot.book.version},
    )
    applied = {entry.code for entry in evaluation.applied}
    typed = [
        TypedCode(
            code,
            "not_needed" if state == "accepted" and not _opens(books, code, applied) else state,
        )
        for code, state in books.typed
    ]
    document = cart_document(
        books.priced.cart,
        evaluation,
        explanation,
        typed=typed,
        shown=books.shown,
        price_book=snapshot.book.version,
        stale=serving.stale,
        notice=notice_of(pack) if personal else "",
    )
    return Answer(books, evaluation, document, personal)


def make_quote(
    service: Service, request: QuoteRequest, *, now: datetime, key: str | None, digest: str
) -> QuoteDocument:
    """Price a cart, store the quote, and hold what it reserves.

    Args:
        service: its parts.
        request: the cart.
        now: the time.
        key: idempotency key, if the client gave one.
        digest: of the request.

    Raises:
        KeyReused: the key came with another request before.
        InvalidCart, MarketRequired, NoPriceForMarket, NoPriceBook: see `evaluate_cart`.
    """
    refused: Counter[int] = Counter()
    while True:
        without = frozenset(
            stored.name
            for market in service.board.markets
            for stored in _stored(service, market)
            if refused[stored.promotion_id] >= _TRIES
        )
        answer = evaluate_cart(service, request, at=now, explain=request.explain, without=without)
        quote = _quote_of(service, request, answer, now)
        try:
            with service.till, writing(service.engine, durable=True) as conn:
                if key is not None:
                    known = claim_key(conn, "quote", key, digest, at=now)
                    if known is not None:
                        return msgspec.convert(known, QuoteDocument)
                add_quote(conn, quote)
                log_personal_prices(conn, quote.market, answer.personal, quote.quote_id, at=now)
                if key is not None:
                    keep_answer(conn, "quote", key, quote.document)
        except LimitReached as limit:
            refused[limit.promotion_id] += 1
            continue
        return msgspec.convert(quote.document, QuoteDocument)


def digest_of(*parts: bytes) -> str:
    """A digest of a request."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def _stored(service: Service, market: str) -> Sequence[StoredPromotion]:
    promotions = service.board.of(market)
    return tuple(promotions.by_name.values()) if promotions else ()


def _read_books(
    conn: Connection,
    promotions: MarketPromotions,
    request: CartRequest,
    priced: PricedCart,
    without: frozenset[str],
) -> Books:
    cart = priced.cart
    customer = cart.customer.id or None
    limited = {name: p for name, p in promotions.by_name.items() if is_limited(p.terms)}
    days = {p.promotion_id: local_day(p.terms, cart.at) for p in limited.values()}
    by_number = used_up(conn, days, customer)
    used = {name: by_number.get(p.promotion_id, _NOTHING) for name, p in limited.items()}
    gifts = {name: gifts_left(p.terms, used[name]) for name, p in limited.items()}
    left = promotions.left_over(without, {name: g for name, g in gifts.items() if g})
    typed, codes, opened, shown = _read_codes(conn, left, request.codes, customer)
    priced = PricedCart(msgspec.structs.replace(cart, codes=codes), priced.costs)
    return Books(left, priced, used, typed, opened, shown)


def _read_codes(
    conn: Connection, promotions: MarketPromotions, typed: Sequence[str], customer: str | None
) -> tuple[
    tuple[tuple[str, CodeState], ...], tuple[str, ...], Mapping[str, str], Mapping[str, str]
]:
    """States of the codes; codes for the cart; folded codes by promotion; typed ones by code."""
    by_number = {p.promotion_id: p for p in promotions.by_name.values()}
    folded = {fold_code(code): code for code in typed}
    unique = find_codes(conn, folded)
    states: list[tuple[str, CodeState]] = []
    codes: list[str] = []
    opened: dict[str, str] = {}
    shown: dict[str, str] = {}
    for code, text in folded.items():
        found = unique.get(code)
        index = promotions.compiled.by_code.get(code)
        if found is not None:
            stored = by_number.get(found.promotion_id)
            stands_for_it = unique_code(found.promotion_id)
        else:
            name = None if index is None else promotions.compiled.rules[index].id
            stored = promotions.by_name.get(name) if name is not None else None
            stands_for_it = text
        if stored is None or stored.name in opened:
            states.append((text, "unknown" if stored is None else "not_needed"))
            continue
        most = stored.terms.most_by_code
        if found is not None and found.customer is not None and found.customer != customer:
            states.append((text, "of_another_customer"))
        elif most is not None and code_uses(conn, stored.promotion_id, [code]).get(code, 0) >= most:
            states.append((text, "used_up"))
        else:
            states.append((text, "accepted"))
            codes.append(stands_for_it)
            opened[stored.name] = code
            shown[stands_for_it] = text
    return tuple(states), tuple(codes), opened, shown


def _opens(books: Books, typed: str, applied: set[str]) -> bool:
    return any(stands in applied for stands, code in books.shown.items() if code == typed)


def _evaluated(books: Books, mode: Mode, *, explain: bool) -> tuple[Evaluation, Explanation | None]:
    cart, compiled = books.priced.cart, books.promotions.compiled
    guest = not cart.customer.id
    used: dict[str, Used] = {
        name: engine_used(books.promotions.by_name[name].terms, taken, guest=guest)
        for name, taken in books.used.items()
        if name in books.promotions.by_name
    }
    if explain:
        return evaluate_and_explain(cart, compiled, mode=mode, used=used)
    return evaluate(cart, compiled, mode=mode, used=used), None


def _quote_of(service: Service, request: QuoteRequest, answer: Answer, now: datetime) -> NewQuote:
    cart, evaluation = answer.books.priced.cart, answer.evaluation
    expires_at = now + timedelta(seconds=service.settings.quote_seconds)
    quote_id = f"q_{secrets.token_urlsafe(18)}"
    costs = answer.books.priced.costs
    known = [cost for cost in costs if cost is not None]
    lines_tax = sum(line.tax for line in evaluation.lines)
    return NewQuote(
        quote_id=quote_id,
        created_at=now,
        expires_at=expires_at,
        market=cart.market,
        customer=cart.customer.id or None,
        total_minor=evaluation.total,
        goods_minor=evaluation.goods,
        net_minor=evaluation.goods - lines_tax,
        cost_minor=sum(known) if len(known) == len(costs) else None,
        document=_document(service, request, answer, quote_id, now, expires_at),
        takes=_takes(answer),
        reserve=request.reserve,
    )


def _document(
    service: Service,
    request: QuoteRequest,
    answer: Answer,
    quote_id: str,
    now: datetime,
    expires_at: datetime,
) -> dict[str, Any]:
    cart = answer.books.priced.cart
    claims = {
        "jti": quote_id,
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "market": cart.market,
        "customer": cart.customer.id,
        "currency": answer.document.currency,
        "total": answer.document.total.amount,
        "discount": answer.document.discount.amount,
        "lines": [
            {"id": line.id, "sku": line.sku, "quantity": line.quantity, "after": line.after.amount}
            for line in answer.document.lines
        ],
    }
    document = QuoteDocument(
        id=quote_id,
        status="open",
        market=cart.market,
        created_at=utc_text(now),
        expires_at=utc_text(expires_at),
        settled_at=None,
        order=None,
        reserved=request.reserve,
        cart=answer.document,
        token=sign(claims, service.signing_key),
    )
    found: dict[str, Any] = msgspec.to_builtins(document)
    return found


def _takes(answer: Answer) -> tuple[Take, ...]:
    """What each applied promotion takes of its limits."""
    books, evaluation = answer.books, answer.evaluation
    cart: Cart = books.priced.cart
    takes = []
    for entry in evaluation.applied:
        stored = books.promotions.by_name[entry.id]
        by_sku: Counter[str] = Counter()
        for line in evaluation.lines:
            for run in line.units:
                if any(name == entry.id for name, _ in run.discounts):
                    by_sku[line.sku] += run.count
        gifts: Counter[str] = Counter()
        for gift in evaluation.gifts:
            if gift.promotion == entry.id:
                gifts[gift.sku] += gift.quantity
        takes.append(
            Take(
                promotion_id=stored.promotion_id,
                version=stored.version,
                day=local_day(stored.terms, cart.at),
                units=entry.units,
                minor=entry.amount,
                customer=cart.customer.id or None,
                code=books.opened.get(entry.id),
                by_funder=entry.funding,
                by_sku=by_sku,
                gifts=gifts,
                most=most_of(stored.terms),
            )
        )
    return tuple(takes)
