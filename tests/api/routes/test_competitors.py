"""Competitor prices reported by others, matches to decide and prices held back, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from pricing.events.competitors import CompetitorPriceChanged
from pricing.money import Money
from storage.competitors.offers import latest_offers
from storage.competitors.quarantine import hold
from storage.competitors.sites import site_definitions, start_crawl
from storage.database import reading, writing
from storage.events.store import newest_events
from tests.api.conftest import quick_settings
from tests.api.shop import observe_offer

NOW = datetime.now(UTC)


@pytest.fixture
def operator(shop: Engine) -> Iterator[httpx.Client]:
    settings = quick_settings(shop, operators="ada:a-token-of-ada-long-enough-1234")
    bearer = {"Authorization": "Bearer a-token-of-ada-long-enough-1234"}
    with serving(settings) as url, httpx.Client(base_url=url, headers=bearer, timeout=60) as client:
        yield client


def seen(title: str = "Tea TEA-1", price: str = "4.50", **more: object) -> dict[str, object]:
    return {
        "competitor": "north", "market": "online", "url": "https://north.example/tea",
        "title": title, "price": price, "currency": "EUR", "observed_at": NOW.isoformat(), **more,
    }  # fmt: skip


def report(client: httpx.Client, *observations: dict[str, object]) -> httpx.Response:
    return client.post("/v1/observations", json={"observations": list(observations)})


def test_a_price_seen_elsewhere_is_stored_like_one_of_a_crawl(
    operator: httpx.Client, shop: Engine
) -> None:
    answer = report(operator, seen(), seen("Coffee", "9.99", url="https://north.example/coffee"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["stored"] == 2
    with reading(shop) as conn:
        found = latest_offers(conn, "north")
    assert {offer.offer.source for offer in found.values()} == {"reported"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"price": "-1"}, r"observations[0].price"),
        ({"price": "four"}, r"observations[0].price"),
        ({"url": "http://127.0.0.1/tea"}, r"observations[0].url"),
        ({"observed_at": (NOW - timedelta(days=30)).isoformat()}, "older than 7 days"),
        ({"observed_at": (NOW + timedelta(days=1)).isoformat()}, "future"),
        ({"gtin": "4006381333930"}, r"observations[0].gtin"),
        ({"market": "moon"}, "moon"),
        ({"currency": "EURO"}, "currency"),
    ],
)
def test_a_price_that_can_not_be_right_is_refused_and_nothing_is_stored(
    operator: httpx.Client, shop: Engine, wrong: dict[str, object], said: str
) -> None:
    answer = report(operator, {**seen(), **wrong})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    with reading(shop) as conn:
        assert latest_offers(conn, "north") == {}


def test_prices_of_several_competitors_are_stored_all_or_none(
    operator: httpx.Client, shop: Engine
) -> None:
    south = seen(competitor="south", market="moon", url="https://south.example/tea")
    assert report(operator, seen(), south).status_code == 422
    with reading(shop) as conn:
        assert latest_offers(conn, "north") == {}
        assert "north" not in site_definitions(conn)
    south["market"] = "online"
    assert report(operator, seen(), south).json()["stored"] == 2


def test_only_an_operator_reports(stranger: httpx.Client) -> None:
    assert report(stranger, seen()).status_code == 401


def test_a_price_that_can_hardly_be_right_is_held_until_somebody_says_so(
    operator: httpx.Client, shop: Engine
) -> None:
    report(operator, seen(price="40.00"))
    assert report(operator, seen(price="4.00")).json()["held"] == 1
    (held,) = operator.get("/v1/quarantine").json()["offers"]
    assert "40.00 EUR" in held["reason"]
    settled = operator.post(f"/v1/quarantine/{held['id']}", json={"release": True})
    assert (settled.json()["status"], settled.json()["decided_by"]) == ("released", "ada")
    refused = operator.post(f"/v1/quarantine/{held['id']}", json={"release": False})
    assert refused.status_code == 409
    assert operator.post("/v1/quarantine/999", json={"release": True}).status_code == 404
    with reading(shop) as conn:
        (offer,) = latest_offers(conn, "north").values()
    assert str(offer.offer.price) == "4.00 EUR"


def test_a_match_in_doubt_is_answered_once(operator: httpx.Client) -> None:
    report(operator, seen("Tea TEA-1 and TEA-2", "8.00"))
    number = operator.get("/v1/match-reviews").json()["reviews"][0]["id"]
    answer = operator.post(f"/v1/match-reviews/{number}", json={"same": True})
    assert (answer.json()["status"], answer.json()["decided_by"]) == ("same", "ada")
    again = operator.post(f"/v1/match-reviews/{number}", json={"same": False})
    assert again.status_code == 409
    assert operator.post("/v1/match-reviews/999", json={"same": True}).status_code == 404


def test_an_answer_is_taken_back(operator: httpx.Client) -> None:
    report(operator, seen("Tea TEA-1 and TEA-2", "8.00"))
    number = operator.get("/v1/match-reviews").json()["reviews"][0]["id"]
    path = f"/v1/match-reviews/{number}"
    assert operator.post(f"{path}/undo").status_code == 409
    operator.post(path, json={"same": True})
    undone = operator.post(f"{path}/undo")
    assert (undone.status_code, undone.json()["status"]) == (200, "pending")
    assert operator.post(path, json={"same": False}).json()["status"] == "different"
    assert operator.post("/v1/match-reviews/999/undo").status_code == 404


def test_a_released_price_is_held_again_and_the_change_is_told_back(
    operator: httpx.Client, shop: Engine
) -> None:
    observe_offer(shop, "TEA-1", Money(4000, "EUR"), at=NOW - timedelta(hours=2), site="north")
    with writing(shop) as conn:
        crawl = start_crawl(conn, "north", at=NOW)
        (before,) = latest_offers(conn, "north").values()
        doubtful = replace(before.offer, price=Money(400, "EUR"), observed_at=NOW)
        hold(conn, crawl, doubtful, "a jump")
    (held,) = operator.get("/v1/quarantine").json()["offers"]
    path = f"/v1/quarantine/{held['id']}"
    assert operator.post(f"{path}/undo").status_code == 409
    operator.post(path, json={"release": True})
    with reading(shop) as conn:
        (offer,) = latest_offers(conn, "north").values()
        assert offer.offer.price == Money(400, "EUR")
    undone = operator.post(f"{path}/undo")
    assert (undone.status_code, undone.json()["status"]) == (200, "held"), undone.text
    with reading(shop) as conn:
        assert list(latest_offers(conn, "north").values()) == [before]
        told = newest_events(conn, [CompetitorPriceChanged])
    assert [(e.facts["old"]["amount"], e.facts["new"]["amount"]) for e in told] == [
        ("4.00", "40.00"),
        ("40.00", "4.00"),
    ]
    assert operator.post("/v1/quarantine/999/undo").status_code == 404
