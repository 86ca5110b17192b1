"""Everything behind the prices: why, offers, price books, health, and refusals."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.errors import every_refusal
from api.quotes.named_markets import NamedMarkets
from api.server import serving
from api.settings import Settings
from pricing.catalogue import Market
from pricing.money import Money
from storage.database import writing
from storage.products.markets import add_markets
from storage.writability import MIB
from tests.api.conftest import BEARER, database_away, eventually, quick_settings
from tests.api.shop import observe_offer, publish_prices

NOW = datetime.now(UTC)


def test_a_decision_comes_with_its_reasons(client: httpx.Client) -> None:
    answer = client.get("/v1/decisions/TEA-1", params={"market": "online"})
    assert answer.status_code == 200
    document = answer.json()
    assert document["price"] == {"amount": "4.99", "currency": "EUR"}
    assert document["previous"] == {"amount": "4.49", "currency": "EUR"}
    assert document["in_force"] == document["price"]
    assert (document["action"], document["run"], document["fit"]) == ("change", 1, None)
    assert document["decided_at"] == "2026-03-01T12:00:00Z"
    codes = [reason["code"] for reason in document["reasons"]]
    assert codes[0] == "expected_gain"
    assert "demand" in codes
    units = document["expected"]["units"]
    assert units["low"] < units["mean"] < units["high"]
    for name in ("revenue", "profit", "profit_before"):
        money = document["expected"][name]
        assert money["currency"] == "EUR"
        assert re.fullmatch(r"-?\d+\.\d{2}", money["amount"])
    gain = document["reasons"][0]
    assert gain["profit_after"] == document["expected"]["profit"]["amount"]
    assert gain["currency"] == "EUR"


def test_a_decision_of_an_older_run_can_be_asked_for(client: httpx.Client, shop: Engine) -> None:
    publish_prices(shop, {("TEA-1", "online"): 529})
    newest = client.get("/v1/decisions/TEA-1?market=online").json()
    older = client.get("/v1/decisions/TEA-1?market=online&run=1").json()
    assert (newest["run"], newest["price"]["amount"]) == (2, "5.29")
    assert (older["run"], older["price"]["amount"]) == (1, "4.99")
    untouched = client.get("/v1/decisions/TEA-2?market=online").json()
    assert untouched["run"] == 1


def test_offers_are_listed_newest_first_and_old_ones_are_not_fresh(
    client: httpx.Client, shop: Engine
) -> None:
    observe_offer(shop, "TEA-1", Money(459, "EUR"), at=NOW - timedelta(days=30), site="north")
    observe_offer(shop, "TEA-1", Money(449, "EUR"), at=NOW - timedelta(minutes=5), site="north")
    document = client.get("/v1/offers/TEA-1?market=online").json()
    assert [offer["price"]["amount"] for offer in document["offers"]] == ["4.49", "4.59"]
    assert [offer["fresh"] for offer in document["offers"]] == [True, False]
    first = document["offers"][0]
    assert (first["competitor"], first["match_method"]) == ("north", "gtin")
    assert first["observed_at"].endswith("Z")
    assert len(client.get("/v1/offers/TEA-1?market=online&limit=1").json()["offers"]) == 1


def test_a_product_without_offers_has_an_empty_list(client: httpx.Client) -> None:
    document = client.get("/v1/offers/TEA%2F3%20%C3%BC?market=online").json()
    assert document == {"sku": "TEA/3 ü", "market": "online", "offers": []}


def test_price_books_are_listed_newest_first(client: httpx.Client, shop: Engine) -> None:
    publish_prices(shop, {("TEA-1", "online"): 529})
    books = client.get("/v1/price-books").json()["price_books"]
    assert [(book["version"], book["status"], book["changes"]) for book in books] == [
        (2, "live", 1),
        (1, "superseded", 4),
    ]
    assert client.get("/v1/price-books/1").json() == books[1]
    assert len(client.get("/v1/price-books?limit=1").json()["price_books"]) == 1


def test_the_live_book_is_told_from_memory(client: httpx.Client, shop: Engine) -> None:
    document = client.get("/v1/price-books/live").json()
    assert (document["version"], document["prices"], document["stale"]) == (1, 4, False)
    assert document["markets"] == {"online": "EUR", "store-01": "JPY"}
    with database_away(shop):
        assert client.get("/v1/price-books/live").json()["version"] == 1


def test_a_service_with_prices_and_a_database_is_ready(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    document = client.get("/readyz").json()
    assert document["status"] == "ready"
    assert document["checks"]["price_book"] == {"ok": True, "version": 1, "why": None}
    assert document["checks"]["writes"] == {"ok": True, "why": None}


@pytest.mark.parametrize("only", [None, "prices"])
def test_a_service_whose_disk_is_full_is_alive_but_not_ready(
    shop: Engine, only: str | None
) -> None:
    too_much = shutil.disk_usage(Path(shop.url.database or "").parent).total // MIB + 1
    settings = quick_settings(shop, least_free_mib=too_much, serve_only=only)
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["type"]) == (503, "/problems/not-ready")
        assert "PRICEWRIGHT_LEAST_FREE_MIB; make room" in ready.json()["detail"]
        assert ready.json()["checks"]["writes"]["ok"] is False
        assert ready.json()["checks"]["database"]["ok"] is True
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/prices/TEA-1?market=online").status_code == 200


def test_a_setting_that_names_a_market_that_there_is_not_is_shown_until_there_is(
    shop: Engine, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    settings = quick_settings(
        shop,
        map_floor_in=("onlin", "store-01"),
        promotion_modes={"later": "priority"},
        return_policies={"online": "pro_rata"},
    )
    doubts = [
        "PRICEWRIGHT_MAP_FLOOR_IN: there is no market 'onlin', do you mean 'online'?",
        "PRICEWRIGHT_PROMOTION_MODES: there is no market 'later'; there are online, store-01",
    ]
    with serving(settings) as url:
        assert eventually(lambda: httpx.get(f"{url}/readyz", timeout=60).json()["doubts"] == doubts)
    warned = [line["why"] for line in log_lines() if line["event"] == "a setting does not hold"]
    assert warned == doubts
    watch = NamedMarkets(settings, shop)
    watch.refresh()
    with writing(shop) as conn:
        add_markets(conn, [Market("later", "EUR", "Europe/Berlin")])
    assert list(watch.doubts) == doubts
    watch.refresh()
    assert list(watch.doubts) == doubts[:1]


def test_a_service_without_a_price_book_is_alive_but_not_ready(settings: Settings) -> None:
    with serving(settings) as url:
        assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
        ready = httpx.get(f"{url}/readyz", timeout=60)
        live = httpx.get(f"{url}/v1/price-books/live", headers=BEARER, timeout=60)
    assert (ready.status_code, ready.json()["type"]) == (503, "/problems/not-ready")
    assert "pricewright publish" in ready.json()["detail"]
    assert ready.json()["checks"]["price_book"]["ok"] is False
    assert ready.json()["checks"]["database"]["ok"] is True
    assert live.json()["type"] == "/problems/no-price-book"


# method, path, status, problem
REFUSED = [
    ("GET", "/nowhere", 404, "unknown-resource"),
    ("GET", "/v1/pricesx", 404, "unknown-resource"),
    ("DELETE", "/v1/price-books", 405, "method-not-allowed"),
    ("GET", "/v1/price-books?limit=many", 422, "invalid-request"),
    ("GET", "/v1/price-books/99", 404, "price-book-not-found"),
    ("GET", f"/v1/price-books/{10**30}", 422, "invalid-request"),
    ("GET", "/v1/price-books/first", 422, "invalid-request"),
    ("GET", "/v1/decisions/TEA-1", 422, "market-required"),
    ("GET", "/v1/decisions/TEA-9?market=online", 404, "unknown-sku"),
    ("GET", "/v1/decisions/TEA-1?market=moon", 404, "no-price-for-market"),
    ("GET", "/v1/decisions/TEA-2?market=store-01", 404, "decision-not-found"),
    ("GET", "/v1/decisions/TEA-1?market=online&run=99", 404, "decision-not-found"),
    ("GET", "/v1/decisions/TEA-1?market=online&run=0", 422, "invalid-request"),
    ("GET", "/v1/offers/TEA-9?market=online", 404, "unknown-sku"),
    ("GET", "/v1/offers/TEA-1?market=online&limit=0", 422, "invalid-request"),
    ("GET", "/problems/nothing", 404, "unknown-resource"),
]


@pytest.mark.parametrize(("method", "path", "status", "problem"), REFUSED)
def test_every_refusal_is_a_problem_document(
    client: httpx.Client, method: str, path: str, status: int, problem: str
) -> None:
    answer = client.request(method, path)
    document = answer.json()
    assert (answer.status_code, document["type"]) == (status, f"/problems/{problem}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]


def test_a_database_that_is_away_is_a_503_with_a_time_to_come_back(
    client: httpx.Client, shop: Engine
) -> None:
    with database_away(shop):
        answer = client.get("/v1/price-books")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-away")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("name", every_refusal())
def test_the_type_of_a_problem_is_a_link_that_explains_it(client: httpx.Client, name: str) -> None:
    document = client.get(f"/problems/{name}").json()
    assert document["type"] == f"/problems/{name}"
    assert document["explanation"]


def test_a_request_id_is_taken_over_or_made(client: httpx.Client) -> None:
    given = client.get("/healthz", headers={"x-request-id": "trace-7.a"})
    assert given.headers["x-request-id"] == "trace-7.a"
    for unfit in ("a b", "x" * 200, 'a"', ""):
        made = client.get("/healthz", headers={"x-request-id": unfit}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", made)


def test_a_defect_is_answered_without_its_details(
    shop: Engine,
    settings: Settings,
    log_lines: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("api.routes.governance.freezes_in_force", broken)
    with serving(settings) as url:
        answer = httpx.get(f"{url}/v1/freezes", headers=BEARER, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/unexpected-failure")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    (failure,) = [line for line in log_lines() if line["event"] == "request failed"]
    assert failure["request_id"] == answer.json()["request_id"]
    assert "the secret is 42" in failure["exception"][-1]["exc_value"]


def test_the_docs_page_opens(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "/openapi.json" in page.text
    assert json.loads(client.get("/openapi.json").content)["info"]["title"] == "Pricewright"
