"""`pricewright publish`: put prices live."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.database import database
from api.cli.terminal import out, utc_now
from api.settings import load_settings
from storage.database import writing
from storage.decisions import newest_run
from storage.errors import RunNotFound
from storage.price_books import publish

app = typer.Typer()


@app.command()
def publish_command(
    run: Annotated[int | None, typer.Option(help="The run to publish; the newest if none.")] = None,
    note: Annotated[str, typer.Option(help="Kept with the price book.")] = "",
) -> None:
    """Make the prices of a run the live price book. The service takes it up in seconds."""
    settings = load_settings()
    with database(settings) as engine, writing(engine) as conn:
        run_id = newest_run(conn) if run is None else run
        if run_id is None:
            raise RunNotFound("no prices were decided yet; run `pricewright reprice` first")
        version = publish(conn, run_id, at=utc_now(), note=note)
    out.print(f"price book [bold]{version}[/] is live, made of run {run_id}")
