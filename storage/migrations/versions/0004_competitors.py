"""Competitors: outcomes of pages, review of matches, quarantine; whole sites and offers.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "match_reviews",
        sa.Column("review_id", KEY, nullable=False),
        sa.Column("site_id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("features", DOCUMENT, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(status = 'pending') = (decided_at IS NULL)", name=op.f("ck_match_reviews_decided")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'same', 'different')", name=op.f("ck_match_reviews_status")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_match_reviews_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.site_id"], name=op.f("fk_match_reviews_site_id")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_match_reviews")),
        sa.UniqueConstraint(
            "site_id", "url", "product_id", name=op.f("uq_match_reviews_site_id_url_product_id")
        ),
    )
    op.create_index(
        op.f("ix_match_reviews_status_review_id"), "match_reviews", ["status", "review_id"]
    )
    op.create_table(
        "site_pages",
        sa.Column("site_id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=True),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"], name=op.f("fk_site_pages_site_id")),
        sa.PrimaryKeyConstraint("site_id", "url", name=op.f("pk_site_pages")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "crawl_pages",
        sa.Column("crawl_id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["crawl_id"], ["crawls.crawl_id"], name=op.f("fk_crawl_pages_crawl_id")
        ),
        sa.PrimaryKeyConstraint("crawl_id", "url", name=op.f("pk_crawl_pages")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", KEY, nullable=False),
        sa.Column("site_id", KEY, nullable=False),
        sa.Column("crawl_id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("offer", DOCUMENT, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("held_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(status = 'held') = (decided_at IS NULL)", name=op.f("ck_quarantine_decided")
        ),
        sa.CheckConstraint(
            "status IN ('held', 'released', 'dropped')", name=op.f("ck_quarantine_status")
        ),
        sa.ForeignKeyConstraint(
            ["crawl_id"], ["crawls.crawl_id"], name=op.f("fk_quarantine_crawl_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"], name=op.f("fk_quarantine_site_id")),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_site_id_url"), "quarantine", ["site_id", "url"])
    op.create_index(
        op.f("ix_quarantine_status_quarantine_id"), "quarantine", ["status", "quarantine_id"]
    )
    op.add_column("offers", sa.Column("details", DOCUMENT, nullable=True))
    op.add_column("sites", sa.Column("definition", DOCUMENT, nullable=True))


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("sites") as sites:
        sites.drop_column("definition")
    with op.batch_alter_table("offers") as offers:
        offers.drop_column("details")
    op.drop_index(op.f("ix_quarantine_status_quarantine_id"), table_name="quarantine")
    op.drop_index(op.f("ix_quarantine_site_id_url"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("crawl_pages")
    op.drop_table("site_pages")
    op.drop_index(op.f("ix_match_reviews_status_review_id"), table_name="match_reviews")
    op.drop_table("match_reviews")
