"""Tables of what the service makes up once and must not forget, and of who did what.

`governance_log` is only ever appended to.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Text

from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

service_secrets: Final = sa.Table(
    "service_secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

governance_log: Final = sa.Table(
    "governance_log",
    metadata,
    Column("log_id", Key, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("draft_id", Key, ForeignKey("price_book_drafts.draft_id")),
    Column("version", Key, ForeignKey("price_books.version")),
    Column("detail", Document, nullable=False),
    sa.Index(None, "version"),
    sa.Index(None, "draft_id"),
)
