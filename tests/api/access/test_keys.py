"""Keys of programs, on real sockets: made, limited, rotated, revoked, expired, stolen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.access.keyring import KeyRing
from api.access.roles import RULES, Besides, Role
from api.errors import TooManyRequests
from api.server import serving
from api.settings import Settings
from storage.access.keys import read_key, revoke_key, uses_on
from storage.access.log import read_log
from storage.access.tables import access_keys
from storage.database import reading, writing
from tests.api.access.let_in import key, known_soon
from tests.api.conftest import BEARER, eventually, quick_settings
from tests.api.every_route import filled, routes_of_the_service

PRICE = "/v1/prices/TEA-1?market=online"
CART = {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 1}]}
SHOP_KEY = {"name": "web shop", "kind": "secret", "roles": ["storefront"]}


@pytest.fixture
def url(shop: Engine, settings: Settings) -> Iterator[str]:
    with serving(settings) as url:
        yield url


@pytest.fixture
def admin(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers=BEARER, timeout=60) as admin:
        yield admin


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_a_key_is_told_once_kept_as_a_digest_and_works_at_once(
    shop: Engine, admin: httpx.Client, url: str, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    made = admin.post("/v1/keys", json=SHOP_KEY)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret, listed = made.json()["secret"], admin.get("/v1/keys").json()["keys"]
    assert secret.startswith(made.json()["prefix"] + "_")
    assert made.json()["prefix"].startswith("pw_sk_")
    assert listed == [{name: value for name, value in made.json().items() if name != "secret"}]
    quote = httpx.post(f"{url}/v1/quotes", json=CART, headers=bearer(secret), timeout=60).json()
    assert quote["reserved"] is True
    committed = httpx.post(
        f"{url}/v1/quotes/{quote['id']}/commit",
        headers={**bearer(secret), "idempotency-key": "1"},
        timeout=60,
    )
    assert committed.json()["status"] == "committed"
    with reading(shop) as conn:
        kept = str(conn.execute(sa.select(access_keys)).all())
        assert [line.action for line in read_log(conn)][:1] == ["key_made"]
    assert secret not in kept
    assert secret.rpartition("_")[2] not in kept
    assert secret not in str(log_lines())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"kind": "publishable"}, "has none"),
        ({"roles": []}, "needs one"),
        ({"roles": ["queen"]}, "body.roles"),
        ({"draft": 1}, "there is no draft 1"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "lies in the past"),
        ({"expires_at": "2099-01-01T00:00:00"}, "needs an offset"),
        ({"per_minute": 0}, "per_minute"),
        ({"kind": "golden"}, "body.kind"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    admin: httpx.Client, wrong: dict[str, Any], why: str
) -> None:
    refused = admin.post("/v1/keys", json={**SHOP_KEY, **wrong})
    assert (refused.status_code, why in refused.text) == (422, True), refused.text
    assert admin.get("/v1/keys").json()["keys"] == []


def test_a_stolen_publishable_key_sees_prices_and_quotes_that_hold_nothing_and_no_more(
    admin: httpx.Client, url: str
) -> None:
    made = admin.post("/v1/keys", json={"name": "page", "kind": "publishable"}).json()
    assert made["prefix"].startswith("pw_pk_")
    with httpx.Client(base_url=url, headers=bearer(made["secret"]), timeout=60) as thief:
        assert thief.get(PRICE).json()["price"]["amount"] == "4.99"
        quote = thief.post("/v1/quotes", json={**CART, "reserve": True}).json()
        assert (quote["reserved"], quote["held_until"]) == (False, None)
        for method, path in routes_of_the_service():
            if RULES[method, path].besides in (Besides.ANYBODY, Besides.SHOPPER):
                continue
            asked = filled(path.replace("{quote_id}", quote["id"]))
            answer = thief.request(method, asked, content=b"")
            assert (answer.status_code, method, path) == (403, method, path)


def test_a_rotated_key_has_two_secrets_for_a_while_and_then_one(
    shop: Engine, admin: httpx.Client, url: str
) -> None:
    old = admin.post("/v1/keys", json=SHOP_KEY).json()
    rotate = f"/v1/keys/{old['id']}/rotate"
    new = admin.post(rotate, json={"overlap_hours": 1}).json()
    assert new["id"] == old["id"]
    assert new["prefix"] != old["prefix"]
    asks = f"{url}{PRICE}"
    for secret in (old["secret"], new["secret"]):
        assert httpx.get(asks, headers=bearer(secret), timeout=60).status_code == 200
    newest = admin.post(rotate, json={"overlap_hours": 0}).json()
    for secret, status in ((old, 401), (new, 401), (newest, 200)):
        told = httpx.get(asks, headers=bearer(secret["secret"]), timeout=60)
        assert told.status_code == status
    assert admin.post(f"/v1/keys/{old['id']}/revoke").json()["revoked_at"] is not None
    assert admin.post(rotate, json={}).status_code == 409
    assert admin.post("/v1/keys/k_none/rotate", json={}).status_code == 404
    assert admin.post("/v1/keys/k_none/revoke").status_code == 404


def test_a_key_that_is_revoked_elsewhere_is_refused_within_the_poll_even_where_prices_are_open(
    shop: Engine, url: str
) -> None:
    made, headers = key(shop, Role.STOREFRONT)
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        known_soon(client, headers)
        with writing(shop) as conn:  # as another process does
            revoke_key(conn, made.key_id, by="a test", at=datetime.now(UTC))
        assert eventually(lambda: client.get(PRICE).status_code == 401)
        assert "this key is nobody's" in client.get(PRICE).json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_a_key_ends_at_its_end_without_being_read_anew(shop: Engine) -> None:
    now = datetime.now(UTC)
    _, headers = key(shop, Role.ANALYST, expires_at=now + timedelta(hours=1))
    ring = KeyRing(shop)
    ring.refresh()
    secret = headers["authorization"].removeprefix("Bearer ").encode()
    assert ring.principal_of(secret, now + timedelta(minutes=59)) is not None
    assert ring.principal_of(secret, now + timedelta(hours=1)) is None
    assert ring.principal_of(secret + b"x", now) is None
    assert ring.principal_of(b"", now) is None


def test_a_key_has_so_many_requests_a_minute_and_a_day_and_is_told_how_long_to_wait(
    shop: Engine, url: str
) -> None:
    _, by_minute = key(shop, Role.STOREFRONT, per_minute=20)
    _, by_day = key(shop, Role.STOREFRONT, per_day=15)
    with httpx.Client(base_url=url, timeout=60) as client:
        known_soon(client, by_minute)
        known_soon(client, by_day)
        for headers, most in ((by_minute, 60), (by_day, 86_400)):
            codes = [client.get(PRICE, headers=headers).status_code for _ in range(25)]
            assert codes[0] == 200
            assert codes[-1] == 429
            refused = client.get(PRICE, headers=headers)
            assert refused.json()["type"] == "/problems/too-many-requests"
            assert 0 < int(refused.headers["retry-after"]) <= most
        assert client.get(PRICE).status_code == 200  # nobody else waits for them


def test_a_days_quota_is_counted_over_all_processes_and_is_not_lost_with_one(
    shop: Engine, settings: Settings
) -> None:
    made, headers = key(shop, Role.STOREFRONT, per_day=40)
    secret = headers["authorization"].removeprefix("Bearer ").encode()
    now = datetime.now(UTC)
    one, other = KeyRing(shop), KeyRing(shop)
    for ring in (one, other):
        ring.refresh()
        for _ in range(20):
            assert ring.admit(secret, now) is not None
    for ring in (one, other, one):
        ring.refresh()
    for ring in (one, other):
        with pytest.raises(TooManyRequests, match="40 times a day"):
            ring.admit(secret, now)
    again = KeyRing(shop)  # after a restart
    again.refresh()
    with pytest.raises(TooManyRequests):
        again.admit(secret, now)
    with reading(shop) as conn:
        assert uses_on(conn, now.date()) == {made.key_id: 40}
    assert again.admit(secret, now + timedelta(days=1)) is not None  # tomorrow


def test_that_a_key_was_used_is_noted_once_a_minute_and_not_for_each_request(
    shop: Engine,
) -> None:
    made, headers = key(shop, Role.STOREFRONT)
    secret = headers["authorization"].removeprefix("Bearer ").encode()
    ring = KeyRing(shop)
    ring.refresh()

    def last_used() -> datetime | None:
        with reading(shop) as conn:
            return read_key(conn, made.key_id).last_used_at

    ring.admit(secret, datetime.now(UTC))
    assert last_used() is None  # nothing is written while a request waits
    ring.refresh()
    first = last_used()
    assert first is not None
    for _ in range(5):
        ring.admit(secret, datetime.now(UTC))
        ring.refresh()
    assert last_used() == first
    ring.tell()
    later = last_used()
    assert later is not None
    assert later > first


def test_what_is_counted_by_many_threads_is_counted_once_each(shop: Engine) -> None:
    made, headers = key(shop, Role.STOREFRONT)
    secret = headers["authorization"].removeprefix("Bearer ").encode()
    ring, now = KeyRing(shop), datetime.now(UTC)
    ring.refresh()

    def ask(_: int) -> None:
        for _ in range(50):
            ring.admit(secret, now)
            if not _ % 10:
                ring.tell(now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    ring.tell(now)
    with reading(shop) as conn:
        assert uses_on(conn, now.date()) == {made.key_id: 400}


def test_where_prices_are_not_open_every_key_opens_them_and_nobody_else(shop: Engine) -> None:
    _, publishable = key(shop)
    _, scraper = key(shop, Role.SCRAPER)
    with (
        serving(quick_settings(shop, open_prices=False)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        for method, path, body in (
            ("GET", PRICE, None),
            ("POST", "/v1/prices:batch", {"skus": ["TEA-1"], "market": "online"}),
            ("POST", "/v1/quotes", CART),
        ):
            assert client.request(method, path, json=body).status_code == 401
            for headers in (publishable, scraper, BEARER):
                answer = client.request(method, path, json=body, headers=headers)
                assert answer.status_code in (200, 201), answer.text
        security = client.get("/openapi.json").json()["paths"]["/v1/quotes"]["post"]["security"]
        assert security == [{"key": []}, {"operator": []}]


@pytest.mark.parametrize("who", ["publishable", "analyst", "manager", "approver", "scraper"])
def test_only_an_admin_makes_keys_and_lets_people_in(shop: Engine, url: str, who: str) -> None:
    _, headers = key(shop, *([] if who == "publishable" else [Role(who)]))
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        known_soon(client, headers)
        assert client.post("/v1/keys", json=SHOP_KEY).status_code == 403
        person = {"name": "eve", "roles": ["admin"]}
        assert client.post("/v1/people", json=person).status_code == 403


def test_people_are_let_in_given_roles_let_out_and_erased_over_http(
    shop: Engine, admin: httpx.Client
) -> None:
    made = admin.post("/v1/people", json={"name": "mia", "roles": ["manager"]})
    assert (made.status_code, made.json()["must_change_password"]) == (201, True)
    assert admin.post("/v1/people", json={"name": "mia", "roles": []}).status_code == 409
    who = f"/v1/people/{made.json()['id']}"
    roles = admin.put(f"{who}/roles", json={"roles": ["analyst"], "markets": ["online"]}).json()
    assert (roles["roles"], roles["markets"]) == (["analyst"], ["online"])
    other = admin.post(f"{who}/password").json()["password"]
    assert other != made.json()["password"]
    assert admin.post(f"{who}/disable").json()["disabled_at"] is not None
    erased = admin.delete(who).json()
    assert (erased["name"], erased["roles"], erased["has_password"]) == (None, [], False)
    assert admin.post(f"{who}/password").status_code == 404
    assert admin.put("/v1/people/p_none/roles", json={"roles": []}).status_code == 404
    with reading(shop) as conn:
        lines = [line for line in read_log(conn) if line.detail.get("person") == erased["id"]]
        assert "mia" not in str(conn.execute(sa.text("SELECT * FROM events")).all())
    assert [line.action for line in lines][::-1] == [
        "person_added", "roles_changed", "password_changed", "person_disabled", "person_erased",
    ]  # fmt: skip
    assert {line.actor for line in lines} == {"tess"}
