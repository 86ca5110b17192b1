"""`pricewright extract`: what saved pages offer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from scrapers.saved_pages import extract_lines, read_manifest

app = typer.Typer(add_completion=False)


@app.command()
def extract_command(
    manifest: Annotated[
        Path, typer.Option(help="CSV with the columns file,url and, if known, currency.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json/--table", help="JSON lines, or a short line a page.")
    ] = True,
) -> None:
    """Read the offer on each saved page: one line a page, a price or the reason why there is none.

    Files may be gzip. The exit status is 1 if a file could not be read.
    """
    unread = 0
    for line in extract_lines(read_manifest(manifest)):
        unread += str(line.get("reason") or "").startswith("file: ")
        sys.stdout.write((json.dumps(line, ensure_ascii=False) if as_json else _short(line)) + "\n")
    if unread:
        raise typer.Exit(1)


def _short(line: dict[str, object]) -> str:
    price = line["price"] and f"{line['price']} {line.get('currency') or '?'}"
    return f"{line['file']}\t{price or '-'}\t{line.get('title') or ''}\t{line['reason'] or ''}"
