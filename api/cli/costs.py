"""`pricewright costs`: costs that are too far from the last ones to move a price unseen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.moments import account_or_user
from api.cli.terminal import out, utc_now
from api.settings import load_settings
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.decision_inputs.trusted_costs import HeldCost, confirm_costs, held_costs

app = typer.Typer(
    add_completion=False,
    help="Costs that hold their prices until somebody says yes.",
    no_args_is_help=True,
)

_Market = Annotated[str | None, typer.Option(help="This market only.")]
_At = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"],
        help="As of this time (UTC), for data that end in the past.",
    ),
]


@app.command("held")
def held_command(
    market: _Market = None,
    at: _At = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
) -> None:
    """List costs more than twice, or less than half, the last trusted ones."""
    with database(load_settings()) as engine, reading(engine) as conn:
        found = held_costs(read_catalogue(conn, at=_moment(at), market=market))
    _show(found[:limit])
    out.print(f"{len(found):,} costs wait for `pricewright costs confirm`")


@app.command("confirm")
def confirm_command(
    sku: Annotated[list[str] | None, typer.Argument(help="The products.")] = None,
    market: _Market = None,
    every: Annotated[bool, typer.Option("--all", help="All costs that wait.")] = False,
    at: _At = None,
    by: Annotated[
        str | None, typer.Option(help="Who says so; the user of this computer if none.")
    ] = None,
) -> None:
    """Say yes to costs that wait: the next run moves prices by them.

    Where a cost is wrong, bring in the right one instead.
    """
    if bool(sku) == every:
        raise typer.BadParameter("name products, or say --all")
    moment = _moment(at)
    with database(load_settings()) as engine, writing(engine) as conn:
        known = read_catalogue(conn, at=moment, market=market, skus=sku or None)
        found = confirm_costs(conn, known, at=moment, by=account_or_user(conn, by))
    _show(found[:20])
    out.print(f"{len(found):,} costs confirmed; `pricewright reprice` moves prices by them")


def _moment(at: datetime | None) -> datetime:
    return utc_now() if at is None else at.replace(tzinfo=UTC)


def _show(found: tuple[HeldCost, ...]) -> None:
    table = Table("product", "market", "cost", "trusted so far")
    for item in found:
        table.add_row(escape(item.sku), escape(item.market), str(item.cost), str(item.trusted))
    out.print(table)
