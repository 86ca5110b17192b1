"""`pricewright serve`: run the service."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.database import database
from api.server import serve
from api.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve live prices over HTTP and deliver alerts, until Ctrl-C."""
    given: dict[str, Any] = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    with database(settings):
        pass  # brought up to date, or refused with the command that does it
    serve(settings)
