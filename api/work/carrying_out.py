"""One job from its claim to its end: the same in a child process and in a test's own thread."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from api.work.connector import Connector
from api.work.context import Context
from api.work.errors import JobLost, JobStopped
from api.work.kinds import Kinds
from models.refusals import Kind, Refusal
from storage.errors import DatabaseUnavailable

_PATIENCE_SECONDS: Final = 600.0
"""How long a result waits for a database that is away: it may have taken hours to find."""
_LOOK_SECONDS: Final = 1.0
_PAUSE: Final = timedelta(seconds=5)
_DEFECT: Final = {"message": "a defect of the service; its log has the trace", "kind": "defect"}


def carry_out(
    kinds: Kinds, kind: str, connector: Connector, context: Context, *, quiet: Callable[[], None]
) -> None:
    """Do a job and store what came of it; a refusal is a result, too.

    Args:
        kinds: the kinds that there are.
        kind: the job's.
        connector: where it is kept.
        context: what it works with.
        quiet: called when the work is over, before its end is stored: nobody else speaks of it now.

    Raises:
        DatabaseUnavailable: the database stayed away; the job is found by its silence.
    """
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    try:
        chosen = kinds[kind]
        result = chosen.run(chosen.read(connector.request(context.job_id)), context)
    except JobLost:
        quiet()
        return
    except JobStopped as word:
        why = str(word)
        quiet()
        patiently(lambda: leave(connector, context, why))
        return
    except DatabaseUnavailable as away:
        quiet()
        why = f"the database was away: {away}"
        patiently(lambda: _lose(connector, context, why))
        return
    except Refusal as refusal:
        error = _told(refusal)
        if refusal.kind is Kind.DEFECT:
            context.log(traceback.format_exc())
    except Exception:  # noqa: BLE001  (stored; somebody waits for an answer)
        error = _DEFECT
        context.log(traceback.format_exc())
        traceback.print_exc()
    quiet()
    patiently(lambda: _end(connector, context, result, error))


def leave(connector: Connector, context: Context, why: str) -> None:
    """Put down a job before its end: cancelled where somebody wanted that, else for another one."""
    tell(connector, context)
    connector.hand_back(context.job_id, worker=context.worker, at=context.now(), why=why)


def tell(connector: Connector, context: Context) -> str:
    """Say how far a job is; gives `go on`, `stop` or `lost`."""
    beat = context.take_beat()
    try:
        job = connector.beat(context.job_id, worker=context.worker, at=context.now(), beat=beat)
    except Exception:
        context.untold(beat)
        raise
    if job is None:
        return "lost"
    return "stop" if job.cancel_wanted else "go on"


def patiently(store: Callable[[], None]) -> None:
    """Store again and again while the database is away; what was found is not thrown away."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return store()
        except DatabaseUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_SECONDS)


def _told(refusal: Refusal) -> dict[str, Any]:
    """Why nothing came of it, as JSON: the sentence, the place, what else a program may ask."""
    said: dict[str, Any] = {"message": str(refusal), "kind": type(refusal).__name__}
    if refusal.place:
        said["place"] = refusal.field
    return said | refusal.facts


def _lose(connector: Connector, context: Context, why: str) -> None:
    tell(connector, context)
    connector.lose(context.job_id, worker=context.worker, at=context.now(), why=why, pause=_PAUSE)


def _end(
    connector: Connector,
    context: Context,
    result: Mapping[str, Any] | None,
    error: Mapping[str, Any] | None,
) -> None:
    if context.ended and error is None:
        return
    beat = context.take_beat()
    try:
        connector.end(
            context.job_id, worker=context.worker, at=context.now(),
            status="finished" if error is None else "failed", result=result, error=error,
            beat=beat,
        )  # fmt: skip
    except Exception:
        context.untold(beat)
        raise
