"""Tables of governance: proposals, approvals, stages, freezes and watched figures.

A price book version is never anything but live or superseded; what waits to become one is a draft.
`figure_readings` is only ever appended to.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, Column, Double, ForeignKey, Text

from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

_BY_KEY: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

DRAFT_STATUSES: Final = ("draft", "approved", "releasing", "released", "rejected", "rolled_back")
"""`releasing`: some stages are live. `released`: all of them are."""

price_book_drafts: Final = sa.Table(
    "price_book_drafts",
    metadata,
    Column("draft_id", Key, primary_key=True),
    Column("run_id", Key, ForeignKey("decision_runs.run_id"), nullable=False),
    Column("status", Text, nullable=False),
    # The book that was live when it was measured, then the one that its own last stage made.
    Column("measured_against", Key, ForeignKey("price_books.version")),
    # Where a rollback of the whole release leads; NULL where nothing was live before.
    Column("restores", Key, ForeignKey("price_books.version")),
    Column("version", Key, ForeignKey("price_books.version")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("review", Document, nullable=False),
    Column("approvals_needed", BigInteger, nullable=False),
    Column("activate_at", UtcDateTime),  # NULL: as soon as it is approved
    Column("stages", BigInteger, nullable=False),
    Column("stages_done", BigInteger, nullable=False, server_default="0"),
    Column("stage_pause_seconds", Double, nullable=False, server_default="0"),
    Column("next_stage_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint(f"status IN {DRAFT_STATUSES}", name="status"),
    CheckConstraint("stages_done BETWEEN 0 AND stages", name="stages"),
    sa.Index(None, "status"),
)

# Only of drafts with more than one stage.
draft_parts: Final = sa.Table(
    "draft_parts",
    metadata,
    Column("draft_id", Key, ForeignKey("price_book_drafts.draft_id"), primary_key=True),
    Column("product_id", Key, ForeignKey("products.product_id"), primary_key=True),
    Column("market_id", Key, ForeignKey("markets.market_id"), primary_key=True),
    Column("stage", BigInteger, nullable=False),
    **_BY_KEY,
)

draft_approvals: Final = sa.Table(
    "draft_approvals",
    metadata,
    Column("draft_id", Key, ForeignKey("price_book_drafts.draft_id"), primary_key=True),
    Column("approved_by", Text, primary_key=True),
    Column("approved_at", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    **_BY_KEY,
)

# What people made of single prices of a draft before it was approved.
draft_amendments: Final = sa.Table(
    "draft_amendments",
    metadata,
    Column("draft_id", Key, ForeignKey("price_book_drafts.draft_id"), primary_key=True),
    Column("product_id", Key, ForeignKey("products.product_id"), primary_key=True),
    Column("market_id", Key, ForeignKey("markets.market_id"), primary_key=True),
    Column("price_minor", BigInteger),  # NULL: left out, the price in force stays
    Column("amended_at", UtcDateTime, nullable=False),
    Column("amended_by", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint("price_minor > 0", name="price"),
    **_BY_KEY,
)

# Only ever appended to.
draft_comments: Final = sa.Table(
    "draft_comments",
    metadata,
    Column("comment_id", Key, primary_key=True),
    Column("draft_id", Key, ForeignKey("price_book_drafts.draft_id"), nullable=False),
    Column("product_id", Key, ForeignKey("products.product_id")),  # NULL: of the whole draft
    Column("market_id", Key, ForeignKey("markets.market_id")),
    Column("said_at", UtcDateTime, nullable=False),
    Column("said_by", Text, nullable=False),
    Column("text", Text, nullable=False),
    CheckConstraint("(product_id IS NULL) = (market_id IS NULL)", name="one_price"),
    sa.Index(None, "draft_id"),
)

watched_figures: Final = sa.Table(
    "watched_figures",
    metadata,
    Column("draft_id", Key, ForeignKey("price_book_drafts.draft_id"), primary_key=True),
    Column("figure", Text, primary_key=True),
    Column("low", Double),
    Column("high", Double),
    Column("readings_needed", BigInteger, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    CheckConstraint("low IS NOT NULL OR high IS NOT NULL", name="has_a_side"),
    CheckConstraint("readings_needed >= 1", name="needs_a_reading"),
    **_BY_KEY,
)

figure_readings: Final = sa.Table(
    "figure_readings",
    metadata,
    Column("reading_id", Key, primary_key=True),
    Column("figure", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("value", Double, nullable=False),
    sa.Index(None, "figure", "at"),
)

price_freezes: Final = sa.Table(
    "price_freezes",
    metadata,
    Column("freeze_id", Key, primary_key=True),
    Column("market_id", Key, ForeignKey("markets.market_id")),  # NULL: all markets
    Column("frozen_at", UtcDateTime, nullable=False),
    Column("frozen_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", Text),
)
