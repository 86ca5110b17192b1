"""Records and analyses of competitors over HTTP and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from tests.api.conftest import BEARER, quick_settings
from tests.api.rival_records import DAY, rival_crawl, rival_offer
from tests.api.shop import EURO_SHOP, open_shop
from tests.databases import sqlite_engine, url_of
from tests.end_to_end.command_line import CommandLine

SKUS = [f"TEA-{number}" for number in range(1, 9)]
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DAYS = 70


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Eight teas of ours at 10.00; north asks 11.00 and reduces, south asks 9.00 and falls out."""
    with sqlite_engine(tmp_path_factory.mktemp("market")) as engine:
        record(engine)
        yield engine


@pytest.fixture(scope="module")
def client(recorded: Engine) -> Iterator[httpx.Client]:
    """A client of the service on this record; nothing here writes."""
    with (
        serving(quick_settings(recorded)) as url,
        httpx.Client(base_url=url, headers=BEARER, timeout=60) as client,
    ):
        yield client


def record(engine: Engine) -> None:
    """Seventy days of daily crawls of both."""
    open_shop(
        engine, {(sku, "online"): 1000 for sku in SKUS}, markets=(EURO_SHOP,), at=NOW - 90 * DAY
    )
    for back in range(DAYS, -1, -1):
        at = NOW - back * DAY
        reduced = (back - 1) % 28 < 5 and back > 0
        north = [rival_offer(sku, 880 if reduced else 1100, at) for sku in SKUS if sku != "TEA-8"]
        gaps = {"TEA-1": "blocked"} if 10 <= back < 15 else None
        rival_crawl(engine, "north", at, north if gaps is None else north[1:], gaps=gaps)
        stock = "out_of_stock" if 20 <= back < 30 else "in_stock"
        if not 30 <= back < 40:
            rival_crawl(
                engine, "south", at,
                [rival_offer(sku, 900, at, site="south", stock=stock) for sku in SKUS],
            )  # fmt: skip


def test_the_record_shows_gaps_as_gaps(client: httpx.Client) -> None:
    answer = client.get("/v1/offer-history/TEA-1")
    assert answer.status_code == 200, answer.text
    record = answer.json()
    assert record["hours_between_looks"] == {"north": 24.0, "south": 24.0}
    north = [span for span in record["spans"] if span["competitor"] == "north"]
    assert {span["state"] for span in north} == {"observed", "blocked"}
    for span in record["spans"]:
        assert (span["price"] is None) == (span["state"] != "observed")
    (blocked,) = [span for span in north if span["state"] == "blocked"]
    assert blocked["sightings"] == 5
    (unseen,) = [span for span in record["spans"] if span["state"] == "unseen"]
    assert unseen["competitor"] == "south"
    assert north[0]["price"] == {"amount": "11.00", "currency": "EUR"}


def test_the_record_begins_where_it_is_asked_to(client: httpx.Client) -> None:
    since = NOW - 3 * DAY - DAY / 2
    answer = client.get("/v1/offer-history/TEA-2", params={"since": since.isoformat()})
    starts = [datetime.fromisoformat(span["start"]) for span in answer.json()["spans"]]
    assert min(starts) == since  # the sighting before it still speaks
    assert answer.json()["since"] == since.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/offer-history/NONE", 404, "unknown-sku"),
        ("/v1/offer-history/TEA-1?market=moon", 404, "no-price-for-market"),
        ("/v1/offer-history/TEA-1?since=2999-01-01T00:00:00Z", 422, "invalid-request"),
        ("/v1/offer-history/TEA-1?since=0001-01-01T00:00:00Z", 422, "invalid-request"),
        ("/v1/market-analysis?market=moon", 404, "no-price-for-market"),
        ("/v1/market-analysis?since=2026-01-01T00:00:00", 422, "invalid-request"),
        ("/v1/market-analysis?since=2999-01-01T00:00:00Z", 422, "invalid-request"),
        ("/v1/market-analysis?within=0", 422, "invalid-request"),
    ],
)
def test_questions_that_can_not_be_answered_are_refused(
    client: httpx.Client, path: str, status: int, kind: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (status, kind)


def test_the_analysis_finds_what_was_planted(client: httpx.Client) -> None:
    answer = client.get("/v1/market-analysis", params={"since": (NOW - 75 * DAY).isoformat()})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["products"], found["notes"]) == (8, [])
    north, south = (each for each in found["standings"] if each["category"] is None)
    assert north["index"]["value"] == pytest.approx(110.0)
    assert north["coverage"]["value"] == pytest.approx(7 / 8)
    assert south["index"]["value"] == pytest.approx(90.0)
    assert (south["we_are_dearer"]["value"], south["we_are_cheaper"]["value"]) == (1.0, 0.0)
    promotions = found["promotions"][0]
    assert promotions["interval_days"]["value"] == 28
    assert promotions["duration_days"]["value"] == 5
    assert promotions["depth"]["value"] == pytest.approx(0.2)
    stock = {each["competitor"]: each for each in found["stock"] if each["category"] is None}
    assert stock["north"]["never"] == ["TEA-8"]
    assert stock["south"]["out"]["value"] > 0.1
    endings = found["endings"][0]
    assert (endings["p_even"], endings["why"]) == (None, "7 prices; 50 are needed")
    assert {(each["leader"], each["follower"]) for each in found["following"]} >= {
        ("north", "south"),
        ("(we)", "north"),
    }


def test_an_unknown_category_says_so_instead_of_failing(client: httpx.Client) -> None:
    found = client.get("/v1/market-analysis?category=cups").json()
    assert found["products"] == 0
    assert "none of our products in category 'cups' has a price in online" in found["notes"]


def test_the_command_line_shows_the_same(recorded: Engine, tmp_path: Path) -> None:
    run = CommandLine(tmp_path, {"DATABASE_URL": url_of(recorded)})
    history = run("market", "history", "TEA-1", "--chart", "record.svg")
    assert history.status == 0, history.err
    assert "(blocked)" in history.out
    assert "(unseen)" in history.out
    drawn = (tmp_path / "record.svg").read_text()
    assert "<svg" in drawn
    assert "blocked" in drawn
    record = json.loads(run("market", "history", "TEA-1", "--json").out)
    assert {span["state"] for span in record["spans"]} == {"observed", "blocked", "unseen"}
    tables = run("market", "analyse", "--category", "tea")
    assert tables.status == 0, tables.err
    for heading in ("price index", "promotions", "price endings", "who moves first", "stock"):
        assert heading in tables.out
    analysis = json.loads(run("market", "analyse", "--json").out)
    assert analysis["standings"][0]["index"]["n"] == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("history", "NONE"), "'NONE' is unknown"),
        (("history", "TEA-1", "--chart", "record.pdf"), "the ending must be"),
        (("history", "TEA-1", "--since", "2999-01-01"), "lies ahead"),
        (("analyse", "--market", "moon"), "moon"),
        (("analyse", "--within", "90"), "--within"),
    ],
)
def test_the_command_line_names_what_is_wrong(
    engine: Engine, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    open_shop(engine, {("TEA-1", "online"): 1000}, markets=(EURO_SHOP,))
    answer = CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})("market", *arguments)
    assert answer.status != 0
    assert said in answer.err


def test_a_shop_without_competitors_is_told_so(engine: Engine, tmp_path: Path) -> None:
    open_shop(engine, {("TEA-1", "online"): 1000}, markets=(EURO_SHOP,))
    run = CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})
    assert "no competitor of online is known" in run("market", "analyse").out
    assert "no competitor's offer was matched" in run("market", "history", "TEA-1").out
