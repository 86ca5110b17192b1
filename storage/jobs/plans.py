"""Plans: what a job of kind `plan` makes, what it follows, and that it was accepted.

Where the work on a plan stands is where its job stands. What a plan says is a document whose form
its kind knows; here it is only kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import take_turns
from storage.errors import JobNotOpen, PlanNotFound, PlanNotReady
from storage.jobs.job_tables import jobs
from storage.jobs.plan_tables import plans as table
from storage.jobs.queue import cancel_job

_OF_JOB: Final = (
    "status", "created_at", "created_by", "started_at", "finished_at", "cancel_wanted", "step",
    "done", "total", "error",
)  # fmt: skip
_SHOWN: Final = [
    *(table.c[name] for name in (
        "plan_id", "job_id", "kind", "parent_id", "note", "accepted_at", "accepted_by",
    )),
    *(jobs.c[name] for name in _OF_JOB),
]  # fmt: skip
_BOTH: Final = table.join(jobs, table.c.job_id == jobs.c.job_id)


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan without its long documents; read these by `plan_document` and its like.

    Attributes:
        plan_id: its number.
        job_id: the job that makes it.
        kind: `markdown`, `promotions` or `bundles`.
        parent_id: the plan that it amends or continues; None for none.
        note: why, in the words of who asked.
        accepted_at, accepted_by: when and by whom it was accepted.
        status, created_at, created_by, started_at, finished_at, cancel_wanted, step, done, total,
            error: of its job, see `storage.jobs.queue`.
    """

    plan_id: int
    job_id: int
    kind: str
    parent_id: int | None
    note: str
    accepted_at: datetime | None
    accepted_by: str | None
    status: str
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    cancel_wanted: bool
    step: str
    done: int
    total: int | None
    error: Mapping[str, Any] | None


def add_plan(
    conn: Connection, job_id: int, kind: str, *, note: str = "", parent: int | None = None
) -> int:
    """Note the plan that a job will make; returns the plan's number.

    Raises:
        PlanNotFound: there is no such parent.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "plans")
    if parent is not None:
        read_plan(conn, parent)
    statement = table.insert().values(kind=kind, job_id=job_id, parent_id=parent, note=note)
    number: int = conn.execute(statement.returning(table.c.plan_id)).scalar_one()
    return number


def plan_of_job(conn: Connection, job_id: int) -> int:
    """The number of the plan that a job makes.

    Raises:
        PlanNotFound: it makes none.
    """
    number: int | None = conn.scalar(sa.select(table.c.plan_id).where(table.c.job_id == job_id))
    if number is None:
        raise PlanNotFound(f"job {job_id} makes no plan")
    return number


def read_plan(conn: Connection, plan_id: int) -> StoredPlan:
    """One plan.

    Raises:
        PlanNotFound: there is no such plan.
    """
    query = sa.select(*_SHOWN).select_from(_BOTH).where(table.c.plan_id == plan_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise PlanNotFound(f"there is no plan {plan_id}")
    return StoredPlan(*row)


def list_plans(
    conn: Connection,
    *,
    kind: str | None = None,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[StoredPlan, ...]:
    """The newest plans, the newest first; `before` a number asks for older ones."""
    query = sa.select(*_SHOWN).select_from(_BOTH).order_by(table.c.plan_id.desc()).limit(limit)
    for column, wanted in ((table.c.kind, kind), (jobs.c.status, status)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(table.c.plan_id < before)
    return tuple(StoredPlan(*row) for row in conn.execute(query))


def plan_document(conn: Connection, plan_id: int) -> dict[str, Any]:
    """What was asked.

    Raises:
        PlanNotFound: there is no such plan.
    """
    asked = _long(conn, plan_id, jobs.c.request)
    return dict((asked or {}).get("document", {}))


def plan_result(conn: Connection, plan_id: int) -> dict[str, Any] | None:
    """The finished plan; None where there is none.

    Raises:
        PlanNotFound: there is no such plan.
    """
    return _long(conn, plan_id, jobs.c.result)


def best_so_far(conn: Connection, plan_id: int) -> dict[str, Any] | None:
    """The best that was found up to now; None where nothing was.

    Raises:
        PlanNotFound: there is no such plan.
    """
    return _long(conn, plan_id, jobs.c.best)


def accepted_as(conn: Connection, plan_id: int) -> dict[str, Any] | None:
    """What was made of it when it was accepted; None where it was not.

    Raises:
        PlanNotFound: there is no such plan.
    """
    return _long(conn, plan_id, table.c.accepted)


def cancel_plan(conn: Connection, plan_id: int, *, at: datetime) -> StoredPlan:
    """Stop a plan: at once where it waits, at its next heartbeat where it is being worked on.

    Raises:
        PlanNotFound: there is no such plan.
        PlanNotReady: it has ended already.
        NotWriting: the transaction was opened to read.
    """
    plan = read_plan(conn, plan_id)
    try:
        cancel_job(conn, plan.job_id, at=at)
    except JobNotOpen:
        raise PlanNotReady(
            f"plan {plan_id} is {plan.status} already; there is nothing to cancel"
        ) from None
    return read_plan(conn, plan_id)


def accept_plan(
    conn: Connection, plan_id: int, *, at: datetime, by: str, made: Mapping[str, Any]
) -> StoredPlan:
    """Keep that a finished plan was accepted, and what was made of it.

    Raises:
        PlanNotFound: there is no such plan.
        PlanNotReady: it is not finished, or was accepted before.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "plans")
    acceptable(read_plan(conn, plan_id))
    statement = table.update().where(table.c.plan_id == plan_id)
    conn.execute(statement.values(accepted_at=at, accepted_by=by, accepted=made))
    return read_plan(conn, plan_id)


def acceptable(plan: StoredPlan) -> None:
    """Refuse to accept what is not finished, or twice.

    Raises:
        PlanNotReady: see above.
    """
    if plan.status != "finished":
        raise PlanNotReady(f"plan {plan.plan_id} is {plan.status}; only a finished one is accepted")
    if plan.accepted_at is not None:
        raise PlanNotReady(f"plan {plan.plan_id} was accepted by {plan.accepted_by} already")


def _long(conn: Connection, plan_id: int, column: sa.Column[Any]) -> dict[str, Any] | None:
    query = sa.select(column).select_from(_BOTH).where(table.c.plan_id == plan_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise PlanNotFound(f"there is no plan {plan_id}")
    return None if row[0] is None else dict(row[0])
