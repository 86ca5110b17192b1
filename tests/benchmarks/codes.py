"""How long a million unique coupon codes take, from nothing to a CSV file."""

from __future__ import annotations

import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Engine

from storage.code_patterns import DIGITS, LETTERS
from storage.database import reading, writing
from storage.promotion_terms import terms_from
from storage.promotions.codes import export_codes, generate_codes
from storage.promotions.versions import create_promotion
from tests.benchmarks.figure import Figure, peak_megabytes, seconds
from tests.databases import sqlite_engine

CODES: Final = 1_000_000
LIMIT_SECONDS: Final = 30.0
_PATTERN: Final = "SPRING-####-####"
_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TERMS: Final = {
    "promotion": {"id": "spring", "type": "percent_off", "percent": "10"},
    "currency": "EUR",
    "unique_codes": True,
}


def figures() -> Iterator[Figure]:
    """Seconds to generate, store and export, against the limit and against a plain loop."""
    with tempfile.TemporaryDirectory(prefix="pricewright-bench-") as name:
        folder = Path(name)
        with sqlite_engine(folder) as engine:
            with writing(engine) as conn:
                create_promotion(conn, terms_from(_TERMS), actor="bench", at=_AT)
            made = seconds(lambda: _generate(engine))
            written = seconds(lambda: _export(engine, folder / "codes.csv"))
        rows = (folder / "codes.csv").read_text(encoding="utf-8").splitlines()
        loop = seconds(lambda: _plain_loop(folder / "bare.db"))
    different = len(set(rows[1:]))
    note = f"{made:.1f} s to generate and store, {written:.1f} s to export; {different:,} different"
    title = f"{CODES:,} unique codes, generated, stored and exported, SQLite"
    yield Figure(title, made + written, "s", "limit", LIMIT_SECONDS, note)
    peer = "secrets.choice in a loop, executemany into SQLite, no export"
    yield Figure(f"{CODES:,} unique codes, generated and stored", made, "s", peer, loop)
    yield Figure("codes, peak memory", peak_megabytes(), "MB", "limit", 1_500.0)


def _generate(engine: Engine) -> None:
    with writing(engine, durable=True) as conn:
        generate_codes(conn, "spring", pattern=_PATTERN, count=CODES, actor="bench", at=_AT)


def _export(engine: Engine, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out, reading(engine) as conn:
        export_codes(conn, "spring", out)


def _plain_loop(path: Path) -> None:
    letters = DIGITS + LETTERS
    codes: set[str] = set()
    while len(codes) < CODES:
        drawn = "".join(secrets.choice(letters) for _ in range(8))
        codes.add(f"SPRING-{drawn[:4]}-{drawn[4:]}")
    with sqlite3.connect(path) as conn:
        conn.execute("CREATE TABLE codes (code TEXT PRIMARY KEY) WITHOUT ROWID")
        conn.executemany("INSERT INTO codes VALUES (?)", ((code,) for code in codes))
    conn.close()
