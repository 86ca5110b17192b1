"""`pricewright restore`: a backup becomes the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.backup import say
from api.cli.terminal import bars
from api.settings import load_settings
from storage.backup.restoring import restore_backup
from storage.database import open_engine

app = typer.Typer(add_completion=False)


@app.command()
def restore_command(
    file: Annotated[Path, typer.Argument(help="What `pricewright backup` made.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Drop what the database holds; else it must be empty."),
    ] = False,
) -> None:
    """Bring a backup into the database named by DATABASE_URL: all of it, or nothing.

    Stop the service first. The checksum is compared before anything is touched, and a backup of
    an older version is brought up to date on the way.
    """
    engine = open_engine(load_settings().database_url)
    try:
        with bars("restore") as progress:
            report = restore_backup(engine, file, replace=replace, progress=progress)
    finally:
        engine.dispose()
    say(report, "restored")
