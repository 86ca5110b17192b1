"""A plan in a process of its own: `python -m api.plans.worker`.

A solver may take minutes and all of a processor; the service must answer meanwhile. The request
comes as one line on standard input: database, plan, name of the worker. The input stays open as
long as somebody wants the work: at its end the plan is marked interrupted and the process ends, so
that no orphan computes on. Progress, the best plan so far and the result go to the database.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import IO, Any, Final

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.errors import ApiError
from api.plans.kinds import plan_kind
from models.errors import ModelError
from pricing.errors import InfeasibleLimits, PricingError
from simulations.errors import SimulationError
from storage.database import open_engine, reading, writing
from storage.errors import DatabaseUnavailable, StorageError
from storage.jobs.plans import beat, end_plan, plan_document, read_plan

_EXPECTED: Final = (ApiError, ModelError, PricingError, SimulationError, StorageError)
_PULSE_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 600.0
"""How long a result waits for a database that is away: it may have taken hours to find."""
_POLITE: Final = 5
"""How much the work stands behind the requests that the same computer answers."""


class Pulse:
    """Says once a second how far the work is, and ends the process when nobody wants it.

    Args:
        engine: the database.
        plan_id: the plan.
        worker: name of this process.
        leave: how to end the process, from any thread.
    """

    def __init__(self, engine: Engine, plan_id: int, worker: str, leave: Any) -> None:  # noqa: ANN401
        self._engine, self._plan_id, self._worker = engine, plan_id, worker
        self._leave = leave
        self._step: tuple[str, int, int | None] = ("starting", 0, None)
        self._best: Mapping[str, Any] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._over.set()
        self._thread.join(10.0)

    def progress(self, step: str, done: int, total: int | None) -> None:
        """Take what the job says of its progress."""
        self._step = (step, done, total)

    def best(self, found: Mapping[str, Any]) -> None:
        """Take a better plan."""
        with self._lock:
            self._best = found

    def once(self) -> bool:
        """Tell the database; False where the work must stop."""
        with self._lock:
            best, self._best = self._best, None
        step, done, total = self._step
        try:
            with writing(self._engine) as conn:
                return beat(
                    conn, self._plan_id, worker=self._worker, at=datetime.now(UTC),
                    step=step, done=done, total=total, best=best,
                )  # fmt: skip
        except (StorageError, SQLAlchemyError):
            with self._lock:  # told the next time, unless there is a better one by then
                self._best = best if self._best is None else self._best
            raise

    def interrupted(self) -> None:
        """Whoever started the work is gone."""
        self._end("interrupted", "the service stopped while this was being planned; ask again")

    def _run(self) -> None:
        while not self._over.wait(_PULSE_SECONDS):
            try:
                wanted = self.once()
            except (StorageError, SQLAlchemyError):
                continue  # the database may come back; the result is not there yet anyway
            if not wanted and not self._over.is_set():
                self._end("cancelled", "cancelled")

    def _end(self, status: str, message: str) -> None:
        self._over.set()
        try:
            with writing(self._engine) as conn:
                end_plan(
                    conn, self._plan_id, worker=self._worker, at=datetime.now(UTC),
                    status=status, error={"message": message},
                )  # fmt: skip
        finally:
            self._leave()


def work(engine: Engine, plan_id: int, worker: str, pulse: Pulse) -> None:
    """Plan, and store what came of it; a refusal is a result too."""
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    try:
        with reading(engine) as conn:
            kind, document = read_plan(conn, plan_id).kind, plan_document(conn, plan_id)
        result = plan_kind(kind).run(document, pulse.progress, pulse.best)
    except _EXPECTED as refusal:
        error = refused(refusal)
    except Exception:  # noqa: BLE001  (stored; somebody waits for an answer)
        error = {"message": "a defect of the service; its log has the trace", "kind": "defect"}
        traceback.print_exc()
    pulse.stop()

    def end() -> None:
        pulse.once()
        with writing(engine) as conn:
            end_plan(
                conn, plan_id, worker=worker, at=datetime.now(UTC),
                status="finished" if error is None else "failed", result=result, error=error,
            )  # fmt: skip

    _patiently(end)


def _patiently(store: Callable[[], None]) -> None:
    """Store again and again while the database is away; what was found is not thrown away."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return store()
        except DatabaseUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(_PULSE_SECONDS)


def refused(error: Exception) -> dict[str, Any]:
    """Why there is no plan, as JSON: the sentence, and the limits that conflict."""
    said: dict[str, Any] = {"message": str(error), "kind": type(error).__name__}
    if isinstance(error, InfeasibleLimits):
        said["conflicting"] = list(error.conflicting)
        said["relaxations"] = dict(getattr(error, "relaxations", {}))
    return said


def main(source: IO[str]) -> None:
    """Work on the plan that the first line of the input names."""
    request = json.loads(source.readline())
    engine = open_engine(request["database_url"])
    os.nice(_POLITE)
    pulse = Pulse(engine, request["plan"], request["worker"], lambda: os._exit(0))

    def watch_starter() -> None:
        source.read()
        pulse.interrupted()

    threading.Thread(target=watch_starter, name="starter", daemon=True).start()
    pulse.start()
    work(engine, request["plan"], request["worker"], pulse)
    sys.stdout.flush()
    sys.stderr.flush()
    # The thread that waits for the input's end would hold up an orderly exit.
    os._exit(0)


if __name__ == "__main__":
    main(sys.stdin)
