"""`pricewright uplift`: what a promotion changed, after the fact."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import out
from api.jobs.uplift import PromotionQuestion, measure
from api.settings import load_settings
from models.uplift import Method

app = typer.Typer(add_completion=False)


@app.command()
def uplift_command(
    promotion: Annotated[str, typer.Argument(help="Its name, for the report.")],
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    skus: Annotated[
        list[str] | None, typer.Option("--sku", help="A product that had it; may be repeated.")
    ] = None,
    markets: Annotated[
        list[str] | None, typer.Option("--market", help="A market that had it; may be repeated.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="Count this category only.")] = None,
    method: Annotated[
        Method, typer.Option(help="How what would have been is found.")
    ] = Method.AUTO,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated paths.")] = 1,
) -> None:
    """Measure a promotion against products or markets that did not have it, with placebo tests."""
    question = PromotionQuestion(
        start=start.date(),
        end=end.date(),
        skus=tuple(skus or ()),
        markets=tuple(markets or ()),
        category=category,
        method=method,
        seed=seed,
    )
    settings = load_settings()
    with database(settings) as engine:
        answers = measure(engine, question)
    table = Table(
        "", "lift", "95 % from", "to", "gained", "p", "placebo before", title=escape(promotion)
    )
    for name, found in answers.items():
        table.add_row(
            name,
            f"{found.lift:+.1%}",
            f"{found.ci_low:+.1%}",
            f"{found.ci_high:+.1%}",
            f"{found.incremental:,.0f}",
            f"{found.p_value:.3f}",
            f"{found.placebo_before[0]:+.1%} (p {found.placebo_before[1]:.2f})",
        )
    out.print(table)
    first = next(iter(answers.values()))
    out.print(f"found by {first.method.value}")
    if question.skus:
        out.print("note: other products of the category may have lost what these gained")
    for name, found in answers.items():
        for warning in found.warnings:
            out.print(f"[yellow]{name}:[/] {escape(warning)}")
