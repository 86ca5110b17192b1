"""Tables of promotions, their codes, and what was redeemed. Amounts are in minor units.

`promotion_versions`, `promotion_audit` and `redemptions` are only ever appended to.
`promotion_usage` is what has been taken of each limit: it follows from `redemptions` and exists so
that a limit can be kept by one statement.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, ForeignKey, Text

from storage.columns import Document, Key, Minor, UtcDateTime
from storage.tables import metadata

_BY_KEY: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

PROMOTION_STATUSES: Final = ("draft", "scheduled", "ended")
"""What is stored. A scheduled promotion is live between its first and its last moment."""

promotions: Final = sa.Table(
    "promotions",
    metadata,
    Column("promotion_id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # the `id` in its document
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    # NULL: from ever, for ever.
    Column("starts_at", UtcDateTime),
    Column("ends_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint(f"status IN {PROMOTION_STATUSES}", name="status"),
)

promotion_versions: Final = sa.Table(
    "promotion_versions",
    metadata,
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("document", Document, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    **_BY_KEY,
)

promotion_audit: Final = sa.Table(
    "promotion_audit",
    metadata,
    Column("audit_id", Key, primary_key=True),
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("detail", Document, nullable=False),
    sa.Index(None, "promotion_id", "audit_id"),
)

code_batches: Final = sa.Table(
    "code_batches",
    metadata,
    Column("batch_id", Key, primary_key=True),
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("author", Text, nullable=False),
    Column("source", Text, nullable=False),  # the pattern, or the name of the file
    Column("codes", BigInteger, nullable=False),
)

promotion_codes: Final = sa.Table(
    "promotion_codes",
    metadata,
    Column("code", Text, primary_key=True),  # folded
    Column("printed", Text, nullable=False),
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), nullable=False),
    Column("batch_id", Key, ForeignKey("code_batches.batch_id"), nullable=False, index=True),
    Column("customer", Text),
    **_BY_KEY,
)

QUOTE_STATUSES: Final = ("open", "committed", "cancelled", "expired")

quotes: Final = sa.Table(
    "quotes",
    metadata,
    Column("quote_id", Text, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("status", Text, nullable=False),
    Column("settled_at", UtcDateTime),
    Column("reserved", Boolean, nullable=False),
    Column("held_until", UtcDateTime),  # NULL: nothing, or a hold of a version before
    Column("shopper", Text),  # whose address it is, as a digest, while it holds something
    Column("market_id", Key, ForeignKey("markets.market_id"), nullable=False),
    Column("customer", Text),
    Column("order_reference", Text),
    Column("total_minor", Minor, nullable=False),
    Column("goods_minor", Minor, nullable=False),
    Column("net_minor", Minor, nullable=False),  # goods without tax
    Column("cost_minor", Minor),  # NULL where the cost of a line is not known
    Column("document", Document, nullable=False),
    # What the cart was evaluated from, as JSON text: codes may hold characters that JSONB refuses.
    Column("basis", Text),
    CheckConstraint(f"status IN {QUOTE_STATUSES}", name="status"),
    sa.Index(
        "ix_quotes_open",
        "expires_at",
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    ),
    sa.Index(
        "ix_quotes_held",
        "held_until",
        sqlite_where=sa.text("status = 'open' AND reserved"),
        postgresql_where=sa.text("status = 'open' AND reserved"),
    ),
    *(
        sa.Index(
            f"ix_quotes_held_by_{name}",
            name,
            sqlite_where=sa.text("status = 'open' AND reserved"),
            postgresql_where=sa.text("status = 'open' AND reserved"),
        )
        for name in ("shopper", "customer")
    ),
    **_BY_KEY,
)

REDEMPTION_EVENTS: Final = ("offered", "reserved", "committed", "released", "reversed")

redemptions: Final = sa.Table(
    "redemptions",
    metadata,
    Column("redemption_id", Key, primary_key=True),
    Column("quote_id", Text, ForeignKey("quotes.quote_id"), nullable=False, index=True),
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),  # in the promotion's time zone
    Column("customer", Text),
    Column("code", Text),
    Column("units", BigInteger, nullable=False),
    Column("amount_minor", Minor, nullable=False),
    Column("detail", Document, nullable=False),  # by funder, by SKU, gifts
    CheckConstraint(f"event IN {REDEMPTION_EVENTS}", name="event"),
    CheckConstraint("units >= 0 AND amount_minor >= 0", name="not_negative"),
    sa.Index(None, "promotion_id", "event", "day"),
)

USAGE_SCOPES: Final = ("all", "day", "customer", "code", "funder", "gift", "sku")

promotion_usage: Final = sa.Table(
    "promotion_usage",
    metadata,
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    # Taken so far: reserved or committed, and not given back.
    Column("uses", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("amount_minor", Minor, nullable=False),
    # Of which held by open quotes.
    Column("loose_uses", BigInteger, nullable=False, server_default="0"),
    Column("loose_units", BigInteger, nullable=False, server_default="0"),
    Column("loose_minor", Minor, nullable=False, server_default="0"),
    # The most that may be taken, as of the last time that something was.
    Column("most_uses", BigInteger, nullable=False),
    Column("most_units", BigInteger, nullable=False),
    Column("most_minor", Minor, nullable=False),
    CheckConstraint(f"scope IN {USAGE_SCOPES}", name="scope"),
    CheckConstraint("uses >= 0 AND units >= 0 AND amount_minor >= 0", name="not_negative"),
    **_BY_KEY,
)

RETURN_KINDS: Final = ("return", "group_failed", "group_grew")
"""Units came back; a group buy was not reached; it reached a better price than was paid."""

order_returns: Final = sa.Table(
    "order_returns",
    metadata,
    Column("return_id", Key, primary_key=True),
    Column("quote_id", Text, ForeignKey("quotes.quote_id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text),  # as the shop named it
    Column("units", Document, nullable=False),  # by line
    Column("gifts", Document, nullable=False),  # units of gifts that came back, by promotion
    Column("amount_minor", Minor, nullable=False),
    Column("document", Document, nullable=False),
    CheckConstraint(f"kind IN {RETURN_KINDS}", name="kind"),
    CheckConstraint("amount_minor >= 0", name="not_negative"),
)

GROUP_STATUSES: Final = ("open", "reached", "failed")

groups: Final = sa.Table(
    "groups",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), nullable=False),
    Column("market_id", Key, ForeignKey("markets.market_id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("deadline", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Column("size", BigInteger),  # members at the deadline
    Column("price_minor", Minor),  # that was reached
    CheckConstraint(f"status IN {GROUP_STATUSES}", name="status"),
    sa.Index(None, "promotion_id", "group_id"),
    sa.Index(
        "ix_groups_open",
        "deadline",
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    ),
    **_BY_KEY,
)

group_members: Final = sa.Table(
    "group_members",
    metadata,
    Column("group_id", Text, ForeignKey("groups.group_id"), primary_key=True),
    Column("customer", Text, primary_key=True),
    Column("quote_id", Text, ForeignKey("quotes.quote_id"), nullable=False, unique=True),
    Column("joined_at", UtcDateTime, nullable=False),
    **_BY_KEY,
)

idempotency_keys: Final = sa.Table(
    "idempotency_keys",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("answer", Document),
    **_BY_KEY,
)

promotion_alerts: Final = sa.Table(
    "promotion_alerts",
    metadata,
    Column("promotion_id", Key, ForeignKey("promotions.promotion_id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    **_BY_KEY,
)
