"""First tables.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "fits",
        sa.Column("fit_id", KEY, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("window_start", sa.Date(), nullable=False),
        sa.Column("window_end", sa.Date(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("period_days", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("software", DOCUMENT, nullable=False),
        sa.Column("report", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("fit_id", name=op.f("pk_fits")),
    )
    op.create_table(
        "imports",
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("inserted", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_imports")),
    )
    op.create_table(
        "markets",
        sa.Column("market_id", KEY, autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("tax_rate", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("market_id", name=op.f("pk_markets")),
        sa.UniqueConstraint("code", name=op.f("uq_markets_code")),
    )
    op.create_table(
        "outbox",
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'dead')", name=op.f("ck_outbox_status")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_outbox")),
    )
    op.create_index(
        op.f("ix_outbox_status_next_attempt_at"),
        "outbox",
        ["status", "next_attempt_at"],
        unique=False,
    )

    op.create_table(
        "products",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("gtin", sa.Text(), nullable=True),
        sa.Column("mpn", sa.Text(), nullable=True),
        sa.Column("pack_size", sa.Double(), nullable=True),
        sa.Column("pack_unit", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_products")),
        sa.UniqueConstraint("sku", name=op.f("uq_products_sku")),
    )
    op.create_index(op.f("ix_products_gtin"), "products", ["gtin"], unique=False)

    op.create_table(
        "costs",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("cost_minor > 0", name=op.f("ck_costs_positive")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_costs_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_costs_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "market_id", "valid_from", name=op.f("pk_costs")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decision_runs",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("fit_id", KEY, nullable=True),
        sa.Column("policy", DOCUMENT, nullable=False),
        sa.Column("report", DOCUMENT, nullable=False),
        sa.Column("solve_status", sa.Text(), nullable=False),
        sa.Column("solve_method", sa.Text(), nullable=False),
        sa.Column("solve_objective", sa.Double(), nullable=False),
        sa.Column("solve_bound", sa.Double(), nullable=False),
        sa.Column("solve_gap", sa.Double(), nullable=False),
        sa.Column("solve_seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["fit_id"], ["fits.fit_id"], name=op.f("fk_decision_runs_fit_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_decision_runs")),
    )
    op.create_table(
        "fit_curves",
        sa.Column("fit_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("reference_price", sa.Double(), nullable=True),
        sa.Column("log_base", sa.Double(), nullable=True),
        sa.Column("elasticity", sa.Double(), nullable=True),
        sa.Column("var_log_base", sa.Double(), nullable=True),
        sa.Column("cov_log_base_elasticity", sa.Double(), nullable=True),
        sa.Column("var_elasticity", sa.Double(), nullable=True),
        sa.Column("residual_variance", sa.Double(), nullable=True),
        sa.Column("own_elasticity", sa.Double(), nullable=True),
        sa.Column("own_std_error", sa.Double(), nullable=True),
        sa.Column("n_obs", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["fit_id"], ["fits.fit_id"], name=op.f("fk_fit_curves_fit_id")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_fit_curves_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_fit_curves_product_id")
        ),
        sa.PrimaryKeyConstraint("fit_id", "product_id", "market_id", name=op.f("pk_fit_curves")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sales",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("units", sa.Double(), nullable=False),
        sa.Column("revenue_minor", sa.BigInteger(), nullable=False),
        sa.Column("regular_price_minor", sa.BigInteger(), nullable=True),
        sa.Column("deal", sa.Double(), server_default="0", nullable=False),
        sa.Column("feature", sa.Double(), server_default="0", nullable=False),
        sa.Column("display", sa.Double(), server_default="0", nullable=False),
        sa.Column("stock_out", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("deal BETWEEN 0 AND 1", name=op.f("ck_sales_deal_share")),
        sa.CheckConstraint("display BETWEEN 0 AND 1", name=op.f("ck_sales_display_share")),
        sa.CheckConstraint("feature BETWEEN 0 AND 1", name=op.f("ck_sales_feature_share")),
        sa.CheckConstraint("regular_price_minor > 0", name=op.f("ck_sales_regular_price_positive")),
        sa.CheckConstraint("units >= 0 AND revenue_minor >= 0", name=op.f("ck_sales_not_negative")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_sales_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_sales_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "market_id", "period_start", name=op.f("pk_sales")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sites",
        sa.Column("site_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("start_url", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_sites_market_id")
        ),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_sites")),
        sa.UniqueConstraint("name", name=op.f("uq_sites_name")),
    )
    op.create_table(
        "stock",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("counted_at", sa.Date(), nullable=False),
        sa.Column("units", sa.Double(), nullable=False),
        sa.CheckConstraint("units >= 0", name=op.f("ck_stock_not_negative")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_stock_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_stock_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "market_id", "counted_at", name=op.f("pk_stock")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "crawls",
        sa.Column("crawl_id", KEY, nullable=False),
        sa.Column("site_id", KEY, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("pages", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("offers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("report", DOCUMENT, nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'finished', 'failed')", name=op.f("ck_crawls_status")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"], name=op.f("fk_crawls_site_id")),
        sa.PrimaryKeyConstraint("crawl_id", name=op.f("pk_crawls")),
    )
    op.create_index(op.f("ix_crawls_site_id"), "crawls", ["site_id"], unique=False)

    op.create_table(
        "decisions",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("previous_minor", sa.BigInteger(), nullable=True),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("stock", sa.Double(), nullable=True),
        sa.Column("competitor_minor", sa.BigInteger(), nullable=True),
        sa.Column("competitor_offers", sa.BigInteger(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.BigInteger(), nullable=False),
        sa.Column("held_by", sa.BigInteger(), nullable=False),
        sa.Column("broken_before", sa.BigInteger(), nullable=False),
        sa.Column("lower_minor", sa.BigInteger(), nullable=False),
        sa.Column("upper_minor", sa.BigInteger(), nullable=False),
        sa.Column("lower_limit", sa.BigInteger(), nullable=False),
        sa.Column("upper_limit", sa.BigInteger(), nullable=False),
        sa.Column("at_lower", sa.Boolean(), nullable=False),
        sa.Column("at_upper", sa.Boolean(), nullable=False),
        sa.Column("units", sa.Double(), nullable=True),
        sa.Column("units_low", sa.Double(), nullable=True),
        sa.Column("units_high", sa.Double(), nullable=True),
        sa.Column("revenue", sa.Double(), nullable=True),
        sa.Column("profit", sa.Double(), nullable=True),
        sa.Column("revenue_before", sa.Double(), nullable=True),
        sa.Column("profit_before", sa.Double(), nullable=True),
        sa.Column("elasticity", sa.Double(), nullable=True),
        sa.Column("elasticity_std_error", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_decisions_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_decisions_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["decision_runs.run_id"], name=op.f("fk_decisions_run_id")
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "product_id", "market_id", "tier", name=op.f("pk_decisions")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_decisions_product_id_market_id"),
        "decisions",
        ["product_id", "market_id"],
        unique=False,
    )

    op.create_table(
        "price_books",
        sa.Column("version", KEY, autoincrement=False, nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.Column("run_id", KEY, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("status IN ('live', 'superseded')", name=op.f("ck_price_books_status")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["decision_runs.run_id"], name=op.f("fk_price_books_run_id")
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_price_books")),
    )
    op.create_index(
        "uq_price_books_live",
        "price_books",
        ["status"],
        unique=True,
        sqlite_where=sa.text("status = 'live'"),
        postgresql_where=sa.text("status = 'live'"),
    )

    op.create_table(
        "offers",
        sa.Column("offer_id", KEY, nullable=False),
        sa.Column("crawl_id", KEY, nullable=False),
        sa.Column("site_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("list_price_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("availability", sa.Text(), nullable=False),
        sa.Column("gtin", sa.Text(), nullable=True),
        sa.Column("mpn", sa.Text(), nullable=True),
        sa.Column("site_sku", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("product_id", KEY, nullable=True),
        sa.Column("match_method", sa.Text(), nullable=True),
        sa.Column("match_score", sa.Double(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_offers_price_positive")),
        sa.ForeignKeyConstraint(["crawl_id"], ["crawls.crawl_id"], name=op.f("fk_offers_crawl_id")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_offers_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_offers_product_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"], name=op.f("fk_offers_site_id")),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_offers")),
        sa.UniqueConstraint("crawl_id", "url", name=op.f("uq_offers_crawl_id_url")),
    )
    op.create_index(
        op.f("ix_offers_product_id_market_id_observed_at"),
        "offers",
        ["product_id", "market_id", "observed_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_offers_site_id_url_offer_id"),
        "offers",
        ["site_id", "url", "offer_id"],
        unique=False,
    )

    op.create_table(
        "price_book_entries",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("market_id", KEY, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("run_id", KEY, nullable=True),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_price_book_entries_price_positive")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_price_book_entries_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_price_book_entries_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["decision_runs.run_id"], name=op.f("fk_price_book_entries_run_id")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["price_books.version"], name=op.f("fk_price_book_entries_version")
        ),
        sa.PrimaryKeyConstraint(
            "product_id", "market_id", "tier", "version", name=op.f("pk_price_book_entries")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_price_book_entries_version"), "price_book_entries", ["version"], unique=False
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index(op.f("ix_price_book_entries_version"), table_name="price_book_entries")

    op.drop_table("price_book_entries")
    op.drop_index(op.f("ix_offers_site_id_url_offer_id"), table_name="offers")
    op.drop_index(op.f("ix_offers_product_id_market_id_observed_at"), table_name="offers")

    op.drop_table("offers")
    op.drop_index(
        "uq_price_books_live",
        table_name="price_books",
        sqlite_where=sa.text("status = 'live'"),
        postgresql_where=sa.text("status = 'live'"),
    )

    op.drop_table("price_books")
    op.drop_index(op.f("ix_decisions_product_id_market_id"), table_name="decisions")

    op.drop_table("decisions")
    op.drop_index(op.f("ix_crawls_site_id"), table_name="crawls")

    op.drop_table("crawls")
    op.drop_table("stock")
    op.drop_table("sites")
    op.drop_table("sales")
    op.drop_table("fit_curves")
    op.drop_table("decision_runs")
    op.drop_table("costs")
    op.drop_index(op.f("ix_products_gtin"), table_name="products")

    op.drop_table("products")
    op.drop_index(op.f("ix_outbox_status_next_attempt_at"), table_name="outbox")

    op.drop_table("outbox")
    op.drop_table("markets")
    op.drop_table("imports")
    op.drop_table("fits")
