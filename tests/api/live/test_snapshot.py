"""The price book in memory, without a server around it."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from api.live.snapshot import LivePrices, Snapshot
from pricing.money import Money
from pricing.price_book import PriceBook
from storage.errors import DatabaseUnavailable
from tests.api.conftest import database_away
from tests.api.shop import open_shop, publish_prices

POLL = timedelta(seconds=2)


def book_of(n: int) -> PriceBook:
    return PriceBook.of(
        version=1,
        published_at=datetime(2026, 3, 1, tzinfo=UTC),
        sku=np.array([f"S{number:08d}" for number in range(n)]),
        market=["online"] * n,
        tier=["public"] * n,
        price=np.arange(1, n + 1),
        currencies={"online": "EUR"},
    )


def test_nothing_is_served_before_the_first_check(engine: Engine) -> None:
    serving = LivePrices(engine, POLL).serving
    assert serving.snapshot is None
    assert serving.stale


def test_a_refresh_loads_a_book_once(shop: Engine) -> None:
    live = LivePrices(shop, POLL)
    assert live.refresh() is True
    first = live.serving.snapshot
    assert live.refresh() is False
    assert live.serving.snapshot is first
    assert not live.serving.stale


def test_a_refresh_takes_the_newest_book(shop: Engine) -> None:
    live = LivePrices(shop, POLL)
    live.refresh()
    publish_prices(shop, {("TEA-1", "online"): 529})
    assert live.refresh() is True
    snapshot = live.serving.snapshot
    assert snapshot is not None
    assert snapshot.prices(["TEA-1", "NONE"], "online") == [Money(529, "EUR"), None]


def test_a_failed_refresh_keeps_the_book_and_says_why(shop: Engine) -> None:
    live = LivePrices(shop, POLL)
    live.refresh()
    before = live.serving
    with database_away(shop), pytest.raises(DatabaseUnavailable):
        live.refresh()
    assert live.serving.snapshot is before.snapshot
    assert live.serving.stale
    assert live.serving.failure is not None
    assert "price_books" in live.serving.failure
    live.refresh()
    assert not live.serving.stale


def test_two_books_never_share_an_etag(engine: Engine) -> None:
    open_shop(engine)
    live = LivePrices(engine, POLL)
    etags = set()
    for number in range(3):
        live.refresh()
        assert live.serving.snapshot is not None
        etags.add(live.serving.snapshot.etag)
        publish_prices(engine, {("TEA-1", "online"): 600 + number})
    assert len(etags) == 3


def test_a_text_longer_than_every_sku_costs_no_memory() -> None:
    snapshot = Snapshot.of(book_of(20_000))
    monster = "S" * 50_000  # compared by numpy, it would widen the column to 4 GB
    tracemalloc.start()
    try:
        assert snapshot.book.row(monster, "online") == -1
        assert snapshot.prices([monster, "S00000003"], "online") == [None, Money(4, "EUR")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_trailing_nul_does_not_find_the_sku_without_it() -> None:
    snapshot = Snapshot.of(book_of(3))
    assert snapshot.book.row("S00000001\0", "online") == -1
    assert snapshot.prices(["S0000001\0", "S\0"], "online") == [None, None]
