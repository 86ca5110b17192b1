"""Running `pricewright` as a user does, in a folder of its own.

Most commands run in this process, because starting Python and its libraries costs seconds a time;
the service and the demo run in processes of their own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final
from unittest.mock import patch

import httpx

from api.cli import main
from api.cli.terminal import err as console_err
from api.cli.terminal import out as console_out
from tests.run_guard import guarded

_COLUMNS: Final = 200
"""As wide as no table is, so that none is folded."""
_PATIENCE: Final = 180.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Running:
    """A command that has not ended yet."""

    process: subprocess.Popen[str]

    def read_until(self, text: str) -> str:
        """What it says up to and with the line that holds this text."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError(f"it ended without saying {text!r}:\n{''.join(lines)}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """How it ended."""
        return self.process.wait(_PATIENCE)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The command in one folder, on one database."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def database_url(self) -> str:
        """The database of this folder unless the environment names another."""
        return self.environment.get("DATABASE_URL", f"sqlite:///{self.folder / 'pricewright.db'}")

    def __call__(self, *arguments: str | Path) -> Answer:
        """Run one command to its end, in this process."""
        # A console that was made before this takes no notice of COLUMNS any more.
        console_out.width = console_err.width = _COLUMNS
        out, err = StringIO(), StringIO()
        status = 0
        with (
            chdir(self.folder),
            patch.dict(os.environ, self._environment(), clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main([*map(str, arguments)])
            except SystemExit as stop:
                status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return Answer(status, out.getvalue(), err.getvalue())

    @contextmanager
    def started(self, *arguments: str | Path) -> Iterator[Running]:
        """A command in a process of its own, which is ended with the block."""
        process = subprocess.Popen(
            self._command(*arguments),
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process, guarded(process):
            try:
                yield Running(process)
            finally:
                process.kill()

    def succeed(self, *arguments: str | Path) -> str:
        """Run one command that must end well; gives what it said."""
        answer = self(*arguments)
        assert answer.status == 0, answer.err + answer.out
        return answer.out

    @contextmanager
    def serving(self, port: int) -> Iterator[httpx.Client]:
        """`pricewright serve` while the block runs, asked with the token that it keeps."""
        process = subprocess.Popen(
            self._command("serve", "--port", str(port)),
            cwd=self.folder,
            env=self._environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with (
                guarded(process),
                httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
            ):
                _wait(client, process)
                token = (self.folder / "operator-token").read_text(encoding="ascii").strip()
                client.headers["authorization"] = f"Bearer {token}"
                yield client
        finally:
            process.terminate()
            _, log = process.communicate(timeout=_PATIENCE)
        # A service that ends on a signal, once it has answered all, passes the signal on.
        assert process.returncode in (0, -signal.SIGTERM), log

    def _command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-c", "from api.cli import main; main()", *map(str, arguments)]

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PRICEWRIGHT_", "COV_"))}
        return {
            **kept,
            "DATABASE_URL": self.database_url,
            "COLUMNS": str(_COLUMNS),
            **self.environment,
        }


def _wait(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service ended while starting"
        try:
            if client.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service does not become ready")
