"""Bad input and bad circumstances: a clear error, a status that says so, nothing half done."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.command_line import CommandLine

MARKETS = (
    "code,name,channel,currency,time_zone,tax_rate\nonline,Online,online,EUR,Europe/Berlin,0.19\n"
)
PRODUCTS = "sku,title,category\nA,Green tea,tea\nB,Black tea,tea\n"


@pytest.fixture
def shop(pricewright: CommandLine, tmp_path: Path) -> CommandLine:
    """A database with one market, two products, their costs and 60 weeks of sales."""
    (tmp_path / "markets.csv").write_text(MARKETS)
    (tmp_path / "products.csv").write_text(PRODUCTS)
    (tmp_path / "costs.csv").write_text("sku,market,date,cost\nA,online,2024-01-01,4.00\n")
    weeks = pd.date_range("2024-10-07", periods=60, freq="7D").strftime("%Y-%m-%d")
    prices = [9.99, 11.99, 8.99, 10.99]
    rows = [
        f"{sku},online,{week},{int(200 * (prices[i % 4] / 10) ** -2)},{prices[i % 4]}"
        for sku in "AB"
        for i, week in enumerate(weeks)
    ]
    (tmp_path / "sales.csv").write_text("sku,market,date,units,price\n" + "\n".join(rows) + "\n")
    for kind in ("markets", "products", "costs", "sales"):
        pricewright.succeed("import", kind, f"{kind}.csv")
    return pricewright


def rows_in(folder: Path, table: str) -> int:
    with sqlite3.connect(folder / "pricewright.db") as conn:
        count: int = conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    conn.close()
    return count


def test_the_whole_way_by_hand(shop: CommandLine, tmp_path: Path, free_port: int) -> None:
    told = shop.succeed("fit", "--out", "fit.parquet")
    assert "2 curves" in told
    assert len(pd.read_parquet(tmp_path / "fit.parquet")) == 2
    told = shop.succeed("reprice", "--at", "2025-12-01")
    assert "run 1" in told
    shop.succeed("publish", "--note", "first prices")
    told = shop.succeed("explain", "B")
    assert "held: limit missing_cost" in told
    told = shop.succeed("what-if", "--chart", "answer.svg", "--out", "answer.csv")
    assert "left out 1 prices: no cost" in told
    assert (tmp_path / "answer.svg").read_text().startswith("<?xml")
    assert set(pd.read_csv(tmp_path / "answer.csv")["measure"]) == {"units", "revenue", "profit"}
    with shop.serving(free_port) as client:
        assert client.get("/v1/prices/A").json()["price"]["currency"] == "EUR"
        assert client.get("/v1/price-books/live").json()["version"] == 1


def test_strategies_of_a_file_lead_the_prices_and_say_so(shop: CommandLine, tmp_path: Path) -> None:
    shop.succeed("fit")
    rules = tmp_path / "strategies.yaml"
    rules.write_text("strategies:\n  - {name: cost plus half, use: cost_plus, markup: 0.5}\n")
    shop.succeed("reprice", "--at", "2025-12-01", "--strategies", "strategies.yaml")
    assert "cost plus half" in shop.succeed("explain", "A")
    assert "cost plus half (no cost) > optimise" in shop.succeed("explain", "B")
    rules.write_text("strategies:\n  - {name: a, use: guess}\n")
    refused = shop("reprice", "--strategies", "strategies.yaml")
    assert refused.status != 0
    assert "strategies[0].use" in refused.err
    assert shop("reprice", "--strategies", "nowhere.yaml").status != 0


def test_a_change_budget_over_two_currencies_takes_exchange_rates(
    shop: CommandLine, tmp_path: Path
) -> None:
    text = (tmp_path / "sales.csv").read_text().replace(",online,", ",tokyo,").replace(".99", "")
    (tmp_path / "tokyo.csv").write_text(text)
    shop.succeed("import", "sales", "tokyo.csv", "--new-markets", "JPY,Asia/Tokyo")
    shop.succeed("fit")
    refused = shop("reprice", "--max-changes", "1")
    assert refused.status == 1
    assert "exchange_rates lacks ['EUR', 'JPY']" in refused.err
    rates = ("--exchange-rate", "EUR=1", "--exchange-rate", "JPY=0.006")
    assert "prices change" in shop.succeed("reprice", "--max-changes", "1", *rates)
    # Yens have no decimals, euros two.
    (tmp_path / "tokyo-costs.csv").write_text("sku,market,cost\nA,tokyo,4\n")
    shop.succeed("import", "costs", "tokyo-costs.csv")
    shop.succeed("reprice", "--at", "2025-12-01")
    yens = shop.succeed("explain", "A", "--market", "tokyo")
    assert re.search(r"profit [\d,]+ JPY, before [\d,]+\n", yens)
    euros = shop.succeed("explain", "A", "--market", "online")
    assert re.search(r"profit [\d,]+\.\d\d EUR", euros)


def test_a_fit_of_one_market_keeps_the_curves_of_the_others(
    shop: CommandLine, tmp_path: Path
) -> None:
    text = (tmp_path / "sales.csv").read_text().replace(",online,", ",store,")
    (tmp_path / "store.csv").write_text(text)
    shop.succeed("import", "sales", "store.csv", "--new-markets", "EUR,Europe/Berlin")
    shop.succeed("fit")
    told = shop.succeed("fit", "--market", "store")
    assert "fit 2: 4 curves" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "products", "nowhere.csv"), "nowhere.csv"),
        (("import", "products", "."), "directory"),
        (("crawl",), "sites.yaml"),
        (("fit",), "pricewright import sales"),
        (("reprice",), "import products and sales first"),
        (("publish",), "pricewright reprice"),
        (("publish", "--run", "99"), "99"),
        (("explain", "A", "--market", "online"), "A"),
        (("what-if",), "import products and sales first"),
    ],
)
def test_a_command_that_cannot_do_its_job_says_why_and_fails(
    pricewright: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    answer = pricewright(*arguments)
    assert answer.status == 1, answer
    assert message in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "prices", "sales.csv"), "prices"),
        (("import", "sales", "sales.csv", "--map", "units"), "OURS=THEIRS"),
        (("import", "sales", "sales.csv", "--map", "units=a", "units=b"), "twice"),
        (("reprice", "--competitor-band", "wide"), "0.8,1.2"),
        (("what-if", "--changes", "a lot"), "percentages"),
        (("reprice", "--exchange-rate", "JPY"), "JPY=0.006"),
        (("alerts", "deliver"), "PRICEWRIGHT_WEBHOOK_URL"),
        (("explain", "A"), "--market"),
        (("fly",), "fly"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(
    pricewright: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    answer = pricewright(*arguments)
    assert answer.status == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reprice", "--maximum-change", "0.9"), "maximum_change 0.9"),
        (("reprice", "--minimum-margin", "-1"), "minimum_margin -1"),
        (("reprice", "--competitor-band", "0,9"), "competitor_band"),
        (("reprice", "--market", "moon"), "moon"),
        (("reprice", "--sku", "Z"), "no product has a price"),
        (("fit", "--country", "XX"), "XX"),
        (("fit", "--out", "fit.xlsx"), ".csv or .parquet"),
        (("fit", "--out", "no/such/folder/fit.csv"), "there is no folder no/such/folder"),
        (("what-if", "--chart", "answer.pdf"), ".png or .svg"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(
    shop: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    shop.succeed("fit")
    answer = shop(*arguments)
    assert answer.status == 1
    assert message in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DATABASE_URL", "mysql://host/db", "DATABASE_URL"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/nothing", "127.0.0.1"),
        ("PRICEWRIGHT_PORT", "many", "PRICEWRIGHT_PORT"),
        ("PRICEWRIGHT_WEBHOOK_URL", "http://127.0.0.1:9/x", "PRICEWRIGHT_WEBHOOK_SECRET"),
        ("PRICEWRIGHT_LOG_FORMAT", "loud", "PRICEWRIGHT_LOG_FORMAT"),
        ("PRICEWRIGHT_CURRENCY", "dollar", "PRICEWRIGHT_CURRENCY"),
        ("PRICEWRIGHT_TIME_ZONE", "Mars", "PRICEWRIGHT_TIME_ZONE"),
    ],
)
def test_a_wrong_environment_is_named_before_anything_starts(
    tmp_path: Path, variable: str, value: str, message: str
) -> None:
    answer = CommandLine(tmp_path, {variable: value})("serve")
    assert answer.status == 1
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_ctrl_c_ends_a_command_in_order(pricewright: CommandLine, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.csv")
    with pricewright.started("import", "products", "endless.csv") as process:
        with (tmp_path / "endless.csv").open("w") as stream:
            stream.write("sku,title\n" * 10)
            stream.flush()
            time.sleep(0.5)
            process.interrupt()
            assert "error: stopped" in process.read_until("stopped")
        assert process.wait() == 130


def test_a_refused_import_writes_nothing(shop: CommandLine, tmp_path: Path) -> None:
    before = rows_in(tmp_path, "sales")
    (tmp_path / "bad.csv").write_text(
        "sku,market,date,units,price\nA,online,2026-01-05,5,9.99\nA,online,2026-01-12,five,9.99\n"
    )
    answer = shop("import", "sales", "bad.csv")
    assert answer.status == 1
    assert "bad.csv, row 3, column 'units': 'five'" in answer.err
    assert rows_in(tmp_path, "sales") == before


def test_the_first_import_makes_markets_and_says_so_a_later_one_refuses_a_slip(
    tmp_path: Path,
) -> None:
    pricewright = CommandLine(tmp_path, {"PRICEWRIGHT_CURRENCY": "JPY"})
    (tmp_path / "products.csv").write_text(PRODUCTS)
    (tmp_path / "sales.csv").write_text("sku,market,date,units,price\nA,tokyo,2025-01-06,5,980\n")
    (tmp_path / "slip.csv").write_text("sku,market,date,units,price\nA,tokio,2025-01-13,5,980\n")
    pricewright.succeed("import", "products", "products.csv")
    assert "new markets in JPY,UTC: tokyo" in pricewright.succeed("import", "sales", "sales.csv")
    answer = pricewright("import", "sales", "slip.csv")
    assert answer.status == 1
    assert "'tokio' is not a known market" in answer.err


def test_a_shop_that_is_away_fails_the_crawl_and_changes_nothing(
    shop: CommandLine, tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "sites.yaml").write_text(
        f"sites:\n- name: away\n  start_url: http://127.0.0.1:{free_port}/sitemap.xml\n"
        "  market: online\n  currency: EUR\n  allow_private: true\n  delay: 0.0\n"
    )
    answer = shop("crawl")
    assert answer.status == 1
    assert "away" in answer.err
    assert rows_in(tmp_path, "offers") == 0
    # Somebody is told that the crawl failed, and nobody of a price.
    assert "crawl.degraded" in shop.succeed("alerts", "list")
    assert "price_changed" not in shop.succeed("alerts", "list")
