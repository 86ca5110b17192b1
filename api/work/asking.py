"""Asking for a job, and waiting for its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy.engine import Connection, Engine

from api.work.kinds import Kind
from storage.database import reading
from storage.jobs.queue import StoredJob, ask_otherwise, read_job, submit_job

_LOOK_SECONDS: Final = 0.1


def ask(
    conn: Connection,
    kind: Kind[Any],
    request: msgspec.Struct | Mapping[str, Any],
    *,
    at: datetime,
    by: str,
    alone: bool = False,
    checked: bool = False,
    schedule: str | None = None,
    due_at: datetime | None = None,
) -> int:
    """Check a request and queue it as a job; returns its number.

    Args:
        conn: a transaction that writes; with it the job is there, or is not.
        kind: of the job.
        request: what is asked: the kind's own struct, or its JSON form.
        at: now, UTC.
        by: who asks.
        alone: refuse where a job of the same scope waits or runs; without, it waits for its turn.
        checked: the kind's `check` was made already, before the transaction began.
        schedule: that asks; None for a person.
        due_at: for which of its moments.

    Raises:
        RequestInvalid: it cannot be asked, or what the kind itself raises for that.
        ScopeTaken: see `alone`.
        StorageError: what the kind stores at once cannot be stored.
    """
    asked = kind.read(request) if isinstance(request, Mapping) else request
    if not checked:
        kind.check(asked)
    job = kind.new_job(asked, at=at, by=by, schedule=schedule, due_at=due_at)
    number = submit_job(conn, job, alone=alone)
    if kind.asked is not None:
        kept = kind.asked(conn, number, asked, at, by)
        if kept is not asked:
            ask_otherwise(conn, number, msgspec.to_builtins(kept))
    return number


def wait_for(
    engine: Engine,
    job_id: int,
    *,
    patience: timedelta,
    given_up: Callable[[], bool] = lambda: False,
) -> StoredJob:
    """Wait until a job has ended; gives where it stands then, or when the patience is over.

    Args:
        engine: the database.
        job_id: the job.
        patience: the longest wait.
        given_up: asked again and again; True ends the wait.
    """
    end = time.monotonic() + patience.total_seconds()
    while True:
        with reading(engine) as conn:
            job = read_job(conn, job_id)
        if not job.open or given_up() or time.monotonic() > end:
            return job
        time.sleep(_LOOK_SECONDS)
