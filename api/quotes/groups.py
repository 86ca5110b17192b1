"""Group buys: an order that is committed joins its group; at the deadline the group is settled."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from api.http.wire import MoneyDocument, utc_text
from api.quotes.basis import order_from
from api.quotes.returns import ReturnDocument, floors_of
from pricing.events.event import Amount
from pricing.events.promotions import GroupSettled, SettledMember
from pricing.money import Money
from pricing.promotions.errors import InvalidCart
from pricing.promotions.promotion import GroupBuy
from pricing.promotions.refund import GroupSettlement, settle_group
from storage.errors import GroupNotFound
from storage.events.store import record
from storage.products.cart_facts import market_by_code
from storage.promotions.groups import (
    Group,
    Member,
    close_group,
    hold_group,
    join_group,
    members_of,
    read_group,
)
from storage.promotions.quotes import hold_order, reverse_promotion
from storage.promotions.returns import StoredReturn, add_return, returns_of
from storage.promotions.versions import read_promotion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from api.live.promotion_board import MarketPromotions

NEW: Final = "new"
"""What stands in a cart for a group that it opens."""


class GroupDocument(msgspec.Struct, frozen=True):
    """A group that buys together.

    Attributes:
        status: `open`, `reached` or `failed`.
        size: members.
        missing: members that it lacks for the first price; 0 where that is reached.
        price: unit price at this size; null where no price is reached.
        deadline: nobody joins from then on, and it is settled.
    """

    id: str
    promotion: str
    market: str
    status: str
    size: int
    missing: int
    price: MoneyDocument | None
    opened_at: str
    deadline: str
    settled_at: str | None


class GroupsDocument(msgspec.Struct, frozen=True):
    """Groups of a promotion, those that close first before the others."""

    groups: list[GroupDocument]


def joining(
    conn: Connection,
    promotions: MarketPromotions,
    wanted: Mapping[str, str],
    *,
    customer: str,
    now: datetime,
) -> tuple[dict[str, int], dict[str, str]]:
    """The sizes that a cart is priced at, and the groups that it will join.

    Everybody pays at least the price of the smallest group at once; what a larger group brings
    goes back at the deadline, and everything does if the smallest is not reached.

    Args:
        conn: an open transaction.
        promotions: of the market.
        wanted: the id of a group, or `new`, by group buy.
        customer: who asks.
        now: the time.

    Raises:
        InvalidCart: naming the field.
    """
    sizes: dict[str, int] = {}
    groups: dict[str, str] = {}
    for name, group_id in wanted.items():
        field = f"groups.{name}"
        stored = promotions.by_name.get(name)
        if stored is None or not isinstance(stored.terms.promotion, GroupBuy):
            raise InvalidCart(field, "there is no such group buy in this market")
        if stored.ends_at is None:
            raise InvalidCart(field, "the promotion has no deadline; give it when.until")
        if not customer:
            raise InvalidCart("customer.id", "is needed to join a group: nobody joins twice")
        least = min(tier.size for tier in stored.terms.promotion.tiers)
        members = 0
        if group_id == NEW:
            groups[name] = f"g_{secrets.token_urlsafe(12)}"
        else:
            group = _open_group(conn, group_id, stored.promotion_id, field, now)
            members, groups[name] = group.size, group_id
        sizes[name] = max(least, members + 1)
    return sizes, groups


def _open_group(
    conn: Connection, group_id: str, promotion_id: int, field: str, now: datetime
) -> Group:
    try:
        group = read_group(conn, group_id)
    except GroupNotFound as error:
        raise InvalidCart(field, f"{error}; `new` opens one") from None
    if group.promotion_id != promotion_id:
        raise InvalidCart(field, f"group {group_id} is of promotion {group.promotion!r}")
    if group.status != "open" or now >= group.deadline:
        raise InvalidCart(field, f"group {group_id} takes nobody any more; `new` opens one")
    return group


def join_groups(conn: Connection, quote_id: str, groups: Mapping[str, str], now: datetime) -> None:
    """Join the groups of an order that is committed in this transaction.

    Raises:
        GroupClosed: one takes nobody any more; roll back.
    """
    if not groups:
        return
    held, basis = hold_order(conn, quote_id)
    cart = order_from(conn, basis).cart
    for name, group_id in groups.items():
        stored = read_promotion(conn, name)
        join_group(
            conn,
            group_id,
            promotion_id=stored.promotion_id,
            market=cart.market,
            deadline=stored.ends_at or held.expires_at,
            customer=cart.customer.id,
            quote_id=quote_id,
            at=now,
        )


def group_document(conn: Connection, group: Group) -> GroupDocument:
    """A group on the wire."""
    stored = read_promotion(conn, group.promotion)
    tiers = stored.terms.promotion.tiers if isinstance(stored.terms.promotion, GroupBuy) else ()
    minor = group.price_minor
    if group.status == "open":
        reached = [stored.terms.minor(tier.price) for tier in tiers if tier.size <= group.size]
        minor = reached[-1] if reached else None
    currency = stored.terms.currency
    least = min((tier.size for tier in tiers), default=0)
    return GroupDocument(
        id=group.group_id,
        promotion=group.promotion,
        market=group.market,
        status=group.status,
        size=group.size,
        missing=max(0, least - group.size),
        price=None if minor is None else MoneyDocument.of(Money(minor, currency)),
        opened_at=utc_text(group.opened_at),
        deadline=utc_text(group.deadline),
        settled_at=None if group.settled_at is None else utc_text(group.settled_at),
    )


def settle(conn: Connection, group_id: str, *, now: datetime) -> bool:
    """Settle a group whose deadline has passed: what goes back to whom is written down.

    The orders are held before the group, as everywhere, so that nobody waits in a circle.

    Args:
        conn: a transaction that writes.
        group_id: the group.
        now: the time.

    Returns:
        False if there is nothing to do (any more), or somebody left meanwhile: ask again.
    """
    before = members_of(conn, group_id)
    held = {m.quote_id: hold_order(conn, m.quote_id)[1] for m in sorted(before, key=_by_quote)}
    group = hold_group(conn, group_id)
    members = members_of(conn, group_id)
    if group.status != "open" or now < group.deadline or members != before:
        return False
    size = len(members)
    market = market_by_code(conn, group.market)
    settled = []
    price: int | None = None
    for member in members:
        order = order_from(conn, held[member.quote_id])
        found = settle_group(
            order.promotions, group.promotion, order.evaluation, size, floors_of(order.cart)
        )
        if price is None:  # one of the first; later members may have joined on other terms
            price = found.price
        _give_back(conn, group, member, found, market.currency, now)
        settled.append(
            SettledMember(
                customer=member.customer,
                quote=member.quote_id,
                refund=Amount.of(Money(found.amount, market.currency)),
            )
        )
    close_group(conn, group_id, size=size, price_minor=price, at=now)
    event = GroupSettled(
        group=group_id,
        promotion=group.promotion,
        market=group.market,
        status="failed" if price is None else "reached",
        size=size,
        price=None if price is None else Amount.of(Money(price, market.currency)),
        members=tuple(settled),
    )
    record(conn, event, at=now)
    return True


def _give_back(
    conn: Connection,
    group: Group,
    member: Member,
    found: GroupSettlement,
    currency: str,
    now: datetime,
) -> None:
    """Write down what goes back to one member."""
    if found.reached and not found.amount:
        return
    kind: Literal["group_grew", "group_failed"] = "group_grew" if found.reached else "group_failed"
    units = {} if found.reached else found.units
    entries = returns_of(conn, member.quote_id)
    amount = MoneyDocument.of(Money(found.amount, currency))
    none = MoneyDocument.of(Money(0, currency))
    document = ReturnDocument(
        quote=member.quote_id,
        number=len(entries) + 1,
        at=utc_text(now),
        kind=kind,
        reference=group.group_id,
        policy="",
        units=units,
        refund=amount,
        lines={},
        withheld=none,
        gifts_due=[],
        gifts_withheld=none,
        refunded_in_all=amount,
        left={},
        owed=none,
        set_off=none,
    )
    entry = StoredReturn(
        at=now,
        kind=kind,
        reference=group.group_id,
        units=units,
        gifts={},
        amount_minor=found.amount,
        document=msgspec.to_builtins(document),
    )
    add_return(conn, member.quote_id, entry)
    if not found.reached:
        reverse_promotion(conn, member.quote_id, group.promotion_id, at=now)


def _by_quote(member: Member) -> str:
    return member.quote_id
