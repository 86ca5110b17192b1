"""The work room of this service, as its settings describe it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.engine import Engine

from api.jobs.crawls import MOST
from api.jobs.kinds import KINDS
from api.jobs.surroundings import surroundings
from api.settings import Settings
from api.work.kinds import COMPUTE, NETWORK
from api.work.room import RunningRoom, Warmth


def work_room(engine: Engine, settings: Settings, *, only: int | None = None) -> RunningRoom:
    """The work room of a process with these settings, not begun yet.

    Args:
        engine: the database.
        settings: of the process.
        only: work on this job and no other, whatever the settings say; None for all.
    """
    at_once = settings.work_processes if only is None else 1
    return RunningRoom(
        engine,
        settings.database_url,
        KINDS,
        {COMPUTE: at_once, NETWORK: MOST if at_once else 0},
        given=surroundings(settings),
        every=timedelta(seconds=settings.work_poll_seconds),
        warmth=Warmth(
            jobs=settings.work_jobs_per_process,
            idle=timedelta(seconds=settings.work_idle_seconds),
            memory=settings.work_memory_mib << 20,
        ),
        only=only,
    )
