"""Governance over HTTP: who may, what waits, and how it comes to be served."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from pricing.law.packs import Emergency
from storage.database import writing
from storage.law.market_rules import declare_emergency, set_market_rules
from tests.api.conftest import quick_settings
from tests.api.jobs.test_release import TEA, scaled, store_run
from tests.api.shop import PRICES

ANNA, BEN = ("a" * 20, "b" * 20)


@pytest.fixture
def client(shop: Engine) -> Iterator[httpx.Client]:
    settings = quick_settings(shop, operators=f"anna:{ANNA},ben:{BEN}", four_eyes=True)
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def as_operator(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def propose(client: httpx.Client, run: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = client.post(
        "/v1/price-book-drafts", json={"run": run, **more}, headers=as_operator(ANNA)
    )
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def price(client: httpx.Client) -> str:
    amount: str = client.get("/v1/prices/TEA-1?market=online").json()["price"]["amount"]
    return amount


def test_a_draft_is_proposed_looked_at_approved_served_and_rolled_back(
    client: httpx.Client, shop: Engine
) -> None:
    run = store_run(shop, scaled(1.2))
    draft = propose(client, run, note="spring")
    assert (draft["status"], draft["created_by"], draft["version"]) == ("draft", "anna", None)
    assert draft["review"]["report"]["changes"] == 4
    assert client.get("/v1/price-book-drafts", headers=as_operator(ANNA)).json()["drafts"] == [
        draft
    ]
    diff = client.get("/v1/price-book-drafts/1/diff", headers=as_operator(BEN)).json()
    assert (diff["changes"], diff["raised"], diff["newer"]) == (4, 4, "draft 1")
    assert diff["largest"][0]["reasons"]
    same = client.post("/v1/price-book-drafts/1/approve", json={}, headers=as_operator(ANNA))
    assert (same.status_code, "four eyes" in same.json()["detail"]) == (409, True)
    assert price(client) == "4.99"
    done = client.post("/v1/price-book-drafts/1/approve", json={}, headers=as_operator(BEN))
    assert (done.json()["status"], done.json()["version"]) == ("released", 2)
    assert done.json()["approvals"][0]["by"] == "ben"
    assert price(client) == "5.99"  # at once, without waiting for a poll
    back = client.post(
        "/v1/price-books/1/rollback", json={"reason": "too dear"}, headers=as_operator(BEN)
    )
    assert back.json() == {"version": 3, "restored": 1, "kept_by_law": 0}
    assert price(client) == "4.99"
    client.headers.update(as_operator(BEN))
    assert client.get("/v1/price-books/3/diff?against=2").json()["lowered"] == 4
    assert client.get("/v1/price-book-drafts/1").json()["status"] == "rolled_back"


def test_the_kill_switch_over_http(client: httpx.Client, shop: Engine) -> None:
    run = store_run(shop, {**PRICES, TEA: 505})
    number = propose(client, run)["draft"]
    frozen = client.post("/v1/freezes", json={"reason": "look"}, headers=as_operator(ANNA))
    assert frozen.json()["freezes"][0]["by"] == "anna"
    answer = client.post(
        f"/v1/price-book-drafts/{number}/approve", json={}, headers=as_operator(BEN)
    )
    assert answer.status_code == 409
    assert "frozen by anna" in answer.json()["detail"]
    assert price(client) == "4.99"
    assert client.get("/v1/freezes", headers=as_operator(BEN)).json() == frozen.json()
    lifted = client.delete("/v1/freezes", headers=as_operator(BEN))
    assert lifted.json() == {"freezes": []}
    rejected = client.post(
        f"/v1/price-book-drafts/{number}/reject", json={"note": "no"}, headers=as_operator(BEN)
    )
    assert (rejected.json()["status"], rejected.json()["reason"]) == ("rejected", "no")


def test_a_reading_that_breaks_a_band_brings_old_prices_back(
    client: httpx.Client, shop: Engine
) -> None:
    number = propose(client, store_run(shop, scaled(1.2)), watches=["conversion:0.9::1"])["draft"]
    client.post(f"/v1/price-book-drafts/{number}/approve", json={}, headers=as_operator(BEN))
    assert price(client) == "5.99"
    answer = client.post(
        "/v1/figure-readings",
        json={"figure": "conversion", "value": 0.2},
        headers=as_operator(ANNA),
    )
    assert answer.json() == {"rolled_back": [number]}
    assert price(client) == "4.99"


CHANGING = [
    ("post", "/v1/price-book-drafts", {"run": 1}),
    ("post", "/v1/price-book-drafts/1/approve", {}),
    ("post", "/v1/price-book-drafts/1/reject", {}),
    ("post", "/v1/price-books/1/rollback", {"reason": "x"}),
    ("post", "/v1/freezes", {"reason": "x"}),
    ("delete", "/v1/freezes", None),
    ("post", "/v1/figure-readings", {"figure": "x", "value": 1}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGING)
@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {ANNA}", "Bearer"])
def test_nobody_else_changes_anything(
    client: httpx.Client, method: str, path: str, body: object, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = client.request(method, path, json=body, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["type"] == "/problems/not-an-operator"


def test_while_no_operator_is_set_nobody_may(shop: Engine) -> None:
    settings = quick_settings(shop, operators=None)
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        answer = client.post("/v1/freezes", json={"reason": "x"}, headers=as_operator(ANNA))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("post", "/v1/price-book-drafts", {"run": 99}, 422),
        ("post", "/v1/price-book-drafts", {"run": 1, "stages": [0.5]}, 422),
        ("post", "/v1/price-book-drafts", {"run": 1, "watches": ["x"]}, 422),
        ("post", "/v1/price-book-drafts/9/approve", {}, 404),
        ("post", "/v1/price-book-drafts/9/reject", {}, 404),
        ("get", "/v1/price-book-drafts/9", None, 404),
        ("get", "/v1/price-book-drafts/9/diff", None, 404),
        ("post", "/v1/price-books/9/rollback", {"reason": "x"}, 404),
        ("post", "/v1/price-books/1/rollback", {"reason": ""}, 422),
        ("get", "/v1/price-books/9/diff?against=1", None, 404),
        ("post", "/v1/freezes", {"reason": "x", "market": "mars"}, 404),
        ("delete", "/v1/freezes?market=mars", None, 404),
        ("post", "/v1/figure-readings", {"figure": "", "value": 1}, 422),
    ],
)
def test_what_cannot_be_done_is_a_problem(
    client: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    answer = client.request(method, path, json=body, headers=as_operator(ANNA))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "field", "body"),
    [
        ("/v1/figure-readings", "value", {"figure": "x", "value": "1"}),
        ("/v1/figure-readings", "value", {"figure": "x", "value": True}),
        ("/v1/price-book-drafts", "run", {"run": "1"}),
        ("/v1/price-book-drafts", "run", {"run": True}),
        ("/v1/price-book-drafts", "stages.0", {"run": 1, "stages": ["1"]}),
        ("/v1/price-book-drafts", "pause_hours", {"run": 1, "pause_hours": "1"}),
        ("/v1/price-book-drafts", "watch_hours", {"run": 1, "watch_hours": True}),
        ("/v1/price-books/1/rollback", "while_frozen", {"reason": "x", "while_frozen": "yes"}),
        ("/v1/price-books/1/rollback", "while_frozen", {"reason": "x", "while_frozen": 1}),
    ],
)
def test_numbers_and_truth_values_are_sent_as_what_they_are(
    client: httpx.Client, path: str, field: str, body: object
) -> None:
    answer = client.post(path, json=body, headers=as_operator(ANNA))
    assert answer.status_code == 422, answer.text
    assert [fault["field"] for fault in answer.json()["errors"]] == [f"body.{field}"]


def test_a_body_that_nobody_called_json_is_told_what_is_missing(client: httpx.Client) -> None:
    said = {"content-type": "application/x-www-form-urlencoded"}  # as curl -d says
    answer = client.post("/v1/freezes", content='{"reason": "x"}', headers=as_operator(ANNA) | said)
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "body: is not said to be JSON; send it with the header Content-Type: application/json"
    )
    assert client.get("/v1/freezes", headers=as_operator(ANNA)).json() == {"freezes": []}


def test_a_schedule_is_in_local_time_and_knows_when_clocks_change(
    client: httpx.Client, shop: Engine
) -> None:
    run = store_run(shop, {**PRICES, TEA: 505})
    for told, due in (
        ({"activate_at": "2030-07-01T06:00", "market": "online"}, "2030-07-01T04:00:00Z"),
        ({"activate_at": "2030-07-01T06:00", "market": "store-01"}, "2030-06-30T21:00:00Z"),
        ({"activate_at": "2030-03-31T02:30", "market": "online"}, "2030-03-31T01:00:00Z"),
        ({"activate_at": "2030-07-01T06:00+01:00"}, "2030-07-01T05:00:00Z"),
    ):
        assert propose(client, run, **told)["activate_at"] == due
    for told, problem in (
        ({"activate_at": "2030-07-01T06:00"}, "market-required"),
        ({"activate_at": "2030-07-01T06:00", "market": "mars"}, "no-price-for-market"),
        ({"activate_at": "soon"}, "invalid-request"),
    ):
        answer = client.post(
            "/v1/price-book-drafts", json={"run": run, **told}, headers=as_operator(ANNA)
        )
        assert answer.json()["type"] == f"/problems/{problem}"


def test_an_approval_of_what_the_law_forbids_by_now_rejects_it_with_rows_and_articles(
    client: httpx.Client, shop: Engine
) -> None:
    number = propose(client, store_run(shop, {**PRICES, TEA: 560}))["draft"]
    now = datetime.now(UTC)
    with writing(shop) as conn:
        set_market_rules(conn, "online", "US-CA", at=now, by="counsel")
        declare_emergency(conn, Emergency("US-CA", now - timedelta(days=1)), at=now, by="counsel")
    answer = client.post(
        f"/v1/price-book-drafts/{number}/approve", json={}, headers=as_operator(BEN)
    ).json()
    assert (answer["status"], answer["version"]) == ("rejected", None)
    assert "TEA-1 in online at 5.60 EUR: law (at most 5.48 EUR" in answer["reason"]
    assert "Penal Code § 396(b)" in answer["reason"]
    assert answer["approvals"][0]["by"] == "ben"
    assert price(client) == "4.99"


def test_single_prices_are_amended_and_drafts_commented_over_http(
    client: httpx.Client, shop: Engine
) -> None:
    propose(client, store_run(shop, scaled(1.2)))
    path = "/v1/price-book-drafts/1"
    key = {"sku": "TEA-1", "market": "online"}
    anna, ben = as_operator(ANNA), as_operator(BEN)
    done = client.post(f"{path}/amendments", json={**key, "price": "5.25"}, headers=anna)
    assert done.json()["review"]["report"]["changes"] == 4
    listed = client.get(f"{path}/amendments", headers=ben).json()["amendments"]
    assert [(item["price"]["amount"], item["by"]) for item in listed] == [("5.25", "anna")]
    said = client.post(f"{path}/comments", json={"text": "rounder", **key}, headers=ben).json()
    assert [(item["by"], item["sku"], item["text"]) for item in said["comments"]] == [
        ("ben", "TEA-1", "rounder")
    ]
    assert client.get(f"{path}/comments", headers=anna).json() == said
    client.post(f"{path}/amendments", json={**key, "action": "leave_out"}, headers=anna)
    assert client.get(f"{path}/diff", headers=anna).json()["changes"] == 3
    client.post(f"{path}/amendments", json={**key, "action": "restore"}, headers=anna)
    assert client.get(f"{path}/amendments", headers=ben).json() == {"amendments": []}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"price": "0"}, 422, "body.price"),
        ({"price": "cheap"}, 422, None),
        ({}, 422, "body.price"),
        ({"action": "leave_out", "price": "5"}, 422, "body.price"),
        ({"sku": "NONE", "price": "5"}, 404, None),
    ],
)
def test_what_is_no_amendment_is_refused(
    client: httpx.Client, shop: Engine, body: dict[str, str], status: int, field: str | None
) -> None:
    propose(client, store_run(shop, scaled(1.2)))
    answer = client.post(
        "/v1/price-book-drafts/1/amendments",
        json={"sku": "TEA-1", "market": "online", **body},
        headers=as_operator(BEN),
    )
    assert answer.status_code == status, answer.text
    if field:
        assert answer.json()["errors"][0]["field"] == field
