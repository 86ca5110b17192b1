"""Plans as jobs: asked for, claimed by one process, watched, finished, accepted.

    queued -> running -> finished
                      -> failed | cancelled | interrupted

What a plan says is a document whose form its kind knows; here it is only kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import take_turns
from storage.errors import PlanNotFound, PlanNotReady
from storage.jobs.plan_tables import plans as table

_SHOWN: Final = [
    column for column in table.c if column.name not in ("document", "best", "result", "accepted")
]


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan without its long documents; read these by `plan_document` and its like.

    Attributes:
        plan_id: its number.
        kind: `markdown`, `promotions` or `bundles`.
        status: `queued`, `running`, `finished`, `failed`, `cancelled` or `interrupted`.
        parent_id: the plan that it amends or continues; None for none.
        note: why, in the words of who asked.
        created_at, created_by: when and by whom it was asked for.
        started_at, finished_at, heartbeat_at: of the work on it; None before.
        worker: the process that works on it.
        cancel_wanted: somebody asked it to stop.
        step, done, total: how far the work is; `total` None where nobody knows.
        error: what went wrong, with `message`; None where nothing did.
        accepted_at, accepted_by: when and by whom it was accepted.
    """

    plan_id: int
    kind: str
    status: str
    parent_id: int | None
    note: str
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    worker: str | None
    cancel_wanted: bool
    step: str
    done: int
    total: int | None
    error: Mapping[str, Any] | None
    accepted_at: datetime | None
    accepted_by: str | None


def submit_plan(
    conn: Connection,
    kind: str,
    document: Mapping[str, Any],
    *,
    at: datetime,
    by: str,
    note: str = "",
    parent: int | None = None,
) -> int:
    """Queue a plan; returns its number.

    Raises:
        PlanNotFound: there is no such parent.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "plans")
    if parent is not None:
        read_plan(conn, parent)
    statement = table.insert().values(
        kind=kind, status="queued", document=document, parent_id=parent, note=note,
        created_at=at, created_by=by,
    )  # fmt: skip
    number: int = conn.execute(statement.returning(table.c.plan_id)).scalar_one()
    return number


def read_plan(conn: Connection, plan_id: int) -> StoredPlan:
    """One plan.

    Raises:
        PlanNotFound: there is no such plan.
    """
    row = conn.execute(sa.select(*_SHOWN).where(table.c.plan_id == plan_id)).one_or_none()
    if row is None:
        raise PlanNotFound(f"there is no plan {plan_id}")
    return StoredPlan(**row._mapping)  # noqa: SLF001  (the documented way to a row's names)


def list_plans(
    conn: Connection,
    *,
    kind: str | None = None,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[StoredPlan, ...]:
    """The newest plans, the newest first; `before` a number asks for older ones."""
    query = sa.select(*_SHOWN).order_by(table.c.plan_id.desc()).limit(limit)
    for column, wanted in ((table.c.kind, kind), (table.c.status, status)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(table.c.plan_id < before)
    return tuple(StoredPlan(**row._mapping) for row in conn.execute(query))  # noqa: SLF001


def plan_document(conn: Connection, plan_id: int) -> dict[str, Any]:
    """What was asked.

    Raises:
        PlanNotFound: there is no such plan.
    """
    found = _long(conn, plan_id, table.c.document)
    return dict(found or {})


def plan_result(conn: Connection, plan_id: int) -> dict[str, Any] | None:
    """The finished plan; None where there is none.

    Raises:
        PlanNotFound: there is no such plan.
    """
    return _long(conn, plan_id, table.c.result)


def best_so_far(conn: Connection, plan_id: int) -> dict[str, Any] | None:
    """The best that was found up to now; None where nothing was.

    Raises:
        PlanNotFound: there is no such plan.
    """
    return _long(conn, plan_id, table.c.best)


def accepted_as(conn: Connection, plan_id: int) -> dict[str, Any] | None:
    """What was made of it when it was accepted; None where it was not.

    Raises:
        PlanNotFound: there is no such plan.
    """
    return _long(conn, plan_id, table.c.accepted)


def any_open(conn: Connection) -> bool:
    """Whether a plan waits or is being worked on."""
    query = sa.select(table.c.plan_id).where(table.c.status.in_(("queued", "running"))).limit(1)
    return conn.scalar(query) is not None


def claim_plan(conn: Connection, *, worker: str, at: datetime, most: int) -> int | None:
    """Take the oldest plan that waits, unless `most` are being worked on; its number.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "plans")
    running = conn.scalar(
        sa.select(sa.func.count()).select_from(table).where(table.c.status == "running")
    )
    if running is not None and running >= most:
        return None
    waiting = sa.select(table.c.plan_id).where(table.c.status == "queued")
    number: int | None = conn.scalar(waiting.order_by(table.c.plan_id).limit(1))
    if number is not None:
        _set(
            conn, number, status="running", worker=worker, started_at=at, heartbeat_at=at,
            step="starting",
        )  # fmt: skip
    return number


def beat(
    conn: Connection,
    plan_id: int,
    *,
    worker: str,
    at: datetime,
    step: str,
    done: int,
    total: int | None,
    best: Mapping[str, Any] | None = None,
) -> bool:
    """Say that the work goes on, and how far it is; False where it must stop.

    It must stop where somebody cancelled it, or where it was taken for dead meanwhile.

    Args:
        conn: a transaction that may write.
        plan_id: the plan.
        worker: who works on it.
        at: now.
        step: what is being done.
        done: pieces of it that are finished.
        total: of so many; None where nobody knows.
        best: a better plan than the last one said; None for none.
    """
    values: dict[str, Any] = {"heartbeat_at": at, "step": step, "done": done, "total": total}
    if best is not None:
        values["best"] = best
    mine = (table.c.plan_id == plan_id, table.c.status == "running", table.c.worker == worker)
    touched = conn.execute(table.update().where(*mine).values(**values)).rowcount
    if not touched:
        return False
    return not conn.scalar(sa.select(table.c.cancel_wanted).where(table.c.plan_id == plan_id))


def end_plan(
    conn: Connection,
    plan_id: int,
    *,
    worker: str,
    at: datetime,
    status: str,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> bool:
    """End the work; False where it was not this worker's any more, and nothing is changed."""
    mine = (table.c.plan_id == plan_id, table.c.status == "running", table.c.worker == worker)
    values: dict[str, Any] = {"status": status, "finished_at": at}
    if result is not None:
        values["result"] = result
    if error is not None:
        values["error"] = error
    return conn.execute(table.update().where(*mine).values(**values)).rowcount > 0


def cancel_plan(conn: Connection, plan_id: int, *, at: datetime) -> StoredPlan:
    """Stop a plan: at once where it waits, at its next heartbeat where it is being worked on.

    Raises:
        PlanNotFound: there is no such plan.
        PlanNotReady: it has ended already.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "plans")
    found = read_plan(conn, plan_id)
    if found.status == "queued":
        _set(conn, plan_id, status="cancelled", finished_at=at, cancel_wanted=True)
    elif found.status == "running":
        _set(conn, plan_id, cancel_wanted=True)
    else:
        raise PlanNotReady(f"plan {plan_id} is {found.status} already; there is nothing to cancel")
    return read_plan(conn, plan_id)


def interrupt_silent(conn: Connection, *, before: datetime, at: datetime) -> tuple[int, ...]:
    """Mark the plans whose process has said nothing since `before`; their numbers.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "plans")
    silent = sa.select(table.c.plan_id).where(
        table.c.status == "running", table.c.heartbeat_at < before
    )
    numbers = tuple(conn.scalars(silent))
    for number in numbers:
        message = "the process that worked on it is gone; ask for the plan again"
        _set(conn, number, status="interrupted", finished_at=at, error={"message": message})
    return numbers


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
    _set(conn, plan_id, accepted_at=at, accepted_by=by, accepted=made)
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
    row = conn.execute(sa.select(column).where(table.c.plan_id == plan_id)).one_or_none()
    if row is None:
        raise PlanNotFound(f"there is no plan {plan_id}")
    return None if row[0] is None else dict(row[0])


def _set(conn: Connection, plan_id: int, **values: object) -> None:
    conn.execute(table.update().where(table.c.plan_id == plan_id).values(**values))
