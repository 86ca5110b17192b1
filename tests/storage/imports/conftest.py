"""Files to import, and a shop to import them into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from storage.database import reading
from storage.tables import costs, imports, markets, products, sales, stock
from tests.storage.samples import add_shop, rows_in

WriteFile = Callable[..., Path]


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Writes lines (or bytes) to a file and returns its path."""

    def write(*lines: str, name: str = "file.csv", data: bytes | None = None) -> Path:
        path = tmp_path / name
        path.write_bytes("".join(f"{line}\n" for line in lines).encode() if data is None else data)
        return path

    return write


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Markets `online` (EUR) and `tokyo` (JPY); products tea-1, tea-2 and cup-1."""
    add_shop(engine)
    return engine


def counts(engine: Engine) -> dict[str, int]:
    """Rows of every table that an import writes to."""
    with reading(engine) as conn:
        tables = (markets, products, sales, costs, stock, imports)
        return {table.name: rows_in(conn, table) for table in tables}
