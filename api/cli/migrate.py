"""`pricewright migrate`: bring the database up to date."""

from __future__ import annotations

import typer

from api.cli.terminal import out
from api.settings import load_settings
from storage.database import migrate, open_engine

app = typer.Typer(add_completion=False)


@app.command()
def migrate_command() -> None:
    """Bring the database named by DATABASE_URL up to date."""
    engine = open_engine(load_settings().database_url)
    try:
        migrate(engine)
    finally:
        engine.dispose()
    out.print("the database is up to date")
