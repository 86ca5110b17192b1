"""The process of a crawl as its parent sees it: started, listened to, stopped.

The child's standard input stays open while it works. It is closed when this process ends, however
it ends, and the child then stops by itself: no crawl goes on for nobody.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, Final

from scrapers.errors import CrawlFailed
from scrapers.outcomes import CrawlProgress

STOPPED: Final = "the crawl was stopped before its end"

_STOP_SECONDS: Final = 10.0
"""Time for the child to end its requests and to store what it has; it is killed after that."""


@dataclass(slots=True)
class Heard:
    """What the child said last.

    Attributes:
        summary: totals of the crawl.
        failed: why it failed; empty where it did not.
        finished: it came to its own end.
        cut_off: it was ended before, and can go on.
        stopped: somebody asked it to stop: that is no fault of the shop's.
    """

    summary: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    finished: bool = False
    cut_off: bool = False
    stopped: bool = False


class CrawlChild:
    """One `python -m scrapers.crawling.worker`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(
        self, request: Mapping[str, object], progress: Callable[[CrawlProgress], None]
    ) -> Heard:
        """Run the child to its end and collect what it says.

        Args:
            request: what to crawl, see `scrapers.crawling.worker`.
            progress: called in this thread whenever the child reports.
        """
        heard = Heard()
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            process = self._start(log)
            if process is None:
                return Heard(failed=STOPPED, cut_off=True, stopped=True)
            try:
                if process.stdin is None or process.stdout is None:
                    raise CrawlFailed("the crawl worker has no pipes")
                # Not on the command line: it may hold a password.
                with suppress(BrokenPipeError):
                    process.stdin.write(json.dumps(request) + "\n")
                    process.stdin.flush()
                for line in process.stdout:
                    _take(line, heard, progress)
                status = process.wait()
            finally:
                _end(process)
            if not heard.finished and not heard.failed:
                heard.cut_off = True
                heard.failed = f"the crawl worker ended with status {status}: {_tail(log)}"
        if self._stopped and not heard.finished:
            # However it ended: in order, before it could say anything, or killed at last.
            heard.failed, heard.cut_off = STOPPED, True
        heard.stopped = heard.failed == STOPPED
        return heard

    def stop(self) -> None:
        """Ask the child to stop, from another thread; `run` returns once it has, or was made to."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is not None and process.poll() is None:
            _ask(process)
            impatient = threading.Timer(_STOP_SECONDS, self.kill)
            impatient.daemon = True
            impatient.start()

    def kill(self) -> None:
        """End the child at once; what it has not stored is read again by the next crawl."""
        with self._lock:
            process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def _start(self, log: IO[str]) -> subprocess.Popen[str] | None:
        """The child, unless somebody has asked for its end already."""
        with self._lock:
            if self._stopped:
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scrapers.crawling.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                # Ctrl-C is for us: we ask the child once, and it ends in order.
                start_new_session=True,
            )
            return self._process


def _take(line: str, heard: Heard, progress: Callable[[CrawlProgress], None]) -> None:
    """One line of the child."""
    said = json.loads(line)
    match said.pop("event"):
        case "progress":
            progress(CrawlProgress(**said))
        case "report":
            heard.summary, heard.finished = said["summary"], True
        case "failed":
            heard.summary, heard.failed = said.get("summary", {}), said["message"]
            heard.cut_off = bool(said.get("cut_off"))


def _ask(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()


def _end(process: subprocess.Popen[str]) -> None:
    """Leave no child behind: ask it to stop, then make it."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is None:
        _ask(process)
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()


def _tail(log: IO[str]) -> str:
    log.seek(0)
    lines = log.read()[-4000:].strip().splitlines()
    return " | ".join(lines[-3:]) or "it left no log"
