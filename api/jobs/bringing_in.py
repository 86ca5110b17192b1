"""Imports and the matching of files as jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from sqlalchemy.engine import Engine

from api.jobs.text_files import TextFile, check_file, local_place, opened
from api.work.context import Context
from api.work.errors import RequestInvalid
from api.work.kinds import Kind
from storage.database import reading
from storage.products.markets import list_markets

if TYPE_CHECKING:
    from storage.imports import ImportReport, NewMarkets

_Table = Literal["markets", "products", "sales", "stock", "costs", "price-limits"]
_MOST_PAIRS: Final = 50_000
"""Pairs that a result holds; more go to a file."""


class ImportAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to bring in, as `pricewright import` takes it.

    Attributes:
        table: what the file holds.
        file: a CSV or Parquet file.
        columns: ours to theirs, such as `{"sku": "item"}`.
        delimiter, encoding: of a CSV file.
        dry_run: check the file and say what would change.
        new_markets: make markets that the file names, as in `USD,America/Chicago`.
    """

    table: _Table
    file: TextFile
    columns: dict[str, str] = {}
    delimiter: str | None = None
    encoding: str | None = None
    dry_run: bool = False
    new_markets: str | None = None


class MatchAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Two files of listings to match, as `pricewright match` takes them.

    Attributes:
        left, right: our products; their offers.
        labels: pairs that are known.
        encoding: of the files.
        out: the file that takes the pairs; they are in the result where none is named.
    """

    left: TextFile
    right: TextFile
    labels: TextFile | None = None
    encoding: str = "utf-8-sig"
    out: str | None = None


def _check_import(asked: ImportAsked) -> None:
    check_file(asked.file, "file")


def _check_match(asked: MatchAsked) -> None:
    check_file(asked.left, "left")
    check_file(asked.right, "right")


def _import(asked: ImportAsked, context: Context) -> Mapping[str, Any]:
    from storage.imports import import_file

    markets = _markets(asked.new_markets) or _first_markets(context.engine, context.given)
    with opened(asked.file, "file") as path:
        report = import_file(
            context.engine,
            asked.table,
            path,
            mapping=asked.columns,
            delimiter=asked.delimiter,
            encoding=asked.encoding,
            dry_run=asked.dry_run,
            new_markets=markets,
            progress=lambda rows: context.progress("rows", rows, None),
            now=context.now(),
            stored=lambda conn, done: context.end(conn, _told(done)),
        )
    return _told(report)


def _told(report: ImportReport) -> dict[str, Any]:
    names = ("rows", "inserted", "updated", "unchanged", "new_markets", "dry_run", "sha256")
    return {"table": report.kind, **{name: getattr(report, name) for name in names}}


def _markets(text: str | None) -> NewMarkets | None:
    from storage.imports import NewMarkets

    if text is None:
        return None
    currency, _, time_zone = text.partition(",")
    return NewMarkets(currency=currency, time_zone=time_zone or "UTC")


def _first_markets(engine: Engine, given: Mapping[str, Any]) -> NewMarkets | None:
    """While no market is known at all, a file may bring the first; later a new name is a slip."""
    with reading(engine) as conn:
        known = list_markets(conn)
    return None if known else _markets(f"{given['currency']},{given['time_zone']}")


def _match(asked: MatchAsked, context: Context) -> Mapping[str, Any]:
    from pathlib import Path

    from scrapers.matching.files import match_files, read_known_pairs, read_listings, write_pairs

    context.progress("read", 0, 2)
    encoding = asked.encoding
    with opened(asked.left, "left") as left, opened(asked.right, "right") as right:
        ours = read_listings(left, encoding=encoding)
        theirs = read_listings(right, encoding=encoding)
    known: tuple[Any, ...] = ()
    if asked.labels is not None:
        with opened(asked.labels, "labels") as labels:
            known = read_known_pairs(labels, encoding=encoding)
    context.progress("compare", 1, 2)
    pairs = match_files(ours, theirs, known)
    context.progress("compare", 2, 2)
    said = {"bands": dict(Counter(pair.band.value for pair in pairs))}
    if asked.out is not None:
        write_pairs(Path(asked.out), pairs)
        return {**said, "out": asked.out}
    if len(pairs) > _MOST_PAIRS:
        raise RequestInvalid(f"there are {len(pairs):,} pairs; name a file for them", ("out",))
    return {**said, "pairs": list(pairs)}


def _match_file(asked: MatchAsked) -> str | None:
    return "out" if asked.out is not None else local_place(asked, "left", "right", "labels")


IMPORT: Final = Kind(
    "import",
    "Bring in products, sales, costs, stock, price limits or markets: all, or nothing.",
    ImportAsked,
    _import,
    check=_check_import,
    local=lambda asked: local_place(asked, "file"),
)
MATCH: Final = Kind(
    "match",
    "Match two files of listings.",
    MatchAsked,
    _match,
    check=_check_match,
    local=_match_file,
)
