"""`pricewright promo` as a person uses it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from storage.database import migrate, open_engine, writing
from storage.promotion_terms import terms_from
from storage.promotions.versions import create_promotion
from tests.end_to_end.command_line import CommandLine
from tests.storage.samples import NOW

PROMOTIONS = """\
currency: EUR
time_zone: Europe/Berlin
promotions:
  - {id: ten, type: percent_off, percent: 10, products: {skus: [tea]}}
  - id: evening
    type: spend_and_save
    spend: 30
    amount: 5
    when: {from: 2026-11-11T20:00, until: 2026-11-11T22:00}
  - {id: free-shipping, type: shipping_off, spend: 99}
"""
CART = {
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "at": "2026-11-11T12:00",
    "shipping": "4.90",
    "lines": [{"sku": "tea", "quantity": 2, "price": "20"}],
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(PROMOTIONS, encoding="utf-8")
    (tmp_path / "cart.json").write_text(json.dumps(CART), encoding="utf-8")
    return tmp_path


@pytest.fixture
def spring(pricewright: CommandLine) -> CommandLine:
    """A database with one promotion that wants unique codes."""
    engine = open_engine(pricewright.database_url)
    migrate(engine)
    with writing(engine) as conn:
        promotion = {"id": "spring", "type": "percent_off", "percent": "10"}
        terms = {"promotion": promotion, "currency": "EUR", "unique_codes": True}
        create_promotion(conn, terms_from(terms), actor="ann", at=NOW)
    engine.dispose()
    return pricewright


def test_a_cart_is_evaluated_from_two_files(files: Path, pricewright: CommandLine) -> None:
    told = pricewright.succeed("promo", "evaluate", "cart.json", "--promotions", "p.yaml")
    for part in ("tea", "ten -4.00", "40.90", "cheapest, proven", "evening", "starts 2026-11-11"):
        assert part in told
    assert "add 63.00 EUR more to save 4.90" in told


def test_the_moment_and_the_mode_can_be_chosen(files: Path, pricewright: CommandLine) -> None:
    def total(*more: str) -> str:
        said = pricewright.succeed(
            "promo", "evaluate", "cart.json", "--promotions", "p.yaml", "--json", *more
        )
        answer = json.loads(said)
        return f"{answer['mode']} {answer['total']['amount']}"

    assert total() == "best 40.90"
    assert total("--at", "2026-11-11T21:00") == "best 35.90"
    assert total("--at", "2026-11-11T21:00+00:00") == "best 40.90"
    assert total("--at", "2026-11-11T21:00", "--mode", "priority") == "priority 35.90"


def test_a_moment_without_a_zone_is_on_the_clock_of_the_cart_else_of_the_promotions(
    files: Path, pricewright: CommandLine
) -> None:
    cart = {key: value for key, value in CART.items() if key != "time_zone"}
    whole = {**cart, "at": "2026-11-11T12:00:00+01:00"}
    (files / "cart.json").write_text(json.dumps(whole), encoding="utf-8")
    asked = ("promo", "evaluate", "cart.json", "--promotions", "p.yaml", "--at", "2026-11-11T21:30")
    assert "evening -5.00" in pricewright.succeed(*asked)  # 20:30 in UTC, which is before it ends
    (files / "cart.json").write_text(json.dumps({**whole, "time_zone": "UTC"}), encoding="utf-8")
    assert "evening -5.00" not in pricewright.succeed(*asked)  # 22:30 in Berlin


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("cart.json", '{"currency": "EUR", "lines": []}', "lines: the cart is empty"),
        ("cart.json", "{", "cart.json, line 1: is not JSON"),
        ("cart.json", '{"currency": "EUR", "lines": [{"sku": "tea"}]}', "lines[0].sku"),
        ("p.yaml", PROMOTIONS.replace("percent: 10", "percent: 101"), "promotions[0].percent"),
        ("p.yaml", PROMOTIONS.replace("EUR", "USD"), "currency: EUR, but the promotions"),
    ],
)
def test_a_bad_file_is_refused_by_the_field(
    files: Path, pricewright: CommandLine, name: str, text: str, says: str
) -> None:
    (files / name).write_text(text, encoding="utf-8")
    answer = pricewright("promo", "evaluate", "cart.json", "--promotions", "p.yaml")
    assert answer.status == 1
    assert says in answer.err


def test_a_missing_file_or_a_wrong_time_is_told(files: Path, pricewright: CommandLine) -> None:
    missing = pricewright("promo", "evaluate", "none.json", "--promotions", "p.yaml")
    assert (missing.status, "none.json: cannot be read" in missing.err) == (1, True)
    wrong = pricewright("promo", "evaluate", "cart.json", "--promotions", "p.yaml", "--at", "8pm")
    assert (wrong.status, "'8pm' is no time" in wrong.err) == (2, True)


def test_codes_are_generated_brought_in_and_written_out(
    spring: CommandLine, tmp_path: Path
) -> None:
    told = spring.succeed(
        "promo",
        "codes",
        "generate",
        "spring",
        "--count",
        "300",
        "--pattern",
        "S-########",
        "--out",
        "made.csv",
    )
    assert "300 codes like S-########" in told
    with (tmp_path / "made.csv").open(encoding="utf-8", newline="") as file:
        made = [row["code"] for row in csv.DictReader(file)]
    assert len(set(made)) == 300
    (tmp_path / "vip.csv").write_text("code,customer\nVIP-A,kim\n", encoding="utf-8")
    assert "1 codes of vip.csv" in spring.succeed("promo", "codes", "import", "spring", "vip.csv")
    written = spring.succeed("promo", "codes", "export", "spring", "--batch", "2")
    assert written == "code,customer,uses\nVIP-A,kim,0\n"
    again = spring("promo", "codes", "export", "spring", "--out", "made.csv")
    assert (again.status, "exists already" in again.err) == (1, True)
    twice = spring("promo", "codes", "import", "spring", "vip.csv")
    assert (twice.status, "'VIP-A' is in use already" in twice.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("generate", "autumn", "--count", "1"), "there is no promotion 'autumn'"),
        (("generate", "spring", "--count", "9", "--pattern", "S-#"), "pattern: has 31 codes"),
        (("generate", "spring", "--count", "9", "--out", "no/such/a.csv"), "make the folder first"),
        (("import", "spring", "none.csv"), "none.csv: cannot be read"),
        (("export", "spring", "--batch", "7"), "has no batch 7"),
    ],
)
def test_codes_that_can_not_be_are_refused(
    spring: CommandLine, arguments: tuple[str, ...], says: str
) -> None:
    answer = spring("promo", "codes", *arguments)
    assert answer.status == 1
    assert says in answer.err


def test_promotions_of_a_file_are_stored_run_and_end_with_a_record(
    files: Path, pricewright: CommandLine
) -> None:
    engine = open_engine(pricewright.database_url)
    migrate(engine)
    engine.dispose()
    told = pricewright.succeed("promo", "add", "p.yaml", "--by", "ann")
    assert "ten: version 1, draft" in told
    again = pricewright("promo", "add", "p.yaml")
    assert (again.status, "there is already a promotion 'ten'" in again.err) == (1, True)
    text = PROMOTIONS.replace("percent: 10", "percent: 12")
    (files / "p.yaml").write_text(text, encoding="utf-8")
    told = pricewright.succeed("promo", "add", "p.yaml", "--revise", "--note", "more", "--by", "bo")
    assert "ten: version 2, draft" in told
    assert "ten: live" in pricewright.succeed("promo", "activate", "ten", "--by", "bo")
    listed = json.loads(pricewright.succeed("promo", "list", "--ended", "--json"))
    assert {row["id"]: row["status"] for row in listed}["ten"] == "live"
    pricewright.succeed("promo", "end", "ten", "--by", "ann")
    shown = pricewright.succeed("promo", "show", "ten")
    for step in ("ann  created 1", "bo  revised 2", "bo  scheduled 2", "ann  ended 2"):
        assert step in shown
    (files / "bad.yaml").write_text(PROMOTIONS.replace("percent: 10", "percent: 110"))
    refused = pricewright("promo", "add", "bad.yaml")
    assert (refused.status, "promotions[0].percent: 110" in refused.err) == (1, True)
