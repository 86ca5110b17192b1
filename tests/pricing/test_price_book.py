"""A price book finds every key it holds, and no other."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import InvalidCatalogue
from pricing.money import Money
from pricing.price_book import PriceBook

AT = datetime(2026, 1, 1, tzinfo=UTC)
CURRENCIES = {"online": "EUR", "tokyo": "JPY", "store-1": "EUR"}
Key = tuple[str, str, str]
keys = st.tuples(
    st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=6),
    st.sampled_from(sorted(CURRENCIES)),
    st.sampled_from(["public", "gold"]),
)


def book(prices: dict[Key, int], version: int = 1) -> PriceBook:
    return PriceBook.of(
        version=version,
        published_at=AT,
        sku=[key[0] for key in prices],
        market=[key[1] for key in prices],
        tier=[key[2] for key in prices],
        price=list(prices.values()),
        currencies=CURRENCIES,
    )


@given(st.dictionaries(keys, st.integers(1, 10**9), max_size=30), keys)
def test_what_is_in_the_book_is_found_and_nothing_else(prices: dict[Key, int], other: Key) -> None:
    prices_book = book(prices)
    for (sku, market, tier), minor in prices.items():
        entry = prices_book.entry(prices_book.row(sku, market, tier))
        assert (entry.sku, entry.market, entry.tier) == (sku, market, tier)
        assert entry.price == Money(minor, CURRENCIES[market])
    assert (prices_book.row(*other) >= 0) == (other in prices)
    for market in CURRENCIES:
        skus = [key[0] for key in prices] + [other[0], other[0] + "\0", other[0] * 99]
        rows = prices_book.rows(skus, market)
        assert rows.tolist() == [prices_book.row(sku, market) for sku in skus]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": [1]}, "same number"),
        ({"price": [1, 0]}, "not above zero"),
        ({"sku": ["P1", "P1"]}, "more than one price"),
        ({"sku": ["P1", ""]}, "blank"),
        ({"currencies": {}}, "no currency is given for market 'online'"),
        ({"published_at": AT.replace(tzinfo=None)}, "time zone"),
    ],
)
def test_columns_that_are_no_price_book_are_refused(
    change: dict[str, object], message: str
) -> None:
    columns: dict[str, object] = {
        "version": 1,
        "published_at": AT,
        "sku": ["P1", "P2"],
        "market": ["online", "online"],
        "tier": ["public", "public"],
        "price": [1, 2],
        "currencies": CURRENCIES,
    }
    with pytest.raises(InvalidCatalogue, match=message):
        PriceBook.of(**{**columns, **change})  # type: ignore[arg-type]


def test_a_text_that_only_looks_like_a_sku_finds_nothing() -> None:
    prices = book({("P1", "online", "public"): 1299})
    for text in ("", "P1\0", "P1" * 50_000, "p1"):
        assert prices.row(text, "online") == -1
        assert prices.rows([text], "online").tolist() == [-1]


def test_a_book_cannot_be_written() -> None:
    prices = book({("P1", "online", "public"): 1299})
    with pytest.raises(ValueError, match="read-only"):
        prices.price[0] = np.int64(1)
