"""The tables of 0.1.0.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import Document, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "emergencies",
        sa.Column("emergency_id", _KEY, nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("declared_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("categories", Document, nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "ends_at > declared_at", name=op.f("ck_emergencies_ends_after_it_began")
        ),
        sa.PrimaryKeyConstraint("emergency_id", name=op.f("pk_emergencies")),
    )
    op.create_table(
        "events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("facts", Document, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_type_key"), "events", ["type", "key"])
    op.create_table(
        "figure_readings",
        sa.Column("reading_id", _KEY, nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("reading_id", name=op.f("pk_figure_readings")),
    )
    op.create_index(op.f("ix_figure_readings_figure_at"), "figure_readings", ["figure", "at"])
    op.create_table(
        "fits",
        sa.Column("fit_id", _KEY, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("window_start", sa.Date(), nullable=False),
        sa.Column("window_end", sa.Date(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("period_days", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("software", Document, nullable=False),
        sa.Column("report", Document, nullable=False),
        sa.PrimaryKeyConstraint("fit_id", name=op.f("pk_fits")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("answer", Document, nullable=True),
        sa.PrimaryKeyConstraint("operation", "key", name=op.f("pk_idempotency_keys")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])
    op.create_table(
        "imports",
        sa.Column("import_id", _KEY, nullable=False),
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
        "job_schedules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request", Document, nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("counted_to", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_schedules")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", _KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request", Document, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("retries", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("machine", sa.Text(), nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("cancel_wanted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("step", sa.Text(), server_default="", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("best", Document, nullable=True),
        sa.Column("result", Document, nullable=True),
        sa.Column("error", Document, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted')",
            name=op.f("ck_jobs_status"),
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("schedule", "due_at", name=op.f("uq_jobs_schedule_due_at")),
    )
    op.create_index(op.f("ix_jobs_status_not_before"), "jobs", ["status", "not_before"])
    op.create_index(
        "uq_jobs_running_scope",
        "jobs",
        ["scope"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("worker_pid", sa.BigInteger(), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "markets",
        sa.Column("market_id", _KEY, autoincrement=False, nullable=False),
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
        "products",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("gtin", sa.Text(), nullable=True),
        sa.Column("mpn", sa.Text(), nullable=True),
        sa.Column("pack_size", sa.Double(), nullable=True),
        sa.Column("pack_unit", sa.Text(), nullable=True),
        sa.Column("kvi", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_products")),
        sa.UniqueConstraint("sku", name=op.f("uq_products_sku")),
    )
    op.create_index(op.f("ix_products_gtin"), "products", ["gtin"])
    op.create_table(
        "promotions",
        sa.Column("promotion_id", _KEY, nullable=False),
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
        "service_secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_secrets")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "announced_reductions",
        sa.Column("reduction_id", _KEY, nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("steps_since", UtcDateTime(), nullable=True),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("shown_prior_minor", sa.BigInteger(), nullable=True),
        sa.Column("shown_percent", sa.Double(), nullable=True),
        sa.Column("verdict", Document, nullable=False),
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
    )
    op.create_table(
        "code_batches",
        sa.Column("batch_id", _KEY, nullable=False),
        sa.Column("promotion_id", _KEY, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("codes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.promotion_id"], name=op.f("fk_code_batches_promotion_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_code_batches")),
    )
    op.create_index(op.f("ix_code_batches_promotion_id"), "code_batches", ["promotion_id"])
    op.create_table(
        "costs",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=True),
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
        sa.Column("run_id", _KEY, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("fit_id", _KEY, nullable=True),
        sa.Column("policy", Document, nullable=False),
        sa.Column("report", Document, nullable=False),
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
        "fit_cross_effects",
        sa.Column("fit_id", _KEY, nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("other_id", _KEY, nullable=False),
        sa.Column("elasticity", sa.Double(), nullable=False),
        sa.Column("std_error", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fit_id"], ["fits.fit_id"], name=op.f("fk_fit_cross_effects_fit_id")
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["products.product_id"], name=op.f("fk_fit_cross_effects_other_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_fit_cross_effects_product_id")
        ),
        sa.PrimaryKeyConstraint(
            "fit_id", "product_id", "other_id", name=op.f("pk_fit_cross_effects")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fit_curves",
        sa.Column("fit_id", _KEY, nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("reference_price", sa.Double(), nullable=True),
        sa.Column("log_base", sa.Double(), nullable=True),
        sa.Column("elasticity", sa.Double(), nullable=True),
        sa.Column("var_log_base", sa.Double(), nullable=True),
        sa.Column("cov_log_base_elasticity", sa.Double(), nullable=True),
        sa.Column("var_elasticity", sa.Double(), nullable=True),
        sa.Column("residual_variance", sa.Double(), nullable=True),
        sa.Column("own_elasticity", sa.Double(), nullable=True),
        sa.Column("own_std_error", sa.Double(), nullable=True),
        sa.Column("exponent", sa.Double(), server_default="0", nullable=False),
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
            ["market_id"], ["markets.market_id"], name=op.f("fk_groups_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.promotion_id"], name=op.f("fk_groups_promotion_id")
        ),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_groups")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_groups_open",
        "groups",
        ["deadline"],
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(op.f("ix_groups_promotion_id_group_id"), "groups", ["promotion_id", "group_id"])
    op.create_table(
        "job_lines",
        sa.Column("line_id", _KEY, nullable=False),
        sa.Column("job_id", _KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_job_lines_job_id")),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_job_lines")),
    )
    op.create_index(op.f("ix_job_lines_job_id"), "job_lines", ["job_id"])
    op.create_table(
        "market_rules",
        sa.Column("market_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("perishable_categories", Document, nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_market_rules_market_id")
        ),
        sa.PrimaryKeyConstraint("market_id", name=op.f("pk_market_rules")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox",
        sa.Column("message_id", _KEY, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'dead')", name=op.f("ck_outbox_status")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.event_id"], name=op.f("fk_outbox_event_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", "receiver", name=op.f("uq_outbox_event_id_receiver")),
    )
    op.create_index(
        op.f("ix_outbox_status_next_attempt_at"), "outbox", ["status", "next_attempt_at"]
    )
    op.create_table(
        "plans",
        sa.Column("plan_id", _KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent_id", _KEY, nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted", Document, nullable=True),
        sa.Column("job_id", _KEY, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_plans_job_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["plans.plan_id"], name=op.f("fk_plans_parent_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plans")),
        sa.UniqueConstraint("job_id", name=op.f("uq_plans_job_id")),
    )
    op.create_table(
        "price_freezes",
        sa.Column("freeze_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=True),
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
        sa.Column("log_id", _KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("public_minor", sa.BigInteger(), nullable=False),
        sa.Column("inputs", Document, nullable=False),
        sa.Column("verdict", Document, nullable=False),
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
    )
    op.create_table(
        "price_limits",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("minimum_minor", sa.BigInteger(), nullable=True),
        sa.Column("maximum_minor", sa.BigInteger(), nullable=True),
        sa.Column("rrp_minor", sa.BigInteger(), nullable=True),
        sa.Column("map_minor", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "minimum_minor > 0 AND maximum_minor > 0 AND rrp_minor > 0 AND map_minor > 0",
            name=op.f("ck_price_limits_positive"),
        ),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_price_limits_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_price_limits_product_id")
        ),
        sa.PrimaryKeyConstraint(
            "product_id", "market_id", "valid_from", name=op.f("pk_price_limits")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "promotion_alerts",
        sa.Column("promotion_id", _KEY, nullable=False),
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
        sa.Column("audit_id", _KEY, nullable=False),
        sa.Column("promotion_id", _KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("detail", Document, nullable=False),
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
    )
    op.create_table(
        "promotion_usage",
        sa.Column("promotion_id", _KEY, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("loose_uses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("loose_units", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("loose_minor", sa.BigInteger(), server_default="0", nullable=False),
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
        sa.Column("promotion_id", _KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", Document, nullable=False),
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
        sa.Column("held_until", UtcDateTime(), nullable=True),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("order_reference", sa.Text(), nullable=True),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("goods_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("document", Document, nullable=False),
        sa.Column("basis", sa.Text(), nullable=True),
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
        "ix_quotes_held",
        "quotes",
        ["held_until"],
        sqlite_where=sa.text("status = 'open' AND reserved"),
        postgresql_where=sa.text("status = 'open' AND reserved"),
    )
    op.create_index(
        "ix_quotes_open",
        "quotes",
        ["expires_at"],
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "sales",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
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
        sa.Column("site_id", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("start_url", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("definition", Document, nullable=True),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_sites_market_id")
        ),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_sites")),
        sa.UniqueConstraint("name", name=op.f("uq_sites_name")),
    )
    op.create_table(
        "stock",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("counted_at", sa.Date(), nullable=False),
        sa.Column("units", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Date(), nullable=True),
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
        "trusted_costs",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("cost_minor > 0", name=op.f("ck_trusted_costs_positive")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_trusted_costs_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_trusted_costs_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "market_id", "since", name=op.f("pk_trusted_costs")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "crawls",
        sa.Column("crawl_id", _KEY, nullable=False),
        sa.Column("site_id", _KEY, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("pages", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("offers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("report", Document, nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'finished', 'failed')", name=op.f("ck_crawls_status")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"], name=op.f("fk_crawls_site_id")),
        sa.PrimaryKeyConstraint("crawl_id", name=op.f("pk_crawls")),
    )
    op.create_index(op.f("ix_crawls_site_id"), "crawls", ["site_id"])
    op.create_table(
        "decisions",
        sa.Column("run_id", _KEY, nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
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
        sa.Column("path", sa.Text(), server_default="", nullable=False),
        sa.Column("law_lower_minor", sa.BigInteger(), nullable=True),
        sa.Column("law_upper_minor", sa.BigInteger(), nullable=True),
        sa.Column("law_article", sa.Text(), server_default="", nullable=False),
        sa.Column("trusted_cost_minor", sa.BigInteger(), nullable=True),
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
        op.f("ix_decisions_product_id_market_id"), "decisions", ["product_id", "market_id"]
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
    op.create_table(
        "match_reviews",
        sa.Column("review_id", _KEY, nullable=False),
        sa.Column("site_id", _KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("features", Document, nullable=False),
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
        "order_returns",
        sa.Column("return_id", _KEY, nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("units", Document, nullable=False),
        sa.Column("gifts", Document, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.CheckConstraint(
            "kind IN ('return', 'group_failed', 'group_grew')", name=op.f("ck_order_returns_kind")
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_order_returns_not_negative")),
        sa.ForeignKeyConstraint(
            ["quote_id"], ["quotes.quote_id"], name=op.f("fk_order_returns_quote_id")
        ),
        sa.PrimaryKeyConstraint("return_id", name=op.f("pk_order_returns")),
    )
    op.create_index(op.f("ix_order_returns_quote_id"), "order_returns", ["quote_id"])
    op.create_table(
        "price_books",
        sa.Column("version", _KEY, autoincrement=False, nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.Column("run_id", _KEY, nullable=True),
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
        "promotion_codes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("printed", sa.Text(), nullable=False),
        sa.Column("promotion_id", _KEY, nullable=False),
        sa.Column("batch_id", _KEY, nullable=False),
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
    op.create_index(op.f("ix_promotion_codes_batch_id"), "promotion_codes", ["batch_id"])
    op.create_table(
        "redemptions",
        sa.Column("redemption_id", _KEY, nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("promotion_id", _KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("detail", Document, nullable=False),
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
    )
    op.create_index(op.f("ix_redemptions_quote_id"), "redemptions", ["quote_id"])
    op.create_table(
        "site_pages",
        sa.Column("site_id", _KEY, nullable=False),
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
        sa.Column("crawl_id", _KEY, nullable=False),
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
        "offers",
        sa.Column("offer_id", _KEY, nullable=False),
        sa.Column("crawl_id", _KEY, nullable=False),
        sa.Column("site_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
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
        sa.Column("product_id", _KEY, nullable=True),
        sa.Column("match_method", sa.Text(), nullable=True),
        sa.Column("match_score", sa.Double(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("details", Document, nullable=True),
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
    )
    op.create_index(
        op.f("ix_offers_site_id_url_offer_id"), "offers", ["site_id", "url", "offer_id"]
    )
    op.create_table(
        "price_book_drafts",
        sa.Column("draft_id", _KEY, nullable=False),
        sa.Column("run_id", _KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("measured_against", _KEY, nullable=True),
        sa.Column("restores", _KEY, nullable=True),
        sa.Column("version", _KEY, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("review", Document, nullable=False),
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
    op.create_index(op.f("ix_price_book_drafts_status"), "price_book_drafts", ["status"])
    op.create_table(
        "price_book_entries",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("version", _KEY, nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("run_id", _KEY, nullable=True),
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
    op.create_index(op.f("ix_price_book_entries_version"), "price_book_entries", ["version"])
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", _KEY, nullable=False),
        sa.Column("site_id", _KEY, nullable=False),
        sa.Column("crawl_id", _KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("offer", Document, nullable=False),
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
    op.create_table(
        "draft_approvals",
        sa.Column("draft_id", _KEY, nullable=False),
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
        sa.Column("draft_id", _KEY, nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
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
        "watched_figures",
        sa.Column("draft_id", _KEY, nullable=False),
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
    """Back to a database without tables."""
    for table in (
        "watched_figures",
        "draft_parts",
        "draft_approvals",
        "quarantine",
        "price_book_entries",
        "price_book_drafts",
        "offers",
        "crawl_pages",
        "site_pages",
        "redemptions",
        "promotion_codes",
        "price_books",
        "order_returns",
        "match_reviews",
        "group_members",
        "decisions",
        "crawls",
        "trusted_costs",
        "stock",
        "sites",
        "sales",
        "quotes",
        "promotion_versions",
        "promotion_usage",
        "promotion_audit",
        "promotion_alerts",
        "price_limits",
        "price_input_log",
        "price_freezes",
        "plans",
        "outbox",
        "market_rules",
        "job_lines",
        "groups",
        "fit_curves",
        "fit_cross_effects",
        "decision_runs",
        "costs",
        "code_batches",
        "announced_reductions",
        "service_secrets",
        "promotions",
        "products",
        "markets",
        "leases",
        "jobs",
        "job_schedules",
        "imports",
        "idempotency_keys",
        "fits",
        "figure_readings",
        "events",
        "emergencies",
    ):
        op.drop_table(table)
