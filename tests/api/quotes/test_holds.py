"""What quotes hold, and that those of strangers hold nothing, over HTTP on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.server import serving
from storage.database import reading
from storage.promotions.tables import promotion_usage
from tests.api.access.let_in import key, known_soon
from tests.api.conftest import quick_settings
from tests.api.promotions_at_hand import HOLDER, Json, cart, open_promotion, used
from tests.api.shop import open_shop
from tests.databases import postgres_engine, sqlite_engine

CLIENTS = 64
COUPON = {"id": "five", "type": "spend_and_save", "amount": "5", "code": "FIVE"}
CART = cart("TEA-2", codes=["FIVE"], explain=False)


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The small shop on either database."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        open_shop(engine)
        yield engine


def connected(engine: Engine, limits: Json, **more: Any) -> Any:  # noqa: ANN401
    """A service with the coupon under these limits."""
    open_promotion(engine, {**COUPON, "limits": limits})
    # Nothing is swept but by the tests.
    return serving(quick_settings(engine, promotion_poll_seconds=3_600, **more))


def quote(client: httpx.Client, **headers: str) -> Json:
    answer = client.post("/v1/quotes", json=CART, headers=headers)
    assert answer.status_code == 201, answer.text
    document: Json = answer.json()
    return document


def of_its_holder(document: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {document['token']}"}


def commit(client: httpx.Client, document: Json) -> httpx.Response:
    headers = {**HOLDER, "Idempotency-Key": document["id"]}
    return client.post(f"/v1/quotes/{document['id']}/commit", headers=headers)


def test_quotes_of_strangers_hold_nothing_and_the_shops_their_share(
    anywhere: Engine,
) -> None:
    with connected(anywhere, {"uses": 5}) as url, httpx.Client(base_url=url, timeout=60) as client:
        _, publishable = key(anywhere)
        known_soon(client, publishable)
        seen_by = [{}, publishable, {"Authorization": "Bearer not-the-shops"}]
        loose = [quote(client, **who) for who in seen_by for _ in range(4)]
        assert {q["cart"]["discount"]["amount"] for q in loose} == {"5.00"}
        assert {(q["reserved"], q["held_until"]) for q in loose} == {(False, None)}
        assert all(q["notice"].startswith("Nothing is held") for q in loose)
        last = loose[-1]
        last_url = f"/v1/quotes/{last['id']}"
        assert client.get(last_url, headers=of_its_holder(last)).json() == last
        # However many they asked for, the shop's own server holds what quotes may hold (half of
        # it where nobody says for whom), and the rest is for whoever commits.
        firm = [quote(client, **HOLDER) for _ in range(6)]
        assert [q["reserved"] for q in firm] == [True] * 2 + [False] * 4
        assert all(q["held_until"] == q["expires_at"] and not q["notice"] for q in firm[:2])
        assert all(q["notice"].startswith("Nothing is held") for q in firm[2:])
        assert {q["cart"]["discount"]["amount"] for q in firm} == {"5.00"}
        for document in (loose[1], firm[5], loose[2]):
            done = commit(client, document)
            assert (done.status_code, done.json()["status"]) == (200, "committed")
            assert (done.json()["held_until"], done.json()["notice"]) == (None, "")
        refused = commit(client, last)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/limit-used-up")
        assert quote(client, **HOLDER)["cart"]["discount"]["amount"] == "0.00"
        client.post(f"/v1/quotes/{firm[0]['id']}/cancel", headers=of_its_holder(firm[0]))
        assert [commit(client, q).status_code for q in (loose[3], firm[1])] == [200, 200]
    assert used(anywhere, "five").uses == 5


def test_a_wrong_token_is_as_none_and_reserve_false_says_that_nothing_is_held(
    anywhere: Engine,
) -> None:
    with connected(anywhere, {"uses": 1}) as url, httpx.Client(base_url=url, timeout=60) as client:
        wrong = quote(client, Authorization="Bearer not-the-shops")
        assert (wrong["reserved"], wrong["cart"]["discount"]["amount"]) == (False, "5.00")
        chosen = client.post("/v1/quotes", json={**CART, "reserve": False}, headers=HOLDER).json()
        assert (chosen["reserved"], chosen["held_until"]) == (False, None)
        assert chosen["notice"].startswith("Nothing is held")
        plain = client.post("/v1/quotes", json=cart("TEA-1")).json()
        assert (plain["reserved"], plain["held_until"], plain["notice"]) == (False, None, "")


@pytest.mark.parametrize(
    "limits",
    [{"uses": 60}, {"budget": "300"}, {"per_day": 60}],
    ids=["uses", "budget", "per day"],
)
def test_of_sixty_four_clients_at_once_none_goes_past_the_limit(
    anywhere: Engine, limits: Json
) -> None:
    kinds: Counter[str] = Counter()

    def shop(number: int) -> None:
        headers = HOLDER if number % 2 else {}
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
            for _ in range(3):
                document = quote(client)
                if document["cart"]["discount"]["amount"] == "0.00":
                    kinds["nothing left"] += 1
                    continue
                assert document["cart"]["discount"]["amount"] == "5.00"
                done = commit(client, document)
                kind = "held" if document["reserved"] else "not held"
                assert done.status_code == 200 or (kind, done.status_code) == ("not held", 409)
                kinds[f"{kind}, {done.status_code}"] += 1

    with connected(anywhere, limits) as url, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(shop, range(CLIENTS)))
    taken = used(anywhere, "five")
    assert kinds["held, 200"] + kinds["not held, 200"] == taken.uses == 60
    assert taken.minor == 60 * 500
    with reading(anywhere) as conn:
        t = promotion_usage
        loose = sa.select(sa.func.sum(t.c.loose_uses + t.c.loose_units + t.c.loose_minor))
        assert conn.scalar(loose) == 0
