"""The service in a process of its own, as somebody would run it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
from sqlalchemy import Engine

from tests.api.conftest import TOKEN
from tests.databases import url_of
from tests.run_guard import guarded

START_SECONDS = 120.0  # mostly imports; a busy machine takes its time


@contextmanager
def process(
    engine: Engine, *arguments: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`pricewright serve` in a process of its own, and the lines that it logs."""
    variables = {
        **os.environ,
        "DATABASE_URL": url_of(engine),
        "PRICEWRIGHT_SNAPSHOT_POLL_SECONDS": "0.1",
        "PRICEWRIGHT_OPERATORS": f"tess:{TOKEN}",
        "PYTHONUNBUFFERED": "1",
        **environment,
    }
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", "from api.cli import main; main()", "serve", *arguments],
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        stream = running.stderr
        assert stream is not None
        reader = threading.Thread(target=lambda: lines.extend(iter(stream.readline, "")))
        reader.start()
        try:
            with guarded(running):
                yield running, lines
        finally:
            with suppress(ProcessLookupError):  # the workers too, where the test has failed
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            reader.join()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether a service is ready there."""
    try:
        return httpx.get(f"{url}/readyz", timeout=60).status_code == 200
    except httpx.TransportError:
        return False
