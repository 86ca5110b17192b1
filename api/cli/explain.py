"""`pricewright explain`: why a price is what it is."""

from __future__ import annotations

import math
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import Connection

from api.cli.database import database
from api.cli.moments import local_time
from api.cli.terminal import out
from api.jobs.explain import Explanation, explain_at
from api.settings import load_settings
from pricing.currencies import estimate_text
from pricing.deciding.decisions import Action, PriceDecision
from pricing.deciding.exploration import is_price_test
from storage.database import reading
from storage.prices.decisions import decision_of
from storage.products.markets import list_markets

app = typer.Typer(add_completion=False)


@app.command()
def explain_command(
    sku: Annotated[str, typer.Argument(help="The product.")],
    market: Annotated[
        str | None, typer.Option(help="The market; may be left out when there is one.")
    ] = None,
    run: Annotated[int | None, typer.Option(help="The run; the newest if none.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Explain the price in force at this local time instead, and replay its decision."
        ),
    ] = None,
) -> None:
    """Show the newest decision on a price, and why; or, with --at, that of a time."""
    settings = load_settings()
    with database(settings) as engine, reading(engine) as conn:
        if at is not None:
            place = market or _only_market(conn)
            print_explanation(explain_at(conn, sku, place, local_time(conn, place, at)))
            return
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
        f"profit {_money(decision.profit, decision.currency)} {decision.currency}, "
        f"before {_money(decision.profit_before, decision.currency)}"
    )
    for reason in decision.reasons:
        facts = ", ".join(f"{name} {value}" for name, value in reason.facts.items())
        out.print(f"  - {reason.code.value.replace('_', ' ')}: {escape(facts)}")


def print_explanation(found: Explanation) -> None:
    """Who set a price, from what, and what else it could have been."""
    change = found.change
    out.print(
        f"[bold]{change.price or 'not on sale'}[/] since {change.published_at:%Y-%m-%d %H:%M} UTC, "
        f"set by price book {change.version}"
        f"{'' if change.run_id is None else f', run {change.run_id}'}"
    )
    if found.draft is not None:
        names = ", ".join(item.approved_by for item in found.draft.approvals) or "the budget"
        out.print(
            f"  proposed by {escape(found.draft.created_by)}, approved by {escape(names)}: "
            f"{escape(found.draft.note)}"
        )
    if found.stored is not None:
        print_decision(found.stored.decision)
    if found.replayed is None:
        out.print(f"  cannot be decided again: {escape(found.why_not)}")
        return
    same = "the same price" if found.replayed.same else f"[bold]{found.replayed.decision.price}[/]"
    if found.stored is not None and _is_test(found.stored.decision):
        out.print(f"the price is a test; without it, what was known then leads to {same}")
    else:
        out.print(f"decided again from what was known then: {same}")
    table = Table("candidate", "units", "revenue", "profit", "objective", "")
    for item in found.replayed.candidates:
        mark = {found.replayed.chosen: "chosen", found.replayed.runner_up: "runner-up"}
        table.add_row(
            str(item.price),
            f"{item.units:,.1f}",
            _money(item.revenue, item.price.currency),
            _money(item.profit, item.price.currency),
            _money(item.objective, item.price.currency),
            mark.get(item, ""),
        )
    out.print(table)
    chosen, other = found.replayed.chosen, found.replayed.runner_up
    if chosen is not None and other is not None:
        currency = chosen.price.currency
        out.print(
            f"runner-up {other.price}: profit {_money(other.profit, currency)} a period, "
            f"{'+' if other.profit >= chosen.profit else ''}"
            f"{_money(other.profit - chosen.profit, currency)} against the price chosen"
        )


def _money(major: float, currency: str) -> str:
    """An expected amount with the decimals of its currency; a dash where nobody knows it."""
    return estimate_text(major, currency, grouped=True) if math.isfinite(major) else "-"


def _is_test(decision: PriceDecision) -> bool:
    return any(is_price_test(str(reason.facts.get("path", ""))) for reason in decision.reasons)
