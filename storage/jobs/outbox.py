"""Messages to the outside, written in the transaction that makes them true.

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
from storage.tables import outbox as table
from storage.uuid7 import new_uuid7


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message to send.

    Attributes:
        message_id: its number in this database.
        webhook_id: a UUIDv7 that stays the same over all attempts and is never used again; of
            messages from before there were any, which were under way then, the number.
        topic: what happened, such as `competitor.price_changed`.
        key: what it happened to.
        payload: the facts.
        created_at: when it happened, UTC.
        attempts: how many times it was claimed, this time included.
    """

    message_id: int
    webhook_id: str
    topic: str
    key: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Where a message stands.

    Attributes:
        webhook_id: what the receiver knows it by.
        status: `pending`, `delivered` or `dead` (given up).
        attempts: how many times it was claimed.
        next_attempt_at: when it is due while pending.
        last_error: why the last attempt failed.
        delivered_at: when the receiver took it.
    """

    message_id: int
    webhook_id: str
    topic: str
    key: str
    status: str
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    delivered_at: datetime | None


def enqueue(
    conn: Connection, topic: str, key: str, payload: Mapping[str, Any], *, at: datetime
) -> int:
    """Add a message that is due at once; returns its number.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    row = {"topic": topic, "key": key, "payload": payload, "created_at": at}
    row["webhook_id"] = str(new_uuid7())
    statement = table.insert().values(**row, status="pending", next_attempt_at=at)
    number: int = conn.execute(statement.returning(table.c.message_id)).scalar_one()
    return number


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
        .returning(
            table.c.message_id,
            table.c.webhook_id,
            table.c.topic,
            table.c.key,
            table.c.payload,
            table.c.created_at,
            table.c.attempts,
        )
    )
    return tuple(sorted((OutboxMessage(*row) for row in taken), key=lambda m: m.message_id))


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
    query = sa.select(*(table.c[name] for name in OutboxState.__dataclass_fields__))
    if status is not None:
        query = query.where(table.c.status == status)
    rows = conn.execute(query.order_by(table.c.message_id.desc()).limit(limit))
    return tuple(OutboxState(*row) for row in rows)
