"""Many shoppers of one shop: none of them keeps another from what is there, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.server import serving
from storage.database import reading, writing
from storage.promotions.tables import promotion_usage, quotes
from tests.api.access.let_in import key
from tests.api.conftest import quick_settings
from tests.api.promotions_at_hand import HOLDER, Json, cart, open_promotion, used
from tests.api.shop import open_shop
from tests.databases import postgres_engine, sqlite_engine

COUPON = {"id": "five", "type": "spend_and_save", "amount": "5", "code": "FIVE"}
OF_ADDRESS = 20
OF_CUSTOMER = 3
WRONG_CODES = 20


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The small shop on either database."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        open_shop(engine)
        yield engine


@contextmanager
def shop_server(engine: Engine, limits: Json) -> Iterator[httpx.Client]:
    """The server of a shop with the coupon under these limits, at its work."""
    open_promotion(engine, {**COUPON, "limits": limits})
    with (
        serving(quick_settings(engine, promotion_poll_seconds=3_600)) as url,
        httpx.Client(base_url=url, headers=HOLDER, timeout=60) as client,
    ):
        yield client


def quote(client: httpx.Client, customer: str = "", address: str = "", code: str = "FIVE") -> Json:
    """What the shop's server is told for a visitor."""
    answer = ask(client, customer, address, code)
    assert answer.status_code == 201, answer.text
    document: Json = answer.json()
    return document


def ask(client: httpx.Client, customer: str, address: str, code: str) -> httpx.Response:
    wanted = cart("TEA-2", codes=[code] if code else [], explain=False)
    if customer:
        wanted["customer"] = {"id": customer}
    if address:
        wanted["shopper_address"] = address
    return client.post("/v1/quotes", json=wanted)


def commit(client: httpx.Client, document: Json) -> httpx.Response:
    headers = {"Idempotency-Key": document["id"]}
    return client.post(f"/v1/quotes/{document['id']}/commit", headers=headers)


Visitor = Callable[[int], tuple[str, str]]
"""Customer reference and address that the shop's server sends with the visitor's n-th cart."""

DRAINS: dict[str, tuple[Visitor, int]] = {
    "a guest whose address is forwarded": (lambda n: ("", "203.0.113.9"), OF_ADDRESS),
    "a guest of whom nothing is said": (lambda n: ("", ""), 500),
    "a customer whose address is forwarded": (lambda n: ("eve", "203.0.113.9"), OF_CUSTOMER),
    "a customer": (lambda n: ("eve", ""), OF_CUSTOMER),
    "a customer with addresses galore": (lambda n: ("eve", f"2001:db8:{n:x}::9"), OF_CUSTOMER),
    "accounts galore at one address": (lambda n: (f"eve{n}", "203.0.113.9"), OF_ADDRESS),
    "accounts galore in one network": (lambda n: (f"eve{n}", f"2001:db8::{n:x}"), OF_ADDRESS),
    "accounts galore, no address forwarded": (lambda n: (f"eve{n}", ""), 500),
}


def drained(engine: Engine, visitor: Visitor, most: int, *, limit: int, carts: int) -> None:
    """One visitor wants the coupon again and again; then others of the same shop come."""
    with shop_server(engine, {"uses": limit}) as client:
        for number in range(carts):
            quote(client, *visitor(number))
        assert used(engine, "five").uses == most
        # Somebody else holds one, for nobody has all that may be held ...
        other = quote(client, "ann", "198.51.100.7")
        assert other["cart"]["discount"]["amount"] == "5.00"
        assert (other["reserved"], other["notice"]) == (True, "")
        assert commit(client, other).status_code == 200
        # ... and whoever holds nothing is served, too.
        guest = quote(client)
        assert guest["cart"]["discount"]["amount"] == "5.00"
        assert commit(client, guest).status_code == 200
    assert used(engine, "five").uses == most + 2


@pytest.mark.parametrize("kind", DRAINS)
def test_one_visitor_does_not_drain_a_coupon(anywhere: Engine, kind: str) -> None:
    visitor, most = DRAINS[kind]
    drained(anywhere, visitor, min(most, 25), limit=50, carts=60)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["a guest of whom nothing is said", "accounts galore at one address"]
)
def test_one_visitor_does_not_drain_a_coupon_of_a_thousand(anywhere: Engine, kind: str) -> None:
    visitor, most = DRAINS[kind]
    drained(anywhere, visitor, most, limit=1_000, carts=2_000)


def test_a_crowd_from_everywhere_leaves_a_share_to_whoever_commits(anywhere: Engine) -> None:
    with shop_server(anywhere, {"uses": 20}) as client:
        crowd = [quote(client, f"c{n}", f"198.51.100.{n}") for n in range(25)]
        assert [q["reserved"] for q in crowd] == [True] * 18 + [False] * 7
        assert all(q["notice"].startswith("Nothing is held") for q in crowd[18:])
        assert {q["cart"]["discount"]["amount"] for q in crowd} == {"5.00"}
        assert [commit(client, q).status_code for q in crowd[18:21]] == [200, 200, 409]
        assert {commit(client, q).status_code for q in crowd[:18]} == {200}
    assert used(anywhere, "five").uses == 20
    with reading(anywhere) as conn:
        t = promotion_usage
        held = sa.select(sa.func.sum(t.c.loose_uses + t.c.loose_units + t.c.loose_minor))
        assert conn.scalar(held) == 0


def test_a_customers_last_cart_is_the_one_that_holds(anywhere: Engine) -> None:
    with shop_server(anywhere, {"uses": 50}) as client:
        carts = [quote(client, "kim") for _ in range(OF_CUSTOMER + 2)]
        now = [client.get(f"/v1/quotes/{q['id']}").json() for q in carts]
        assert [q["reserved"] for q in carts] == [True] * 5
        assert [q["reserved"] for q in now] == [False] * 2 + [True] * 3
        assert now[0]["held_until"] is None
        assert commit(client, carts[0]).status_code == 200  # from what is free
        assert commit(client, carts[-1]).status_code == 200
    assert used(anywhere, "five").uses == 4


def test_of_an_address_a_digest_is_kept_and_no_longer_than_something_is_held(shop: Engine) -> None:
    kept = sa.select(quotes.c.shopper).where(quotes.c.shopper.is_not(None))
    with shop_server(shop, {"uses": 50}) as client:
        document = quote(client, "kim", "203.0.113.9")
        quote(client, "lee", "203.0.113.9", code="")  # holds nothing of anything
        with reading(shop) as conn:
            (digest,) = conn.scalars(kept)
            assert "203" not in digest
            row = conn.execute(quotes.select()).mappings().first()
        assert "203.0.113.9" not in str(row)
        assert commit(client, document).status_code == 200
    with reading(shop) as conn:
        assert list(conn.scalars(kept)) == []


def test_an_address_that_is_none_is_refused_by_name(client: httpx.Client) -> None:
    answer = ask(client, "", "the moon", "")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (
        422,
        "body.shopper_address",
    )


def test_who_guesses_codes_waits_and_nobody_else_does(shop: Engine) -> None:
    with shop_server(shop, {"uses": 1_000}) as client:
        for number in range(WRONG_CODES):
            assert quote(client, "eve", code=f"GUESS-{number}")["cart"]["codes"]
        for customer, address in (("eve", ""), ("eve", "203.0.113.9")):
            refused = ask(client, customer, address, "FIVE")  # not even a right one is told
            assert (refused.status_code, refused.json()["type"]) == (
                429,
                "/problems/too-many-requests",
            )
            assert 1 <= int(refused.headers["retry-after"]) <= 300
        assert quote(client, "eve", code="")["status"] == "open"
        for other in ({"customer": "ann"}, {"customer": "ann", "address": "203.0.113.9"}, {}):
            assert quote(client, **other)["cart"]["discount"]["amount"] == "5.00"
        for number in range(WRONG_CODES):
            quote(client, f"c{number}", "203.0.113.9", code=f"GUESS-{number}")
        assert ask(client, "ann", "203.0.113.9", "FIVE").status_code == 429
        assert ask(client, "ann", "203.0.113.10", "FIVE").status_code == 201


@pytest.mark.parametrize("publishable", [False, True])
def test_browsers_that_guess_codes_are_known_by_where_they_are(
    shop: Engine, *, publishable: bool
) -> None:
    _, seen = key(shop) if publishable else (None, {})
    open_promotion(shop, COUPON)
    proxied = quick_settings(shop, trusted_proxies=("127.0.0.1",))
    with serving(proxied) as url, httpx.Client(base_url=url, headers=seen, timeout=60) as client:
        client.headers["x-forwarded-for"] = "203.0.113.9"
        # Whoever it says that it is, and wherever: nobody but the shop's server is believed.
        for number in range(WRONG_CODES):
            quote(client, f"c{number}", f"198.51.100.{number}", code=f"GUESS-{number}")
        assert ask(client, "ann", "198.51.100.7", "FIVE").status_code == 429
        client.headers["x-forwarded-for"] = "203.0.113.10"
        assert ask(client, "c1", "", "FIVE").status_code == 201


def test_holds_of_the_version_before_are_settled_as_they_were_made(anywhere: Engine) -> None:
    """They are counted as taken, not as held, and have no end of their own."""
    with shop_server(anywhere, {"uses": 50}) as client:
        first, second = quote(client), quote(client)
        with writing(anywhere) as conn:
            conn.execute(quotes.update().values(held_until=None))
            conn.execute(
                promotion_usage.update().values(loose_uses=0, loose_units=0, loose_minor=0)
            )
        assert commit(client, first).status_code == 200
        assert client.post(f"/v1/quotes/{second['id']}/cancel").status_code == 200
    assert used(anywhere, "five").uses == 1
    with reading(anywhere) as conn:
        assert set(conn.scalars(sa.select(promotion_usage.c.loose_uses))) == {0}
