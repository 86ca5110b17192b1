"""What a job is given to work with: progress, the best so far, a log, a word to stop, its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from api.work.errors import JobLost, JobStopped
from api.work.partitions import LOCAL, Partitions
from storage.jobs.queue import Beat

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from api.work.connector import Connector

_MOST_LINES: Final = 1_000
"""Lines of log that wait for the next beat."""


class Context:
    """One job while it is worked on.

    Args:
        job_id: the job.
        worker: the token under which it was claimed.
        connector: where it is kept.
        clock: the time, UTC.
        engine: the database, for kinds that use one.
        given: what the service that runs the work room tells every job, such as settings.
        partitions: who works on the parts of a job that splits.

    Attributes:
        job_id, worker, given, partitions: see above.
        ended: it has said its end, in the transaction of what it stored.
        cancelled: somebody wants no more of it; without, another process will go on with it.
    """

    def __init__(
        self,
        job_id: int,
        worker: str,
        connector: Connector,
        *,
        clock: Callable[[], datetime],
        engine: Engine | None = None,
        given: Mapping[str, Any] | None = None,
        partitions: Partitions = LOCAL,
    ) -> None:
        self.job_id, self.worker = job_id, worker
        self.given = dict(given or {})
        self.partitions = partitions
        self.ended = False
        self._connector, self._clock, self._engine = connector, clock, engine
        self._lock = threading.Lock()
        self._step: tuple[str, int, int | None] = ("starting", 0, None)
        self._best: Mapping[str, Any] | None = None
        self._lines: list[tuple[datetime, str]] = []
        self._stop_why = ""
        self.cancelled = False
        self._how_to_stop: Callable[[], None] | None = None

    @property
    def engine(self) -> Engine:
        """The database.

        Raises:
            JobLost: this job has none; only a test's memory knows it.
        """
        if self._engine is None:
            raise JobLost(f"job {self.job_id} is kept in memory and has no database")
        return self._engine

    def now(self) -> datetime:
        """The time, UTC."""
        return self._clock()

    def progress(self, step: str, done: int, total: int | None) -> None:
        """Tell how far the work is, see `api.work.progress`."""
        self._step = (step, done, total)

    def best(self, found: Mapping[str, Any]) -> None:
        """Tell of something better than was found before; it stays if the work is cut off."""
        with self._lock:
            self._best = found

    def log(self, line: str) -> None:
        """Keep a line in the job's log."""
        with self._lock:
            if len(self._lines) < _MOST_LINES:
                self._lines.append((self._clock(), line))

    def check(self) -> None:
        """Go on, unless somebody wants the work to stop.

        Raises:
            JobStopped: somebody does; let it through.
        """
        if self._stop_why:
            raise JobStopped(self._stop_why)

    @contextmanager
    def stopping_by(self, how: Callable[[], None]) -> Iterator[None]:
        """Within the block the work ends in order when `how` is called, from another thread.

        Elsewhere its process simply ends, and with it every transaction that is not committed.
        """
        with self._lock:
            self._how_to_stop = how
        try:
            yield
        finally:
            with self._lock:
                self._how_to_stop = None
        self.check()

    def end(self, conn: Connection, result: Mapping[str, Any]) -> None:
        """End the job in the transaction that stores what came of it: both are there, or neither.

        Raises:
            JobLost: the job is somebody else's by now; the transaction must not be committed.
        """
        done = self._connector.end(
            self.job_id, worker=self.worker, at=self._clock(), status="finished", result=result,
            beat=self.take_beat(), conn=conn,
        )  # fmt: skip
        if not done:
            raise JobLost(f"job {self.job_id} is worked on by another process by now")
        self.ended = True

    def ask_to_stop(self, why: str, *, cancelled: bool) -> bool:
        """Tell the work to stop; False where it knows no orderly way."""
        self.cancelled = cancelled
        self._stop_why = self._stop_why or why
        with self._lock:
            how = self._how_to_stop
        if how is not None:
            how()
        return how is not None

    def take_beat(self) -> Beat:
        """What is to be told of the work; what it holds is told once."""
        with self._lock:
            best, self._best = self._best, None
            lines, self._lines = self._lines, []
        step, done, total = self._step
        return Beat(step, done, total, best, lines)

    def untold(self, beat: Beat) -> None:
        """Take back what could not be told; it is told the next time."""
        with self._lock:
            self._best = beat.best if self._best is None else self._best
            self._lines = [*beat.lines, *self._lines]
