"""Who may act in one market, or for one category, neither reads nor changes another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.access.roles import RULES, Besides, Reach, Role
from api.server import serving
from storage.access.scopes import EVERYWHERE, Scope
from storage.database import reading, writing
from storage.prices.decisions import save_run
from storage.releases.drafts import list_drafts, propose
from storage.releases.reach import reach_of_run
from storage.tables import products
from tests.api.access.let_in import key, known_soon
from tests.api.conftest import quick_settings
from tests.api.every_route import filled, routes_of_the_service
from tests.api.shop import EURO_SHOP, YEN_STORE, decided, open_shop
from tests.databases import sqlite_engine

ONLINE, STORE = Scope.of(["online"], None), Scope.of(["store-01"], None)
TEA, POTS = Scope.of(None, ["tea"]), Scope.of(None, ["pots"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with sqlite_engine(tmp_path_factory.mktemp("scopes")) as engine:
        open_shop(engine)
        with writing(engine) as conn:
            pots = products.update().where(products.c.sku == "TEA-2").values(category="pots")
            conn.execute(pots)
        yield engine


@pytest.fixture(scope="module")
def url(shop: Engine) -> Iterator[str]:
    settings = quick_settings(shop, crawl_schedule=False, work_processes=0)
    with serving(settings) as url:
        yield url


@contextmanager
def client_of(shop: Engine, url: str, scope: Scope, *roles: Role) -> Iterator[httpx.Client]:
    """A program with a key of this scope."""
    _, headers = key(shop, *(roles or (Role.MANAGER, Role.APPROVER)), scope=scope)
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        known_soon(client, headers)
        yield client


def draft_of(engine: Engine, prices: dict[tuple[str, str], int]) -> int:
    """A draft that waits, of a run about these prices."""
    now = datetime.now(UTC)
    run = decided(prices, markets=(EURO_SHOP, YEN_STORE), at=now)
    with writing(engine) as conn:
        number = save_run(conn, run, policy={}, fit_id=None, created_at=now)
        return propose(conn, number, at=now, by="tess", review={}, approvals_needed=1)


def test_a_scope_covers_what_lies_in_it_and_nothing_is_everywhere() -> None:
    assert EVERYWHERE.covers(ONLINE)
    assert ONLINE.covers(ONLINE)
    assert not ONLINE.covers(EVERYWHERE)
    assert not ONLINE.covers(Scope.of(["online", "store-01"], None))
    assert Scope.of(["online"], ["tea"]).covers(Scope.of(["online"], ["tea"]))
    assert not Scope.of(["online"], ["tea"]).covers(ONLINE)
    assert Scope.of([], None) == EVERYWHERE == Scope.from_stored({})
    assert Scope.from_stored(ONLINE.stored()) == ONLINE


NAMED = sorted(route for route, rule in RULES.items() if rule.reach is Reach.NAMED)


@pytest.mark.parametrize(("method", "path"), NAMED)
def test_what_is_named_in_the_query_and_the_path_is_looked_at_for_every_such_route(
    shop: Engine, url: str, method: str, path: str
) -> None:
    asked = path.replace("{sku}", "TEA-1")
    with client_of(shop, url, ONLINE) as client:
        for query in ("?market=store-01", "", "?market=online&market=store-01"):
            refused = client.request(method, asked + query)
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-allowed")
            assert "online" in refused.json()["detail"]
        assert client.request(method, f"{asked}?market=online").status_code != 403
    with client_of(shop, url, POTS) as client:
        refused = client.request(method, f"{asked}?market=online")
        assert (refused.status_code, "pots" in refused.json()["detail"]) == (403, True)
        if "{sku}" in path:
            mine = client.request(method, path.replace("{sku}", "TEA-2") + "?market=online")
            assert mine.status_code != 403


def test_the_whole_shop_is_for_those_without_a_scope(shop: Engine, url: str) -> None:
    for scope in (ONLINE, TEA):
        with client_of(shop, url, scope, Role.ADMIN) as client:
            for method, path in routes_of_the_service():
                rule = RULES[method, path]
                if rule.reach is Reach.WHOLE:
                    refused = client.request(method, filled(path), content=b"")
                    assert (refused.status_code, method, path) == (403, method, path)
                    assert "whole shop" in refused.json()["detail"]


def test_no_rule_about_a_part_of_the_shop_is_without_a_look() -> None:
    """What a route must look at itself is known here, so that a new one is not forgotten.

    Pages of the console show what documents and jobs give them: their tests look at it.
    """
    parts = {route for route, rule in RULES.items() if rule.reach is Reach.PART}
    assert {route for route in parts if not route[1].startswith("/console")} == {
        ("GET", "/v1/prices/{sku}"),
        ("POST", "/v1/prices:batch"),
        ("POST", "/v1/quotes"),
        ("GET", "/v1/quotes/{quote_id}"),
        ("GET", "/v1/quotes/{quote_id}/returns"),
        ("POST", "/v1/quotes/{quote_id}/cancel"),
        ("POST", "/v1/quotes/{quote_id}/commit"),
        ("POST", "/v1/quotes/{quote_id}/returns"),
        ("GET", "/v1/decision-runs/{run}"),
        ("POST", "/v1/decision-runs"),
        ("GET", "/v1/price-book-drafts"),
        ("GET", "/v1/price-book-drafts/{draft}"),
        ("GET", "/v1/price-book-drafts/{draft}/diff"),
        ("POST", "/v1/price-book-drafts"),
        ("POST", "/v1/price-book-drafts/{draft}/approve"),
        ("POST", "/v1/price-book-drafts/{draft}/reject"),
        ("POST", "/v1/freezes"),
        ("POST", "/v1/costs/confirmations"),
        ("POST", "/v1/observations"),
    }
    nothing = [rule for rule in RULES.values() if rule.reach is Reach.NOTHING]
    assert {rule.besides for rule in nothing} == {Besides.ANYBODY, Besides.LOGGED_IN}


def test_prices_and_quotes_are_those_of_ones_own_markets(shop: Engine, url: str) -> None:
    cart = {"market": "store-01", "lines": [{"sku": "TEA-1", "quantity": 1}]}
    with (
        client_of(shop, url, STORE, Role.STOREFRONT) as store,
        client_of(shop, url, ONLINE, Role.STOREFRONT) as online,
        client_of(shop, url, TEA, Role.STOREFRONT) as tea,
    ):
        quote = store.post("/v1/quotes", json=cart).json()
        here = f"/v1/quotes/{quote['id']}"
        asks: list[tuple[str, str, Any]] = [
            ("GET", "/v1/prices/TEA-1?market=store-01", None),
            ("POST", "/v1/prices:batch", {"skus": ["TEA-1"], "market": "store-01"}),
            ("POST", "/v1/quotes", cart),
            ("GET", here, None),
            ("GET", f"{here}/returns", None),
            ("POST", f"{here}/commit", {}),
            ("POST", f"{here}/returns", {"lines": {"1": 1}}),
            ("POST", f"{here}/cancel", None),
        ]
        for method, path, body in asks:
            for place, client in enumerate((online, tea, store)):
                headers = {"idempotency-key": f"{path} {place}"}
                answer = client.request(method, path, json=body, headers=headers)
                assert (answer.status_code == 403) == (client is not store), (path, answer.text)
                if client is online:
                    assert "online only; this is about store-01" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("prices", "of", "not_of"),
    [
        ({("TEA-1", "online"): 520}, (ONLINE, TEA), (STORE, POTS)),
        ({("TEA-2", "online"): 1300}, (ONLINE, POTS), (STORE, TEA)),
        ({("TEA-1", "online"): 530, ("TEA-1", "store-01"): 790}, (TEA,), (ONLINE, STORE)),
    ],
)
def test_a_draft_is_seen_and_decided_by_those_who_may_act_on_all_of_it(
    shop: Engine,
    url: str,
    prices: dict[tuple[str, str], int],
    of: tuple[Scope, ...],
    not_of: tuple[Scope, ...],
) -> None:
    number = draft_of(shop, prices)
    here = f"/v1/price-book-drafts/{number}"
    run = reach_run(shop, number)
    asks: list[tuple[str, str, Any]] = [
        ("GET", here, None),
        ("GET", f"{here}/diff", None),
        ("GET", f"/v1/decision-runs/{run}", None),
        ("POST", "/v1/price-book-drafts", {"run": run}),
        ("POST", f"{here}/approve", {}),
        ("POST", f"{here}/reject", {"note": "no"}),
    ]
    for scope in not_of:
        with client_of(shop, url, scope) as client:
            for method, path, body in asks:
                refused = client.request(method, path, json=body)
                assert (refused.status_code, path) == (403, path)
            listed = client.get("/v1/price-book-drafts").json()["drafts"]
            assert number not in {draft["draft"] for draft in listed}
    with reading(shop) as conn:
        assert [d.status for d in list_drafts(conn) if d.draft_id == number] == ["draft"]
    for scope in of:
        with client_of(shop, url, scope) as client:
            assert client.get(here).status_code == 200
            listed = client.get("/v1/price-book-drafts").json()["drafts"]
            assert number in {draft["draft"] for draft in listed}
    with client_of(shop, url, of[0]) as client:
        assert client.post(f"{here}/reject", json={"note": "no"}).status_code == 200


def reach_run(engine: Engine, number: int) -> int:
    with reading(engine) as conn:
        (draft,) = [draft for draft in list_drafts(conn) if draft.draft_id == number]
        assert reach_of_run(conn, draft.run_id).markets
        return draft.run_id


def test_a_run_a_freeze_and_what_was_seen_are_of_ones_own_part(shop: Engine, url: str) -> None:
    seen = {
        "competitor": "north", "market": "store-01", "url": "https://north.example/1",
        "title": "Tea", "price": "7", "currency": "JPY", "observed_at": "2026-03-01T12:00:00Z",
    }  # fmt: skip
    cost = {"sku": "TEA-1", "market": "store-01", "cost": {"amount": "7", "currency": "JPY"}}
    elsewhere: list[tuple[str, Any]] = [
        ("/v1/decision-runs", {"market": "store-01"}),
        ("/v1/decision-runs", {}),
        ("/v1/freezes", {"reason": "x", "market": "store-01"}),
        ("/v1/freezes", {"reason": "x"}),
        ("/v1/observations", {"observations": [seen]}),
        ("/v1/costs/confirmations", {"costs": [cost]}),
    ]
    with client_of(shop, url, ONLINE) as client:
        for path, body in elsewhere:
            assert (client.post(path, json=body).status_code, path) == (403, path)
        frozen = client.post("/v1/freezes", json={"reason": "x", "market": "online"})
        assert frozen.status_code == 200
        assert client.delete("/v1/freezes?market=online").status_code == 200
    beyond: list[tuple[str, Any]] = [
        ("/v1/decision-runs", {"category": "tea"}),
        ("/v1/decision-runs", {"skus": ["TEA-1"]}),
        ("/v1/decision-runs", {"market": "online"}),
        ("/v1/freezes", {"reason": "x", "market": "online"}),
        ("/v1/observations", {"observations": [seen]}),
        ("/v1/costs/confirmations", {"costs": [cost]}),
    ]
    with client_of(shop, url, POTS) as client:
        for path, body in beyond:
            assert (client.post(path, json=body).status_code, path) == (403, path)
    with reading(shop) as conn:
        assert (
            conn.scalar(sa.text("SELECT count(*) FROM price_freezes WHERE lifted_at IS NULL")) == 0
        )
