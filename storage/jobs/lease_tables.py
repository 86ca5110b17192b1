"""The table of leases: who may do now what only one process may do at a time."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Text

from storage.columns import UtcDateTime
from storage.tables import metadata

leases: Final = sa.Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("worker_pid", BigInteger),  # a child that does the work; it outlives its parent
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
