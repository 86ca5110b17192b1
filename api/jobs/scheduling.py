"""Schedules of jobs: set, and when each asks next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from api.jobs.kinds import KINDS
from api.work.cron import check_line, next_moment
from models.refusals import named_at, within
from storage.errors import UnknownMarket
from storage.jobs.schedules import Schedule, save_schedule
from storage.products.markets import list_markets


def set_schedule(
    conn: Connection,
    name: str,
    *,
    kind: str,
    cron: str,
    request: Mapping[str, Any],
    at: datetime,
    by: str,
    market: str | None = None,
    time_zone: str | None = None,
) -> Schedule:
    """Ask for a job at every moment that a cron line names, from now on.

    Args:
        conn: a transaction that writes.
        name: of the schedule; one of the same name is replaced.
        kind: of the job.
        cron: minute, hour, day, month, weekday.
        request: what each job is asked, as JSON.
        at: now, UTC.
        by: who sets it.
        market: whose time zone counts.
        time_zone: the zone itself, where no market is named; UTC where neither is.

    Raises:
        KindUnknown: there is no such kind.
        RequestInvalid: its jobs cannot be asked this.
        ScheduleInvalid: the line or the zone cannot be.
        UnknownMarket: there is no such market.
    """
    chosen = KINDS[kind]
    with within("request"), named_at():
        chosen.check(chosen.read(request))
    zone = time_zone or "UTC"
    if market is not None:
        zones = {known.code: known.time_zone for known in list_markets(conn)}
        if market not in zones:
            raise UnknownMarket(f"there is no market {market!r}")
        zone = zones[market]
    with within("cron"):
        check_line(cron, zone, now=at)
    schedule = Schedule(name, kind, request, cron, zone, at, by, at)
    save_schedule(conn, schedule)
    return schedule


def asks_next(schedule: Schedule) -> datetime:
    """When a schedule asks for its next job, UTC; in the past where nobody was there to ask."""
    return next_moment(schedule.cron, schedule.time_zone, after=schedule.counted_to)
