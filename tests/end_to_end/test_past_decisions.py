"""Deciding as of a past time: what is not moved keeps what is asked now, not what was then."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from pricing.catalogue import UNKNOWN
from pricing.deciding.decisions import Action
from storage.database import open_engine, reading
from storage.prices.decisions import newest_run, read_run
from storage.prices.price_books import load_price_book
from tests.end_to_end.command_line import CommandLine

MARKETS = (
    "code,name,channel,currency,time_zone,tax_rate\nonline,Online,online,EUR,Europe/Berlin,0.19\n"
)
PRICES = [9.99, 11.99, 8.99, 10.99]
WEEKS = pd.date_range("2024-10-07", periods=60, freq="7D").strftime("%Y-%m-%d")
PRODUCTS = 30
MAY_CHANGE = 5
RULES = f"together:\n  max_changes: {MAY_CHANGE}\n"


@pytest.fixture
def shop(pricewright: CommandLine, tmp_path: Path) -> CommandLine:
    """Thirty products whose prices went up and down for 60 weeks, and their first price book.

    Of three of them nobody knows the cost, so their prices are always held.
    """
    skus = [f"P{number:02d}" for number in range(PRODUCTS)]
    (tmp_path / "markets.csv").write_text(MARKETS)
    (tmp_path / "products.csv").write_text(
        "sku,title,category\n" + "".join(f"{sku},Tea {sku},tea\n" for sku in skus)
    )
    costs = "".join(f"{sku},online,2024-01-01,4.00\n" for sku in skus[3:])
    (tmp_path / "costs.csv").write_text("sku,market,date,cost\n" + costs)
    rows = [
        f"{sku},online,{week},{int(200 * (PRICES[(i + j) % 4] / 10) ** -2)},{PRICES[(i + j) % 4]}"
        for j, sku in enumerate(skus)
        for i, week in enumerate(WEEKS)
    ]
    (tmp_path / "sales.csv").write_text("sku,market,date,units,price\n" + "\n".join(rows) + "\n")
    (tmp_path / "rules.yaml").write_text(RULES)
    for kind in ("markets", "products", "costs", "sales"):
        pricewright.succeed("import", kind, f"{kind}.csv")
    pricewright.succeed("fit")
    pricewright.succeed("reprice", "--at", "2025-12-01", "--rules", "rules.yaml")
    pricewright.succeed("publish")
    # Changes of any size go live at once: how many there are is the question here.
    for limit in ("SINGLE_CHANGE", "AVERAGE_CHANGE", "REVENUE_AT_RISK"):
        pricewright.environment[f"PRICEWRIGHT_BUDGET_{limit}"] = "1"
    return pricewright


def book(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return {entry.sku: entry.price.minor for entry in load_price_book(conn)}


def decided(engine: Engine) -> dict[str, tuple[Action, int, int]]:
    """Action, price found and price decided of the newest run, by SKU."""
    with reading(engine) as conn:
        number = newest_run(conn)
        assert number is not None
        run = read_run(conn, number).decisions
    assert UNKNOWN not in run.price
    return {
        str(sku): (Action(action), found, price)
        for sku, action, found, price in zip(
            run.catalogue.sku,
            run.action.tolist(),
            run.catalogue.price.tolist(),
            run.price.tolist(),
            strict=True,
        )
    }


def test_what_a_past_decision_holds_keeps_what_is_asked_now(shop: CommandLine) -> None:
    engine = open_engine(shop.database_url)
    before = book(engine)
    shop.succeed("reprice", "--at", "2025-06-02", "--rules", "rules.yaml")
    run = decided(engine)
    stays = {sku for sku, (action, _, _) in run.items() if action is not Action.CHANGE}
    assert len(stays) == PRODUCTS - MAY_CHANGE
    assert any(run[sku][1] != before[sku] for sku in stays)  # another price was in force then
    told = shop.succeed("publish")
    moved = {sku for sku, (_, _, price) in run.items() if price != before[sku]} - stays
    assert f"{len(moved)} of {PRODUCTS} prices changed" in told
    after = book(engine)
    assert {sku for sku in before if after[sku] != before[sku]} == moved
    assert all(after[sku] == run[sku][2] for sku in moved)
    assert f"1 to 2: {len(moved)} prices differ" in shop.succeed("price-books", "diff", "1", "2")
    engine.dispose()


def test_a_draft_of_a_past_decision_differs_in_what_it_changes_only(shop: CommandLine) -> None:
    engine = open_engine(shop.database_url)
    before = book(engine)
    shop.environment["PRICEWRIGHT_FOUR_EYES"] = "true"
    shop.succeed("reprice", "--at", "2025-06-02", "--rules", "rules.yaml")
    run = decided(engine)
    changed = sum(
        action is Action.CHANGE and price != before[sku] for sku, (action, _, price) in run.items()
    )
    shop.succeed("publish", "--by", "anna")
    assert f"1 to draft 2: {changed} prices differ" in shop.succeed(
        "price-books", "diff", "--draft", "2"
    )
    shop.succeed("price-books", "approve", "2", "--by", "ben")
    after = book(engine)
    assert sum(after[sku] != before[sku] for sku in before) == changed
    engine.dispose()


def test_prices_of_members_stay_beside_public_prices_that_stay(
    shop: CommandLine, tmp_path: Path
) -> None:
    engine = open_engine(shop.database_url)
    (tmp_path / "tiers.yaml").write_text(
        RULES + "member_tiers:\n  - {tier: gold, discount: 0.1}\n", encoding="utf-8"
    )
    shop.succeed("reprice", "--at", "2025-12-01", "--rules", "tiers.yaml")
    shop.succeed("publish")
    before = tiers(engine)
    assert before
    public = book_of_public(engine)
    shop.succeed("reprice", "--at", "2025-06-02", "--rules", "tiers.yaml")
    stays = [sku for sku, (action, _, _) in decided(engine).items() if action is not Action.CHANGE]
    shop.succeed("publish")
    assert {sku: tiers(engine).get(sku) for sku in stays} == {sku: before.get(sku) for sku in stays}
    assert all(book_of_public(engine)[sku] == public[sku] for sku in stays)
    engine.dispose()


def tiers(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return {e.sku: e.price.minor for e in load_price_book(conn) if e.tier == "gold"}


def book_of_public(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return {e.sku: e.price.minor for e in load_price_book(conn) if e.tier == "public"}


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(weeks=st.lists(st.sampled_from(WEEKS[8:].tolist()), min_size=1, max_size=3))
def test_what_is_held_never_moves_whatever_the_time(shop: CommandLine, weeks: list[str]) -> None:
    engine = open_engine(shop.database_url)
    for week in weeks:
        before = book(engine)
        shop.succeed("reprice", "--at", week, "--rules", "rules.yaml")
        told = shop.succeed("publish")
        after = book(engine)
        for sku, (action, _, price) in decided(engine).items():
            assert after[sku] == (price if action is Action.CHANGE else before[sku])
        moved = sum(after[sku] != before[sku] for sku in before)
        assert moved <= MAY_CHANGE
        assert f"{moved} of {PRODUCTS} prices changed" in told
    engine.dispose()
