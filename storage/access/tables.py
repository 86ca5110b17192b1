"""Tables of what the service makes up once and must not forget."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Column, Text

from storage.columns import UtcDateTime
from storage.tables import metadata

service_secrets: Final = sa.Table(
    "service_secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
