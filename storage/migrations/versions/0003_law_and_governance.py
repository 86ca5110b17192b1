"""The law and governance: rules of markets, announcements; drafts, approvals, freezes.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "emergencies",
        sa.Column("emergency_id", KEY, nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("declared_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("categories", DOCUMENT, nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "ends_at > declared_at", name=op.f("ck_emergencies_ends_after_it_began")
        ),
        sa.PrimaryKeyConstraint("emergency_id", name=op.f("pk_emergencies")),
    )
    op.create_table(
        "figure_readings",
        sa.Column("reading_id", KEY, nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("reading_id", name=op.f("pk_figure_readings")),
    )
    op.create_index(
        op.f("ix_figure_readings_figure_at"), "figure_readings", ["figure", "at"], unique=False
    )

    op.create_table(
        "announced_reductions",
        sa.Column("reduction_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("steps_since", UtcDateTime(), nullable=True),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("shown_prior_minor", sa.BigInteger(), nullable=True),
        sa.Column("shown_percent", sa.Double(), nullable=True),
        sa.Column("verdict", DOCUMENT, nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "ends_at > starts_at", name=op.f("ck_announced_reductions_ends_after_it_began")
        ),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_announced_reductions_price_positive")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_announced_reductions_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_announced_reductions_product_id")
        ),
        sa.PrimaryKeyConstraint("reduction_id", name=op.f("pk_announced_reductions")),
    )
    op.create_index(
        op.f("ix_announced_reductions_product_id_market_id_starts_at"),
        "announced_reductions",
        ["product_id", "market_id", "starts_at"],
        unique=False,
    )

    op.create_table(
        "market_rules",
        sa.Column("market_id", KEY, autoincrement=False, nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("perishable_categories", DOCUMENT, nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_market_rules_market_id")
        ),
        sa.PrimaryKeyConstraint("market_id", name=op.f("pk_market_rules")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "price_freezes",
        sa.Column("freeze_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=True),
        sa.Column("frozen_at", UtcDateTime(), nullable=False),
        sa.Column("frozen_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_at", UtcDateTime(), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_price_freezes_market_id")
        ),
        sa.PrimaryKeyConstraint("freeze_id", name=op.f("pk_price_freezes")),
    )
    op.create_table(
        "price_input_log",
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("public_minor", sa.BigInteger(), nullable=False),
        sa.Column("inputs", DOCUMENT, nullable=False),
        sa.Column("verdict", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_price_input_log_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_price_input_log_product_id")
        ),
        sa.PrimaryKeyConstraint("log_id", name=op.f("pk_price_input_log")),
    )
    op.create_index(
        op.f("ix_price_input_log_product_id_market_id_at"),
        "price_input_log",
        ["product_id", "market_id", "at"],
        unique=False,
    )

    op.create_table(
        "price_book_drafts",
        sa.Column("draft_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("measured_against", KEY, nullable=True),
        sa.Column("restores", KEY, nullable=True),
        sa.Column("version", KEY, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("review", DOCUMENT, nullable=False),
        sa.Column("approvals_needed", sa.BigInteger(), nullable=False),
        sa.Column("activate_at", UtcDateTime(), nullable=True),
        sa.Column("stages", sa.BigInteger(), nullable=False),
        sa.Column("stages_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stage_pause_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("next_stage_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'approved', 'releasing', 'released', 'rejected', 'rolled_back')",
            name=op.f("ck_price_book_drafts_status"),
        ),
        sa.CheckConstraint(
            "stages_done BETWEEN 0 AND stages", name=op.f("ck_price_book_drafts_stages")
        ),
        sa.ForeignKeyConstraint(
            ["measured_against"],
            ["price_books.version"],
            name=op.f("fk_price_book_drafts_measured_against"),
        ),
        sa.ForeignKeyConstraint(
            ["restores"], ["price_books.version"], name=op.f("fk_price_book_drafts_restores")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["decision_runs.run_id"], name=op.f("fk_price_book_drafts_run_id")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["price_books.version"], name=op.f("fk_price_book_drafts_version")
        ),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_price_book_drafts")),
    )
    op.create_index(
        op.f("ix_price_book_drafts_status"), "price_book_drafts", ["status"], unique=False
    )

    op.create_table(
        "draft_approvals",
        sa.Column("draft_id", KEY, nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["price_book_drafts.draft_id"], name=op.f("fk_draft_approvals_draft_id")
        ),
        sa.PrimaryKeyConstraint("draft_id", "approved_by", name=op.f("pk_draft_approvals")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "draft_parts",
        sa.Column("draft_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("stage", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["price_book_drafts.draft_id"], name=op.f("fk_draft_parts_draft_id")
        ),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_draft_parts_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_draft_parts_product_id")
        ),
        sa.PrimaryKeyConstraint("draft_id", "product_id", "market_id", name=op.f("pk_draft_parts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "governance_log",
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("draft_id", KEY, nullable=True),
        sa.Column("version", KEY, nullable=True),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["price_book_drafts.draft_id"], name=op.f("fk_governance_log_draft_id")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["price_books.version"], name=op.f("fk_governance_log_version")
        ),
        sa.PrimaryKeyConstraint("log_id", name=op.f("pk_governance_log")),
    )
    op.create_index(
        op.f("ix_governance_log_draft_id"), "governance_log", ["draft_id"], unique=False
    )
    op.create_index(op.f("ix_governance_log_version"), "governance_log", ["version"], unique=False)

    op.create_table(
        "watched_figures",
        sa.Column("draft_id", KEY, nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("readings_needed", sa.BigInteger(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "low IS NOT NULL OR high IS NOT NULL", name=op.f("ck_watched_figures_has_a_side")
        ),
        sa.CheckConstraint("readings_needed >= 1", name=op.f("ck_watched_figures_needs_a_reading")),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["price_book_drafts.draft_id"], name=op.f("fk_watched_figures_draft_id")
        ),
        sa.PrimaryKeyConstraint("draft_id", "figure", name=op.f("pk_watched_figures")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("watched_figures")
    op.drop_index(op.f("ix_governance_log_version"), table_name="governance_log")
    op.drop_index(op.f("ix_governance_log_draft_id"), table_name="governance_log")

    op.drop_table("governance_log")
    op.drop_table("draft_parts")
    op.drop_table("draft_approvals")
    op.drop_index(op.f("ix_price_book_drafts_status"), table_name="price_book_drafts")

    op.drop_table("price_book_drafts")
    op.drop_index(op.f("ix_price_input_log_product_id_market_id_at"), table_name="price_input_log")

    op.drop_table("price_input_log")
    op.drop_table("price_freezes")
    op.drop_table("market_rules")
    op.drop_index(
        op.f("ix_announced_reductions_product_id_market_id_starts_at"),
        table_name="announced_reductions",
    )

    op.drop_table("announced_reductions")
    op.drop_index(op.f("ix_figure_readings_figure_at"), table_name="figure_readings")

    op.drop_table("figure_readings")
    op.drop_table("emergencies")
