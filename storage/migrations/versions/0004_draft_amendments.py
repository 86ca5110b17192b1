"""What people say of drafts: single prices amended or left out, and comments.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "draft_amendments",
        sa.Column("draft_id", _NUMBER, nullable=False),
        sa.Column("product_id", _NUMBER, nullable=False),
        sa.Column("market_id", _NUMBER, nullable=False),
        sa.Column("price_minor", sa.BigInteger()),
        sa.Column("amended_at", UtcDateTime(), nullable=False),
        sa.Column("amended_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_draft_amendments_price")),
        *_references("draft_amendments"),
        sa.PrimaryKeyConstraint(
            "draft_id", "product_id", "market_id", name=op.f("pk_draft_amendments")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "draft_comments",
        sa.Column("comment_id", _NUMBER, nullable=False),
        sa.Column("draft_id", _NUMBER, nullable=False),
        sa.Column("product_id", _NUMBER),
        sa.Column("market_id", _NUMBER),
        sa.Column("said_at", UtcDateTime(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(product_id IS NULL) = (market_id IS NULL)", name=op.f("ck_draft_comments_one_price")
        ),
        *_references("draft_comments"),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_draft_comments")),
    )
    op.create_index(op.f("ix_draft_comments_draft_id"), "draft_comments", ["draft_id"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("draft_comments")
    op.drop_table("draft_amendments")


def _references(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    places = {"draft_id": "price_book_drafts", "product_id": "products", "market_id": "markets"}
    return tuple(
        sa.ForeignKeyConstraint([column], [f"{of}.{column}"], name=op.f(f"fk_{table}_{column}"))
        for column, of in places.items()
    )
