"""The tables of jobs: what was asked, who works on it, how far it is, what came of it.

A running job belongs to the worker whose token stands in its row. Every word on a job names that
token, so that a process which was taken for dead can say nothing more, and can end nothing twice.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Text

from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

OPEN_STATUSES: Final = ("queued", "running")
JOB_STATUSES: Final = (*OPEN_STATUSES, "finished", "failed", "cancelled", "interrupted")

jobs: Final = sa.Table(
    "jobs",
    metadata,
    Column("job_id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("lane", Text, nullable=False),  # whose places it takes: computing or the network
    Column("scope", Text),  # one job at a time runs in a scope; NULL: any number
    Column("status", Text, nullable=False),
    Column("request", Document, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("schedule", Text),  # the schedule that asked, and for which moment
    Column("due_at", UtcDateTime),
    Column("not_before", UtcDateTime, nullable=False),
    Column("retries", BigInteger, nullable=False),  # 0: not safe to begin again
    Column("tries", BigInteger, nullable=False, server_default="0"),  # that came to no end
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
    Column("worker", Text),
    Column("machine", Text),
    Column("pid", BigInteger),
    Column("cancel_wanted", Boolean, nullable=False, server_default=sa.false()),
    Column("step", Text, nullable=False, server_default=""),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),  # NULL: nobody knows
    Column("best", Document),
    Column("result", Document),
    Column("error", Document),
    CheckConstraint(f"status IN {JOB_STATUSES}", name="status"),
    sa.UniqueConstraint("schedule", "due_at"),
    sa.Index(None, "status", "not_before"),
    sa.Index(
        "uq_jobs_running_scope",
        "scope",
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    ),
)

job_lines: Final = sa.Table(
    "job_lines",
    metadata,
    Column("line_id", Key, primary_key=True),
    Column("job_id", Key, ForeignKey("jobs.job_id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("line", Text, nullable=False),
)

job_schedules: Final = sa.Table(
    "job_schedules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("request", Document, nullable=False),
    Column("cron", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("counted_to", UtcDateTime, nullable=False),  # moments up to here are taken care of
    sqlite_with_rowid=False,
)
