"""How long the import of a sales history takes, and how much memory, against a bare loader.

    make bench ARGS=imports                                   # 10 million rows, CSV, SQLite
    python -m tests.benchmarks.imports --rows 1000000 --format parquet --database postgres

Each import runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pricing.catalogue import Market
from storage.database import open_engine, writing
from storage.imports import import_file
from storage.products.markets import add_markets
from tests.benchmarks.figure import Figure
from tests.databases import postgres_engine, sqlite_engine, url_of

ROWS: Final = 10_000_000
MARKETS: Final = 50
WEEKS: Final = 104
MEMORY_LIMIT_MB: Final = 1_500.0


def figures(
    rows: int = ROWS, file_format: str = "csv", database: str = "sqlite"
) -> Iterator[Figure]:
    """Seconds and peak memory of a first import, and of the same file again."""
    what = f"import {rows:,} sales rows, {file_format} to {database}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pricewright-bench-")))
        opened = sqlite_engine(folder) if database == "sqlite" else postgres_engine()
        engine = stack.enter_context(opened)
        products = -(-rows // (MARKETS * WEEKS))
        names = folder / "products.csv"
        names.write_text(
            "sku,title\n" + "".join(f"SKU-{n:07d},Product {n}\n" for n in range(products))
        )
        import_file(engine, "products", names)
        with writing(engine) as conn:
            add_markets(conn, [Market(f"store-{n:03d}", "EUR") for n in range(MARKETS)])
        history = folder / f"sales.{file_format}"
        write_history(history, rows)
        bare = history if file_format == "csv" else folder / "bare.csv"
        if bare != history:
            write_history(bare, rows)
        peer = _child("load_bare", str(folder / "bare.db"), str(bare))
        for run in ("first", "same file again"):
            done = _child("import_once", url_of(engine), str(history))
            note = f"{done['inserted']:,} inserted, {done['unchanged']:,} unchanged"
            yield Figure(
                f"{what}, {run}",
                done["seconds"],
                "s",
                "csv.reader and executemany into SQLite, nothing checked",
                peer["seconds"],
                note,
            )
            yield Figure(
                f"{what}, {run}, peak memory", done["peak_mb"], "MB", "limit", MEMORY_LIMIT_MB
            )


def write_history(path: Path, rows: int) -> None:
    """Weekly sales of many products in MARKETS markets, product by product."""
    rng = np.random.default_rng(1)
    days = [(date(2022, 1, 3) + timedelta(weeks=n)).isoformat() for n in range(WEEKS)]
    block = MARKETS * WEEKS
    schema = pa.schema(
        [
            ("sku", pa.string()),
            ("market", pa.string()),
            ("date", pa.string()),
            ("units", pa.int64()),
            ("revenue", pa.float64()),
            ("regular_price", pa.float64()),
            ("deal", pa.int64()),
            ("feature", pa.float64()),
            ("stock_out", pa.int64()),
        ]
    )
    writer = (
        pa_csv.CSVWriter(path, schema) if path.suffix == ".csv" else pq.ParquetWriter(path, schema)
    )
    with writer:
        for product, start in enumerate(range(0, rows, block)):
            n = min(block, rows - start)
            price = rng.integers(199, 4999)
            units = rng.poisson(20, n)
            columns = [
                [f"SKU-{product:07d}"] * n,
                [f"store-{at // WEEKS:03d}" for at in range(n)],
                [days[at % WEEKS] for at in range(n)],
                units,
                np.round(units * price / 100, 2),
                np.full(n, price / 100),
                rng.integers(0, 2, n),
                np.round(rng.random(n), 2),
                np.zeros(n, dtype=np.int64),
            ]
            arrays = [pa.array(c, t) for c, t in zip(columns, schema.types, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))


def import_once(url: str, path: str) -> dict[str, Any]:
    """The import, with what this process used for it."""
    engine = open_engine(url)
    start = time.perf_counter()
    report = import_file(engine, "sales", path)
    seconds = time.perf_counter() - start
    engine.dispose()
    return {
        "inserted": report.inserted,
        "unchanged": report.unchanged,
        "seconds": round(seconds, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def load_bare(path: str, file: str) -> dict[str, Any]:
    """What the standard library needs to get the same text into a keyed table, unchecked."""
    start = time.perf_counter()
    with sqlite3.connect(path) as database, Path(file).open(newline="") as text:
        reader = csv.reader(text)
        header = next(reader)
        columns = ", ".join(header)
        database.execute(
            f"CREATE TABLE sales ({columns}, PRIMARY KEY (sku, market, date)) WITHOUT ROWID"
        )
        marks = ", ".join("?" * len(header))
        database.executemany(f"INSERT INTO sales VALUES ({marks})", reader)  # noqa: S608
    database.close()
    return {"seconds": round(time.perf_counter() - start, 2)}


def _child(work: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.imports", "--child", work, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    """The command line."""
    if sys.argv[1:2] == ["--child"]:
        work = {"import_once": import_once, "load_bare": load_bare}[sys.argv[2]]
        print(json.dumps(work(*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description="Measure imports of sales.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    given = parser.parse_args()
    for figure in figures(given.rows, given.format, given.database):
        print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
