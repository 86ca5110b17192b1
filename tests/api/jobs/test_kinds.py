"""Every kind of job on a small shop: brought in, fitted, forecast, decided, simulated, planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.jobs.kinds import KINDS
from api.jobs.surroundings import surroundings
from api.settings import load_settings
from api.work.asking import ask
from api.work.carrying_out import carry_out
from api.work.context import Context
from api.work.database import DatabaseConnector
from simulations.demo_market.market import MarketSpec, generate_market
from storage.database import reading, writing
from storage.jobs.queue import Worker, job_best, job_result, lose_job, read_job
from tests.databases import sqlite_engine, url_of

LAST_WEEK = datetime(2026, 11, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A small demo market, brought in by jobs."""
    folder = tmp_path_factory.mktemp("market")
    spec = MarketSpec(last_week=LAST_WEEK.date(), products=40)
    made = generate_market(spec, np.random.default_rng(1))
    with sqlite_engine(folder) as engine:
        for table in ("products", "sales", "costs"):
            path = folder / f"{table}.csv"
            getattr(made, table).to_csv(path, index=False)
            done(engine, "import", {"table": table, "file": {"path": str(path)}})
        yield engine


def begun(engine: Engine, kind: str, request: Mapping[str, Any]) -> tuple[int, Context]:
    """A job of this kind, claimed by this process."""
    with writing(engine) as conn:
        number = ask(conn, KINDS[kind], request, at=NOW, by="ada")
    connector = DatabaseConnector(engine, KINDS)
    worker = Worker(f"w{number}", "here", 1)
    assert connector.claim(worker, at=NOW, lanes=["compute"], only=number)
    given = surroundings(load_settings(None, database_url=url_of(engine)))
    return number, Context(
        number, worker.token, connector, clock=lambda: NOW, engine=engine, given=given
    )


def done(engine: Engine, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a job that is done here."""
    number, context = begun(engine, kind, request)
    carry_out(KINDS, kind, DatabaseConnector(engine, KINDS), context, quiet=lambda: None)
    with reading(engine) as conn:
        job = read_job(conn, number)
        assert job.status == "finished", job.error
        return job_result(conn, number) or {}


def test_a_shop_goes_through_every_kind_that_computes(market: Engine, tmp_path: Path) -> None:
    fit = done(market, "fit", {})
    assert fit == {"fit": 1, "stored": True}
    forecast = done(market, "forecast", {"weeks": 2})
    assert len(forecast["forecast"]) == forecast["rows"] > 40
    assert forecast["forecast"][0]["period_start"] >= "2026-11-10"
    written = done(market, "forecast", {"weeks": 2, "out": str(tmp_path / "weeks.csv")})
    assert written["out"] == str(tmp_path / "weeks.csv")
    assert len((tmp_path / "weeks.csv").read_text().splitlines()) == forecast["rows"] + 1
    run = done(market, "decide", {"at": "2026-11-16T00:00:00Z"})
    assert run == {"run": 1}
    answer = done(market, "what-if", {"changes": [0.0, 0.1], "draws": 50, "optimal": False,
                                      "at": "2026-11-16T00:00:00Z"})  # fmt: skip
    assert {row["scenario"] for row in answer["figures"]} == {"+0%", "+10%"}


def test_a_plan_tells_its_best(market: Engine) -> None:
    document = {
        "currency": "EUR", "weeks": 2, "starts_on": "2026-11-23", "search": {"draws": 10},
        "items": [{"sku": "TEA-1", "ladder": ["4.99", "3.99"], "demand": 20, "elasticity": -2.5,
                   "stock": 60}],
    }  # fmt: skip
    number, context = begun(market, "plan", {"kind": "markdown", "document": document})
    carry_out(KINDS, "plan", DatabaseConnector(market, KINDS), context, quiet=lambda: None)
    with reading(market) as conn:
        assert job_best(conn, number) is not None
        assert (job_result(conn, number) or {})["items"][0]["sku"] == "TEA-1"


@pytest.mark.parametrize(
    ("kind", "request_", "table"),
    [
        ("decide", {"at": "2026-11-16T00:00:00Z"}, "decision_runs"),
        ("fit", {"accept_worse": True}, "fits"),
        (
            "import",
            {"table": "products", "file": {"content": "sku,title,category\nNEW,New,c\n"}},
            "imports",
        ),
    ],
)
def test_what_a_worker_that_was_taken_for_dead_would_store_is_not_stored(
    market: Engine, kind: str, request_: Mapping[str, Any], table: str
) -> None:
    """Its job is somebody else's before it comes to store: the effect is there once."""
    if kind == "decide":
        done(market, "fit", {"accept_worse": True})

    def rows() -> int:
        with reading(market) as conn:
            return conn.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608

    before = rows()
    number, context = begun(market, kind, request_)
    with writing(market) as conn:
        assert lose_job(conn, number, worker=context.worker, at=NOW, why="taken for dead")
    carry_out(KINDS, kind, DatabaseConnector(market, KINDS), context, quiet=lambda: None)
    assert rows() == before
    connector = DatabaseConnector(market, KINDS)
    assert connector.read(number).status == "queued"
    worker = Worker("next", "here", 1)
    assert connector.claim(worker, at=NOW, lanes=["compute"], only=number)
    again = Context(number, "next", connector, clock=lambda: NOW, engine=market,
                    given=context.given)  # fmt: skip
    carry_out(KINDS, kind, connector, again, quiet=lambda: None)
    assert connector.read(number).status == "finished", connector.read(number).error
    assert rows() == before + 1
