"""`pricewright match`: two files of listings matched with each other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from api.cli.terminal import bars, out
from scrapers.matching.files import (
    match_files,
    read_known_pairs,
    read_listings,
    refuse_unwritable,
    write_pairs,
)

app = typer.Typer(add_completion=False)


@app.command()
def match_command(
    left: Annotated[Path, typer.Option(help="Our products: CSV with id,title and more.")],
    right: Annotated[Path, typer.Option(help="Their offers, of one seller: the same columns.")],
    to: Annotated[Path, typer.Option("--out", help="Where to write the pairs.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Known pairs: left_id,right_id and, if some are different, match."),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of the files.")] = "utf-8-sig",
) -> None:
    """Find which of their offers are our products.

    Columns are id and title, and any of description, brand, gtin, mpn, price. Written are
    left_id,right_id,score,band: accept is safe to use, review is for a person. Known pairs stand as
    they are and train the scoring of the others.
    """
    refuse_unwritable(to)
    with bars("match") as progress:
        ours = read_listings(left, encoding=encoding)
        theirs = read_listings(right, encoding=encoding)
        known = read_known_pairs(labels, encoding=encoding) if labels else ()
        progress("comparing", 0, None)
        pairs = match_files(ours, theirs, known)
    write_pairs(to, pairs)
    bands = Counter(pair.band.value for pair in pairs)
    told = ", ".join(f"{count:,} to {band}" for band, count in sorted(bands.items()))
    out.print(f"{to}: {told or 'no pairs'}, of {len(ours):,} and {len(theirs):,} listings")
