"""Jobs of every kind in one queue, their logs and schedules; a plan is what one of them makes.

Revision ID: 0100
Revises: 0016
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcDateTime

revision = "0100"
down_revision = "0016"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_RUNNING = sa.text("status = 'running'")
_KEPT_BY_JOBS = (
    "status", "created_at", "created_by", "started_at", "finished_at", "heartbeat_at", "worker",
    "cancel_wanted", "step", "done", "total", "best", "result", "error",
)  # fmt: skip
_KEPT_BY_PLANS = (
    "plan_id", "kind", "parent_id", "note", "accepted_at", "accepted_by", "accepted",
)  # fmt: skip
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("document", "request", "best", "result", "error", "accepted"), _DOCUMENT),
    **dict.fromkeys(
        ("created_at", "started_at", "finished_at", "heartbeat_at", "accepted_at", "not_before"),
        UtcDateTime(),
    ),
    "cancel_wanted": sa.Boolean(),
}


def upgrade() -> None:
    """To this version."""
    _create_tables()
    conn = op.get_bind()
    before = _table("plans", *_KEPT_BY_PLANS, "document", *_KEPT_BY_JOBS)
    stored = conn.execute(sa.select(before).order_by(before.c.plan_id)).mappings().all()
    _drop_plans(conn)
    op.create_table("plans", *_plan_columns(), *_job_columns())
    jobs = _table("jobs", "job_id", "kind", "lane", "request", "retries", "not_before",
                  *_KEPT_BY_JOBS)  # fmt: skip
    after = _table("plans", *_KEPT_BY_PLANS, "job_id")
    for row in stored:
        # A plan that was stored keeps its number; its job takes the same one.
        request = {"kind": row["kind"], "document": row["document"], "note": row["note"]}
        if row["parent_id"] is not None:
            request["parent"] = row["parent_id"]
        job = {
            "job_id": row["plan_id"], "kind": "plan", "lane": "compute", "request": request,
            "retries": 2, "not_before": row["created_at"],
        }  # fmt: skip
        conn.execute(jobs.insert().values(**job, **_given(row, _KEPT_BY_JOBS)))
        plan = {"job_id": row["plan_id"], **_given(row, _KEPT_BY_PLANS)}
        conn.execute(after.insert().values(**plan))
    _count_on(conn, "jobs", "job_id")
    _count_on(conn, "plans", "plan_id")


def downgrade() -> None:
    """Back to the version before."""
    conn = op.get_bind()
    plans, jobs = _table("plans", *_KEPT_BY_PLANS, "job_id"), _table("jobs", "job_id", "request",
                                                                     *_KEPT_BY_JOBS)  # fmt: skip
    both = plans.join(jobs, plans.c.job_id == jobs.c.job_id)
    columns = [jobs.c[name] for name in ("request", *_KEPT_BY_JOBS)]
    query = sa.select(plans, *columns).select_from(both).order_by(plans.c.plan_id)
    stored = conn.execute(query).mappings().all()
    _drop_plans(conn)
    op.create_table("plans", *_plan_columns(), *_state_columns())
    op.create_index(op.f("ix_plans_status"), "plans", ["status"])
    before = _table("plans", *_KEPT_BY_PLANS, "document", *_KEPT_BY_JOBS)
    for row in stored:
        values = _given(row, (*_KEPT_BY_PLANS, *_KEPT_BY_JOBS))
        conn.execute(before.insert().values(document=row["request"]["document"], **values))
    _count_on(conn, "plans", "plan_id")
    op.drop_table("job_schedules")
    op.drop_table("job_lines")
    op.drop_table("jobs")


def _drop_plans(conn: sa.Connection) -> None:
    """The table itself, made anew afterwards: SQLite cannot take columns and checks off one."""
    conn.execute(sa.text("UPDATE plans SET parent_id = NULL"))
    op.drop_table("plans")


def _given(row: Any, names: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401
    """The values that are not NULL: a document column would keep None as JSON's null."""
    return {name: row[name] for name in names if row[name] is not None}


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column, _TYPES.get(column)) for column in columns))


def _count_on(conn: sa.Connection, table: str, column: str) -> None:
    """Let PostgreSQL give numbers after those that were brought in."""
    if conn.dialect.name == "postgresql":
        sequence = f"pg_get_serial_sequence('{table}', '{column}')"
        highest = f"(SELECT coalesce(max({column}), 0) + 1 FROM {table})"  # noqa: S608
        conn.execute(sa.text(f"SELECT setval({sequence}, {highest}, false)"))


def _plan_columns() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("plan_id", _KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent_id", _KEY, nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted", _DOCUMENT, nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["plans.plan_id"], name=op.f("fk_plans_parent_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plans")),
    )


def _job_columns() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("job_id", _KEY, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_plans_job_id")),
        sa.UniqueConstraint("job_id", name=op.f("uq_plans_job_id")),
    )


def _state_columns() -> tuple[sa.schema.SchemaItem, ...]:
    """What a plan kept of itself before there were jobs."""
    return (
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("document", _DOCUMENT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("cancel_wanted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("step", sa.Text(), server_default="", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("best", _DOCUMENT, nullable=True),
        sa.Column("result", _DOCUMENT, nullable=True),
        sa.Column("error", _DOCUMENT, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted')",
            name=op.f("ck_plans_status"),
        ),
    )


def _create_tables() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", _KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request", _DOCUMENT, nullable=False),
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
        sa.Column("best", _DOCUMENT, nullable=True),
        sa.Column("result", _DOCUMENT, nullable=True),
        sa.Column("error", _DOCUMENT, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted')",
            name=op.f("ck_jobs_status"),
        ),
        sa.UniqueConstraint("schedule", "due_at", name=op.f("uq_jobs_schedule_due_at")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_status_not_before"), "jobs", ["status", "not_before"])
    op.create_index(
        "uq_jobs_running_scope", "jobs", ["scope"], unique=True, sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )  # fmt: skip
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
        "job_schedules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request", _DOCUMENT, nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("counted_to", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_schedules")),
        sqlite_with_rowid=False,
    )
