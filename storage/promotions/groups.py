"""Groups that buy together: who has joined, until when, and what became of it.

    open ──deadline, enough members──▶ reached
      └───deadline, too few───────────▶ failed

An order joins when it is committed. Nobody can join a group that is settled, and a group is settled
once: both hold its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.errors import GroupClosed, GroupNotFound
from storage.products.markets import market_id
from storage.promotions.tables import group_members as members
from storage.promotions.tables import groups as table
from storage.promotions.tables import promotions
from storage.tables import markets

Status = Literal["open", "reached", "failed"]


@dataclass(frozen=True, slots=True)
class Group:
    """A group that buys together.

    Attributes:
        promotion_id, promotion: number and name of the group buy.
        status: `open` until its deadline, then `reached` or `failed`.
        size: members; after the deadline as of then.
        price_minor: unit price that was reached; None while it is open, or if it failed.
    """

    group_id: str
    promotion_id: int
    promotion: str
    market: str
    status: Status
    opened_at: datetime
    deadline: datetime
    settled_at: datetime | None
    size: int
    price_minor: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a group, and the order that he placed."""

    customer: str
    quote_id: str
    joined_at: datetime


def join_group(
    conn: Connection,
    group_id: str,
    *,
    promotion_id: int,
    market: str,
    deadline: datetime,
    customer: str,
    quote_id: str,
    at: datetime,
) -> Group:
    """Join a group; the first one opens it.

    Args:
        conn: a transaction that writes, the one that commits the order.
        group_id: not to be guessed.
        promotion_id: of the group buy.
        market: code of the market.
        deadline: of a group that is opened by this.
        customer: who joins; nobody joins twice.
        quote_id: his order.
        at: now.

    Raises:
        GroupClosed: its deadline has passed, or the customer is in it already; roll back.
    """
    require_writer(conn)
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    conn.execute(
        insert(table)
        .values(
            group_id=group_id,
            promotion_id=promotion_id,
            market_id=market_id(conn, market),
            status="open",
            opened_at=at,
            deadline=deadline,
        )
        .on_conflict_do_nothing()
    )
    group = hold_group(conn, group_id)
    if group.status != "open" or at >= group.deadline:
        raise GroupClosed(f"group {group_id} takes nobody any more; open another one")
    joined = conn.execute(
        insert(members)
        .values(group_id=group_id, customer=customer, quote_id=quote_id, joined_at=at)
        .on_conflict_do_nothing()
        .returning(members.c.customer)
    ).one_or_none()
    if joined is None:
        raise GroupClosed(f"customer {customer!r} is in group {group_id} already")
    return read_group(conn, group_id)


def leave_group(conn: Connection, quote_id: str) -> None:
    """An order that is called off leaves its group, if that is still open; hold the quote before.

    Raises:
        GroupClosed: the group is settled and was reached with this order; roll back.
    """
    require_writer(conn)
    group_id = conn.scalar(sa.select(members.c.group_id).where(members.c.quote_id == quote_id))
    if group_id is None:
        return
    group = hold_group(conn, group_id)
    if group.status != "open":
        raise GroupClosed(
            f"quote {quote_id} is part of group {group_id}, which is settled; let it come back"
        )
    conn.execute(members.delete().where(members.c.quote_id == quote_id))


def hold_group(conn: Connection, group_id: str) -> Group:
    """One group, while nobody else joins or settles it.

    Raises:
        GroupNotFound: there is no such group.
    """
    require_writer(conn)
    locked = sa.select(table.c.group_id).where(table.c.group_id == group_id).with_for_update()
    conn.execute(locked)
    return read_group(conn, group_id)


def read_group(conn: Connection, group_id: str) -> Group:
    """One group.

    Raises:
        GroupNotFound: there is no such group.
    """
    row = conn.execute(_groups().where(table.c.group_id == group_id)).one_or_none()
    if row is None:
        raise GroupNotFound(f"there is no group {group_id!r}")
    return Group(*row)


def list_groups(
    conn: Connection, *, promotion: str, status: Status | None = None, limit: int = 100
) -> tuple[Group, ...]:
    """Groups of a promotion, those that close first before the others."""
    query = _groups().where(promotions.c.name == promotion)
    if status is not None:
        query = query.where(table.c.status == status)
    query = query.order_by(table.c.deadline, table.c.group_id).limit(limit)
    return tuple(Group(*row) for row in conn.execute(query))


def group_of(conn: Connection, quote_id: str) -> Group | None:
    """The group that an order has joined."""
    row = conn.execute(
        _groups()
        .join(members, members.c.group_id == table.c.group_id)
        .where(members.c.quote_id == quote_id)
    ).one_or_none()
    return None if row is None else Group(*row)


def members_of(conn: Connection, group_id: str) -> tuple[Member, ...]:
    """Who has joined, the first one first."""
    query = (
        sa.select(members.c.customer, members.c.quote_id, members.c.joined_at)
        .where(members.c.group_id == group_id)
        .order_by(members.c.joined_at, members.c.customer)
    )
    return tuple(Member(*row) for row in conn.execute(query))


def due_groups(conn: Connection, *, now: datetime, limit: int = 100) -> Sequence[str]:
    """Open groups whose deadline has passed."""
    query = (
        sa.select(table.c.group_id)
        .where(table.c.status == "open", table.c.deadline <= now)
        .order_by(table.c.deadline)
        .limit(limit)
    )
    return list(conn.scalars(query))


def close_group(
    conn: Connection, group_id: str, *, size: int, price_minor: int | None, at: datetime
) -> None:
    """Settle a group that is held: reached at a price, or failed."""
    require_writer(conn)
    conn.execute(
        table.update()
        .where(table.c.group_id == group_id)
        .values(
            status="failed" if price_minor is None else "reached",
            size=size,
            price_minor=price_minor,
            settled_at=at,
        )
    )


def _groups() -> sa.Select[Any]:
    joined = (
        sa.select(sa.func.count())
        .select_from(members)
        .where(members.c.group_id == table.c.group_id)
        .correlate(table)
        .scalar_subquery()
    )
    return (
        sa.select(
            table.c.group_id,
            table.c.promotion_id,
            promotions.c.name,
            markets.c.code,
            table.c.status,
            table.c.opened_at,
            table.c.deadline,
            table.c.settled_at,
            sa.func.coalesce(table.c.size, joined),
            table.c.price_minor,
        )
        .join(promotions, promotions.c.promotion_id == table.c.promotion_id)
        .join(markets, markets.c.market_id == table.c.market_id)
    )
