"""Returns: some of an order comes back, and is refunded on the terms that it was sold on."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from api.http.wire import MoneyDocument, utc_text
from api.quotes.basis import Order, order_from
from api.quotes.documents import GiftDocument
from pricing.money import Money
from pricing.promotions.cart import Cart
from pricing.promotions.errors import InvalidReturn
from pricing.promotions.promotion import Record
from pricing.promotions.refund import Policy, at_group_price, refund, settle_group
from storage.errors import ReturnRefused
from storage.promotions.groups import group_of
from storage.promotions.quotes import hold_order
from storage.promotions.returns import StoredReturn, add_return, returns_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

MAX_REFERENCE: Final = 200


class ReturnRequest(Record, frozen=True, kw_only=True):
    """What comes back.

    Attributes:
        lines: units by line of the quote; none if only a gift comes back.
        gifts: units of gifts that come back, by promotion.
        reference: the shop's own name of the return.
    """

    lines: dict[str, int]
    gifts: dict[str, int] = {}  # noqa: RUF012  (msgspec copies it)
    reference: str = ""


class ReturnDocument(msgspec.Struct, frozen=True):
    """Money that goes back for an order.

    Attributes:
        number: from 1, in the order of time.
        kind: `return`: units came back; `group_failed`: the group buy was not reached;
            `group_grew`: it reached a better price than was paid.
        policy: `never_bought` or `pro_rata`; blank for a group.
        units: that come back, by line.
        refund: goes back to the customer now.
        lines: the part of it that stands against each line that came back so far.
        withheld: what was paid for the returned units and does not go back: lost thresholds, gifts.
        gifts_due: gifts whose condition does not hold any more.
        gifts_withheld: value of those that stay with the customer, so far.
        refunded_in_all: this and all that went back before.
        left: units of each line that stay with the customer.
        owed: what the customer owes after it, such as a threshold that earlier refunds did not know
            to be lost; the next refund is less by it. Null in answers older than this field.
        set_off: what he owed before and this return has paid off.
    """

    quote: str
    number: int
    at: str
    kind: str
    reference: str
    policy: str
    units: dict[str, int]
    refund: MoneyDocument
    lines: dict[str, MoneyDocument]
    withheld: MoneyDocument
    gifts_due: list[GiftDocument]
    gifts_withheld: MoneyDocument
    refunded_in_all: MoneyDocument
    left: dict[str, int]
    owed: MoneyDocument | None = None
    set_off: MoneyDocument | None = None


class ReturnsDocument(msgspec.Struct, frozen=True):
    """All that went back for an order, the oldest first."""

    returns: list[ReturnDocument]


def take_back(
    conn: Connection,
    quote_id: str,
    request: ReturnRequest,
    *,
    policies: Mapping[str, Policy],
    now: datetime,
) -> ReturnDocument:
    """Take some of an order back, and write it down.

    Args:
        conn: a transaction that writes.
        quote_id: the order's quote, committed.
        request: what comes back now.
        policies: by market; `never_bought` where nothing is said.
        now: the time.

    Raises:
        QuoteNotFound: there is no such quote.
        ReturnRefused: it was not committed, or its group is still open.
        InvalidReturn: more than was bought, or a line that it does not have; roll back.
    """
    stored, basis = hold_order(conn, quote_id)
    before = returns_of(conn, quote_id)
    order = _settled(conn, quote_id, order_from(conn, basis))
    units = _in_all(before, request, order)
    gifts = _gifts_in_all(before, request, order)
    policy = policies.get(order.cart.market, "never_bought")
    # What a better group price brought back is in the prices of the order already.
    refunded = sum(r.amount_minor for r in before if r.kind != "group_grew")
    found = refund(
        order.cart,
        order.promotions,
        order.evaluation,
        units,
        policy=policy,
        refunded=refunded,
        gifts_back=gifts,
        used=order.used,
    )

    def wire(minor: int) -> MoneyDocument:
        return MoneyDocument.of(Money(minor, order.cart.currency))

    document = ReturnDocument(
        quote=stored.quote_id,
        number=len(before) + 1,
        at=utc_text(now),
        kind="return",
        reference=request.reference,
        policy=policy,
        units=request.lines,
        refund=wire(found.amount),
        lines={line: wire(minor) for line, minor in found.lines.items()},
        withheld=wire(found.withheld),
        gifts_due=[
            GiftDocument(g.promotion, g.sku, g.quantity, wire(g.value), list(g.choices))
            for g in found.gifts_due
        ],
        gifts_withheld=wire(found.gifts_kept_value),
        refunded_in_all=wire(found.amount + sum(r.amount_minor for r in before)),
        left={line.id: line.quantity - units.get(line.id, 0) for line in order.cart.lines},
        owed=wire(found.owed),
        set_off=wire(max(0, _owed(before, order.cart.currency) - found.owed)),
    )
    add_return(
        conn,
        quote_id,
        StoredReturn(
            at=now,
            kind="return",
            reference=request.reference or None,
            units=request.lines,
            gifts=request.gifts,
            amount_minor=found.amount,
            document=msgspec.to_builtins(document),
        ),
    )
    return document


def returns_document(conn: Connection, quote_id: str) -> ReturnsDocument:
    """All that went back for an order."""
    entries = returns_of(conn, quote_id)
    return ReturnsDocument([msgspec.convert(entry.document, ReturnDocument) for entry in entries])


def _owed(before: Sequence[StoredReturn], currency: str) -> int:
    """What the customer was told that he owes, minor units."""
    if not before:
        return 0
    told = msgspec.convert(before[-1].document, ReturnDocument).owed
    return 0 if told is None else Money.parse(told.amount, currency).minor


def _settled(conn: Connection, quote_id: str, order: Order) -> Order:
    """The order with the price that its group reached, if it is in one.

    Raises:
        ReturnRefused: the group is still open: nobody knows yet what was paid.
    """
    group = group_of(conn, quote_id)
    if group is None:
        return order
    if group.status == "open":
        raise ReturnRefused(
            f"quote {quote_id} is in group {group.group_id}, open until "
            f"{utc_text(group.deadline)}; cancel it to leave"
        )
    # Members may have joined on different terms: each was settled on his own.
    name, floors = group.promotion, floors_of(order.cart)
    found = settle_group(order.promotions, name, order.evaluation, group.size, floors)
    if found.price is None:
        return order
    # Who paid the price of a larger group keeps it.
    size = max(group.size, order.cart.group_sizes.get(name, 0))
    return Order(
        msgspec.structs.replace(order.cart, group_sizes={**order.cart.group_sizes, name: size}),
        at_group_price(order.evaluation, name, found.price, floors),
        order.promotions,
        order.used,
        order.groups,
    )


def floors_of(cart: Cart) -> dict[str, int]:
    """Below which no unit goes, by line."""
    return {line.id: line.floor for line in cart.lines}


def _in_all(before: Sequence[StoredReturn], request: ReturnRequest, order: Order) -> dict[str, int]:
    """Units that came back up to now and with this, by line."""
    if not request.lines and not request.gifts:
        raise InvalidReturn("lines", "nothing comes back; give units of a line, or a gift")
    units: Counter[str] = Counter()
    for entry in before:
        units.update(entry.units)
    quantities = {line.id: line.quantity for line in order.cart.lines}
    for line, more in request.lines.items():
        if line not in quantities:
            raise InvalidReturn(f"lines.{line}", "the order has no such line")
        left = quantities[line] - units[line]
        if not 0 < more <= left:
            wanted = f"{more} must be from 1 to {left}" if left else "all of it came back already"
            raise InvalidReturn(f"lines.{line}", wanted)
        units[line] += more
    return {line: count for line, count in units.items() if count}


def _gifts_in_all(
    before: Sequence[StoredReturn], request: ReturnRequest, order: Order
) -> dict[str, int]:
    gifts: Counter[str] = Counter()
    for entry in before:
        gifts.update(entry.gifts)
    given = {gift.promotion: gift.quantity for gift in order.evaluation.gifts}
    for promotion, more in request.gifts.items():
        left = given.get(promotion, 0) - gifts[promotion]
        if not 0 < more <= left:
            raise InvalidReturn(
                f"gifts.{promotion}", f"{more}, but {left} gifts of it are with the customer"
            )
        gifts[promotion] += more
    return dict(gifts)
