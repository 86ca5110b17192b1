"""The work room: claims jobs, hands them to warm processes, and looks after both."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.work.connector import Connector
from api.work.database import DatabaseConnector
from api.work.kinds import Kinds
from api.work.periodic import Periodic
from api.work.places import ChildPlace, Place
from storage.errors import StorageError
from storage.jobs.leases import this_machine
from storage.jobs.queue import Worker

_log = structlog.get_logger(__name__)

_DEAF: Final = timedelta(seconds=15)
"""Time for a job to stop after it was cancelled; its process is killed after that."""
_KILLED: Final = "did not stop when it was cancelled, and its process had to be killed"
_KILLED_AT_END: Final = "the service stopped and the process that worked on it had to be killed"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Warmth:
    """How long a process is kept for further jobs.

    Attributes:
        jobs: it ends after so many; libraries leak.
        idle: it ends when nothing came for so long.
        memory: it ends after a job that left it with more bytes than this.
    """

    jobs: int = 100
    idle: timedelta = timedelta(minutes=5)
    memory: int = 1 << 30


@dataclass(slots=True)
class _Hand:
    """A place and the job that it works on."""

    place: Place
    since: datetime
    job: int | None = None
    lane: str = ""
    token: str = ""
    cancelled_at: datetime | None = None


class WorkRoom:
    """Works on the jobs that wait, so many at a time.

    Args:
        connector: where jobs are kept.
        hire: makes a new place.
        places: most jobs at a time by lane, in this room.
        warmth: how long a place is kept.
        clock: the time, UTC.
        only: work on this job and no other; None for all.
    """

    def __init__(
        self,
        connector: Connector,
        hire: Callable[[], Place],
        places: Mapping[str, int],
        *,
        warmth: Warmth = Warmth(),
        clock: Callable[[], datetime] = _utc_now,
        only: int | None = None,
    ) -> None:
        self._connector, self._hire, self._clock = connector, hire, clock
        self._places = {lane: most for lane, most in places.items() if most > 0}
        self._warmth, self._only = warmth, only
        self._hands: list[_Hand] = []
        self._lock = threading.Lock()
        self._stopped = False

    @property
    def working_on(self) -> tuple[int, ...]:
        """Numbers of the jobs that are worked on here."""
        with self._lock:
            return tuple(hand.job for hand in self._hands if hand.job is not None)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of this room, at work or warm."""
        with self._lock:
            return tuple(hand.place.pid for hand in self._hands)

    def tick(self) -> None:
        """Ask for what is due, put back what was lost, and begin what waits.

        Raises:
            StorageError: the database is away.
        """
        with self._lock:
            if self._stopped:
                return
            now = self._clock()
            if self._only is None:
                self._connector.fire(now)
            self._look_after(now)
            if not self._places or not self._connector.any_open():
                return  # nobody waits for a writer that has nothing to write
            mine = [hand.token for hand in self._hands if hand.job is not None]
            for number in self._connector.recover(now, mine):
                _log.warning("a job was put back: its worker is gone", job=number)
            while self._begin_one(now):
                pass

    def stop(self, wait: timedelta) -> None:
        """Have every job handed back in order, and end the processes.

        Args:
            wait: how long that may take before what is left is killed.
        """
        with self._lock:
            self._stopped = True
            for hand in self._hands:
                hand.place.let_go()  # they take this as the word to leave
            end = time.monotonic() + wait.total_seconds()
            for hand in self._hands:
                if not hand.place.wait(max(0.0, end - time.monotonic())):
                    hand.place.kill()
                    hand.place.wait(wait.total_seconds())
                    self._say_killed(hand)
            self._hands = []

    def _say_killed(self, hand: _Hand) -> None:
        if hand.job is None:
            return
        try:
            self._connector.hand_back(
                hand.job, worker=hand.token, at=self._clock(), why=_KILLED_AT_END
            )
        except (StorageError, SQLAlchemyError) as error:
            # Whichever room is next finds it gone.
            _log.warning("a job was left as it is", job=hand.job, why=str(error))

    def _look_after(self, now: datetime) -> None:
        """Forget who is gone, let go who was here long enough, kill who is deaf."""
        kept = []
        for hand in self._hands:
            fate = hand.place.fate
            if fate is not None:
                self._lost(hand, now, fate)
                hand.place.let_go()
                continue
            if hand.job is not None and not hand.place.busy:
                hand.job, hand.cancelled_at, hand.since = None, None, now
            if hand.job is None and self._spent(hand, now):
                hand.place.let_go()
                if hand.place.wait(0.0):
                    continue
            elif hand.job is not None:
                self._mind_cancel(hand, now)
            kept.append(hand)
        self._hands = kept

    def _lost(self, hand: _Hand, now: datetime, fate: str) -> None:
        if hand.job is None:
            return
        why = fate if hand.cancelled_at is None else _KILLED
        if self._connector.lose(hand.job, worker=hand.token, at=now, why=why):
            _log.warning("a job lost its process", job=hand.job, why=why)

    def _spent(self, hand: _Hand, now: datetime) -> bool:
        warm = self._warmth
        place = hand.place
        return place.done >= warm.jobs or place.memory > warm.memory or now - hand.since > warm.idle

    def _mind_cancel(self, hand: _Hand, now: datetime) -> None:
        """A process that is told to stop by its own pulse, and does not, is killed."""
        if hand.job is None or not self._connector.read(hand.job).cancel_wanted:
            return
        hand.cancelled_at = hand.cancelled_at or now
        if now - hand.cancelled_at > _DEAF:
            hand.place.kill()

    def _begin_one(self, now: datetime) -> bool:
        """Hand the oldest job for which there is a place to one; False where there is none."""
        taken = Counter(hand.lane for hand in self._hands if hand.job is not None)
        lanes = [lane for lane, most in self._places.items() if taken[lane] < most]
        if not lanes or not self._connector.any_waiting(at=now, lanes=lanes, only=self._only):
            return False
        hand = next((h for h in self._hands if h.job is None and not self._spent(h, now)), None)
        if hand is None:
            hand = _Hand(self._hire(), now)
            self._hands.append(hand)
        token = secrets.token_hex(8)
        worker = Worker(token, this_machine(), hand.place.pid)
        job = self._connector.claim(worker, at=now, lanes=lanes, only=self._only)
        if job is None:
            return False
        hand.job, hand.lane, hand.token, hand.cancelled_at = job.job_id, job.lane, token, None
        hand.place.take(job.job_id, job.kind, token)
        _log.info("a job is begun", job=job.job_id, kind=job.kind, process=hand.place.pid)
        return True


class RunningRoom:
    """A work room with its thread and its child processes, over a database.

    Args:
        engine: the database.
        database_url: the same, for other processes to open.
        kinds: the kinds that there are.
        places: most jobs at a time by lane.
        given: what every job is told, JSON values.
        every: how often to look for jobs that somebody else queued.
        warmth: how long a process is kept.
        only: work on this job and no other; None for all.

    Attributes:
        kinds: see above.
        room: the room itself.
        stopping: it is about to end; nobody should wait for its jobs.
    """

    def __init__(
        self,
        engine: Engine,
        database_url: str,
        kinds: Kinds,
        places: Mapping[str, int],
        *,
        given: Mapping[str, Any] | None = None,
        every: timedelta = timedelta(seconds=1),
        warmth: Warmth = Warmth(),
        only: int | None = None,
    ) -> None:
        self.kinds = kinds
        self._periodic = Periodic("jobs", self._tick, every)
        self.room = WorkRoom(
            DatabaseConnector(engine, kinds),
            lambda: ChildPlace(database_url, kinds.place, given or {}, self._periodic.wake),
            places,
            warmth=warmth,
            only=only,
        )

        self.stopping = False

    def _tick(self) -> None:
        self.room.tick()

    def start(self) -> None:
        """Begin to work."""
        self._periodic.start()

    def wake(self) -> None:
        """Look for jobs now: somebody has just asked for one."""
        self._periodic.wake()

    def stop(self, wait: timedelta) -> bool:
        """Hand back what is worked on and end; False where the thread is still at something."""
        self.stopping = True
        ended = self._periodic.stop(wait)
        self.room.stop(wait)
        return ended
