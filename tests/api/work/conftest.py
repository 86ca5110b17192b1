"""Databases with jobs, and workers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.api.work.toy_kinds import with_effects
from tests.databases import postgres_engine, sqlite_engine, url_of
from tests.run_guard import guarded


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database that counts effects."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        with_effects(engine)
        yield engine


@contextmanager
def working(engine: Engine) -> Iterator[subprocess.Popen[str]]:
    """A worker; it is let go at the end of the block, unless it was killed before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.api.work.worker_process"],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with guarded(process):
        assert process.stdin is not None
        process.stdin.write(url_of(engine) + "\n")
        process.stdin.flush()
        yield process
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(60.0)
