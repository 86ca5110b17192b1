"""`pricewright backup`: the whole database in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.terminal import bars, out, utc_now
from api.jobs.backing_up import backup_file, keep_newest
from api.jobs.surroundings import backup_folder
from api.settings import load_settings
from storage.backup.making import BackupReport, check_backup, make_backup
from storage.database import open_engine

app = typer.Typer(add_completion=False)


@app.command()
def backup_command(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Where to; named by the time, in PRICEWRIGHT_BACKUP_FOLDER, if not given."
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Keep so many files of that folder, the newest."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Make none: say whether FILE is whole, and what it is.")
    ] = False,
) -> None:
    """Write the whole database to one file while the service goes on; `restore` brings it back.

    The file holds signing keys and password hashes: it is readable by its owner only, and has to
    be kept as the database is. The same file restores into SQLite and PostgreSQL.
    """
    if check:
        if file is None:
            raise typer.BadParameter("--check needs the FILE to look at")
        say(check_backup(file), "whole")
        return
    if keep is not None and file is not None:
        raise typer.BadParameter("--keep is for the folder of backups; leave FILE out")
    settings = load_settings()
    at = utc_now()
    folder = backup_folder(settings)
    engine = open_engine(settings.database_url)
    try:
        with bars("backup") as progress:
            path = backup_file(folder, at) if file is None else file
            report = make_backup(engine, path, now=at, progress=progress)
    finally:
        engine.dispose()
    say(report, "backed up")
    if keep is not None:
        gone = keep_newest(folder, keep)
        out.print(f"deleted: {len(gone)} older")


def say(report: BackupReport, verb: str) -> None:
    """What a backup holds."""
    rows = sum(report.rows.values())
    out.print(
        f"{verb}: [bold]{escape(str(report.path))}[/], {report.bytes:,} bytes, {rows:,} rows of "
        f"{len(report.rows)} tables, made {report.made_at:%Y-%m-%d %H:%M} UTC from "
        f"{report.dialect} at step {report.revision} by version {report.product_version}"
    )
    out.print(f"sha256: {report.sha256}")
