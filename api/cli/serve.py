"""`pricewright serve`: run the service."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli.database import database
from api.server import serve
from api.settings import load_settings

app = typer.Typer(add_completion=False)


class Only(StrEnum):
    """What alone may be served."""

    PRICES = "prices"


@app.command()
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    only: Annotated[
        Only | None, typer.Option(help="Serve nothing else; it takes a third of the memory.")
    ] = None,
) -> None:
    """Serve live prices over HTTP and deliver alerts, until Ctrl-C.

    With `--only prices`, prices and quotes alone; a whole service makes them.
    """
    given: dict[str, Any] = {"host": host, "port": port, "serve_only": only and only.value}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    with database(settings):
        pass  # brought up to date, or refused with the command that does it
    serve(settings)
