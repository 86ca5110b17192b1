"""Where jobs are worked on: a warm child process, as the work room sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol


class Place(Protocol):
    """Works on one job at a time.

    Attributes:
        pid: the process that works.
        done: jobs that it has ended.
        memory: what it held in bytes after the last one.
    """

    pid: int
    done: int
    memory: int

    def take(self, job_id: int, kind: str, worker: str) -> None:
        """Begin a job."""
        ...

    @property
    def busy(self) -> bool:
        """Whether it works on a job."""
        ...

    @property
    def fate(self) -> str | None:
        """How it ended; None while it is there."""
        ...

    def let_go(self) -> None:
        """Have it hand back what it works on, and end."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait until it is gone; False if it is still there."""
        ...


class ChildPlace:
    """A warm child process, see `api.work.child`.

    Args:
        database_url: where the jobs are.
        kinds: where the registry of kinds is, as `module:name`.
        given: what every job is told.
        heard: called, in another thread, when a job has ended or the process is gone.
    """

    def __init__(
        self,
        database_url: str,
        kinds: str,
        given: Mapping[str, Any],
        heard: Callable[[], None],
    ) -> None:
        self.done, self.memory = 0, 0
        self._job: int | None = None
        self._heard = heard
        self._process = subprocess.Popen(
            [sys.executable, "-m", "api.work.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # Ctrl-C is for us: we close its input, and it ends in order.
            start_new_session=True,
        )
        self.pid = self._process.pid
        # Not on the command line: the URL may hold a password.
        self._say({"database_url": database_url, "kinds": kinds, "given": dict(given)})
        threading.Thread(target=self._listen, name=f"child {self.pid}", daemon=True).start()

    def take(self, job_id: int, kind: str, worker: str) -> None:
        """See `Place`."""
        self._job = job_id
        self._say({"job": job_id, "kind": kind, "worker": worker})

    @property
    def busy(self) -> bool:
        """See `Place`."""
        return self._job is not None

    @property
    def fate(self) -> str | None:
        """See `Place`."""
        status = self._process.poll()
        if status is None:
            return None
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"the process that worked on it {how}"

    def let_go(self) -> None:
        """See `Place`."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def kill(self) -> None:
        """See `Place`."""
        self._process.kill()

    def wait(self, seconds: float) -> bool:
        """See `Place`."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.let_go()
        return True

    def _say(self, order: Mapping[str, Any]) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it is gone; its fate says how
                self._process.stdin.write(json.dumps(order) + "\n")
                self._process.stdin.flush()

    def _listen(self) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as told:
                for line in told:
                    said = json.loads(line)
                    self.done, self.memory, self._job = self.done + 1, said["memory"], None
                    self._heard()
        self._process.wait()
        self._heard()
