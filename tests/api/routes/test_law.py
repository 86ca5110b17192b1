"""Reference prices over HTTP and on the command line, on real databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from api.settings import Settings
from pricing.law.packs import Emergency, Finding, Verdict
from pricing.law.reference_price import Announcement
from storage.database import writing
from storage.law.market_rules import declare_emergency, record_reduction, set_market_rules
from storage.products.markets import market_ids
from storage.products.products import product_ids
from storage.tables import costs
from tests.api.conftest import BEARER
from tests.api.shop import OPENED, open_shop, publish_prices
from tests.databases import url_of
from tests.end_to_end.command_line import CommandLine

DAY = timedelta(days=1)
RAISED = OPENED + 35 * DAY
REDUCED = OPENED + 38 * DAY
TEA = ("TEA-1", "online")


@pytest.fixture
def bananas(engine: Engine) -> Engine:
    """1.29, raised to 1.69 three days before it is reduced to 1.29 again."""
    open_shop(engine, {TEA: 129, ("TEA-1", "store-01"): 200})
    publish_prices(engine, {TEA: 169}, at=RAISED)
    with writing(engine) as conn:
        set_market_rules(conn, "online", "DE", at=OPENED, by="anna")
    return engine


@pytest.fixture
def client(bananas: Engine, settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        yield client


def ask(client: httpx.Client, at: datetime, market: str = "online") -> httpx.Response:
    return client.get("/v1/reference-prices/TEA-1", params={"market": market, "at": at.isoformat()})


def test_the_reference_price_comes_with_its_window_rows_and_article(client: httpx.Client) -> None:
    answer = ask(client, REDUCED).json()
    assert answer["reference_price"] == {"amount": "1.29", "currency": "EUR"}
    assert answer["price"] == {"amount": "1.69", "currency": "EUR"}
    assert (answer["status"], answer["percent_at_most"]) == ("known", 0)
    evidence = answer["evidence"]
    assert evidence["article"].startswith("PAngV § 11 Abs. 1")
    assert evidence["confirmed"] is False
    rows = [(row["price"]["amount"], row["source"], row["decisive"]) for row in evidence["rows"]]
    assert rows == [
        ("1.29", "price book 1", True),
        ("1.69", "price book 2", False),
    ]  # fmt: skip
    assert evidence["opens"] == "2026-03-08T23:00:00Z"  # midnight in Berlin, before summer time
    assert evidence["closes"] == "2026-04-08T12:00:00Z"


def test_while_a_reduction_is_in_force_its_window_ends_where_it_started(
    client: httpx.Client, bananas: Engine
) -> None:
    later = OPENED + 80 * DAY
    announced = Announcement(later, 150, shown_prior=169)
    with writing(bananas) as conn:
        lawful = Verdict(lawful=True, findings=(Finding.LAWFUL,))
        number = record_reduction(conn, *TEA, announced, lawful, at=later, by="anna")
    publish_prices(bananas, {TEA: 150}, at=later)
    answer = ask(client, later + 20 * DAY).json()
    assert answer["reference_price"]["amount"] == "1.69"
    assert answer["price"]["amount"] == "1.50"
    assert (answer["reduction"], answer["percent_at_most"]) == (number, 11)


def test_an_emergency_caps_the_price_in_force(client: httpx.Client, bananas: Engine) -> None:
    with writing(bananas) as conn:
        set_market_rules(conn, "online", "US-CA", at=OPENED, by="anna")
        declare_emergency(conn, Emergency("US-CA", OPENED + 20 * DAY), at=OPENED, by="anna")
    answer = ask(client, REDUCED).json()
    assert answer["status"] == "no_rule"
    assert answer["emergency"]["lawful"] is False
    assert answer["emergency"]["findings"] == ["above_emergency_cap"]
    assert answer["emergency"]["cap"]["amount"] == "1.41"
    assert [row["price"]["amount"] for row in answer["emergency"]["evidence"]["rows"]] == ["1.29"]
    assert ask(client, OPENED + 51 * DAY).json()["emergency"] is None


def test_goods_without_an_earlier_price_are_capped_over_their_cost(
    client: httpx.Client, bananas: Engine
) -> None:
    declared = Emergency("US-CA", OPENED - DAY)
    with writing(bananas) as conn:
        set_market_rules(conn, "online", "US-CA", at=OPENED, by="anna")
        declare_emergency(conn, declared, at=OPENED, by="anna")
        key = {"product_id": product_ids(conn)["TEA-1"], "market_id": market_ids(conn)["online"]}
        for days, cost in ((-9, 70), (5, 80), (60, 500)):
            day = (OPENED + days * DAY).date()
            conn.execute(costs.insert().values(**key, valid_from=day, cost_minor=cost))
    for at, cap in ((OPENED + DAY, "1.05"), (OPENED + 6 * DAY, "1.20")):
        told = ask(client, at).json()["emergency"]
        assert told is not None
        assert (told["lawful"], told["cap"]["amount"]) == (False, cap)


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("NONE?market=online", 404, "unknown-sku"),
        ("TEA-1?market=mars", 404, "no-price-for-market"),
        ("TEA-1", 422, "market-required"),
        ("TEA-1?market=store-01", 404, "no-rules-for-market"),
        ("TEA-1?market=online&at=2026-01-01", 422, "invalid-request"),
        ("TEA-1?market=online&at=2020-01-01T00:00Z", 404, "no-rules-for-market"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_a_problem(
    client: httpx.Client, path: str, status: int, problem: str
) -> None:
    answer = client.get(f"/v1/reference-prices/{path}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")


def test_the_command_line_refuses_the_public_case_and_records_a_lawful_one(
    bananas: Engine, tmp_path: Path
) -> None:
    shop = CommandLine(tmp_path, {"DATABASE_URL": url_of(bananas)})
    told = shop("legal", "check", "TEA-1", "--price", "1.29", "--starts", "2026-04-08",
                "--was", "1.69", "--percent", "23")  # fmt: skip
    assert told.status == 1
    assert "not lawful: no reduction, shown prior too high, percentage too high" in told.out
    assert "must be 1.29 EUR" in told.out
    assert "* 1.29 EUR" in told.out
    assert "has not been confirmed by counsel" in told.out
    told = shop("legal", "check", "TEA-1", "--price", "1.09", "--starts", "2026-04-08",
                "--was", "1.29", "--percent", "15", "--record", "--by", "anna")  # fmt: skip
    assert (told.status, "recorded as reduction 1" in told.out) == (0, True)
    told = shop("legal", "reference", "TEA-1", "--at", "2026-04-08 12:00")
    assert "reference price 1.29 EUR (known)" in told.out


def test_the_command_line_says_under_which_law_a_market_sells(
    bananas: Engine, tmp_path: Path
) -> None:
    shop = CommandLine(tmp_path, {"DATABASE_URL": url_of(bananas)})
    assert "nobody said under which law" in shop(
        "legal", "check", "TEA-1", "--market", "store-01", "--price", "150"
    ).err  # fmt: skip
    assert shop("legal", "market", "store-01", "--jurisdiction", "CN", "--by", "anna").status == 0
    assert "there is no rule pack 'XX'" in shop(
        "legal", "market", "store-01", "--jurisdiction", "XX"
    ).err  # fmt: skip
    told = shop("legal", "emergency", "US-CA", "--from", "2026-04-01", "--category", "tea")
    assert told.status == 0
    assert "2026-04-01 00:00:00+00:00" in told.out
    assert shop("legal", "end-emergency", "1", "--at", "2026-04-09").status == 0
    listed = shop("legal", "list").out
    assert "store-01" in listed
    assert "emergency 1 in US-CA" in listed
    assert str(datetime(2026, 4, 9, tzinfo=UTC)) in listed
