"""The table of plans: what was asked, how far the solver is, and what came of it.

A plan is worked on by one process at a time, which says so by its heartbeat; a plan whose process
fell silent is `interrupted` and keeps the best that was found.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Text

from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

PLAN_STATUSES: Final = ("queued", "running", "finished", "failed", "cancelled", "interrupted")

plans: Final = sa.Table(
    "plans",
    metadata,
    Column("plan_id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("document", Document, nullable=False),
    # The plan that this one amends or continues.
    Column("parent_id", Key, ForeignKey("plans.plan_id")),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
    Column("worker", Text),  # a name that the process which works on it made up
    Column("cancel_wanted", Boolean, nullable=False, server_default=sa.false()),
    Column("step", Text, nullable=False, server_default=""),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),  # NULL: nobody knows
    Column("best", Document),
    Column("result", Document),
    Column("error", Document),
    Column("accepted_at", UtcDateTime),
    Column("accepted_by", Text),
    Column("accepted", Document),
    CheckConstraint(f"status IN {PLAN_STATUSES}", name="status"),
    sa.Index(None, "status"),
)
