"""Decision runs over HTTP: asked for under rules, refused by place, and how each was solved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine

from api.jobs.deciding import DECIDE, DecideAsked
from api.server import serving
from api.work.asking import ask
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.demand.fits import save_fit
from storage.jobs.job_tables import jobs
from storage.jobs.queue import cancel_job, list_jobs
from tests.api.conftest import eventually, quick_settings
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, curves_for

AT = "2026-03-02T12:00:00Z"
TOKEN = "sesame-open-wide"
HEADERS = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def fitted(engine: Engine) -> Engine:
    """A shop that was fitted."""
    add_shop(engine)
    with writing(engine) as conn:
        for sku in ("cup-1", "tea-1", "tea-2"):
            add_sale(conn, sku, "online", date(2026, 2, 23), 10, 10_000)
            add_cost(conn, sku, "online", date(2026, 1, 1), 400)
        save_fit(conn, curves_for(read_catalogue(conn, at=NOW)), created_at=NOW, report={})
    return engine


@pytest.fixture
def client(fitted: Engine) -> Iterator[httpx.Client]:
    """A client with the token of an operator."""
    settings = quick_settings(fitted, operators=f"anna:{TOKEN}")
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        client.headers.update(HEADERS)
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


def test_one_run_at_a_time(client: httpx.Client, engine: Engine) -> None:
    with writing(engine) as conn:
        now = datetime.now(UTC)
        waiting = ask(conn, DECIDE, DecideAsked(at=NOW), at=now, by="bert")
        conn.execute(jobs.update().values(not_before=now + timedelta(hours=1)))
    answer = client.post("/v1/decision-runs", json={"at": AT})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-possible-now")
    assert f"job {waiting} (decision run), asked for by bert" in answer.json()["detail"]


def test_a_run_that_is_cancelled_says_so(fitted: Engine) -> None:
    answers: list[httpx.Response] = []

    def waiting() -> list[int]:
        with reading(fitted) as conn:
            return [job.job_id for job in list_jobs(conn, statuses=("queued",))]

    # Nobody works there, so that it waits until it is cancelled.
    with serving(quick_settings(fitted, operators=f"anna:{TOKEN}", work_processes=0)) as url:

        def post() -> None:
            answers.append(
                httpx.post(f"{url}/v1/decision-runs", json={"at": AT}, headers=HEADERS, timeout=60)
            )

        asking = threading.Thread(target=post)
        asking.start()
        assert eventually(lambda: bool(waiting()), 60.0)
        (job,) = waiting()
        with writing(fitted) as conn:
            cancel_job(conn, job, at=datetime.now(UTC))
        asking.join(60.0)
    assert answers[0].status_code == 409
    assert f"job {job} was cancelled" in answers[0].json()["detail"]
