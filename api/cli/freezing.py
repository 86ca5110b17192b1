"""`pricewright freeze`: the kill switch."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from api.cli.database import database
from api.cli.moments import account_or_user
from api.cli.terminal import out, utc_now
from api.settings import load_settings
from storage.database import writing
from storage.releases.freezes import freeze

app = typer.Typer(add_completion=False)


@app.command()
def freeze_command(
    reason: Annotated[str, typer.Argument(help="Why; everybody who is refused reads it.")],
    market: Annotated[str | None, typer.Option(help="This market only.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Who does this; the user of this computer if none.")
    ] = None,
) -> None:
    """Freeze all prices at once: nothing goes live, what is live is served on."""
    with database(load_settings()) as engine, writing(engine) as conn:
        freeze(conn, at=utc_now(), by=account_or_user(conn, by), reason=reason, market=market)
    out.print(f"prices of {escape(market or 'all markets')} are [bold]frozen[/]")
