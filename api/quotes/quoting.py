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

from api.access.signing import sign
from api.errors import NoPriceBook
from api.http.wire import utc_text
from api.live.promotion_board import (
    MarketPromotions,
    gifts_left,
    local_day,
    most_of,
)
from api.personal_prices import notice_of, personal_prices, tiers_forbidden
from api.quotes.basis import OrderBasis
from api.quotes.carts import check_request, market_named, priced_cart
from api.quotes.documents import (
    CartDocument,
    QuoteDocument,
    TypedCode,
    cart_document,
)
from api.quotes.groups import joining
from api.quotes.holds import hold_notice
from api.quotes.limits_left import Books, engine_used_by, evaluated, opens, read_books
from pricing.price_book import PUBLIC
from pricing.promotions.cart import Cart
from pricing.promotions.errors import InvalidCart
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.file_format import CartRequest
from storage.database import reading, writing
from storage.errors import HoldRefused, LimitReached
from storage.law.personal_prices import PersonalPrice, log_personal_prices
from storage.products.cart_facts import cart_facts, market_by_code
from storage.promotions.idempotency import claim_key, keep_answer
from storage.promotions.quotes import Holder, NewQuote, add_quote
from storage.promotions.usage import Take

if TYPE_CHECKING:
    from api.access.principal import Principal
    from api.live.snapshot import Serving
    from api.quotes.desk import QuoteDesk
    from api.quotes.shoppers import Shopper
    from storage.promotions.versions import StoredPromotion

_TRIES: Final = 3
"""So often may one limit refuse what the books promised; then its promotion is left out."""


class QuoteRequest(CartRequest, frozen=True, kw_only=True):
    """A cart to be quoted.

    Attributes:
        reserve: hold its share of every limit until it is settled; without it, a commit may find
            too little left. Only for a secret key or a person who may commit; others hold nothing.
        explain: say why other promotions do not apply, and what almost did.
        groups: the group to join, or `new` for one to open, by group buy. One at most.
        shopper_address: the address that the shopper asks from, from the shop's server: it keeps
            one visitor from holding, or guessing, what others of the same shop are due.
    """

    reserve: bool = True
    explain: bool = True
    groups: dict[str, str] = {}  # noqa: RUF012  (msgspec copies it)
    shopper_address: str = ""


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
    desk: QuoteDesk,
    request: CartRequest,
    *,
    at: datetime,
    explain: bool,
    mode: Mode | None = None,
    promotions: MarketPromotions | None = None,
    without: frozenset[str] = frozenset(),
    serving: Serving | None = None,
) -> Answer:
    """What a cart comes to at a moment, at live prices; nothing is stored.

    Args:
        desk: what it needs of the desk.
        request: the cart.
        at: the moment; limits by day look at its day.
        explain: whether to say why not, too.
        mode: how overlaps are resolved; as the settings say for the market if None.
        promotions: other ones than those on the board.
        without: names of promotions to leave out.
        serving: other prices than the live ones.

    Raises:
        InvalidCart: naming the field.
        MarketRequired, NoPriceForMarket, NoPriceBook: nothing to price it by.
    """
    check_request(request)
    serving = serving or desk.live.serving
    snapshot = serving.snapshot
    if snapshot is None or not len(snapshot.book):
        raise NoPriceBook("no price book is live; run `pricewright publish`")
    market = market_named(request, snapshot.book.markets)
    pack = serving.personal.get(market)
    if tiers_forbidden(pack):
        request = msgspec.structs.replace(request, tier=PUBLIC)
    chosen = promotions or desk.board.of(market)
    with reading(desk.engine) as conn:
        found = market_by_code(conn, market)
        facts = cart_facts(
            conn,
            found,
            {line.sku for line in request.lines},
            at=at,
            map_binds=market in desk.settings.map_floor_in,
        )
        priced = priced_cart(request, found, snapshot, facts, at=at)
        books = read_books(conn, chosen or MarketPromotions.of(found, ()), request, priced, without)
    how = mode or desk.settings.promotion_modes.get(market, "best")
    evaluation, explanation = evaluated(books, how, explain=explain)
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
            "not_needed" if state == "accepted" and not opens(books, code, applied) else state,
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
    desk: QuoteDesk,
    request: QuoteRequest,
    *,
    now: datetime,
    key: str | None,
    digest: str,
    caller: Principal | None,
    shopper: Shopper,
) -> QuoteDocument:
    """Price a cart, store the quote, and hold what it reserves.

    For a test key it is a test: at the prices of the draft that the key names, taking nothing. It
    holds nothing, too, where holds, or those of the shopper, have all that they may have.

    Args:
        desk: what it needs of the desk.
        request: the cart.
        now: the time.
        key: idempotency key, if the client gave one.
        digest: of the request.
        caller: who asks.
        shopper: for whom.

    Raises:
        TooManyRequests: it has codes, and the shopper sent too many wrong ones.
        KeyReused: the key came with another request before.
        InvalidCart, MarketRequired, NoPriceForMarket, NoPriceBook: see `evaluate_cart`.
    """
    if request.codes:
        desk.code_guesses.refuse_too_many(shopper)
    refused: Counter[int] = Counter()
    holder = shopper.holder(desk.signing_key)
    request, groups = _with_groups(desk, request, now)
    claimed = claimed_as("quote", caller=caller)
    test = caller is not None and caller.test
    serving = desk.drafts.serving_for(caller)
    while True:
        without = frozenset(
            stored.name
            for market in desk.board.markets
            for stored in _stored(desk, market)
            if refused[stored.promotion_id] >= _TRIES
        )
        answer = evaluate_cart(
            desk, request, at=now, explain=request.explain, without=without, serving=serving
        )
        quote = _quote_of(desk, request, answer, groups, now, holder, test=test)
        try:
            with desk.write_turn, writing(desk.engine, durable=True) as conn:
                if key is not None:
                    known = claim_key(conn, claimed, key, digest, at=now)
                    if known is not None:
                        return msgspec.convert(known, QuoteDocument)
                add_quote(conn, quote)
                if not test:
                    log_personal_prices(conn, quote.market, answer.personal, quote.quote_id, at=now)
                if key is not None:
                    keep_answer(conn, claimed, key, quote.document)
        except LimitReached as limit:
            refused[limit.promotion_id] += 1
            continue
        except HoldRefused:
            request = msgspec.structs.replace(request, reserve=False)
            continue
        desk.code_guesses.count(shopper, (typed.state for typed in answer.document.codes))
        return msgspec.convert(quote.document, QuoteDocument)


def _with_groups(
    desk: QuoteDesk, request: QuoteRequest, now: datetime
) -> tuple[QuoteRequest, dict[str, str]]:
    """The cart at the sizes of its groups, and these groups.

    Raises:
        InvalidCart: naming the field.
    """
    if not request.groups:
        return request, {}
    if len(request.groups) > 1:
        raise InvalidCart("groups", "an order joins one group; make an order for each")
    market = market_named(request, desk.board.markets)
    promotions = desk.board.of(market)
    if promotions is None:
        raise InvalidCart("groups", "no promotions are loaded for this market")
    with reading(desk.engine) as conn:
        sizes, groups = joining(
            conn, promotions, request.groups, customer=request.customer.id, now=now
        )
    sizes = {**request.group_sizes, **sizes}
    return msgspec.structs.replace(request, group_sizes=sizes), groups


def claimed_as(operation: str, *, caller: Principal | None, quote_id: str = "") -> str:
    """What an idempotency key is claimed for: each caller has keys of his own.

    So a stranger who repeats a key of the shop neither gets its answer nor is in its way.

    Args:
        operation: what is asked for, one word.
        caller: who asks; None where nobody said.
        quote_id: the quote that such a caller holds; blank while there is none.
    """
    if caller is not None:
        return f"{operation} by {caller.actor}"
    return f"{operation} of {quote_id}" if quote_id else operation


def digest_of(*parts: bytes) -> str:
    """A digest of a request."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def _stored(desk: QuoteDesk, market: str) -> Sequence[StoredPromotion]:
    promotions = desk.board.of(market)
    return tuple(promotions.by_name.values()) if promotions else ()


def _quote_of(
    desk: QuoteDesk,
    request: QuoteRequest,
    answer: Answer,
    groups: Mapping[str, str],
    now: datetime,
    holder: Holder,
    *,
    test: bool,
) -> NewQuote:
    cart, evaluation = answer.books.priced.cart, answer.evaluation
    expires_at = now + timedelta(seconds=desk.settings.quote_seconds)
    quote_id = f"q_{secrets.token_urlsafe(18)}"
    costs = answer.books.priced.costs
    known = [cost for cost in costs if cost is not None]
    lines_tax = sum(line.tax for line in evaluation.lines)
    applied = {entry.id for entry in evaluation.applied}
    # A test takes nothing of any limit and joins no group, when it is committed either.
    takes = [] if test else [each for each in _takes(answer) if not each.is_nothing]
    joins = {name: group for name, group in groups.items() if name in applied and not test}
    basis = _basis(answer, joins)
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
        document=_document(
            desk,
            answer,
            basis.groups,
            quote_id,
            now,
            expires_at,
            held_until=expires_at if request.reserve else None,
            takes=bool(takes),
            test=test,
        ),
        takes=takes,
        reserve=request.reserve,
        basis=basis.text(),
        held_until=expires_at if request.reserve else None,
        holder=holder,
    )


def _basis(answer: Answer, groups: dict[str, str]) -> OrderBasis:
    """What returns of the order will be evaluated from."""
    books = answer.books
    promotions = books.promotions
    running = {rule.id for rule in promotions.compiled.live(books.priced.cart.at).rules}
    stored = {name: p for name, p in promotions.by_name.items() if name in running}
    gifts = {
        name: gifts_left(stored[name].terms, taken)
        for name, taken in books.used.items()
        if name in stored
    }
    return OrderBasis(
        cart=books.priced.cart,
        evaluation=answer.evaluation,
        versions={p.promotion_id: p.version for p in stored.values()},
        used={name: used for name, used in engine_used_by(books).items() if name in stored},
        gifts={name: left for name, left in gifts.items() if left},
        groups=groups,
    )


def _document(
    desk: QuoteDesk,
    answer: Answer,
    groups: dict[str, str],
    quote_id: str,
    now: datetime,
    expires_at: datetime,
    *,
    held_until: datetime | None,
    takes: bool,
    test: bool,
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
        reserved=held_until is not None,
        cart=answer.document,
        token=sign(claims, desk.signing_key),
        groups=groups,
        held_until=None if held_until is None else utc_text(held_until),
        notice=hold_notice(reserves=held_until is not None, takes=takes, test=test),
        test=test,
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
