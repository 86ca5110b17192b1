"""A database, the service on a real socket, and a client."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy import Engine

from api.logs import LogFormat, LogLevel, configure_logs
from api.server import serving
from api.settings import Settings, load_settings
from tests.api.promotions_at_hand import SHOP
from tests.api.shop import open_shop
from tests.databases import sqlite_engine, url_of
from tests.warm_children import start_warm

QUICK = 0.05
"""Seconds between polls in tests."""

TOKEN = "the-token-of-tess-long-enough"
BEARER = {"authorization": f"Bearer {TOKEN}"}
"""Of `tess`, who is an operator wherever a test names no others."""


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What this process logged so far in the test; its logs are as before afterwards."""
    stream = io.StringIO()
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root = logging.getLogger()
    for handler in [h for h in root.handlers if getattr(h, "pricewright", False)]:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _warm_children(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of the work room have imported what they need."""
    if request.node.get_closest_marker("cold_children") is None:
        start_warm(monkeypatch)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A migrated database with nothing in it."""
    with sqlite_engine(tmp_path) as engine:
        yield engine


@pytest.fixture
def settings(engine: Engine) -> Settings:
    """Settings of a service on a free port that polls quickly."""
    return quick_settings(engine)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A database with the small shop."""
    open_shop(engine)
    return engine


@pytest.fixture
def client(shop: Engine, settings: Settings) -> Iterator[httpx.Client]:
    """A client of the service that serves the small shop, with an operator's token."""
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, headers=BEARER, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def stranger(client: httpx.Client) -> Iterator[httpx.Client]:
    """A client of the same service that has no token."""
    with httpx.Client(base_url=client.base_url, timeout=60) as stranger:
        yield stranger


def quick_settings(engine: Engine, **given: object) -> Settings:
    """Settings of a service on a free port over this database, polling quickly."""
    return load_settings(
        None,
        database_url=url_of(engine),
        **{
            "port": 0,
            "snapshot_poll_seconds": QUICK,
            "alert_poll_seconds": QUICK,
            "operators": f"tess:{TOKEN},shop:{SHOP}",
            "wrong_keys_a_minute": 100_000,  # all tests come from one address
            "private_addresses": ("127.0.0.1",),  # where receivers of tests listen
            **given,
        },
    )


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait until it holds; False when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(QUICK / 5)
    return True


@contextmanager
def database_away(engine: Engine) -> Iterator[None]:
    """The database answers no question about price books, as after an accident."""
    with engine.begin() as conn:
        conn.execute(sa.text("ALTER TABLE price_books RENAME TO gone"))
    try:
        yield
    finally:
        with engine.begin() as conn:
            conn.execute(sa.text("ALTER TABLE gone RENAME TO price_books"))
