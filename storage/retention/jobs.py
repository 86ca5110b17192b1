"""Jobs that ended, with what they logged."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.jobs.job_tables import OPEN_STATUSES, job_lines, jobs
from storage.jobs.plan_tables import plans


def forget_jobs(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete jobs that ended before a time, and their logs; returns how many.

    Pinned is the job of a plan: the plan's document and result are its. The newest job stays, so
    that its number is not given out again.

    Args:
        conn: a transaction that writes.
        before: the time, aware.
        limit: most jobs.
    """
    require_writer(conn)
    made_a_plan = sa.exists().where(plans.c.job_id == jobs.c.job_id)
    newest = sa.select(sa.func.max(jobs.c.job_id)).scalar_subquery()
    some = list(
        conn.scalars(
            sa.select(jobs.c.job_id)
            .where(
                jobs.c.status.not_in(OPEN_STATUSES),
                jobs.c.finished_at < before,
                jobs.c.job_id != newest,
                ~made_a_plan,
            )
            .limit(limit)
        )
    )
    conn.execute(job_lines.delete().where(job_lines.c.job_id.in_(some)))
    return conn.execute(jobs.delete().where(jobs.c.job_id.in_(some))).rowcount
