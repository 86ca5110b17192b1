"""Tables behind a crawl: what became of each page, what a person decided, what is held back."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, Text

from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

# What the server told of a page, so that the next request can ask whether it has changed.
site_pages: Final = sa.Table(
    "site_pages",
    metadata,
    Column("site_id", Key, ForeignKey("sites.site_id"), primary_key=True),
    Column("url", Text, primary_key=True),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("content_hash", Text),
    Column("reader", Text, nullable=False),
    sqlite_with_rowid=False,
)

# One row for each product page of a crawl: its outcome, and the progress from which it resumes.
crawl_pages: Final = sa.Table(
    "crawl_pages",
    metadata,
    Column("crawl_id", Key, ForeignKey("crawls.crawl_id"), primary_key=True),
    Column("url", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("done_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

REVIEW_STATUSES: Final = ("pending", "same", "different")

match_reviews: Final = sa.Table(
    "match_reviews",
    metadata,
    Column("review_id", Key, primary_key=True),
    Column("site_id", Key, ForeignKey("sites.site_id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("product_id", Key, ForeignKey("products.product_id"), nullable=False),
    Column("score", Double, nullable=False),
    Column("features", Document, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("decided_by", Text),
    CheckConstraint(f"status IN {REVIEW_STATUSES}", name="status"),
    CheckConstraint("(status = 'pending') = (decided_at IS NULL)", name="decided"),
    sa.UniqueConstraint("site_id", "url", "product_id"),
    sa.Index(None, "status", "review_id"),
)

QUARANTINE_STATUSES: Final = ("held", "released", "dropped")

quarantine: Final = sa.Table(
    "quarantine",
    metadata,
    Column("quarantine_id", Key, primary_key=True),
    Column("site_id", Key, ForeignKey("sites.site_id"), nullable=False),
    Column("crawl_id", Key, ForeignKey("crawls.crawl_id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("offer", Document, nullable=False),
    Column("status", Text, nullable=False),
    Column("held_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("decided_by", Text),
    CheckConstraint(f"status IN {QUARANTINE_STATUSES}", name="status"),
    CheckConstraint("(status = 'held') = (decided_at IS NULL)", name="decided"),
    sa.Index(None, "status", "quarantine_id"),
    sa.Index(None, "site_id", "url"),
)
