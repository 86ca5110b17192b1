"""`pricewright unfreeze`: let prices change again."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.database import database
from api.cli.moments import account_or_user
from api.cli.terminal import out, utc_now
from api.settings import load_settings
from storage.database import writing
from storage.releases.freezes import freezes_in_force, unfreeze

app = typer.Typer(add_completion=False)


@app.command()
def unfreeze_command(
    market: Annotated[str | None, typer.Option(help="This market only.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Who does this; the user of this computer if none.")
    ] = None,
) -> None:
    """Lift the freeze: prices may change again. What was due meanwhile goes live soon."""
    with database(load_settings()) as engine, writing(engine) as conn:
        lifted = unfreeze(conn, at=utc_now(), by=account_or_user(conn, by), market=market)
        left = freezes_in_force(conn)
    out.print(f"{lifted} freeze(s) lifted, {len(left)} left")
