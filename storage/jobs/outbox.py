"""Deliveries of events to the outside, made by `storage.events` with the event.

A message is sent at least once: a worker leases what is due, sends it, and marks it delivered. If
it dies in between, the lease runs out and another worker sends again, under the same identifier, so
that the receiver can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.events.tables import events
from storage.events.tables import outbox as table


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """An event to send.

    Attributes:
        message_id: number of the delivery in this database.
        event_id: what the receiver knows the event by, the same over all attempts.
        topic: what happened, such as `competitor.price_changed`.
        key: what it happened to.
        payload: the facts.
        created_at: when it happened, UTC.
        attempts: how many times it was claimed, this time included.
    """

    message_id: int
    event_id: str
    topic: str
    key: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Where a message stands.

    Attributes:
        event_id: what the receiver knows it by.
        status: `pending`, `delivered` or `dead` (given up).
        attempts: how many times it was claimed.
        next_attempt_at: when it is due while pending.
        last_error: why the last attempt failed.
        delivered_at: when the receiver took it.
    """

    message_id: int
    event_id: str
    topic: str
    key: str
    status: str
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    delivered_at: datetime | None


def claim_due(
    conn: Connection, *, now: datetime, limit: int, lease: timedelta
) -> tuple[OutboxMessage, ...]:
    """Lease the oldest messages that are due; two workers never hold the same one.

    Args:
        conn: a transaction that writes; commit it before sending.
        now: the time, UTC.
        limit: most messages to take.
        lease: how long they are this worker's; longer than sending them can take.
    """
    require_writer(conn)
    due = (
        sa.select(table.c.message_id)
        .where(
            table.c.status == "pending",
            table.c.next_attempt_at <= now,
            sa.or_(table.c.lease_until.is_(None), table.c.lease_until <= now),
        )
        .order_by(table.c.next_attempt_at, table.c.message_id)
        .limit(limit)
        # On PostgreSQL; a SQLite writer is alone.
        .with_for_update(skip_locked=True)
        .cte("due")  # runs once; PostgreSQL may run a sub-select with LIMIT again and take more
    )
    taken = conn.execute(
        table.update()
        .where(table.c.message_id.in_(sa.select(due.c.message_id)))
        .values(lease_until=now + lease, attempts=table.c.attempts + 1)
        .returning(table.c.message_id)
    ).scalars()
    query = (
        sa.select(
            table.c.message_id,
            events.c.event_id,
            events.c.type,
            events.c.key,
            events.c.facts,
            events.c.at,
            table.c.attempts,
        )
        .join_from(table, events)
        .where(table.c.message_id.in_(list(taken)))
        .order_by(table.c.message_id)
    )
    return tuple(OutboxMessage(*row) for row in conn.execute(query))


def mark_delivered(conn: Connection, message_id: int, *, at: datetime) -> None:
    """The receiver took it."""
    require_writer(conn)
    conn.execute(
        table.update()
        .where(table.c.message_id == message_id, table.c.status != "delivered")
        .values(status="delivered", delivered_at=at, lease_until=None, last_error=None)
    )


def mark_failed(
    conn: Connection, message_id: int, *, error: str, next_attempt_at: datetime | None
) -> None:
    """The attempt failed: due again at `next_attempt_at`, or given up where that is None.

    A message that another worker delivered meanwhile stays delivered.
    """
    require_writer(conn)
    values: dict[str, Any] = {"last_error": error, "lease_until": None}
    if next_attempt_at is None:
        values["status"] = "dead"
    else:
        values["next_attempt_at"] = next_attempt_at
    conn.execute(
        table.update()
        .where(table.c.message_id == message_id, table.c.status == "pending")
        .values(**values)
    )


def messages(
    conn: Connection, *, status: str | None = None, limit: int = 100
) -> tuple[OutboxState, ...]:
    """The newest messages and where they stand."""
    query = sa.select(
        table.c.message_id,
        events.c.event_id,
        events.c.type,
        events.c.key,
        table.c.status,
        table.c.attempts,
        table.c.next_attempt_at,
        table.c.last_error,
        table.c.delivered_at,
    ).join_from(table, events)
    if status is not None:
        query = query.where(table.c.status == status)
    rows = conn.execute(query.order_by(table.c.message_id.desc()).limit(limit))
    return tuple(OutboxState(*row) for row in rows)


def forget_deliveries(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete deliveries that were taken or given up before a time; returns how many.

    The events stay. So does the newest delivery, that its number is not given out again.

    Args:
        conn: a transaction that writes.
        before: the time, aware.
        limit: most deliveries.
    """
    require_writer(conn)
    newest = sa.select(sa.func.max(table.c.message_id)).scalar_subquery()
    some = (
        sa.select(table.c.message_id)
        .where(
            table.c.status.in_(("delivered", "dead")),
            sa.func.coalesce(table.c.delivered_at, table.c.next_attempt_at) < before,
            table.c.message_id != newest,
        )
        .limit(limit)
    )
    return conn.execute(table.delete().where(table.c.message_id.in_(some))).rowcount
