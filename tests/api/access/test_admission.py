"""Who may ask what, over real HTTP: every route without a token, with a quote's, with another."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from api.access.admission import Admission, bearer, holds_the_quote
from api.access.keyring import KeyRing
from api.access.operator_token import operators_of, token_path
from api.access.pages import COOKIE
from api.access.principal import PRINCIPAL
from api.access.roles import RULES, Besides, rule_of
from api.access.sessions import SessionDesk
from api.access.signing import sign
from api.errors import SettingsInvalid
from api.server import serving
from api.settings import load_settings
from tests.api.conftest import BEARER, quick_settings
from tests.api.every_route import filled, routes_of_the_service
from tests.api.promotions_at_hand import cart
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

ROUTES = routes_of_the_service()
OPEN = {
    route for route, rule in RULES.items() if rule.besides in (Besides.ANYBODY, Besides.SHOPPER)
}
OF_A_QUOTE = {
    ("GET", "/v1/quotes/{quote_id}"),
    ("GET", "/v1/quotes/{quote_id}/returns"),
    ("POST", "/v1/quotes/{quote_id}/cancel"),
}
OF_PEOPLE = {route for route, rule in RULES.items() if rule.besides is Besides.LOGGED_IN}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with the small shop and the operator `tess`."""
    with sqlite_engine(tmp_path_factory.mktemp("access")) as engine:
        open_shop(engine)
        with serving(quick_settings(engine, crawl_schedule=False, plan_processes=0)) as url:
            yield url


@pytest.fixture
def anybody(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client


def quoted(client: httpx.Client) -> tuple[str, dict[str, str]]:
    """The id of a new quote, and the headers of whoever holds it."""
    answer = client.post("/v1/quotes", json=cart("TEA-1"))
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], {"authorization": f"Bearer {answer.json()['token']}"}


def let_in(client: httpx.Client, headers: dict[str, str], quote_id: str) -> set[tuple[str, str]]:
    """The routes that answer something else than 401 or 403, whatever it is."""
    found = set()
    for method, path in ROUTES:
        asked = filled(path.replace("{quote_id}", quote_id))
        answer = client.request(method, asked, headers=headers, content=b"")
        if answer.status_code == 401:
            assert answer.json()["type"] == "/problems/not-an-operator"
            assert answer.headers["www-authenticate"] == "Bearer"
        elif answer.status_code == 403:
            assert answer.json()["type"] == "/problems/not-allowed"
        else:
            found.add((method, path))
    return found


def test_without_a_token_exactly_prices_new_quotes_health_and_descriptions_are_open(
    anybody: httpx.Client,
) -> None:
    quote_id, _ = quoted(anybody)
    assert let_in(anybody, {}, quote_id) == OPEN
    assert let_in(anybody, {"authorization": "Bearer " + "x" * 40}, quote_id) == OPEN


def test_whoever_holds_a_quote_may_ask_and_cancel_it_and_nothing_else(
    anybody: httpx.Client,
) -> None:
    quote_id, holder = quoted(anybody)
    assert let_in(anybody, holder, quote_id) == OPEN | OF_A_QUOTE
    _, of_another = quoted(anybody)
    assert let_in(anybody, of_another, quote_id) == OPEN


def test_an_operator_is_let_in_everywhere_but_has_no_session(anybody: httpx.Client) -> None:
    quote_id, _ = quoted(anybody)
    assert let_in(anybody, BEARER, quote_id) == set(ROUTES) - OF_PEOPLE


def test_what_there_is_not_is_not_told_to_strangers(anybody: httpx.Client) -> None:
    for path in ("/nowhere", "/v1/pricesx", "/v1", "//v1/prices/TEA-1", "/v1/quotes/"):
        assert anybody.get(path).status_code == 401, path
    assert anybody.get("/nowhere", headers=BEARER).status_code == 404


def test_a_head_tells_no_more_than_its_get(anybody: httpx.Client) -> None:
    assert anybody.head("/v1/prices/TEA-1?market=online").status_code == 200
    assert anybody.head("/v1/decisions/TEA-1?market=online").status_code == 401
    assert anybody.options("/v1/promotions").status_code == 401


def test_a_quote_is_cancelled_with_its_own_token_and_redeemed_with_a_better_one(
    anybody: httpx.Client,
) -> None:
    quote_id, holder = quoted(anybody)

    def ask(step: str, key: str, body: dict[str, Any], **more: str) -> httpx.Response:
        return anybody.post(
            f"/v1/quotes/{quote_id}/{step}",
            json=body,
            headers={"idempotency-key": f"{key} {quote_id}", **more},
        )

    assert ask("commit", "a", {"order": "417"}).status_code == 401
    assert ask("commit", "b", {"order": "417"}, **holder).status_code == 401
    assert ask("commit", "c", {"order": "417"}, **BEARER).json()["status"] == "committed"
    assert ask("returns", "d", {"lines": {"TEA-1": 1}}, **holder).status_code == 401
    assert ask("returns", "e", {"lines": {"TEA-1": 1}}, **BEARER).status_code == 201
    answer = anybody.get(f"/v1/quotes/{quote_id}", headers=holder)
    assert (answer.status_code, answer.json()["order"]) == (200, "417")
    # The signature is replayed: what was ordered stays ordered, until the shop calls it off.
    for _ in range(2):
        refused = anybody.post(f"/v1/quotes/{quote_id}/cancel", headers=holder)
        assert (refused.status_code, "the shop calls an order off" in refused.text) == (403, True)
    other_id, other_holder = quoted(anybody)
    assert anybody.post(f"/v1/quotes/{other_id}/cancel").status_code == 401
    assert anybody.post(f"/v1/quotes/{other_id}/cancel", headers=holder).status_code == 401
    assert anybody.post(f"/v1/quotes/{other_id}/cancel", headers=other_holder).status_code == 200


def test_a_token_signed_by_somebody_else_holds_nothing(anybody: httpx.Client) -> None:
    quote_id, _ = quoted(anybody)
    forged = {"authorization": f"Bearer {sign({'jti': quote_id}, b'k' * 32)}"}
    assert let_in(anybody, forged, quote_id) == OPEN


@given(token=st.binary(max_size=60), path=st.text(max_size=20))
def test_no_other_bytes_open_anything(token: bytes, path: str) -> None:
    mine = "a token of sixteen letters and more"
    engine = sa.create_engine("sqlite://")  # never asked: neither a key nor a cookie comes
    desk = SessionDesk(engine, timedelta(hours=1), timedelta(hours=1))
    door = Admission(
        {mine: "ada"}, KeyRing(engine), desk, lambda: b"k" * 32, open_prices=True,
        wrong_a_minute=1_000_000,
    )  # fmt: skip
    scope: dict[str, Any] = {"type": "http", "method": "GET", "state": {}}
    headers = {b"authorization": b"Bearer " + token}
    refusal = asyncio.run(door.refusal(scope, "/v1/freezes", headers))
    assert (refusal is None) == (bearer(headers[b"authorization"]) == mine.encode())
    assert (PRINCIPAL in scope["state"]) == (refusal is None)
    assert not holds_the_quote(token, f"/v1/quotes/{path}", b"k" * 32)
    assert bearer(b"Basic " + token) == b""


@given(path=st.text(alphabet="/.v1pricesquotehalthzdocs:%{}\n", max_size=30))
def test_nothing_below_a_guarded_path_is_open(path: str) -> None:
    for guarded in ("/v1/decisions", "/v1/promotions", "/v1/sites", "/v1/plans", "/v1/prices-x"):
        rule = rule_of("GET", f"{guarded}/{path}")
        assert rule is None or rule.besides is Besides.NOBODY


def test_the_description_says_of_every_operation_what_it_needs(anybody: httpx.Client) -> None:
    description = anybody.get("/openapi.json").json()
    schemes = description["components"]["securitySchemes"]
    session = schemes.pop("session")
    assert (session["type"], session["in"], session["name"]) == ("apiKey", "cookie", COOKIE)
    csrf = schemes.pop("csrf")
    assert (csrf["type"], csrf["in"], csrf["name"]) == ("apiKey", "header", "X-CSRF-Token")
    assert {(name, s["type"], s["scheme"]) for name, s in schemes.items()} == {
        ("key", "http", "bearer"),
        ("operator", "http", "bearer"),
        ("quote", "http", "bearer"),
    }
    for path, item in description["paths"].items():
        for method, operation in item.items():
            route = (method.upper(), path)
            names_of = ["+".join(choice) or "nobody" for choice in operation["security"]]
            logged_in = "session" if method == "get" else "session+csrf"
            expected = {
                Besides.ANYBODY: [],
                Besides.SHOPPER: ["nobody", "key", "operator"],
                Besides.HOLDER: ["key", logged_in, "operator", "quote"],
                Besides.LOGGED_IN: [logged_in],
                Besides.NOBODY: ["key", logged_in, "operator"],
            }[RULES[route].besides]
            assert names_of == expected, route
            for status in ("401", "403", "429"):
                assert status in operation["responses"] or not expected, route
            # The page at /docs sends no header of this name that is a parameter.
            names = [parameter["name"].lower() for parameter in operation.get("parameters", [])]
            assert "authorization" not in names, route


def test_where_nobody_is_set_one_token_is_made_and_kept_for_its_owner(
    shop: Engine, tmp_path: Path, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    settings = quick_settings(shop, operators=None)
    for _ in range(2):  # the second start finds the token of the first
        with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            (line,) = [line for line in log_lines() if "PRICEWRIGHT_OPERATORS" in line["event"]][
                -1:
            ]
            kept = Path(line["file"])
            token = kept.read_text().strip()
            owner = {"authorization": f"Bearer {token}"}
            assert client.get("/v1/price-books").status_code == 401
            assert client.get("/v1/price-books", headers=owner).status_code == 200
            frozen = client.post("/v1/freezes", json={"reason": "x"}, headers=owner)
            assert frozen.json()["freezes"][0]["by"] == "owner"
    assert kept.parent == tmp_path
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(token) > 40
    assert token not in json.dumps(log_lines())
    assert [file.name for file in tmp_path.iterdir() if "token" in file.name] == [kept.name]


def test_who_is_set_counts_and_no_token_is_made(shop: Engine, tmp_path: Path) -> None:
    settings = quick_settings(shop, operators="ada:" + "a" * 16)
    assert operators_of(settings) == {"a" * 16: "ada"}
    assert not token_path(settings).exists()
    token_path(settings).write_text("b" * 20)
    assert operators_of(settings) == {"a" * 16: "ada"}
    assert token_path(settings).parent == tmp_path


def test_a_server_database_keeps_the_token_in_var() -> None:
    settings = load_settings(None, database_url="postgresql://u:p@host/shop")
    assert token_path(settings) == Path("var/operator-token")


@pytest.mark.parametrize("content", ["", "short\n", "é" * 20])
def test_a_kept_token_that_is_none_is_refused_with_the_cure(shop: Engine, content: str) -> None:
    settings = quick_settings(shop, operators=None)
    token_path(settings).write_text(content, encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=r"operator-token holds no token.*delete it"):
        operators_of(settings)


def test_prices_are_served_where_no_token_can_be_kept(
    shop: Engine, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    settings = quick_settings(shop, operators=None)
    token_path(settings).mkdir()  # a folder is no file to write or to read
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert client.get("/v1/prices/TEA-1?market=online").status_code == 200
        refused = client.get("/v1/price-books", headers={"authorization": "Bearer"})
    assert refused.status_code == 401
    assert "PRICEWRIGHT_OPERATORS" in refused.json()["detail"]
    (line,) = [line for line in log_lines() if "set PRICEWRIGHT_OPERATORS" in line["event"]]
    assert line["level"] == "warning"
