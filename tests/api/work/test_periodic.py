"""Work beside the requests: it repeats, survives failures and stops."""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog
from structlog.testing import capture_logs

from api.work.periodic import Periodic
from storage.errors import DatabaseUnavailable
from tests.api.conftest import eventually

SOON = timedelta(milliseconds=1)
LONG = timedelta(seconds=60)


class Flaky:
    """Fails on the calls named, and counts them all."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        self.calls = 0
        self._failures = failures

    def __call__(self) -> None:
        self.calls += 1
        if self.calls in self._failures:
            raise self._failures[self.calls]


def logged_by(task: Flaky, calls: int) -> list[str]:
    structlog.reset_defaults()
    with capture_logs() as lines:
        work = Periodic("test", task, SOON)
        work.start()
        assert eventually(lambda: task.calls > calls)
        assert work.stop(LONG)
    return [f"{line['log_level']}: {line['event']}" for line in lines]


def test_a_database_that_is_away_is_logged_once_when_it_goes_and_once_when_it_is_back() -> None:
    task = Flaky({n: DatabaseUnavailable("gone") for n in (2, 3, 4)})
    assert logged_by(task, 6) == [
        "warning: background work waits for the database",
        "info: background work runs again",
    ]


def test_a_defect_is_logged_as_an_error_and_the_work_goes_on() -> None:
    task = Flaky({1: ValueError("a defect"), 2: ValueError("a defect"), 3: ValueError("another")})
    assert logged_by(task, 5) == [
        "error: background work failed",
        "error: background work failed",
        "info: background work runs again",
    ]


def test_stopping_waits_for_the_call_under_way() -> None:
    entered, release = threading.Event(), threading.Event()

    def task() -> None:
        entered.set()
        release.wait(60)

    work = Periodic("test", task, SOON)
    work.start()
    assert entered.wait(60)
    assert not work.stop(timedelta(milliseconds=20))
    release.set()
    assert work.stop(LONG)


def test_work_that_never_started_stops_at_once() -> None:
    assert Periodic("test", lambda: None, SOON).stop(LONG)
