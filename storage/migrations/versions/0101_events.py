"""What happened is one table of events; the outbox holds their deliveries.

Messages of the outbox keep their identifier and their place in it. The log of deeds becomes events,
too; a deed that was told to the outside is one event with its message.

Revision ID: 0101
Revises: 0100
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from storage.columns import Document, UtcDateTime
from storage.uuid7 import Uuid7Source

revision = "0101"
down_revision = "0100"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SYSTEM: Final = "pricewright"
_BOTH: Final = ("price_book.rolled_back", "price_book.figure_broke")
"""Types that were logged and told."""

_events = sa.table(
    "events",
    sa.column("event_id", sa.Text),
    sa.column("type", sa.Text),
    sa.column("key", sa.Text),
    sa.column("at", UtcDateTime),
    sa.column("facts", Document),
    sa.column("actor", sa.Text),
)
_outbox = sa.table(
    "outbox",
    sa.column("webhook_id", sa.Text),
    sa.column("topic", sa.Text),
    sa.column("key", sa.Text),
    sa.column("payload", Document),
    sa.column("created_at", UtcDateTime),
)
_log = sa.table(
    "governance_log",
    sa.column("log_id", sa.BigInteger),
    sa.column("at", UtcDateTime),
    sa.column("actor", sa.Text),
    sa.column("action", sa.Text),
    sa.column("draft_id", sa.BigInteger),
    sa.column("version", sa.BigInteger),
    sa.column("detail", Document),
)

_DELIVERY: Final = "status, attempts, next_attempt_at, lease_until, last_error, delivered_at"

_OF_DRAFTS: Final = {
    "proposed": "price_book.proposed",
    "approved": "price_book.approved",
    "rejected": "price_book.rejected",
    "rolled_back": "price_book.withdrawn",
    "went_live": "price_book.went_live",
    "figure_broke": "price_book.figure_broke",
}
_OTHERS: Final = {
    "rolled_back": "price_book.rolled_back",
    "frozen": "prices.frozen",
    "unfrozen": "prices.unfrozen",
    "costs_confirmed": "costs.confirmed",
}


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("facts", Document, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_type_key"), "events", ["type", "key"])
    t = _outbox.c
    actor = sa.func.coalesce(t.payload["by"].as_string(), _SYSTEM)
    told = sa.select(t.webhook_id, t.topic, t.key, t.created_at, t.payload, actor)
    op.execute(_events.insert().from_select([c.name for c in _events.c], told))
    _log_to_events(op.get_bind())
    op.drop_table("governance_log")
    kept = "message_id, webhook_id AS event_id, 'webhook' AS receiver, " + _DELIVERY
    op.execute(f"CREATE TABLE deliveries AS SELECT {kept} FROM outbox")  # noqa: S608
    told_to: list[sa.Column[Any]] = [
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
    ]
    _make_outbox(
        told_to,
        sa.ForeignKeyConstraint(["event_id"], ["events.event_id"], name=op.f("fk_outbox_event_id")),
        sa.UniqueConstraint("event_id", "receiver", name=op.f("uq_outbox_event_id_receiver")),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.create_table(
        "governance_log",
        sa.Column("log_id", _KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("draft_id", _KEY, nullable=True),
        sa.Column("version", _KEY, nullable=True),
        sa.Column("detail", Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["price_book_drafts.draft_id"], name=op.f("fk_governance_log_draft_id")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["price_books.version"], name=op.f("fk_governance_log_version")
        ),
        sa.PrimaryKeyConstraint("log_id", name=op.f("pk_governance_log")),
    )
    op.create_index(op.f("ix_governance_log_draft_id"), "governance_log", ["draft_id"])
    op.create_index(op.f("ix_governance_log_version"), "governance_log", ["version"])
    _events_to_log(op.get_bind())
    kept = (
        "message_id, event_id AS webhook_id, type AS topic, key, facts AS payload, at AS created_at"
    )
    op.execute(
        f"CREATE TABLE deliveries AS SELECT {kept}, {_DELIVERY} "  # noqa: S608
        "FROM outbox JOIN events USING (event_id) WHERE receiver = 'webhook'"
    )
    message: list[sa.Column[Any]] = [
        sa.Column("webhook_id", sa.Text(), server_default="", nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", Document, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
    ]
    _make_outbox(message)
    op.create_index("uq_outbox_webhook_id", "outbox", ["webhook_id"], unique=True)
    op.drop_index(op.f("ix_events_type_key"), table_name="events")
    op.drop_table("events")


def _make_outbox(columns: list[sa.Column[Any]], *constraints: sa.Constraint) -> None:
    """The outbox anew with these columns, of the rows that were put by in `deliveries`."""
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("message_id", _KEY, nullable=False),
        *columns,
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'dead')", name=op.f("ck_outbox_status")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_outbox")),
        *constraints,
    )
    op.create_index(
        op.f("ix_outbox_status_next_attempt_at"), "outbox", ["status", "next_attempt_at"]
    )
    names = ", ".join(["message_id", *(column.name for column in columns), _DELIVERY])
    op.execute(f"INSERT INTO outbox ({names}) SELECT {names} FROM deliveries")  # noqa: S608
    op.drop_table("deliveries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('outbox', 'message_id'), MAX(message_id)) "
            "FROM outbox HAVING COUNT(*) > 0"
        )


def _log_to_events(conn: sa.Connection) -> None:
    e = _events.c
    query = sa.select(e.type, e.key, e.at).where(e.type.in_(_BOTH))
    told = {tuple(row) for row in conn.execute(query)}
    rows = []
    moment = 0
    next_id = Uuid7Source(nanoseconds=lambda: moment)
    for line in conn.execute(sa.select(_log).order_by(_log.c.log_id)).all():
        names = _OTHERS if line.draft_id is None else _OF_DRAFTS
        kind, facts = names[line.action], _facts(line)
        key = str(line.draft_id or line.version or facts.get("market") or "")
        if (kind, key, line.at) in told:
            continue
        moment = (line.at - _EPOCH) // timedelta(microseconds=1) * 1_000
        row = {"event_id": str(next_id()), "type": kind, "key": key, "at": line.at}
        rows.append({**row, "facts": facts, "actor": line.actor})
    if rows:
        conn.execute(_events.insert(), rows)


def _facts(line: sa.Row[Any]) -> dict[str, Any]:
    facts = dict(line.detail)
    if line.action == "rolled_back" and line.draft_id is None:
        facts["from"] = facts.pop("live", None)
        facts["by"] = line.actor
    if line.action == "figure_broke":
        facts["live"] = None
    if line.draft_id is not None:
        facts["draft"] = line.draft_id
    if line.version is not None:
        facts["version"] = line.version
    return facts


def _events_to_log(conn: sa.Connection) -> None:
    actions = {kind: action for names in (_OF_DRAFTS, _OTHERS) for action, kind in names.items()}
    query = sa.select(_events).where(_events.c.type.in_(list(actions)))
    rows = []
    for event in conn.execute(query.order_by(_events.c.event_id)).all():
        facts = dict(event.facts)
        row = {"at": event.at, "actor": event.actor, "action": actions[event.type]}
        row |= {"draft_id": facts.pop("draft", None), "version": facts.pop("version", None)}
        rows.append({**row, "detail": _DETAILS.get(event.type, dict)(facts)})
    if rows:
        conn.execute(_log.insert(), rows)


def _of_rollback(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"to": facts["to"], "live": facts["from"], "reason": facts["reason"]}


def _of_figure(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"why": facts["why"]}


_DETAILS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "price_book.rolled_back": _of_rollback,
    "price_book.figure_broke": _of_figure,
}
