"""Schedules of jobs: what is asked again and again, and up to which moment that was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import take_turns
from storage.errors import ScheduleNotFound
from storage.jobs.job_tables import job_schedules as table


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job that is asked for again and again.

    Attributes:
        name: its own.
        kind: of the job.
        request: what each of its jobs is asked, as JSON.
        cron: five fields: minute, hour, day, month, weekday.
        time_zone: IANA name of the zone whose wall clock counts.
        created_at, created_by: when and by whom it was set.
        counted_to: moments up to here are taken care of, UTC.
    """

    name: str
    kind: str
    request: Mapping[str, Any]
    cron: str
    time_zone: str
    created_at: datetime
    created_by: str
    counted_to: datetime


def save_schedule(conn: Connection, schedule: Schedule) -> None:
    """Set a schedule, in place of one of the same name.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "job schedules")
    conn.execute(table.delete().where(table.c.name == schedule.name))
    conn.execute(table.insert().values(**asdict(schedule)))


def list_schedules(conn: Connection) -> tuple[Schedule, ...]:
    """All schedules, by name."""
    return tuple(Schedule(*row) for row in conn.execute(sa.select(table).order_by(table.c.name)))


def schedules_to_fire(conn: Connection) -> tuple[Schedule, ...]:
    """All schedules, and nobody else fires them before this transaction ends.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "job schedules")
    return list_schedules(conn)


def count_to(conn: Connection, name: str, moment: datetime) -> None:
    """Keep that the moments up to this one are taken care of."""
    conn.execute(table.update().where(table.c.name == name).values(counted_to=moment))


def remove_schedule(conn: Connection, name: str) -> None:
    """Forget a schedule; the jobs that it asked for stay.

    Raises:
        ScheduleNotFound: there is no such schedule.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "job schedules")
    if not conn.execute(table.delete().where(table.c.name == name)).rowcount:
        raise ScheduleNotFound(f"there is no schedule {name!r}")
