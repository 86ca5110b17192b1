"""The queue of plans: asks are stored, and worked on by so many processes as are allowed."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.plans.kinds import plan_kind
from storage.database import reading, writing
from storage.errors import StorageError
from storage.jobs.plans import any_open, claim_plan, end_plan, interrupt_silent, submit_plan

_log = structlog.get_logger(__name__)

SILENCE: Final = timedelta(seconds=60)
"""A process that says nothing for so long is taken for dead: it speaks every second."""
_LEAVE_SECONDS: Final = 5.0


def ask_for_plan(
    engine: Engine,
    kind: str,
    document: Mapping[str, Any],
    *,
    now: datetime,
    by: str,
    note: str = "",
    parent: int | None = None,
) -> int:
    """Check a document and queue it; returns the plan's number.

    Raises:
        PlanInputInvalid: no such kind, or the document cannot be used.
        PricingError: the same, found by the kind itself.
        PlanNotFound: there is no such parent.
    """
    plan_kind(kind).check(document)
    with writing(engine) as conn:
        return submit_plan(conn, kind, document, at=now, by=by, note=note, parent=parent)


@dataclass(frozen=True, slots=True)
class _Child:
    """A process, the plan that it works on, and under which name."""

    process: subprocess.Popen[str]
    plan: int
    worker: str

    def let_go(self) -> None:
        """End its input."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()


class PlanWorkers:
    """The processes of this service that work on plans.

    Args:
        engine: the database.
        database_url: the same, for another process to open.
        most: plans worked on at the same time, over all services on this database.
    """

    def __init__(self, engine: Engine, database_url: str, most: int) -> None:
        self._engine, self._url, self._most = engine, database_url, most
        self._children: list[_Child] = []
        self._lock = threading.Lock()
        self._stopped = False

    def tick(self) -> None:
        """Mark what fell silent, and start what waits."""
        with reading(self._engine) as conn:
            if not any_open(conn):  # nobody waits for a writer that has nothing to write
                self._forget_finished()
                return
        now = datetime.now(UTC)
        with writing(self._engine) as conn:
            for number in interrupt_silent(conn, before=now - SILENCE, at=now):
                _log.warning("a plan was interrupted", plan=number)
        self._forget_finished()
        with self._lock:
            while not self._stopped and self._start_one():
                pass

    def _forget_finished(self) -> None:
        with self._lock:
            for child in self._children:
                if child.process.poll() is not None:
                    child.let_go()
            self._children = [c for c in self._children if c.process.returncode is None]

    def stop(self) -> None:
        """End the processes; their plans are marked interrupted."""
        with self._lock:
            self._stopped = True
            for child in self._children:
                child.let_go()  # they take this as the word to leave
            for child in self._children:
                try:
                    child.process.wait(_LEAVE_SECONDS)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
                    self._interrupted(child)
            self._children = []

    def _interrupted(self, child: _Child) -> None:
        """Say of a plan that its process could not say so itself."""
        message = "the service stopped while this was being planned; ask again"
        try:
            with writing(self._engine) as conn:
                end_plan(
                    conn, child.plan, worker=child.worker, at=datetime.now(UTC),
                    status="interrupted", error={"message": message},
                )  # fmt: skip
        except (StorageError, SQLAlchemyError) as error:
            # Whichever service is next finds it silent.
            _log.warning("a plan was left as it is", plan=child.plan, why=str(error))

    def _start_one(self) -> bool:
        worker = secrets.token_hex(8)
        with writing(self._engine) as conn:
            number = claim_plan(conn, worker=worker, at=datetime.now(UTC), most=self._most)
        if number is None:
            return False
        child = subprocess.Popen(
            [sys.executable, "-m", "api.plans.worker"], stdin=subprocess.PIPE, text=True
        )
        self._children.append(_Child(child, number, worker))
        request = {"database_url": self._url, "plan": number, "worker": worker}
        if child.stdin is not None:
            # Not on the command line: the URL may hold a password.
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
        _log.info("a plan is being made", plan=number)
        return True
