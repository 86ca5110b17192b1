"""Nothing outlives the run that started it, even one that was killed.

A killed process runs no `finally` and no `atexit`. So a small process of its own waits for the end
of this one, which it sees as the end of its input, then kills what is still there. What was
started in order and ended in order is taken off the list again.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_END_SECONDS: Final = 30.0
_lock: Final = threading.Lock()


class _Guard:
    """The process that waits for the end of this one."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # what kills our group must not kill it
        )
        atexit.register(self._end)

    def say(self, order: str, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order} {what}\n")
        self._process.stdin.flush()

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_END_SECONDS)


_guards: Final[dict[int, _Guard]] = {}
"""By process: one that was forked has a guard of its own."""


def _guard() -> _Guard:
    with _lock:
        if os.getpid() not in _guards:
            _guards[os.getpid()] = _Guard()
        return _guards[os.getpid()]


def ends_with_this_run(pid: int) -> None:
    """Have a process killed when this one ends, however it ends."""
    _guard().say("kill", str(pid))


def may_outlive_this_run(pid: int) -> None:
    """Take a process off the list, as it has ended: its number may become somebody else's."""
    _guard().say("spare", str(pid))


def goes_with_this_run(folder: Path) -> None:
    """Have a folder deleted when this process has ended, after what it started."""
    _guard().say("delete", str(folder))


@contextmanager
def guarded(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[None]:
    """A child that is killed if this process ends within the block."""
    ends_with_this_run(process.pid)
    try:
        yield
    finally:
        may_outlive_this_run(process.pid)


def _watch() -> None:
    doomed: dict[int, None] = {}
    folders: list[str] = []
    for line in sys.stdin:
        order, _, what = line.rstrip("\n").partition(" ")
        match order:
            case "kill":
                doomed[int(what)] = None
            case "spare":
                doomed.pop(int(what), None)
            case "delete":
                folders.append(what)
    for pid in doomed:
        _kill(pid)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _kill(pid: int) -> None:
    """SIGQUIT lets PostgreSQL end its own children at once; anything else dies of it, too."""
    for number in (signal.SIGQUIT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            _wait(pid)
    with suppress(ProcessLookupError):  # its workers, where it has a group of its own
        os.killpg(pid, signal.SIGKILL)


def _wait(pid: int) -> None:
    for _ in range(50):
        if not _alive(pid):
            return
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _watch()
