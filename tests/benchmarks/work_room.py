"""What a job costs beside its work: jobs a second, and a warm process against a fresh one.

    make bench ARGS=work_room

The peer of the rate is a queue of DBOS that was asked for empty steps (docs/decisions/0003).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import Engine

from api.jobs.kinds import KINDS
from api.jobs.surroundings import surroundings
from api.settings import load_settings
from api.work.asking import ask
from api.work.kinds import Kinds
from api.work.room import RunningRoom
from simulations.demo_market.market import MarketSpec, generate_market
from storage.database import reading, writing
from storage.jobs.queue import any_open, read_job
from tests.api.work import toy_kinds
from tests.benchmarks.figure import Figure
from tests.databases import postgres_engine, sqlite_engine, url_of

JOBS: Final = 200
CLEARANCE: Final = {
    "currency": "EUR", "weeks": 5, "starts_on": "2026-11-23", "search": {"draws": 10},
    "items": [{"sku": "TEA-1", "ladder": ["4.99", "3.99", "2.99"], "demand": 20,
               "elasticity": -2.5, "stock": 260}],
}  # fmt: skip


def figures() -> Iterator[Figure]:
    """Jobs a second on both databases; first and second job of a process."""
    with tempfile.TemporaryDirectory() as folder, sqlite_engine(Path(folder)) as engine:
        yield _rate("sqlite", engine, 12.0)
        yield from _warm(engine)
    with postgres_engine() as engine:
        yield _rate("postgresql", engine, 15.0)


def _rate(name: str, engine: Engine, peer: float) -> Figure:
    say = toy_kinds.SAY
    with writing(engine) as conn:
        for _ in range(JOBS):
            ask(conn, say, toy_kinds.Toy(say="x"), at=datetime.now(UTC), by="bench")
    began = time.perf_counter()
    with _room(engine, toy_kinds.KINDS, 2):
        while _any_open(engine):
            time.sleep(0.02)
        took = time.perf_counter() - began
    return Figure(
        f"jobs on {name}", JOBS / took, "jobs/s", "DBOS 3.4.0, measured once", peer,
        "start of two processes included",
    )  # fmt: skip


def _warm(engine: Engine) -> Iterator[Figure]:
    made = generate_market(
        MarketSpec(last_week=date(2026, 11, 9), products=40), np.random.default_rng(1)
    )
    with _room(engine, KINDS, 1) as room:
        for table in ("products", "sales", "costs"):
            content = getattr(made, table).to_csv(index=False)
            _seconds(engine, room, "import", {"table": table, "file": {"content": content}})
        _seconds(engine, room, "fit", {})
    for kind, request in (
        ("plan", {"kind": "markdown", "document": CLEARANCE}),
        ("decide", {"at": "2026-11-16T00:00:00Z"}),
    ):
        with _room(engine, KINDS, 1) as room:
            first, second = (_seconds(engine, room, kind, request) for _ in range(2))
        yield Figure(
            f"second {kind} of a process", second, "s", "the first one, asked to ended", first
        )


def _seconds(engine: Engine, room: RunningRoom, kind: str, request: Mapping[str, Any]) -> float:
    began = time.perf_counter()
    with writing(engine) as conn:
        number = ask(conn, KINDS[kind], request, at=datetime.now(UTC), by="bench")
    room.wake()
    while True:
        with reading(engine) as conn:
            job = read_job(conn, number)
        if not job.open:
            assert job.status == "finished", job.error
            return time.perf_counter() - began
        time.sleep(0.005)


def _any_open(engine: Engine) -> bool:
    with reading(engine) as conn:
        return any_open(conn)


@contextmanager
def _room(engine: Engine, kinds: Kinds, processes: int) -> Iterator[RunningRoom]:
    given = surroundings(load_settings(None, database_url=url_of(engine)))
    room = RunningRoom(
        engine, url_of(engine), kinds, {"compute": processes}, given=given,
        every=timedelta(seconds=0.1),
    )  # fmt: skip
    room.start()
    try:
        yield room
    finally:
        room.stop(timedelta(seconds=10))
