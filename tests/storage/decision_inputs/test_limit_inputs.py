"""What limits and strategies read, from files to the columns of a catalogue, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from pricing.catalogue import UNKNOWN, Catalogue
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.imports import Kind, import_file
from storage.products.cart_facts import cart_facts
from storage.products.sales import read_sales
from tests.storage.samples import NOW, ONLINE, add_sale, add_shop

MONDAY = date(2026, 2, 23)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Two products online with sales of three weeks, one in Tokyo that sold long ago."""
    add_shop(engine)
    with writing(engine) as conn:
        for weeks, units in ((0, 7), (1, 5), (2, 9)):
            day = MONDAY - timedelta(weeks=weeks)
            add_sale(conn, "tea-1", "online", day, units, units * 250)
        add_sale(conn, "tea-2", "online", MONDAY - timedelta(weeks=2), 3, 900)
        add_sale(conn, "tea-1", "tokyo", date(2025, 6, 2), 2, 900)
    return engine


def bring(engine: Engine, folder: Path, kind: Kind, *lines: str) -> None:
    path = folder / f"{kind}.csv"
    path.write_text("\n".join(lines) + "\n")
    import_file(engine, kind, path, now=NOW)


def catalogue(engine: Engine, at: datetime = NOW) -> Catalogue:
    with reading(engine) as conn:
        return read_catalogue(conn, at=at)


def row(known: Catalogue, sku: str, market: str = "online") -> int:
    return int(known.where(skus=[sku], market=market)[0])


def test_nobody_said_anything(shop: Engine) -> None:
    known = catalogue(shop)
    for name in ("minimum_price", "maximum_price", "rrp", "map_floor"):
        assert (getattr(known, name) == UNKNOWN).all()
    assert not known.kvi.any()
    assert np.isnat(known.expires_at).all()
    assert (known.money_currency == "").all()


def test_price_limits_hold_whole_from_their_date_on(shop: Engine, tmp_path: Path) -> None:
    bring(
        shop,
        tmp_path,
        "price-limits",
        "sku,market,date,min_price,max_price,msrp,map",
        "tea-1,online,2026-01-01,2.00,4.00,3.99,2.10",
        "tea-1,online,2026-03-01,2.20,,,",
        "tea-1,online,2026-04-01,2.50,,,",
        "tea-1,tokyo,2026-01-01,400,,,",
    )
    known = catalogue(shop)
    tea = row(known, "tea-1")
    assert known.minimum_price[tea] == 220
    assert known.rrp[tea] == known.maximum_price[tea] == known.map_floor[tea] == UNKNOWN
    before = catalogue(shop, datetime(2026, 2, 28, 12, tzinfo=UTC))
    tea = row(before, "tea-1")
    limits = ("minimum_price", "maximum_price", "rrp", "map_floor")
    assert [int(getattr(before, name)[tea]) for name in limits] == [200, 400, 399, 210]
    assert before.minimum_price[row(before, "tea-1", "tokyo")] == 400  # yens have no minor unit
    assert before.minimum_price[row(before, "tea-2")] == UNKNOWN


def test_key_value_items_are_those_of_the_products_file(shop: Engine, tmp_path: Path) -> None:
    bring(shop, tmp_path, "products", "sku,title,kvi", "tea-1,Black tea,yes", "tea-2,Green tea,")
    known = catalogue(shop)
    assert known.kvi[known.sku == "tea-1"].all()
    assert not known.kvi[known.sku == "tea-2"].any()


def test_a_cost_in_another_currency_is_told_and_not_reckoned_with(
    shop: Engine, tmp_path: Path
) -> None:
    bring(
        shop,
        tmp_path,
        "costs",
        "sku,market,date,cost,currency",
        "tea-1,online,2026-01-01,1.20,USD",
        "tea-2,online,2026-01-01,1.30,EUR",
        "tea-1,tokyo,2026-01-01,1.50,EUR",
    )
    known = catalogue(shop)
    tea, green = row(known, "tea-1"), row(known, "tea-2")
    assert (known.cost[tea], known.money_currency[tea]) == (UNKNOWN, "USD")
    assert (known.cost[green], known.money_currency[green]) == (130, "")
    assert known.money_currency[row(known, "tea-1", "tokyo")] == "EUR"
    with reading(shop) as conn:
        assert read_sales(conn, skus=["tea-1"])["cost"].isna().all()
        facts = cart_facts(conn, ONLINE, ["tea-1", "tea-2"], at=NOW)
    assert (facts["tea-1"].cost_minor, facts["tea-2"].cost_minor) == (None, 130)
    # Told again in the market's own currency, it counts.
    bring(
        shop, tmp_path, "costs", "sku,market,date,cost,currency", "tea-1,online,2026-01-01,1.2,EUR"
    )
    known = catalogue(shop)
    assert (known.cost[tea], known.money_currency[tea]) == (120, "")


def test_inputs_are_as_old_as_the_sales_of_the_market_or_a_cost_that_says_so(
    shop: Engine, tmp_path: Path
) -> None:
    known = catalogue(shop)
    midnight = np.datetime64("2026-02-22T23:00:00")  # of Monday in Berlin
    # tea-2 did not sell for two weeks, and the feed is not older for it.
    assert known.inputs_at[row(known, "tea-1")] == known.inputs_at[row(known, "tea-2")] == midnight
    assert known.inputs_at[row(known, "tea-1", "tokyo")] == np.datetime64("2025-06-01T15:00:00")
    bring(
        shop,
        tmp_path,
        "costs",
        "sku,market,cost,as_of",
        "tea-1,online,1.20,2025-11-03",
        "tea-2,online,1.30,",
    )
    known = catalogue(shop)
    assert known.inputs_at[row(known, "tea-1")] == np.datetime64("2025-11-02T23:00:00")
    assert known.inputs_at[row(known, "tea-2")] == midnight


def test_recent_units_are_those_of_the_last_week_on_record(shop: Engine) -> None:
    known = catalogue(shop)
    assert known.recent_units[row(known, "tea-1")] == 7.0
    assert known.recent_units[row(known, "tea-2")] == 0.0
    with writing(shop) as conn:
        add_sale(conn, "tea-1", "online", MONDAY + timedelta(days=3), 2, 500)
    assert catalogue(shop).recent_units[row(known, "tea-1")] == 9.0


def test_goods_may_be_sold_to_the_end_of_the_day_on_which_they_expire(
    shop: Engine, tmp_path: Path
) -> None:
    bring(
        shop,
        tmp_path,
        "stock",
        "sku,market,units,date,best_before",
        "tea-1,online,40,2026-03-01,2026-03-09",
        "tea-2,online,40,2026-03-01,",
    )
    known = catalogue(shop)
    assert known.stock[row(known, "tea-1")] == 40.0
    assert known.expires_at[row(known, "tea-1")] == np.datetime64("2026-03-09T23:00:00")
    assert np.isnat(known.expires_at[row(known, "tea-2")])
