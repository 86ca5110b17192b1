"""Messages get an identifier of their own that is never used again, a UUIDv7.

Messages of before are given one of the moment that they were made at. Those under way keep their
number: a receiver that has seen it may be asked once more.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcDateTime
from storage.uuid7 import uuid7_of

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 1_000

_outbox = sa.table(
    "outbox",
    sa.column("message_id", sa.BigInteger),
    sa.column("webhook_id", sa.Text),
    sa.column("created_at", UtcDateTime),
    sa.column("status", sa.Text),
    sa.column("attempts", sa.BigInteger),
)


def upgrade() -> None:
    """To this version."""
    column = sa.Column("webhook_id", sa.Text(), server_default="", nullable=False)
    op.add_column("outbox", column)
    _fill(op.get_bind())
    op.create_index("uq_outbox_webhook_id", "outbox", ["webhook_id"], unique=True)


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index("uq_outbox_webhook_id", table_name="outbox")
    op.drop_column("outbox", "webhook_id")


def _fill(conn: sa.Connection) -> None:
    t = _outbox
    update = (
        t.update().where(t.c.message_id == sa.bindparam("n")).values(webhook_id=sa.bindparam("id"))
    )
    last = 0
    while True:
        query = sa.select(t.c.message_id, t.c.created_at, t.c.status, t.c.attempts)
        query = query.where(t.c.message_id > last).order_by(t.c.message_id).limit(_BATCH)
        rows = conn.execute(query).all()
        if not rows:
            return
        last = rows[-1].message_id
        conn.execute(update, [{"n": row[0], "id": _id_of(*row)} for row in rows])


def _id_of(number: int, created_at: datetime, status: str, attempts: int) -> str:
    if status == "pending" and attempts:
        return str(number)
    millisecond = (created_at - _EPOCH) // timedelta(milliseconds=1)
    # The order within a millisecond is that of the numbers, as long as few share one.
    return str(uuid7_of(max(0, millisecond), number % 4_096, secrets.randbits(62)))
