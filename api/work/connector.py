"""Where jobs are kept: the narrow seam behind which a database stands, or a test's memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy.engine import Connection

from storage.jobs.queue import Beat, StoredJob, Worker

SILENCE: Final = timedelta(seconds=60)
"""A worker that says nothing for so long is taken for dead: it speaks every second."""

GONE: Final = "the process that worked on it is gone"


class Connector(Protocol):
    """Jobs, as workers see them. All moments are given: nothing here reads a clock."""

    def any_open(self) -> bool:
        """Whether a job waits or is being worked on; asks cheaply."""
        ...

    def any_waiting(self, *, at: datetime, lanes: Collection[str], only: int | None = None) -> bool:
        """Whether a job could begin now in one of these lanes; asks cheaply."""
        ...

    def claim(
        self, worker: Worker, *, at: datetime, lanes: Collection[str], only: int | None = None
    ) -> StoredJob | None:
        """Take the oldest job that waits for one of these lanes."""
        ...

    def request(self, job_id: int) -> Mapping[str, Any]:
        """What a job is asked."""
        ...

    def read(self, job_id: int) -> StoredJob:
        """Where a job stands."""
        ...

    def beat(self, job_id: int, *, worker: str, at: datetime, beat: Beat) -> StoredJob | None:
        """Say that the work goes on; None where the job is somebody else's by now."""
        ...

    def end(
        self,
        job_id: int,
        *,
        worker: str,
        at: datetime,
        status: str,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        beat: Beat | None = None,
        conn: Connection | None = None,
    ) -> bool:
        """Say the last of the work and end it, in a transaction of its own or in that of `conn`."""
        ...

    def hand_back(self, job_id: int, *, worker: str, at: datetime, why: str) -> bool:
        """Put a job back that is left in order."""
        ...

    def lose(
        self,
        job_id: int,
        *,
        worker: str,
        at: datetime,
        why: str,
        pause: timedelta = timedelta(0),
    ) -> bool:
        """Put a job back whose worker died."""
        ...

    def recover(self, at: datetime, mine: Collection[str] = ()) -> tuple[int, ...]:
        """Put back the jobs whose workers are gone, but those under my own tokens."""
        ...

    def fire(self, at: datetime) -> tuple[int, ...]:
        """Queue what schedules ask for by now; the numbers of the jobs."""
        ...
