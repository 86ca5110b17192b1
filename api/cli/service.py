"""`pricewright serve` and `migrate`: run the service, bring its database up to date."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.terminal import database, out
from api.server import serve
from api.settings import load_settings
from storage.database import migrate, open_engine


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve_command)
    app.command("migrate")(migrate_command)


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


def migrate_command() -> None:
    """Bring the database named by DATABASE_URL up to date."""
    engine = open_engine(load_settings().database_url)
    try:
        migrate(engine)
    finally:
        engine.dispose()
    out.print("the database is up to date")
