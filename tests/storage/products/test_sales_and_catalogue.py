from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.engine import Engine

from pricing.catalogue import UNKNOWN
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import UnknownMarket
from storage.prices.decisions import save_run
from storage.products.sales import read_sales, sales_window
from storage.releases.publishing import publish
from tests.storage.samples import (
    NOW,
    add_cost,
    add_sale,
    add_shop,
    add_stock,
    decisions_for,
)

JAN, FEB, MAR = date(2026, 1, 5), date(2026, 2, 2), date(2026, 3, 2)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Sales written in no particular order, with costs that change between them."""
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-2", "online", FEB, 4, 1000, deal=1, feature=0.5, stock_out=True)
        add_sale(conn, "tea-2", "online", JAN, 3, 1000, regular_price_minor=399)
        add_sale(conn, "tea-1", "tokyo", JAN, 2, 900)
        add_sale(conn, "tea-1", "online", JAN, 0, 0, regular_price_minor=250)
        add_sale(conn, "cup-1", "online", JAN, 0, 0)
        add_cost(conn, "tea-2", "online", date(2026, 1, 6), 150)
        add_cost(conn, "tea-2", "online", date(2025, 1, 1), 120)
        add_cost(conn, "tea-1", "tokyo", FEB, 300)
    return engine


def test_sales_are_sorted_by_sku_market_and_period(shop: Engine) -> None:
    with reading(shop) as conn:
        frame = read_sales(conn)
    keys = list(zip(frame["sku"], frame["market"], frame["period_start"], strict=True))
    assert keys == sorted(keys)
    assert [key[0] for key in keys] == ["cup-1", "tea-1", "tea-1", "tea-2", "tea-2"]
    assert frame["period_start"].dtype.kind == "M"


def test_the_price_is_what_was_paid_a_unit_else_the_regular_price(shop: Engine) -> None:
    with reading(shop) as conn:
        frame = read_sales(conn).set_index(["sku", "market", "period_start"])
    price = frame["price"]
    assert price["tea-2", "online", pd.Timestamp(JAN)] == pytest.approx(10 / 3)
    assert price["tea-2", "online", pd.Timestamp(FEB)] == 2.5
    assert price["tea-1", "online", pd.Timestamp(JAN)] == 2.5
    assert price["tea-1", "tokyo", pd.Timestamp(JAN)] == 450  # yens have no minor unit
    assert np.isnan(price["cup-1", "online", pd.Timestamp(JAN)])


def test_the_cost_is_the_one_valid_on_the_first_day_of_the_period(shop: Engine) -> None:
    with reading(shop) as conn:
        cost = read_sales(conn).set_index(["sku", "market", "period_start"])["cost"]
    assert cost["tea-2", "online", pd.Timestamp(JAN)] == 1.2
    assert cost["tea-2", "online", pd.Timestamp(FEB)] == 1.5
    assert np.isnan(cost["tea-1", "tokyo", pd.Timestamp(JAN)])  # known only from February on
    assert np.isnan(cost["tea-1", "online", pd.Timestamp(JAN)])


def test_what_went_on_in_the_period_comes_along(shop: Engine) -> None:
    with reading(shop) as conn:
        row = read_sales(conn, skus=["tea-2"], since=FEB).iloc[0]
    assert (row["deal"], row["feature"], row["display"]) == (1.0, 0.5, 0.0)
    assert bool(row["stock_out"])
    assert (row["category"], row["brand"]) == ("tea", "Hill")


@pytest.mark.parametrize(
    ("choice", "rows"),
    [
        ({"market": "tokyo"}, 1),
        ({"category": "tea"}, 4),
        ({"skus": ["tea-2", "cup-1"]}, 3),
        ({"category": "tea", "skus": ["cup-1"]}, 0),
        ({"since": FEB}, 1),
        ({"until": JAN}, 4),
        ({"market": "online", "category": "tea", "until": JAN}, 2),
    ],
)
def test_sales_are_chosen_by_every_condition_given(
    shop: Engine, choice: dict[str, object], rows: int
) -> None:
    with reading(shop) as conn:
        frame = read_sales(conn, **choice)  # type: ignore[arg-type]
    assert len(frame) == rows
    assert list(frame.columns)[:5] == ["sku", "market", "category", "brand", "period_start"]


def test_a_shop_without_sales_has_an_empty_frame_and_no_window(engine: Engine) -> None:
    with reading(engine) as conn:
        assert len(read_sales(conn)) == 0
        assert sales_window(conn) is None
        assert len(read_catalogue(conn, at=NOW)) == 0
        with pytest.raises(UnknownMarket):
            read_sales(conn, market="moon")


def test_the_window_is_from_the_first_period_to_the_last(shop: Engine) -> None:
    with reading(shop) as conn:
        assert sales_window(conn) == (JAN, FEB)


def test_before_any_price_book_the_price_is_the_newest_regular_or_paid_one(shop: Engine) -> None:
    with reading(shop) as conn:
        found = read_catalogue(conn, at=NOW)
    rows = list(zip(found.sku.tolist(), found.market.values().tolist(), strict=True))
    # cup-1 was never sold and never priced: it is not there.
    assert rows == [("tea-1", "online"), ("tea-1", "tokyo"), ("tea-2", "online")]
    assert found.price.tolist() == [250, 450, 250]
    assert found.cost.tolist() == [UNKNOWN, 300, 150]
    assert np.isnan(found.stock).all()
    assert [market.code for market in found.markets] == ["online", "tokyo"]
    assert found.brand.values().tolist() == ["Hill"] * 3


def test_the_catalogue_of_a_past_day_knows_nothing_of_later_ones(shop: Engine) -> None:
    with reading(shop) as conn:
        found = read_catalogue(conn, at=datetime(2026, 1, 5, 23, tzinfo=UTC), skus=["tea-2"])
    assert found.price.tolist() == [399]
    # In Berlin it is 6 January already, and the new cost is valid.
    assert found.cost.tolist() == [150]


def test_the_newest_count_is_the_stock(shop: Engine) -> None:
    with writing(shop) as conn:
        add_stock(conn, "tea-2", "online", JAN, 40)
        add_stock(conn, "tea-2", "online", FEB, 12)
        add_stock(conn, "tea-2", "online", date(2026, 3, 9), 99)
    with reading(shop) as conn:
        assert read_catalogue(conn, at=NOW, skus=["tea-2"]).stock.tolist() == [12]


def test_the_catalogue_is_chosen_as_sales_are(shop: Engine) -> None:
    with reading(shop) as conn:
        assert len(read_catalogue(conn, at=NOW, market="online")) == 2
        assert len(read_catalogue(conn, at=NOW, category="cups")) == 0
        assert read_catalogue(conn, at=NOW, market="tokyo").markets[0].currency == "JPY"


def test_a_published_price_goes_before_the_history_and_only_from_its_day_on(shop: Engine) -> None:
    with writing(shop) as conn:
        before = read_catalogue(conn, at=NOW, market="online")
        decided = replace(decisions_for(before), price=np.array([199, 299]))
        run = save_run(conn, decided, policy={}, fit_id=None, created_at=NOW)
        publish(conn, run, at=NOW)
    with reading(shop) as conn:
        # Tokyo was not decided on.
        assert read_catalogue(conn, at=NOW).price.tolist() == [199, 450, 299]
        earlier = read_catalogue(conn, at=NOW.replace(hour=11))
        assert earlier.price.tolist() == [250, 450, 250]
