"""Jobs over HTTP: asked for, watched, cancelled, logged, scheduled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.jobs.kinds import KINDS
from api.server import serving
from tests.api.conftest import eventually, quick_settings

TOKEN = "an operator's token"
SALES = "sku,market,date,units,revenue\nTEA-1,online,2026-02-02,3,14.97\n"


@pytest.fixture
def operator(shop: Engine) -> Iterator[httpx.Client]:
    """A client whose operator may ask for jobs."""
    settings = quick_settings(shop, operators=f"ada:{TOKEN}")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(settings) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as one:
        yield one


@pytest.fixture
def idle(shop: Engine) -> Iterator[httpx.Client]:
    """The same of a service that works on no job."""
    settings = quick_settings(shop, operators=f"ada:{TOKEN}", work_processes=0)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(settings) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as one:
        yield one


def asked(client: httpx.Client, job: str, **request: Any) -> int:  # noqa: ANN401
    answer = client.post("/v1/jobs", json={"kind": job, "request": request})
    assert answer.status_code == 202, answer.text
    number: int = answer.json()["job"]
    assert answer.headers["location"] == f"/v1/jobs/{number}"
    return number


def ended(client: httpx.Client, number: int) -> dict[str, Any]:
    def over() -> bool:
        return client.get(f"/v1/jobs/{number}").json()["status"] not in ("queued", "running")

    assert eventually(over, 120.0)
    found: dict[str, Any] = client.get(f"/v1/jobs/{number}").json()
    return found


def test_a_file_sent_along_is_brought_in_by_one_process_that_stays(operator: httpx.Client) -> None:
    first = ended(operator, asked(operator, "import", table="sales", file={"content": SALES}))
    assert (first["status"], first["created_by"]) == ("finished", "ada"), first["error"]
    assert (first["result"]["rows"], first["result"]["inserted"]) == (1, 1)
    assert first["request"]["table"] == "sales"
    wrong = SALES.replace("3,14.97", "many,1")
    refused = ended(operator, asked(operator, "import", table="sales", file={"content": wrong}))
    assert (refused["status"], refused["result"]) == ("failed", None)
    assert "many" in refused["error"]["message"]
    listed = operator.get("/v1/jobs", params={"status": "finished"}).json()["jobs"]
    assert [job["job"] for job in listed] == [first["job"]]
    assert operator.get("/v1/jobs", params={"kind": "fit"}).json()["jobs"] == []


def test_listings_are_matched(operator: httpx.Client) -> None:
    ours = "id,title,gtin\na,Green tea 100 g,4006381333931\n"
    theirs = "id,title,gtin\nx,Tea green 100g,4006381333931\n"
    number = asked(operator, "match", left={"content": ours}, right={"content": theirs})
    found = ended(operator, number)
    assert found["status"] == "finished", found["error"]
    (pair,) = found["result"]["pairs"]
    assert (pair["left_id"], pair["right_id"], pair["band"]) == ("a", "x", "accept")


@pytest.mark.parametrize("kind", ["fit", "forecast", "what-if", "decide"])
def test_what_there_is_nothing_for_fails_with_the_reason(operator: httpx.Client, kind: str) -> None:
    found = ended(operator, asked(operator, kind, market="moon"))
    assert found["status"] == "failed"
    assert found["error"]["kind"] != "defect", operator.get(f"/v1/jobs/{found['job']}/log").json()
    assert found["error"]["message"]


def test_a_plan_is_a_job_and_a_job_is_a_plan(idle: httpx.Client) -> None:
    document = {
        "currency": "EUR", "weeks": 2, "starts_on": "2026-11-23",
        "items": [{"sku": "TEA-1", "ladder": ["4.99", "3.99"], "demand": 20, "elasticity": -2.5,
                   "stock": 60}],
    }  # fmt: skip
    number = asked(idle, "plan", kind="markdown", document=document, note="by hand")
    (plan,) = idle.get("/v1/plans").json()["plans"]
    assert (plan["status"], plan["note"]) == ("queued", "by hand")
    assert idle.post(f"/v1/jobs/{number}/cancel").json()["status"] == "cancelled"
    assert idle.get(f"/v1/plans/{plan['plan']}").json()["status"] == "cancelled"
    again = idle.post(f"/v1/jobs/{number}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/not-possible-now")
    answer = idle.post("/v1/plans", json={"kind": "markdown", "document": document})
    (newest, _) = idle.get("/v1/jobs", params={"kind": "plan"}).json()["jobs"]
    assert (answer.json()["status"], newest["status"]) == ("queued", "queued")


def test_one_that_wants_to_be_alone_is_refused_while_another_one_waits(idle: httpx.Client) -> None:
    first = asked(idle, "decide")
    second = asked(idle, "decide")
    assert second > first
    answer = idle.post("/v1/jobs", json={"kind": "decide", "alone": True})
    assert answer.status_code == 409
    assert f"job {first} (decision run), asked for by ada" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "weather"}, "body.kind"),
        ({"kind": "decide", "request": {"colour": "red"}}, "body.request"),
        ({"kind": "decide", "request": {"skus": [7]}}, "body.request.skus[0]"),
        ({"kind": "fit", "request": {"estimator": "guess"}}, "body.request.estimator"),
        ({"kind": "import", "request": {"table": "sales", "file": {}}}, "body.request.file"),
        (
            {"kind": "import", "request": {"table": "sales", "file": {"path": "/etc/passwd"}}},
            "body.request.file.path",
        ),
        ({"kind": "forecast", "request": {"out": "x.csv"}}, "body.request.out"),
        (
            {"kind": "plan", "request": {"kind": "markdown", "document": {}}},
            "body.request.document.currency",
        ),
        ({"kind": "crawl", "request": {"site": "nowhere"}}, "body.request"),
        ({"kind": "decide", "colour": "red"}, "body.colour"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once_naming_the_field(
    idle: httpx.Client, body: dict[str, Any], field: str
) -> None:
    answer = idle.post("/v1/jobs", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert idle.get("/v1/jobs").json()["jobs"] == []


def test_who_has_no_token_asks_for_nothing(idle: httpx.Client) -> None:
    number = asked(idle, "decide")
    nobody = {"Authorization": ""}
    for method, path in (
        ("POST", "/v1/jobs"),
        ("POST", f"/v1/jobs/{number}/cancel"),
        ("PUT", "/v1/jobs/schedules/nightly"),
        ("DELETE", "/v1/jobs/schedules/nightly"),
    ):
        assert idle.request(method, path, json={}, headers=nobody).status_code == 401


def test_kinds_say_what_they_are_asked(idle: httpx.Client) -> None:
    kinds = {kind["kind"]: kind for kind in idle.get("/v1/jobs/kinds").json()["kinds"]}
    assert set(kinds) == set(KINDS)
    assert "rules" in kinds["decide"]["request"]["$defs"]["DecideAsked"]["properties"]


def test_a_schedule_is_set_in_the_time_of_its_market_and_asks(
    idle: httpx.Client, shop: Engine
) -> None:
    body = {"kind": "decide", "cron": "30 3 * * *", "market": "online"}
    answer = idle.put("/v1/jobs/schedules/nightly", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["created_by"]) == ("nightly", "ada")
    every = {"kind": "decide", "cron": "* * * * *", "request": {"market": "online"}}
    assert idle.put("/v1/jobs/schedules/often", json=every).json()["time_zone"] == "UTC"
    listed = idle.get("/v1/jobs/schedules").json()["schedules"]
    assert [schedule["name"] for schedule in listed] == ["nightly", "often"]
    for wrong, field in (
        ({**body, "cron": "61 * * * *"}, "body.cron"),
        ({**body, "market": "moon"}, "body.market"),
        ({**body, "kind": "weather"}, "body.kind"),
        ({**body, "request": {"colour": 1}}, "body.request"),
    ):
        refused = idle.put("/v1/jobs/schedules/nightly", json=wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert idle.delete("/v1/jobs/schedules/nightly").status_code == 204
    assert idle.delete("/v1/jobs/schedules/nightly").status_code == 404


def test_what_is_not_there_is_said_to_be(idle: httpx.Client) -> None:
    for answer in (
        idle.get("/v1/jobs/99"),
        idle.get("/v1/jobs/99/log"),
        idle.post("/v1/jobs/99/cancel"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-resource")
    for query in ("kind=%00", "status=%00", "before=9223372036854775808"):
        assert idle.get(f"/v1/jobs?{query}").status_code == 422
