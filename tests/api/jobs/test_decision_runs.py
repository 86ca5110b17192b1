"""Decision runs over HTTP: asked for under rules, refused by place, and how each was solved."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine

from api.jobs.decision_process import RunFailed, RunProcesses, RunRequest
from api.server import serving
from storage.database import writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.demand.fits import save_fit
from storage.jobs.leases import take_lease
from tests.api.conftest import eventually, quick_settings
from tests.databases import url_of
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, curves_for

AT = "2026-03-02T12:00:00Z"


@pytest.fixture
def client(engine: Engine) -> Iterator[httpx.Client]:
    """A client with the token of an operator, of a shop that was fitted."""
    add_shop(engine)
    with writing(engine) as conn:
        for sku in ("cup-1", "tea-1", "tea-2"):
            add_sale(conn, sku, "online", date(2026, 2, 23), 10, 10_000)
            add_cost(conn, sku, "online", date(2026, 1, 1), 400)
        save_fit(conn, curves_for(read_catalogue(conn, at=NOW)), created_at=NOW, report={})
    settings = quick_settings(engine, operators="anna:sesame-open-wide")
    headers = {"authorization": "Bearer sesame-open-wide"}
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        client.headers.update(headers)
        yield client


def test_a_run_is_asked_for_under_rules_and_says_how_good_it_is(client: httpx.Client) -> None:
    rules = {
        "guardrails": {"maximum_change": 0.1},
        "together": {"max_changes": 1},
        "member_tiers": [{"tier": "gold", "discount": 0.05}],
    }
    answer = client.post("/v1/decision-runs", json={"rules": rules, "at": AT})
    assert answer.status_code == 201, answer.text
    run = answer.json()
    assert (run["run"], run["decided_at"], run["prices"]) == (1, AT, 3)
    assert (run["change"], run["hold"]) == (1, 2)
    assert run["tiers"] == ["gold", "public"]
    solve = run["solve"]
    assert (solve["status"], solve["gap"]) == ("optimal", 0.0)
    assert solve["bound"] >= solve["objective"] > 0
    assert client.get("/v1/decision-runs/1").json() == run
    missing = client.get("/v1/decision-runs/2")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/decision-not-found")
    why = client.get("/v1/decisions/tea-1?market=online&run=1").json()
    assert why["run"] == 1


def test_what_cannot_be_decided_is_refused_by_place(client: httpx.Client, engine: Engine) -> None:
    wrong = {"rules": {"strategies": [{"name": "a", "use": "guess"}]}}
    answer = client.post("/v1/decision-runs", json=wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.rules.strategies[0].use"
    answer = client.post("/v1/decision-runs", json={"market": "moon"})
    assert (answer.status_code, "moon" in answer.json()["detail"]) == (422, True)
    answer = client.post("/v1/decision-runs", json={"at": "2026-03-02T12:00:00"})
    assert answer.json()["errors"][0]["field"] == "body.at"
    answer = client.post("/v1/decision-runs", content=b"{")
    assert answer.status_code == 422
    answer = client.post("/v1/decision-runs", json={}, headers={"authorization": "Bearer no"})
    assert answer.status_code == 401
    with writing(engine) as conn:
        now = datetime.now(UTC)
        take_lease(conn, "decision run", at=now, lasts=timedelta(minutes=5))
    answer = client.post("/v1/decision-runs", json={"at": AT})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-possible-now")


@pytest.fixture
def endless(engine: Engine) -> Iterator[RunRequest]:
    """A run that is not stored while the test goes on: another writer has the database."""
    add_shop(engine)
    with writing(engine):
        yield RunRequest(url_of(engine), {}, 3600.0, at=AT)


def test_a_run_ends_with_the_service(endless: RunRequest) -> None:
    processes, failures = RunProcesses(), []

    def ask() -> None:
        try:
            processes.decide(endless, patience=timedelta(minutes=5))
        except RunFailed as failure:
            failures.append(failure)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    assert eventually(lambda: len(processes._children) == 1, 60.0)
    processes.stop()
    asking.join(60.0)
    assert len(failures) == 1
    with pytest.raises(RunFailed, match="is being stopped"):
        processes.decide(endless, patience=timedelta(minutes=5))


def test_a_run_that_nobody_waits_for_ends(endless: RunRequest) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "api.jobs.decision_process"], stdin=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(asdict(endless)) + "\n")
        child.stdin.close()
        assert child.wait(60.0) == 1
