"""Child processes of the product that start warm: forked from one that has imported what they need.

A child that computes a job, or crawls a site, takes a second of processor time to import before it
begins. In tests of what it does it is forked from a server that has done so already; it has its own
process, its own pipes and its own end all the same. How children start by their command is left to
the tests end to end, and to those that kill whole workers.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import pytest

_IMPORTED: Final = ["api.jobs.kinds", "api.work.child", "scrapers.crawling.worker"]


class _Sent(Protocol):
    """An open file on its way to another process."""

    def detach(self) -> int:
        """Its number there."""
        ...


class WarmPopen:
    """What the product needs of `subprocess.Popen`, for `python -m MODULE` in a fork."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: IO[Any] | None = None,
        text: bool,
        encoding: str,
        start_new_session: bool,
    ) -> None:
        assert [*command[:2], text, start_new_session] == [sys.executable, "-m", True, True]
        assert (stdin, stdout) == (subprocess.PIPE, subprocess.PIPE)
        _, _, module = command
        orders, self_in = os.pipe()
        self_out, told = os.pipe()
        files = [orders, told, 2 if stderr is None else stderr.fileno()]
        self._process = _warm().Process(
            target=_become,
            args=(module, [DupFd(file) for file in files], dict(os.environ), os.getcwd()),  # noqa: PTH109
        )
        # The status can be read once; several threads wait for it.
        self._asking = threading.Lock()
        self._process.start()
        os.close(orders)
        os.close(told)
        self.stdin = open(self_in, "w", encoding=encoding)  # noqa: PTH123, SIM115
        self.stdout = open(self_out, encoding=encoding)  # noqa: PTH123, SIM115
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        with self._asking:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, waited for."""
        wait([self._process.sentinel], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("a warm child", timeout or 0.0)
        return status

    def terminate(self) -> None:
        """Ask for its end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def start_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have children of the work room and of crawls start warm."""
    forking = SimpleNamespace(
        Popen=WarmPopen, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired
    )
    monkeypatch.setattr("api.work.places.subprocess", forking)
    monkeypatch.setattr("scrapers.crawling.child.subprocess", forking)


@cache
def _warm() -> ForkServerContext:
    """The server; it ends with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def _become(
    module: str, files: Sequence[_Sent], environment: Mapping[str, str], folder: str
) -> None:
    """Be a fresh `python -m MODULE` in this folder, with these files as standard ones."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, sent in enumerate(files):
        file = sent.detach()
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
        for number, mode, errors in ((0, "r", None), (1, "w", None), (2, "w", "backslashreplace"))
    )
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
