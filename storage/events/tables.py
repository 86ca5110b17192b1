"""Tables of events and of their deliveries. `events` is only ever appended to."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Text

from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

events: Final = sa.Table(
    "events",
    metadata,
    # A UUIDv7: rises with time and never comes again, after a restore either.
    Column("event_id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("facts", Document, nullable=False),
    Column("actor", Text, nullable=False),
    sa.Index(None, "type", "key"),
)

OUTBOX_STATUSES: Final = ("pending", "delivered", "dead")

# Each row is the delivery of one event to one receiver.
outbox: Final = sa.Table(
    "outbox",
    metadata,
    Column("message_id", Key, primary_key=True),
    Column("event_id", Text, ForeignKey("events.event_id"), nullable=False),
    Column("receiver", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("last_error", Text),
    Column("delivered_at", UtcDateTime),
    CheckConstraint(f"status IN {OUTBOX_STATUSES}", name="status"),
    sa.Index(None, "status", "next_attempt_at"),
    sa.UniqueConstraint("event_id", "receiver"),
)
