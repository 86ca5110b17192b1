"""`pricewright what-if`: simulate other prices before anybody sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import out, utc_now
from api.jobs.pricing_rules import lines_of, read_rules
from api.jobs.reprice import RepriceRequest
from api.jobs.result_files import TABLE_ENDINGS, refuse_unwritable, write_table
from api.jobs.what_if import WhatIfQuestion, ask_what_if
from api.reports.charts import CHART_ENDINGS, draw_what_if
from api.settings import load_settings
from pricing.rulebook.document import PricingRules
from simulations.scenarios.outlook import Estimate
from simulations.scenarios.what_if import MEASURES, WhatIf
from storage.law.rule_packs import load_rule_packs

app = typer.Typer(add_completion=False)


@app.command()
def what_if_command(
    category: Annotated[str | None, typer.Option(help="Whose prices change; all if none.")] = None,
    market: Annotated[str | None, typer.Option(help="In this market only.")] = None,
    changes: Annotated[
        str, typer.Option(metavar="PERCENT,...", help="Price changes to try.")
    ] = "-5,0,5",
    optimal: Annotated[bool, typer.Option(help="Try the optimal prices, too.")] = True,
    rules_file: Annotated[
        Path | None,
        typer.Option(
            "--rules",
            metavar="FILE",
            help="Limits, objective and strategies of the optimal prices, as `reprice` takes them.",
        ),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"],
            help="Ask as of this time (UTC), for data that end in the past.",
        ),
    ] = None,
    weeks: Annotated[int, typer.Option(min=1, max=104, help="Weeks to add up.")] = 4,
    draws: Annotated[int, typer.Option(min=2, max=100_000, help="Futures to simulate.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated chance.")] = 1,
    chart: Annotated[
        Path | None, typer.Option(help="Draw the answer into this .png or .svg file.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the answer to this .csv or .parquet file.")
    ] = None,
) -> None:
    """Simulate a category under other prices: units, revenue, profit, with intervals."""
    refuse_unwritable(chart, CHART_ENDINGS)
    refuse_unwritable(out_file, TABLE_ENDINGS)
    settings = load_settings()
    rules = read_rules(rules_file) if rules_file is not None else PricingRules()
    question = WhatIfQuestion(
        changes=_shares(changes),
        optimal=optimal,
        draws=draws,
        periods=weeks,
    )
    with database(settings) as engine, lines_of(rules_file):
        answer = ask_what_if(
            engine,
            question,
            rules,
            RepriceRequest(
                now=utc_now(),
                offer_max_age=settings.offer_max_age,
                market=market,
                category=category,
                packs=load_rule_packs(settings.rule_packs),
                at=None if at is None else at.replace(tzinfo=UTC),
                map_floor_in=settings.map_floor_in,
            ),
            rng=np.random.default_rng(seed),
        )
    out.print(what_if_table(answer))
    for reason, rows in answer.left_out.items():
        out.print(f"left out {rows:,} prices: {reason}")
    if chart is not None:
        notes = draw_what_if(answer, chart)
        out.print(f"chart: {escape(str(chart))}")
        for note in notes:
            out.print(f"[yellow]note:[/] {escape(note)}")
    if out_file is not None:
        write_table(answer.to_frame(), out_file)
        out.print(f"figures: {escape(str(out_file))}")


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) / 100.0 for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"changes {text!r} must be percentages like -5,0,5") from None


def what_if_table(answer: WhatIf) -> Table:
    """The answer, a line a scenario, each figure with its interval."""
    table = Table(
        title=f"{answer.rows} prices, {answer.periods} weeks, {answer.currency}, "
        f"{answer.level:.0%} intervals"
    )
    table.add_column("scenario")
    for measure in MEASURES:
        table.add_column(f"{measure}\n[dim]against price in force[/]", justify="right")
    for scenario in answer.scenarios:
        table.add_row(
            scenario,
            *(
                f"{answer.outcome(scenario, measure).mean:,.0f}\n"
                f"[dim]{_spread(answer.difference(scenario, measure))}[/]"
                for measure in MEASURES
            ),
        )
    return table


def _spread(estimate: Estimate) -> str:
    return f"{estimate.low:+,.0f} to {estimate.high:+,.0f}"
