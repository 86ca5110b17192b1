"""Work that repeats beside the requests, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from storage.errors import StorageError

_log = structlog.get_logger(__name__)


class Periodic:
    """Calls `task` again and again until stopped; a failure is logged and the next call still made.

    A database that is away is expected to come back: it is logged once when it goes and once when
    it is back. Anything else is a defect and is logged with its trace each time it differs.
    """

    def __init__(self, name: str, task: Callable[[], object], every: timedelta) -> None:
        self._name = name
        self._task = task
        self._every = every.total_seconds()
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first call comes at once."""
        self._thread.start()

    def wake(self) -> None:
        """Make the next call now, from any thread."""
        self._woken.set()

    def stop(self, wait: timedelta) -> bool:
        """Make no further call.

        Args:
            wait: how long the call under way may take to end; it is then left behind.

        Returns:
            True if no call is under way any more.
        """
        self._stop.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(wait.total_seconds())
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            self._once()
            self._woken.wait(self._every)

    def _once(self) -> None:
        try:
            self._task()
        except (StorageError, SQLAlchemyError) as error:
            if self._failure is None:
                _log.warning(
                    "background work waits for the database", work=self._name, why=_line(error)
                )
            self._failure = _line(error)
        except Exception as error:  # noqa: BLE001  (logged; the next call must still be made)
            if self._failure != _line(error):
                _log.exception("background work failed", work=self._name)
            self._failure = _line(error)
        else:
            if self._failure is not None:
                _log.info("background work runs again", work=self._name)
            self._failure = None


def _line(error: Exception) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {text}"
