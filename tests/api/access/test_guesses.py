"""Guesses of keys and tokens over HTTP, and who counts as one guesser."""

from __future__ import annotations

from ipaddress import IPv6Address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from api.access.guesses import Guesses, guesser_at
from api.access.roles import Role
from api.errors import TooManyRequests
from api.server import serving
from tests.api.access.let_in import key
from tests.api.conftest import BEARER, TOKEN, quick_settings

GUARDED = "/v1/freezes"
PRICE = "/v1/prices/TEA-1?market=online"
MOST = 30


@pytest.mark.parametrize("guess", ["pw_sk_guess{}", "an-operators-token-{}", "a.b.c{}"])
def test_after_thirty_wrong_ones_of_any_kind_an_address_waits(shop: Engine, guess: str) -> None:
    _, secret = key(shop, Role.ANALYST)
    with (
        serving(quick_settings(shop, wrong_keys_a_minute=MOST)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        before = client.get(GUARDED, headers={"authorization": "Bearer first"})
        assert before.status_code == 401
        answers = [
            client.get(GUARDED, headers={"authorization": f"Bearer {guess.format(number)}"})
            for number in range(MOST + 5)
        ]
        statuses = [answer.status_code for answer in answers]
        assert statuses[: MOST - 5] == [401] * (MOST - 5)
        assert statuses[MOST:] == [429] * 5
        assert answers[-1].json()["type"] == "/problems/too-many-requests"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        # Not even the right one of an operator would tell: it is not looked at.
        assert client.get(GUARDED, headers=BEARER).status_code == 429
        # A key of this service nobody guesses: whoever has one is never kept out by a neighbour.
        assert client.get(GUARDED, headers=secret).status_code == 200
        # Nor is a shopper, who has none, and one whose token is wrong still is a shopper.
        assert client.get(PRICE).status_code == 200
        assert client.get(PRICE, headers={"authorization": "Bearer nothing"}).status_code == 200


def test_guesses_where_none_is_needed_are_counted_too(shop: Engine) -> None:
    with (
        serving(quick_settings(shop, wrong_keys_a_minute=MOST)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        for number in range(MOST):
            wrong = {"authorization": f"Bearer an-operators-token-{number}"}
            assert client.get(PRICE, headers=wrong).status_code == 200
        assert client.get(GUARDED, headers=BEARER).status_code == 429


def test_addresses_are_believed_from_named_proxies_only(shop: Engine) -> None:
    def guess(client: httpx.Client, address: str) -> int:
        headers = {"authorization": "Bearer guessed", "x-forwarded-for": address}
        return client.get(GUARDED, headers=headers).status_code

    with (
        serving(quick_settings(shop, wrong_keys_a_minute=MOST)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        statuses = {guess(client, f"203.0.113.{number}") for number in range(MOST + 1)}
        assert statuses == {401, 429}  # all from one: what it says of others is nothing
    proxied = quick_settings(shop, wrong_keys_a_minute=MOST, trusted_proxies=("127.0.0.0/8",))
    with serving(proxied) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert {guess(client, f"203.0.113.{number}") for number in range(MOST + 1)} == {401}
        # Only what the proxy itself wrote counts, which is the last.
        statuses = {guess(client, f"198.51.100.{n}, 203.0.113.99") for n in range(MOST + 1)}
        assert statuses == {401, 429}
        named = {"authorization": f"Bearer {TOKEN}", "x-forwarded-for": "203.0.113.98"}
        assert client.get(GUARDED, headers=named).status_code == 200


@given(st.integers(1 << 64, (1 << 128) - 1))
def test_a_network_of_addresses_is_one_guesser(number: int) -> None:
    neighbour, stranger = (IPv6Address(number ^ bits) for bits in (0xFFFF, 1 << 64))
    address = guesser_at(str(IPv6Address(number)))
    assert address == guesser_at(str(neighbour)) != guesser_at(str(stranger))


def test_an_old_address_in_new_clothes_is_the_old_one() -> None:
    assert guesser_at("::ffff:203.0.113.9") == guesser_at("203.0.113.9") == "203.0.113.9"
    assert guesser_at("fe80::1%eth0") == guesser_at("fe80::2")
    assert guesser_at("") == ""


def test_one_guesser_is_not_another() -> None:
    guesses = Guesses("codes", 2)
    for _ in range(2):
        guesses.refuse_too_many("a")
        guesses.wrong("a")
    with pytest.raises(TooManyRequests, match="too many wrong codes"):
        guesses.refuse_too_many("a")
    guesses.refuse_too_many("b")
