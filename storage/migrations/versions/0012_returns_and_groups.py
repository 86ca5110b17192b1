"""Returns of orders, and groups that buy together.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_OPEN = sa.text("status = 'open'")


def upgrade() -> None:
    """To this version."""
    op.add_column("quotes", sa.Column("basis", sa.Text(), nullable=True))
    op.create_table(
        "order_returns",
        sa.Column("return_id", _KEY, nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("units", _DOCUMENT, nullable=False),
        sa.Column("gifts", _DOCUMENT, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("document", _DOCUMENT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('return', 'group_failed', 'group_grew')",
            name=op.f("ck_order_returns_kind"),
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_order_returns_not_negative")),
        sa.ForeignKeyConstraint(
            ["quote_id"], ["quotes.quote_id"], name=op.f("fk_order_returns_quote_id")
        ),
        sa.PrimaryKeyConstraint("return_id", name=op.f("pk_order_returns")),
    )
    op.create_index(op.f("ix_order_returns_quote_id"), "order_returns", ["quote_id"])
    op.create_table(
        "groups",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("promotion_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("deadline", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'reached', 'failed')", name=op.f("ck_groups_status")
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.promotion_id"], name=op.f("fk_groups_promotion_id")
        ),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_groups_market_id")
        ),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_groups")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_groups_promotion_id_group_id"), "groups", ["promotion_id", "group_id"])
    op.create_index(
        "ix_groups_open", "groups", ["deadline"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.group_id"], name=op.f("fk_group_members_group_id")
        ),
        sa.ForeignKeyConstraint(
            ["quote_id"], ["quotes.quote_id"], name=op.f("fk_group_members_quote_id")
        ),
        sa.PrimaryKeyConstraint("group_id", "customer", name=op.f("pk_group_members")),
        sa.UniqueConstraint("quote_id", name=op.f("uq_group_members_quote_id")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("group_members")
    op.drop_table("groups")
    op.drop_table("order_returns")
    op.drop_column("quotes", "basis")
