"""`pricewright explain`: why a price is what it is."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy.engine import Connection

from api.cli.database import database
from api.cli.terminal import out
from api.settings import load_settings
from pricing.decisions import Action, PriceDecision
from storage.database import reading
from storage.decisions import decision_of
from storage.markets import list_markets

app = typer.Typer()


@app.command()
def explain_command(
    sku: Annotated[str, typer.Argument(help="The product.")],
    market: Annotated[
        str | None, typer.Option(help="The market; may be left out when there is one.")
    ] = None,
    run: Annotated[int | None, typer.Option(help="The run; the newest if none.")] = None,
) -> None:
    """Show the newest decision on a price, and why."""
    settings = load_settings()
    with database(settings) as engine, reading(engine) as conn:
        stored = decision_of(conn, sku, market or _only_market(conn), run_id=run)
    print_decision(stored.decision)
    out.print(f"run {stored.run_id}, {stored.decision.decided_at:%Y-%m-%d %H:%M} UTC")


def _only_market(conn: Connection) -> str:
    markets = [market.code for market in list_markets(conn)]
    if len(markets) != 1:
        raise typer.BadParameter(f"name one with --market: {', '.join(markets) or 'there is none'}")
    return markets[0]


def print_decision(decision: PriceDecision) -> None:
    """A decision as a person reads it."""
    verb = {Action.CHANGE: "changes to", Action.KEEP: "keeps", Action.HOLD: "is held at"}
    out.print(
        f"[bold]{escape(decision.sku)}[/] in {escape(decision.market)} "
        f"{verb[decision.action]} [bold]{decision.price}[/] (was {decision.previous})"
    )
    out.print(
        f"  expected a week: {decision.units:,.1f} units "
        f"({decision.units_low:,.1f} to {decision.units_high:,.1f}), "
        f"profit {decision.profit:,.2f}, before {decision.profit_before:,.2f}"
    )
    for reason in decision.reasons:
        facts = ", ".join(f"{name} {value}" for name, value in reason.facts.items())
        out.print(f"  - {reason.code.value.replace('_', ' ')}: {escape(facts)}")
