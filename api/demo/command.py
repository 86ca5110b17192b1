"""`pricewright demo`: the whole way of a price, on a market whose law is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.demo.tour import give_tour

app = typer.Typer(add_completion=False)


@app.command()
def demo_command(
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the last step instead of serving on.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another market for another seed.")] = 7,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where the service listens; 0 takes a free one.")
    ] = 8000,
    folder: Annotated[
        Path, typer.Option(help="Where the demo keeps its files and its own database.")
    ] = Path("var/demo"),
) -> None:
    """Show everything once, on an embedded database of its own: about a minute."""
    give_tour(folder, seed=seed, port=port, once=once)
