"""`pricewright plan`: plans that a manager can sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.terminal import bars, out
from api.jobs.plan_markdown import (
    CURRENT,
    LOWER_DEMAND,
    PLAN,
    MarkdownAnswer,
    MarkdownQuestion,
    plan_markdown,
)
from api.plans.markdown_input import read_markdown_input
from api.plans.markdown_output import PLAN_ENDINGS, write_plan
from api.tables import refuse_unwritable
from pricing.currencies import decimals
from pricing.markdown import Effort, Risk
from simulations.clearance_outlook import Outlook

app = typer.Typer(add_completion=False, help="Plans, each with its bound and what to expect of it.")


@app.callback()
def _plans() -> None:
    """Plans, each with its bound and what to expect of it."""


@app.command()
def markdown(
    input_file: Annotated[Path, typer.Option("--input", help="The clearance: .json or .csv.")],
    output_file: Annotated[
        Path, typer.Option("--output", help="The plan: .json, .csv or .parquet.")
    ],
    weeks: Annotated[int | None, typer.Option(min=1, help="Weeks (needed with .csv).")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code (needed with .csv).")] = None,
    budget: Annotated[str | None, typer.Option(help="Most to give away, expected.")] = None,
    labels_per_week: Annotated[
        int | None, typer.Option(help="Most labels changed in a market and week.")
    ] = None,
    average_discount: Annotated[
        float | None, typer.Option(help="Most given away, as a share of full prices.")
    ] = None,
    revenue_floor: Annotated[str | None, typer.Option(help="Least revenue, net of tax.")] = None,
    marked_down_at_once: Annotated[
        int | None, typer.Option(help="Most items below their full price in a week.")
    ] = None,
    draws: Annotated[int, typer.Option(min=10, max=100_000, help="Futures to simulate.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated chance.")] = 1,
    gap: Annotated[float, typer.Option(min=0, max=1, help="Gap to stop at.")] = 1e-5,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
) -> None:
    """Plan a clearance: a falling price path for every item within all limits, with a proof."""
    refuse_unwritable(output_file, PLAN_ENDINGS)
    given = read_markdown_input(
        input_file,
        {
            "weeks": weeks, "currency": currency, "budget": budget,
            "labels_per_week": labels_per_week, "average_discount": average_discount,
            "revenue_floor": revenue_floor, "marked_down_at_once": marked_down_at_once,
        },
    )  # fmt: skip
    items, cost = given.columns()
    question = MarkdownQuestion(
        items=items,
        cost=cost,
        limits=given.joint_limits(),
        prior=given.prior(),
        current_policy={week - 1: share for week, share in given.current_policy.items()},
        risk=None if given.risk is None else Risk(given.risk.weight, given.risk.level),
        risk_draws=20 if given.risk is None else given.risk.draws,
    )
    with bars("plan") as progress:
        answer = plan_markdown(
            question,
            rng=np.random.default_rng(seed),
            draws=draws,
            effort=Effort(gap=gap, threads=threads),
            progress=progress,
        )
    write_plan(question, answer, output_file)
    _show(question, answer)
    out.print(f"plan: {escape(str(output_file))}")


def _show(question: MarkdownQuestion, answer: MarkdownAnswer) -> None:
    report, currency = answer.plan.report, question.items.currency
    unit = 10 ** decimals(currency)
    out.print(
        f"{len(question.items):,} items, {question.items.weeks} weeks: worth "
        f"{report.objective / unit:,.2f} {currency}, no plan is worth more than "
        f"{report.bound / unit:,.2f} (gap {report.gap:.1e}, {report.status})"
    )
    out.print(_table(answer.outlook, "as expected", unit, currency))
    out.print(_table(answer.lower, f"if demand is {1 - LOWER_DEMAND:.0%} lower", unit, currency))
    more = answer.outlook.difference(PLAN, CURRENT, "margin")
    out.print(
        f"against the {CURRENT}: {more.mean / unit:+,.0f} {currency} of margin "
        f"({more.low / unit:+,.0f} to {more.high / unit:+,.0f})"
    )


def _table(view: Outlook, title: str, unit: int, currency: str) -> Table:
    table = Table(title=f"{title}, {currency}, {view.level:.0%} intervals")
    table.add_column("")
    for measure in ("sell-through", "revenue", "margin over salvage", "write-off"):
        table.add_column(measure, justify="right")
    for name in view.plans:
        share = view.of(name, "sell_through")
        cells = [f"{share.mean:.1%}\n[dim]{share.low:.1%} to {share.high:.1%}[/]"]
        for measure in ("revenue", "margin", "write_off"):
            figure = view.of(name, measure)
            cells.append(
                "cost unknown"
                if np.isnan(figure.mean)
                else f"{figure.mean / unit:,.0f}\n"
                f"[dim]{figure.low / unit:,.0f} to {figure.high / unit:,.0f}[/]"
            )
        table.add_row(name, *cells)
    return table
