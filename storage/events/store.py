"""Events go in with the change that they tell of, and are read by type.

    with writing(engine) as conn:
        ...                                                  # the change
        record(conn, FreezeStarted(market=None, reason=why), at=now, actor="anna")

Both are committed, or neither. An event that is told to the outside is put into the outbox, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.events.catalogue import event_from
from pricing.events.event import Deed, Event
from storage.audit.chain import Act, Principal, append_audit, digest_of
from storage.database import require_writer
from storage.errors import InvalidRecord
from storage.events.tables import events as table
from storage.events.tables import outbox
from storage.uuid7 import new_uuid7

SYSTEM: Final = "pricewright"
"""Who does what nobody asked for at that moment: a schedule, a stage, a broken band."""

WEBHOOK: Final = "webhook"
"""The receiver that the settings name."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event on record.

    Attributes:
        event_id: a UUIDv7; of messages that were under way before there were any, a number.
        type_name: of the catalogue.
        key: what it happened to.
        at: when, UTC.
        facts: as plain values.
        actor: who made it happen.
    """

    event_id: str
    type_name: str
    key: str
    at: datetime
    facts: Mapping[str, Any]
    actor: str

    @property
    def event(self) -> Event:
        """The record of the catalogue.

        Raises:
            KeyError: a type that this version does not know.
            msgspec.ValidationError: facts of another version.
        """
        return event_from(self.type_name, self.facts)


def record(conn: Connection, event: Event, *, at: datetime, actor: str = SYSTEM) -> str:
    """Store what happened, and put it into the outbox if it is told; returns its identifier.

    A deed goes into the audit, too, so that others who would do one wait for this transaction.

    Args:
        conn: the transaction that makes it so.
        event: what happened.
        at: when, aware.
        actor: who made it happen.

    Raises:
        NotWriting: the transaction was opened to read.
        InvalidRecord: a fact that has no JSON form, or a time without a zone.
    """
    require_writer(conn)
    event_id = str(new_uuid7())
    conn.execute(
        table.insert().values(
            event_id=event_id,
            type=event.type_name,
            key=event.key,
            at=at,
            facts=event.facts(),
            actor=actor,
        )
    )
    if event.told:
        conn.execute(
            outbox.insert().values(
                event_id=event_id, receiver=WEBHOOK, status="pending", next_attempt_at=at
            )
        )
    if isinstance(event, Deed):
        subject, _, _ = event.type_name.partition(".")
        after = digest_of(event.facts())
        act = Act(Principal.named(actor), event.action, subject, event.key, after=after)
        append_audit(conn, act, at=at)
    return event_id


def newest_events(
    conn: Connection, kinds: Collection[type[Event]], *, key: str | None = None, limit: int = 100
) -> tuple[StoredEvent, ...]:
    """The newest events of some types, the newest first; of one key where it is named."""
    query = sa.select(*table.c).where(table.c.type.in_([kind.type_name for kind in kinds]))
    if key is not None:
        query = query.where(table.c.key == key)
    # By time first: messages that were under way before there were events have a number as id.
    newest = query.order_by(table.c.at.desc(), table.c.event_id.desc())
    rows = conn.execute(newest.limit(limit))
    return tuple(StoredEvent(*row) for row in rows)


def count_events(conn: Connection, kinds: Collection[type[Event]], *, since: datetime) -> int:
    """How many events of some types happened since a time."""
    these = table.c.type.in_([kind.type_name for kind in kinds]), table.c.at >= since
    return conn.scalar(sa.select(sa.func.count()).where(*these)) or 0


def first_at(conn: Connection, kind: type[Event], key: str) -> datetime | None:
    """When an event of this type first happened to a key; None if it never did."""
    these = table.c.type == kind.type_name, table.c.key == key
    found: datetime | None = conn.scalar(sa.select(sa.func.min(table.c.at)).where(*these))
    return found


def forget_events(
    conn: Connection, kinds: Collection[type[Event]], *, before: datetime, limit: int
) -> int:
    """Delete events of some types from before a time of which no delivery is left.

    Returns how many went. A deed is none of them: it is history.

    Args:
        conn: a transaction that writes.
        kinds: types of events that nothing but their receivers reads.
        before: the time, aware.
        limit: most events.

    Raises:
        InvalidRecord: a deed is among the types.
    """
    require_writer(conn)
    if any(issubclass(kind, Deed) for kind in kinds):
        raise InvalidRecord("deeds are history; they are not forgotten")
    some = (
        sa.select(table.c.event_id)
        .where(
            table.c.type.in_([kind.type_name for kind in kinds]),
            table.c.at < before,
            ~sa.exists().where(outbox.c.event_id == table.c.event_id),
        )
        .limit(limit)
    )
    return conn.execute(table.delete().where(table.c.event_id.in_(some))).rowcount
