"""Promotions, their codes, quotes and redemptions.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "idempotency_keys",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("answer", DOCUMENT, nullable=True),
        sa.PrimaryKeyConstraint("operation", "key", name=op.f("pk_idempotency_keys")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False
    )

    op.create_table(
        "promotions",
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=True),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'scheduled', 'ended')", name=op.f("ck_promotions_status")
        ),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_promotions")),
        sa.UniqueConstraint("name", name=op.f("uq_promotions_name")),
    )
    op.create_table(
        "code_batches",
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("codes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.promotion_id"], name=op.f("fk_code_batches_promotion_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_code_batches")),
    )
    op.create_index(
        op.f("ix_code_batches_promotion_id"), "code_batches", ["promotion_id"], unique=False
    )

    op.create_table(
        "promotion_alerts",
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["promotions.promotion_id"],
            name=op.f("fk_promotion_alerts_promotion_id"),
        ),
        sa.PrimaryKeyConstraint(
            "promotion_id", "version", "kind", name=op.f("pk_promotion_alerts")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "promotion_audit",
        sa.Column("audit_id", KEY, nullable=False),
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["promotions.promotion_id"],
            name=op.f("fk_promotion_audit_promotion_id"),
        ),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_promotion_audit")),
    )
    op.create_index(
        op.f("ix_promotion_audit_promotion_id_audit_id"),
        "promotion_audit",
        ["promotion_id", "audit_id"],
        unique=False,
    )

    op.create_table(
        "promotion_usage",
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("most_uses", sa.BigInteger(), nullable=False),
        sa.Column("most_units", sa.BigInteger(), nullable=False),
        sa.Column("most_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "scope IN ('all', 'day', 'customer', 'code', 'funder', 'gift', 'sku')",
            name=op.f("ck_promotion_usage_scope"),
        ),
        sa.CheckConstraint(
            "uses >= 0 AND units >= 0 AND amount_minor >= 0",
            name=op.f("ck_promotion_usage_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["promotions.promotion_id"],
            name=op.f("fk_promotion_usage_promotion_id"),
        ),
        sa.PrimaryKeyConstraint("promotion_id", "scope", "key", name=op.f("pk_promotion_usage")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "promotion_versions",
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["promotions.promotion_id"],
            name=op.f("fk_promotion_versions_promotion_id"),
        ),
        sa.PrimaryKeyConstraint("promotion_id", "version", name=op.f("pk_promotion_versions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quotes",
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("reserved", sa.Boolean(), nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("order_reference", sa.Text(), nullable=True),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("goods_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'committed', 'cancelled', 'expired')", name=op.f("ck_quotes_status")
        ),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_quotes_market_id")
        ),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_quotes")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_quotes_open",
        "quotes",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )

    op.create_table(
        "promotion_codes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("printed", sa.Text(), nullable=False),
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["code_batches.batch_id"], name=op.f("fk_promotion_codes_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["promotions.promotion_id"],
            name=op.f("fk_promotion_codes_promotion_id"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_promotion_codes")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_promotion_codes_batch_id"), "promotion_codes", ["batch_id"], unique=False
    )

    op.create_table(
        "redemptions",
        sa.Column("redemption_id", KEY, nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("promotion_id", KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.CheckConstraint(
            "event IN ('offered', 'reserved', 'committed', 'released', 'reversed')",
            name=op.f("ck_redemptions_event"),
        ),
        sa.CheckConstraint(
            "units >= 0 AND amount_minor >= 0", name=op.f("ck_redemptions_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.promotion_id"], name=op.f("fk_redemptions_promotion_id")
        ),
        sa.ForeignKeyConstraint(
            ["quote_id"], ["quotes.quote_id"], name=op.f("fk_redemptions_quote_id")
        ),
        sa.PrimaryKeyConstraint("redemption_id", name=op.f("pk_redemptions")),
    )
    op.create_index(
        op.f("ix_redemptions_promotion_id_event_day"),
        "redemptions",
        ["promotion_id", "event", "day"],
        unique=False,
    )
    op.create_index(op.f("ix_redemptions_quote_id"), "redemptions", ["quote_id"], unique=False)


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index(op.f("ix_redemptions_quote_id"), table_name="redemptions")
    op.drop_index(op.f("ix_redemptions_promotion_id_event_day"), table_name="redemptions")

    op.drop_table("redemptions")
    op.drop_index(op.f("ix_promotion_codes_batch_id"), table_name="promotion_codes")

    op.drop_table("promotion_codes")
    op.drop_index(
        "ix_quotes_open",
        table_name="quotes",
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )

    op.drop_table("quotes")
    op.drop_table("promotion_versions")
    op.drop_table("promotion_usage")
    op.drop_index(op.f("ix_promotion_audit_promotion_id_audit_id"), table_name="promotion_audit")

    op.drop_table("promotion_audit")
    op.drop_table("promotion_alerts")
    op.drop_index(op.f("ix_code_batches_promotion_id"), table_name="code_batches")

    op.drop_table("code_batches")
    op.drop_table("promotions")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")

    op.drop_table("idempotency_keys")
