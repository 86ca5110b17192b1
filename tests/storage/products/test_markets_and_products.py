from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.engine import Engine

from storage.database import reading, writing
from storage.errors import InvalidRecord, UnknownMarket, UnknownProduct
from storage.products.markets import add_markets, list_markets, market_id
from storage.products.products import all_products, chosen_products, product_id, product_ids
from tests.storage.samples import ONLINE, TOKYO, add_shop


def test_markets_come_back_as_they_were_added_sorted_by_code(engine: Engine) -> None:
    add_shop(engine)
    with reading(engine) as conn:
        assert list_markets(conn) == (ONLINE, TOKYO)


def test_a_market_added_again_is_brought_up_to_date(engine: Engine) -> None:
    add_shop(engine)
    renamed = replace(ONLINE, name="Shop", tax_rate=0.19)
    with writing(engine) as conn:
        number = market_id(conn, "online")
        add_markets(conn, [renamed])
        assert market_id(conn, "online") == number
        assert list_markets(conn)[0] == renamed


def test_a_market_never_changes_its_currency(engine: Engine) -> None:
    add_shop(engine)
    with writing(engine) as conn, pytest.raises(InvalidRecord, match="EUR and cannot change"):
        add_markets(conn, [replace(ONLINE, currency="USD")])


def test_an_unknown_market_is_answered_with_those_that_exist(engine: Engine) -> None:
    add_shop(engine)
    with reading(engine) as conn, pytest.raises(UnknownMarket, match="'online', 'tokyo'"):
        market_id(conn, "moon")


def test_products_come_back_sorted_by_sku(engine: Engine) -> None:
    add_shop(engine)
    with reading(engine) as conn:
        found = all_products(conn)
    assert [product.sku for product in found] == ["cup-1", "tea-1", "tea-2"]
    assert found[0].brand is None
    assert found[1].brand == "Hill"


def test_numbers_are_given_for_the_skus_that_exist(engine: Engine) -> None:
    add_shop(engine)
    with reading(engine) as conn:
        assert set(product_ids(conn)) == {"cup-1", "tea-1", "tea-2"}
        assert set(product_ids(conn, ["tea-1", "it's", "tea-99"])) == {"tea-1"}
        assert product_ids(conn, []) == {}
        with pytest.raises(UnknownProduct, match="tea-99"):
            product_id(conn, "tea-99")


def test_a_long_list_of_skus_is_one_question(engine: Engine) -> None:
    """More values than either engine takes as parameters of one statement."""
    add_shop(engine)
    many = [f"sku-{n}" for n in range(100_000)] + ["tea-1"]
    with reading(engine) as conn:
        assert set(product_ids(conn, many)) == {"tea-1"}


def test_products_are_chosen_by_category_and_sku_together(engine: Engine) -> None:
    add_shop(engine)
    with reading(engine) as conn:
        known = product_ids(conn)
        assert chosen_products(conn) is None
        for choice, expected in (
            ({"category": "tea"}, {"tea-1", "tea-2"}),
            ({"skus": ["tea-1", "cup-1"]}, {"tea-1", "cup-1"}),
            ({"category": "tea", "skus": ["tea-1", "cup-1"]}, {"tea-1"}),
            ({"category": "none"}, set()),
        ):
            query = chosen_products(conn, **choice)
            assert query is not None
            assert set(conn.scalars(query)) == {known[sku] for sku in expected}
