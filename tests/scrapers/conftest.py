"""A database with one market and a few products, on both engines where a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.engine import Engine

from pricing.catalogue import Market, Product
from storage.database import writing
from storage.products.markets import add_markets
from storage.tables import products as products_table
from tests.databases import postgres_engine, sqlite_engine
from tests.warm_children import start_warm

KETTLE: Final = Product("K1", "Kestrel Kettle 1.7 l", "Kitchen", "Kestrel", "4006381333931")
TOASTER: Final = Product("T1", "Wren Toaster Two Slice", "Kitchen", "Wren", "96385074")
LAMP: Final = Product("L1", "Heron Desk Lamp", "Light", "Heron")
SHELF: Final = (KETTLE, TOASTER, LAMP)


@pytest.fixture(autouse=True)
def _warm_children(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of each crawl has imported what it needs."""
    if request.node.get_closest_marker("cold_children") is None:
        start_warm(monkeypatch)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """SQLite with the shelf in it."""
    with sqlite_engine(tmp_path) as engine:
        stock_shelf(engine)
        yield engine


@pytest.fixture(params=["sqlite", "postgres"])
def each_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The same on SQLite and on PostgreSQL."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        stock_shelf(engine)
        yield engine


def stock_shelf(engine: Engine) -> None:
    """Put the market and the shelf into an empty database."""
    now = datetime(2026, 1, 5, tzinfo=UTC)
    with writing(engine) as conn:
        add_markets(conn, [Market("online", "EUR")])
        rows = [
            {
                "sku": p.sku, "title": p.title, "category": p.category, "brand": p.brand,
                "gtin": p.gtin, "created_at": now, "updated_at": now,
            }
            for p in SHELF
        ]  # fmt: skip
        conn.execute(products_table.insert(), rows)
