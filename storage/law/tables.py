"""Tables of the law: which rules hold where, what was announced, what a price was computed from.

All but `market_rules` and the end of an emergency are only ever appended to.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, Text

from storage.columns import Document, Key, Minor, UtcDateTime
from storage.tables import metadata

_BY_KEY: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

market_rules: Final = sa.Table(
    "market_rules",
    metadata,
    Column(
        "market_id", Key, ForeignKey("markets.market_id"), primary_key=True, autoincrement=False
    ),
    Column("jurisdiction", Text, nullable=False),
    Column("perishable_categories", Document, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("set_by", Text, nullable=False),
    **_BY_KEY,
)

emergencies: Final = sa.Table(
    "emergencies",
    metadata,
    Column("emergency_id", Key, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("declared_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),  # NULL: as long as the rule says
    Column("categories", Document, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recorded_by", Text, nullable=False),
    CheckConstraint("ends_at > declared_at", name="ends_after_it_began"),
)

announced_reductions: Final = sa.Table(
    "announced_reductions",
    metadata,
    Column("reduction_id", Key, primary_key=True),
    Column("product_id", Key, ForeignKey("products.product_id"), nullable=False),
    Column("market_id", Key, ForeignKey("markets.market_id"), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),  # NULL: until it is ended
    Column("steps_since", UtcDateTime),
    Column("price_minor", Minor, nullable=False),
    Column("shown_prior_minor", Minor),
    Column("shown_percent", Double),
    Column("verdict", Document, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recorded_by", Text, nullable=False),
    CheckConstraint("price_minor > 0", name="price_positive"),
    CheckConstraint("ends_at > starts_at", name="ends_after_it_began"),
    sa.Index(None, "product_id", "market_id", "starts_at"),
)

price_input_log: Final = sa.Table(
    "price_input_log",
    metadata,
    Column("log_id", Key, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("product_id", Key, ForeignKey("products.product_id"), nullable=False),
    Column("market_id", Key, ForeignKey("markets.market_id"), nullable=False),
    Column("tier", Text, nullable=False),
    Column("price_minor", Minor, nullable=False),
    Column("public_minor", Minor, nullable=False),
    Column("inputs", Document, nullable=False),
    Column("verdict", Document, nullable=False),
    sa.Index(None, "product_id", "market_id", "at"),
)
