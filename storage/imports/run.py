"""One import from a file to its table: everything, or nothing and the reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from sqlalchemy.engine import Connection, Engine

from pricing.catalogue import Market
from storage.database import connected, reading, take_turns, writing_on
from storage.errors import BadRow, ImportRefused, RowsRefused
from storage.imports.chunks import TableFile
from storage.imports.kinds import Kind
from storage.imports.mapping import Source, resolve
from storage.imports.parquet_file import open_parquet
from storage.imports.rows import TARGETS, KnownKeys, NewMarkets
from storage.imports.staging import ROW, Counts, Staging
from storage.imports.text_file import open_text
from storage.imports.values import SHOWN, Checker, Refusals
from storage.products.markets import add_markets, list_markets, market_ids
from storage.products.products import product_ids
from storage.tables import imports

# How far ahead of today the dates of a kind may lie.
_AHEAD: Final[dict[Kind, timedelta]] = {
    "sales": timedelta(days=7),  # a week may be called by its last day
    "stock": timedelta(days=1),  # it is tomorrow already east of Greenwich
    "costs": timedelta(days=366),  # suppliers announce prices
    "price-limits": timedelta(days=366),
}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        kind: what was imported.
        file_name: the file, as it was named.
        sha256: digest of its bytes.
        rows: rows of the file.
        inserted: new rows of the table. Costs without a market make one in each market.
        updated: rows of the table that changed.
        unchanged: rows that were there, equal, already.
        new_markets: codes of the markets that were made.
        columns: the file's column that each of ours was read from.
        dry_run: True where nothing was written.
    """

    kind: Kind
    file_name: str
    sha256: str
    rows: int
    inserted: int
    updated: int
    unchanged: int
    new_markets: tuple[str, ...]
    columns: Mapping[str, str]
    dry_run: bool


def import_file(
    engine: Engine,
    kind: Kind,
    path: Path | str,
    *,
    mapping: Mapping[str, str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    dry_run: bool = False,
    new_markets: NewMarkets | None = None,
    progress: Callable[[int], None] | None = None,
    now: datetime | None = None,
    stored: Callable[[Connection, ImportReport], None] = lambda _conn, _report: None,
) -> ImportReport:
    """Bring a CSV file (also gzipped, also a FIFO) or a Parquet file in.

    All rows come in, or none. A row whose key is stored already replaces what differs in the
    columns that the file has; the same file again changes nothing. Memory stays bounded whatever
    the length of the file and of its lines. See `storage.imports.kinds` for the columns.

    Args:
        engine: a migrated database.
        kind: `markets`, `products`, `sales`, `stock`, `costs` or `price-limits`.
        path: the file; Parquet by its ending `.parquet` or `.pq`, else text.
        mapping: ours to theirs, such as `{"units": "units_oz/64", "date": "day:%d.%m.%Y"}`.
        delimiter: of a text file; a comma where none is given.
        encoding: of a text file; UTF-8 where none is given.
        dry_run: do everything but write.
        new_markets: how to make markets that the file names and the database does not know;
            without it they are refused.
        progress: called with the number of rows read so far.
        now: the time of the import, aware; dates far after it are refused.
        stored: called in the transaction that brings the rows in, at its end.

    Raises:
        FileUnreadable, LayoutRefused, RowsRefused: see `storage.errors`; nothing was written.
        UnknownCurrency, InvalidCatalogue: `new_markets` describes no market.
        DatabaseUnavailable: the database cannot be reached.
    """
    moment = now or datetime.now(UTC)
    if new_markets is not None:
        Market("new", new_markets.currency, new_markets.time_zone, new_markets.channel)
    with _open(Path(path), delimiter, encoding) as file:
        sources = resolve(kind, file.header, mapping or {}, file.name, file.delimiter)
        with reading(engine) as conn:
            known = _known_keys(conn, kind, new_markets)
        before = dict(known.markets)
        with connected(engine) as conn:
            with conn.begin():
                staging, rows = _stage(conn, kind, file, sources, known, moment, progress)
                _refuse_repeated(conn, kind, file.name, staging, known)
            report = ImportReport(
                kind=kind,
                file_name=file.name,
                sha256=file.sha256(),
                rows=rows,
                inserted=0,
                updated=0,
                unchanged=0,
                new_markets=tuple(market.code for market in known.added),
                columns={name: source.theirs for name, source in sources.items()},
                dry_run=dry_run,
            )
            if dry_run:
                with conn.begin():
                    return _counted(report, staging.compare(conn))
            with writing_on(conn):
                take_turns(conn, "import")
                take_turns(conn, "markets")
                if market_ids(conn) != before:
                    raise ImportRefused(
                        f"{file.name}: markets were added while the file was read; import it again"
                    )
                report = _counted(report, staging.compare(conn))
                add_markets(conn, known.added)
                _merge(conn, kind, staging, report, moment)
                stored(conn, report)
                return report


@contextmanager
def _open(path: Path, delimiter: str | None, encoding: str | None) -> Iterator[TableFile]:
    if path.suffix.lower() in {".parquet", ".pq"}:
        with open_parquet(path) as table:
            yield table
    else:
        with open_text(path, delimiter=delimiter, encoding=encoding) as text:
            yield text


def _known_keys(conn: Connection, kind: Kind, new_markets: NewMarkets | None) -> KnownKeys:
    needs_products = kind not in {"markets", "products"}
    return KnownKeys(
        skus=product_ids(conn) if needs_products else {},
        markets=market_ids(conn),
        currencies={market.code: market.currency for market in list_markets(conn)},
        allowed=new_markets if needs_products else None,
    )


def _stage(
    conn: Connection,
    kind: Kind,
    file: TableFile,
    sources: dict[str, Source],
    known: KnownKeys,
    now: datetime,
    progress: Callable[[int], None] | None,
) -> tuple[Staging, int]:
    """Check all rows and put them aside; returns where, and how many rows the file has.

    Raises:
        RowsRefused: after the last row, with the first that were refused.
    """
    today = now.astimezone(UTC).date()
    latest = today + _AHEAD.get(kind, timedelta(0))
    refusals = Refusals(file.name)
    staging: Staging | None = None
    rows = 0
    for chunk in file.chunks([source.theirs for source in sources.values()]):
        check = Checker(chunk, sources, latest)
        columns = TARGETS[kind].build(check, known, today)
        check.hand_over(refusals)
        if staging is None:
            staging = Staging(conn, TARGETS[kind], tuple(columns))
        if not refusals.count:
            copies = len(next(iter(columns.values()))) // max(len(chunk.row), 1)
            staging.add(conn, {ROW: pa.array(np.tile(chunk.row, copies)), **columns})
        rows += len(chunk.row) + len(chunk.misshapen)
        if progress is not None:
            progress(rows)
    refusals.raise_any()
    assert staging is not None  # noqa: S101  (a file without rows was refused by its reader)
    return staging, rows


def _refuse_repeated(
    conn: Connection, kind: Kind, file_name: str, staging: Staging, known: KnownKeys
) -> None:
    count, some = staging.repeated(conn, SHOWN)
    if not count:
        return
    key = TARGETS[kind].key
    names = {"product_id": "sku", "market_id": "market"}
    title = ", ".join(names.get(name, name) for name in key)
    skus = {number: sku for sku, number in known.skus.items()}
    markets = {number: code for code, number in known.markets.items()}
    bad = []
    for item in some:
        values = dict(zip(key, item.key, strict=True))
        shown = [
            {"product_id": skus, "market_id": markets}.get(name, {}).get(value, value)
            for name, value in values.items()
        ]
        bad.append(
            BadRow(
                row=item.last_row,
                column=title,
                value=", ".join(str(value) for value in shown),
                reason=f"stands in row {item.first_row} already; one row a key",
            )
        )
    raise RowsRefused(file_name, count, bad)


def _counted(report: ImportReport, counts: Counts) -> ImportReport:
    return replace(
        report,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
    )


def _merge(
    conn: Connection, kind: Kind, staging: Staging, report: ImportReport, now: datetime
) -> None:
    """Write what is new or differs, and note the import."""
    if kind == "markets":
        _merge_markets(conn, staging)
    elif report.inserted or report.updated:
        times = {"created_at": now, "updated_at": now} if kind == "products" else {}
        changed = {"updated_at": now} if kind == "products" else {}
        staging.merge(conn, {**TARGETS[kind].constants, **times}, changed)
    conn.execute(
        imports.insert().values(
            kind=kind,
            file_name=report.file_name,
            sha256=report.sha256,
            rows=report.rows,
            inserted=report.inserted,
            updated=report.updated,
            unchanged=report.unchanged,
            finished_at=now,
        )
    )


def _merge_markets(conn: Connection, staging: Staging) -> None:
    """Markets are few; they get their numbers in one place."""
    existing = {market.code: market for market in list_markets(conn)}
    rows: list[dict[str, Any]] = staging.rows(conn)
    add_markets(
        conn,
        [
            replace(existing[row["code"]], **row) if row["code"] in existing else Market(**row)
            for row in sorted(rows, key=lambda row: str(row["code"]))
        ],
    )
