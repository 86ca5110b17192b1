"""What we ask now: the price book first, then what sales say."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.engine import Engine

from pricing.money import Money
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import UnknownMarket
from storage.prices.asking_prices import asking_prices
from storage.prices.decisions import save_run
from storage.releases.publishing import publish
from tests.storage.samples import NOW, add_sale, add_shop, decisions_for

DAY = timedelta(days=1)


def asked(engine: Engine, market: str = "online") -> dict[str, Money]:
    with reading(engine) as conn:
        return asking_prices(conn, market, at=NOW + DAY)


def test_the_newest_regular_or_paid_price_counts_where_no_book_holds_one(engine: Engine) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 2, 2), 10, 5000)
        add_sale(conn, "tea-1", "online", date(2026, 2, 9), 10, 4000, regular_price_minor=550)
        add_sale(conn, "tea-1", "online", date(2026, 9, 9), 10, 9000)
        add_sale(conn, "tea-2", "online", date(2026, 2, 2), 3, 1000)
        add_sale(conn, "tea-2", "online", date(2026, 2, 9), 0, 0)
        add_sale(conn, "cup-1", "tokyo", date(2026, 2, 2), 2, 1600)
    assert asked(engine) == {"tea-1": Money(550, "EUR"), "tea-2": Money(333, "EUR")}
    assert asked(engine, "tokyo") == {"cup-1": Money(800, "JPY")}
    with pytest.raises(UnknownMarket):
        asked(engine, "moon")


def test_the_price_book_comes_first(engine: Engine) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 2, 2), 10, 5000)
        add_sale(conn, "tea-2", "online", date(2026, 2, 2), 10, 5000)
        catalogue = read_catalogue(conn, at=NOW)
        run = decisions_for(catalogue)
        number = save_run(conn, run, policy={}, fit_id=None, created_at=NOW)
        publish(conn, number, at=NOW, note="a test")
    found = asked(engine)
    with reading(engine) as conn:
        after = read_catalogue(conn, at=NOW + DAY)
    assert {sku: price.minor for sku, price in found.items()} == dict(
        zip(after.sku.tolist(), after.price.tolist(), strict=True)
    )
