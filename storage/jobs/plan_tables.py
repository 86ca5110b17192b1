"""The table of plans: which job makes it, what it follows, and what was made of it.

How far the solver is and what it found stands with the job.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Text

import storage.jobs.job_tables  # noqa: F401  (a plan refers to a job)
from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

plans: Final = sa.Table(
    "plans",
    metadata,
    Column("plan_id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    # The plan that this one amends or continues.
    Column("parent_id", Key, ForeignKey("plans.plan_id")),
    Column("note", Text, nullable=False, server_default=""),
    Column("accepted_at", UtcDateTime),
    Column("accepted_by", Text),
    Column("accepted", Document),
    Column("job_id", Key, ForeignKey("jobs.job_id"), nullable=False, unique=True),
)
