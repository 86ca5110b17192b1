"""`pricewright import KIND FILE`: bring a shop's own files in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy.engine import Engine

from api.cli.database import database
from api.cli.terminal import bars, out
from api.settings import Settings, load_settings
from storage.database import reading
from storage.imports import ImportReport, Kind, NewMarkets, import_file
from storage.products.markets import list_markets

app = typer.Typer(add_completion=False)


@app.command()
def import_command(
    kind: Annotated[Kind, typer.Argument(help="What the file holds.")],
    file: Annotated[Path, typer.Argument(help="A CSV (also .gz) or Parquet file.")],
    more_columns: Annotated[
        list[str] | None,
        typer.Argument(metavar="[OURS=THEIRS]...", help="More of what --map takes."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Our column is their column, as in sku=item or units=units_oz/64. Repeatable.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and say what would change.")
    ] = False,
    delimiter: Annotated[
        str | None, typer.Option(help="Of a CSV file; a comma if not given, a tab for .tsv.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV file; UTF-8 if not given.")] = None,
    new_markets: Annotated[
        str | None,
        typer.Option(
            metavar="CURRENCY[,TIME_ZONE]",
            help="Create markets that the file names and nobody knows yet, as in "
            "USD,America/Chicago. The very first import does so by itself.",
        ),
    ] = None,
) -> None:
    """Bring in products, sales, costs, stock, price limits or markets: all of a file, or nothing.

    The same file twice leaves the same rows. A bad row refuses the file and is named.
    """
    settings = load_settings()
    mapping = _mapping([*(columns or []), *(more_columns or [])])
    with database(settings) as engine, bars(f"import {kind}") as progress:
        report = import_file(
            engine,
            kind,
            file,
            mapping=mapping,
            delimiter=delimiter,
            encoding=encoding,
            dry_run=dry_run,
            new_markets=_new_markets(new_markets) or _first_markets(engine, settings),
            progress=progress.rows,
        )
    _print(report, settings, given=new_markets)


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise typer.BadParameter(f"{pair!r} must look like OURS=THEIRS, as in sku=item")
        if ours in mapping:
            raise typer.BadParameter(f"column {ours!r} is mapped twice")
        mapping[ours] = theirs
    return mapping


def _new_markets(text: str | None) -> NewMarkets | None:
    if text is None:
        return None
    currency, _, time_zone = text.partition(",")
    return NewMarkets(currency=currency, time_zone=time_zone or "UTC")


def _first_markets(engine: Engine, settings: Settings) -> NewMarkets | None:
    """While no market is known at all, a file may bring the first; later a new name is a slip."""
    with reading(engine) as conn:
        known = list_markets(conn)
    return None if known else NewMarkets(settings.currency, settings.time_zone)


def _print(report: ImportReport, settings: Settings, *, given: str | None) -> None:
    verb = "would import" if report.dry_run else "imported"
    out.print(
        f"{verb} [bold]{report.rows:,}[/] {report.kind} rows of {escape(report.file_name)}: "
        f"{report.inserted:,} new, {report.updated:,} changed, {report.unchanged:,} as before"
    )
    if report.new_markets:
        names = ", ".join(report.new_markets[:5])
        rest = f" and {len(report.new_markets) - 5} more" if len(report.new_markets) > 5 else ""
        terms = given or f"{settings.currency},{settings.time_zone}"
        out.print(f"new markets in {escape(terms)}: {escape(names)}{rest}")
        if given is None:
            out.print(
                "  (the first markets take PRICEWRIGHT_CURRENCY and PRICEWRIGHT_TIME_ZONE; "
                "`pricewright import markets FILE` describes them better)"
            )
    if report.dry_run:
        out.print("dry run: nothing was written")
