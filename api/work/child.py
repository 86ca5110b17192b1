"""A warm child process of the work room: `python -m api.work.child`.

A solver may take minutes and all of a processor; the service must answer meanwhile. The process
reads its orders from standard input, one line of JSON each: the first says where the database and
the kinds are, every other one names a job. It is kept from job to job, so that what a job had to
import is there for the next one.

The input stays open as long as somebody wants the work: at its end a job under way is handed back
and the process ends, so that no orphan computes on. Progress, the best so far, the log and the
result go to the database; on standard output there is one line for each job that has ended.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from datetime import UTC, datetime
from typing import IO, Any, Final

from sqlalchemy.exc import SQLAlchemyError

from api.logs import LogFormat, LogLevel, configure_logs
from api.work.carrying_out import carry_out, leave, patiently, tell
from api.work.context import Context
from api.work.database import DatabaseConnector
from api.work.kinds import Kinds, found_at
from storage.database import open_engine
from storage.errors import StorageError

_PULSE_SECONDS: Final = 1.0
_ORDERLY_SECONDS: Final = 10.0
"""Time for work that knows an orderly end to come to it."""
_POLITE: Final = 5
"""How much the work stands behind the requests that the same computer answers."""
_LEFT: Final = "the service stopped while it was worked on"
_CANCELLED: Final = "cancelled"


class Pulse:
    """Says once a second how far a job is, and ends the process when nobody wants it.

    Args:
        connector: where the job is kept.
        context: the job.
    """

    def __init__(self, connector: DatabaseConnector, context: Context) -> None:
        self._connector, self._context = connector, context
        self._over = threading.Event()
        self._speaking = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def quiet(self) -> None:
        """Say nothing more; returns when nothing is being said."""
        self._over.set()
        with self._speaking:
            pass

    def stop_work(self, why: str, *, cancelled: bool = False) -> None:
        """End the work, in order where it knows how; the process ends where it does not."""
        orderly = self._context.ask_to_stop(why, cancelled=cancelled)
        if orderly and self._over.wait(_ORDERLY_SECONDS):
            return
        with self._speaking:
            if self._over.is_set():
                return  # it has come to its end meanwhile
            self._over.set()
            try:
                leave(self._connector, self._context, why)
            finally:
                os._exit(0)

    def _run(self) -> None:
        while not self._over.wait(_PULSE_SECONDS):
            with self._speaking:
                if self._over.is_set():
                    return
                try:
                    word = tell(self._connector, self._context)
                except (StorageError, SQLAlchemyError):
                    continue  # the database may come back; the result is not there yet anyway
            if word == "lost" and self._context.ended:
                return  # it has said its end itself, and comes back from that
            if word == "lost":
                os._exit(0)  # somebody else has begun it anew; nothing of ours can be committed
            if word == "stop":
                self.stop_work(_CANCELLED, cancelled=True)


class _JobLog(logging.Handler):
    """Keeps what is logged during a job with the job."""

    def __init__(self, context: Context) -> None:
        super().__init__(logging.INFO)
        self._context = context

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        said = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        words = [str(said.get("event", ""))]
        words += [f"{k}={v}" for k, v in said.items() if k not in _OF_STRUCTLOG]
        self._context.log(f"{record.levelname.lower()}: {' '.join(words)}")


_OF_STRUCTLOG: Final = ("event", "level", "logger", "timestamp")


class Desk:
    """Takes orders and works on them one after the other, in the main thread.

    Args:
        orders: where they come from; read to its end by a thread of its own.
        told: where the end of each job is told.
    """

    def __init__(self, orders: IO[str], told: IO[str]) -> None:
        self._orders, self._told = orders, told
        self._waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pulse: Pulse | None = None
        self._left = False

    def work(self) -> None:
        """Work until nobody wants it any more."""
        start = json.loads(self._orders.readline())
        told = start["given"]
        configure_logs(
            LogFormat(told.get("log_format", LogFormat.AUTO)),
            LogLevel(told.get("log_level", LogLevel.INFO)),
        )
        engine = open_engine(start["database_url"])
        kinds: Kinds = found_at(start["kinds"])
        connector = DatabaseConnector(engine, kinds)
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        while (order := self._waiting.get()) is not None:
            context = Context(
                order["job"], order["worker"], connector,
                clock=lambda: datetime.now(UTC), engine=engine, given=start["given"],
            )  # fmt: skip
            self._one(kinds, order["kind"], connector, context)
            self._told.write(json.dumps({"ended": order["job"], "memory": memory_bytes()}) + "\n")
            self._told.flush()
        engine.dispose()

    def _one(self, kinds: Kinds, kind: str, connector: DatabaseConnector, context: Context) -> None:
        pulse = Pulse(connector, context)
        with self._lock:
            self._pulse = pulse
            left = self._left
        if left:
            patiently(lambda: leave(connector, context, _LEFT))
            return
        log = _JobLog(context)
        logging.getLogger().addHandler(log)
        pulse.start()
        try:
            carry_out(kinds, kind, connector, context, quiet=pulse.quiet)
        finally:
            pulse.quiet()
            logging.getLogger().removeHandler(log)
            with self._lock:
                self._pulse = None

    def _listen(self) -> None:
        for line in self._orders:
            self._waiting.put(json.loads(line))
        with self._lock:
            self._left = True
            pulse = self._pulse
        self._waiting.put(None)
        if pulse is not None:
            pulse.stop_work(_LEFT)


def memory_bytes() -> int:
    """What this process holds in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as said:  # noqa: PTH123
            return int(said.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    """Work on what standard input orders."""
    # What a library prints must not be taken for an answer.
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.nice(_POLITE)
    Desk(sys.stdin, told).work()
    sys.stderr.flush()
    # The thread that reads orders would hold up an orderly exit.
    os._exit(0)


if __name__ == "__main__":
    main()
