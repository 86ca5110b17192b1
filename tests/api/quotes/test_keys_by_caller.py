"""An idempotency key is its caller's own: nobody gets or spoils another's answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from api.access.principal import Principal
from api.quotes.quoting import claimed_as
from api.server import serving
from api.settings import Settings
from tests.api.conftest import BEARER, quick_settings
from tests.api.promotions_at_hand import HOLDER, Json, cart
from tests.api.shop import open_shop
from tests.databases import postgres_engine, sqlite_engine

KEY = {"Idempotency-Key": "order-417"}


@pytest.fixture(params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client without a token of a service over either database."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        open_shop(engine)
        with serving(_settings(engine)) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield client


def _settings(engine: Engine) -> Settings:
    return quick_settings(engine, crawl_schedule=False, work_processes=0)


def quote(client: httpx.Client, body: Json, **headers: str) -> Json:
    answer = client.post("/v1/quotes", json=body, headers={**KEY, **headers})
    assert answer.status_code == 201, answer.text
    document: Json = answer.json()
    return document


def settle(client: httpx.Client, what: str, document: Json, **headers: str) -> httpx.Response:
    body = {"lines": {"TEA-1": 1}} if what == "returns" else {}
    url = f"/v1/quotes/{document['id']}/{what}"
    return client.post(url, json=body, headers={**KEY, **headers})


def of_its_holder(document: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {document['token']}"}


def test_a_stranger_with_the_key_of_the_shop_gets_a_quote_of_his_own(client: httpx.Client) -> None:
    tea = cart("TEA-1")
    ours = quote(client, tea, **HOLDER)
    theirs = quote(client, tea)
    assert theirs["id"] != ours["id"]
    assert theirs["token"] != ours["token"]
    assert quote(client, tea, **HOLDER) == ours
    assert quote(client, tea) == theirs
    assert quote(client, tea, **BEARER)["id"] not in (ours["id"], theirs["id"])  # another operator


def test_a_stranger_who_was_first_does_not_block_the_key_of_the_shop(client: httpx.Client) -> None:
    quote(client, cart("TEA-2"))
    ours = quote(client, cart("TEA-1"), **HOLDER)
    assert ours["cart"]["total"]["amount"] == "4.99"
    again = client.post("/v1/quotes", json=cart("TEA-2"), headers={**KEY, **HOLDER})
    assert (again.status_code, again.json()["type"]) == (422, "/problems/idempotency-key-reused")


@pytest.mark.parametrize("what", ["commit", "cancel", "returns"])
def test_who_settles_one_quote_neither_blocks_nor_sees_what_the_shop_does_with_another(
    client: httpx.Client, what: str
) -> None:
    theirs = quote(client, cart("TEA-1"), **BEARER)
    ours = quote(client, cart("TEA-1"), **HOLDER)
    if what == "returns":
        for document in (theirs, ours):
            first = {**HOLDER, "Idempotency-Key": document["id"]}
            assert settle(client, "commit", document, **first).status_code == 200
    answers = [settle(client, what, theirs, **BEARER), settle(client, what, ours, **HOLDER)]
    assert [answer.is_success for answer in answers] == [True] * 2, answers[-1].text
    if what != "returns":
        assert [a.json()["id"] for a in answers] == [theirs["id"], ours["id"]]
    repeated = settle(client, what, ours, **HOLDER)
    assert (repeated.status_code, repeated.json()) == (
        answers[-1].status_code,
        answers[-1].json(),
    )


def test_holders_of_two_quotes_cancel_both_with_one_key(client: httpx.Client) -> None:
    quotes = [quote(client, cart("TEA-1"), **{"Idempotency-Key": name}) for name in ("a", "b")]
    answers = [settle(client, "cancel", one, **of_its_holder(one)) for one in quotes]
    assert [a.json()["id"] for a in answers] == [one["id"] for one in quotes]


NAMES = st.text(min_size=1) | st.sampled_from(["quote", "by tess", "of q_1", "commit of q_1"])


def named(name: str) -> Principal:
    return Principal("operator", name, name, frozenset())


@given(NAMES, NAMES, NAMES)
def test_no_caller_is_taken_for_another(one: str, other: str, quote_id: str) -> None:
    first, second = named(one), named(other)
    claims = [
        claimed_as("commit", caller=first, quote_id=quote_id),
        claimed_as("commit", caller=None, quote_id=quote_id),
        claimed_as("quote", caller=first),
        claimed_as("quote", caller=None),
    ]
    assert len(set(claims)) == len(claims)
    same = claimed_as("commit", caller=first, quote_id=quote_id) == claimed_as(
        "commit", caller=second, quote_id=quote_id
    )
    assert same == (one == other)
