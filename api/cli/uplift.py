"""`pricewright uplift`: what a promotion changed, after the fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import Engine

from api.cli.database import database
from api.cli.terminal import out, utc_now
from api.jobs.uplift import CampaignData, PromotionQuestion, figures, kpis, measure, question_of
from api.settings import load_settings
from models.campaigns.uplift import Method, Uplift
from models.errors import InvalidSpec
from pricing.currencies import decimals
from storage.errors import PromotionNotFound
from storage.promotions.monitor import PromotionFigures

app = typer.Typer(add_completion=False)

_DAY = ["%Y-%m-%d"]


@app.command()
def uplift_command(
    promotion: Annotated[
        str, typer.Argument(help="Its id; or any name, where products or markets are given.")
    ],
    start: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=_DAY, help="First day; the stored promotion's if not given."
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DAY, help="Last day; the stored promotion's if not given."),
    ] = None,
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
    orders: Annotated[
        Path | None,
        typer.Option(
            help="Order lines, .csv or .parquet: order, customer, date, units, revenue, and where "
            "known cost, coupon. Adds the key figures of the campaign."
        ),
    ] = None,
    visits: Annotated[
        Path | None, typer.Option(help="With --orders: date and visits, for conversion.")
    ] = None,
    coupons_issued: Annotated[
        int | None, typer.Option(min=1, help="With --orders: for the redemption rate.")
    ] = None,
    funding: Annotated[
        float, typer.Option(min=0.0, help="With --orders: what suppliers paid towards it.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated paths.")] = 1,
) -> None:
    """Measure a promotion against products or markets that did not have it, with placebo tests.

    A stored promotion brings its own days, products and markets.
    """
    if orders is None and (visits is not None or coupons_issued is not None or funding):
        raise InvalidSpec("--visits, --coupons-issued and --funding go with --orders")
    settings = load_settings()
    with database(settings) as engine:
        notes: tuple[str, ...] = ()
        if skus or markets:
            if start is None or end is None:
                raise InvalidSpec("give the days as well: --from and --to")
            question = PromotionQuestion(
                start=start.date(),
                end=end.date(),
                skus=tuple(skus or ()),
                markets=tuple(markets or ()),
                category=category,
                method=method,
                seed=seed,
            )
        else:
            question, notes = _stored(
                engine, promotion, category=category, method=method, seed=seed
            )
            question = replace(
                question,
                start=start.date() if start else question.start,
                end=end.date() if end else question.end,
            )
        table = None
        if orders is not None:
            data = CampaignData(orders, visits, coupons_issued, funding)
            table = kpis(question, data)
        answers = measure(engine, question)
        till = figures(engine, promotion, utc_now())
    out.print(_lifts(promotion, answers))
    first = next(iter(answers.values()))
    out.print(f"{question.start} to {question.end}, found by {first.method.value}")
    if question.skus:
        out.print("note: other products of the category may have lost what these gained")
    for note in notes:
        out.print(f"note: {escape(note)}")
    for name, found in answers.items():
        for warning in found.warnings:
            out.print(f"[yellow]{name}:[/] {escape(warning)}")
    if till is not None:
        _print_till(*till)
    if table is not None:
        out.print(_kpi_table(table))
        out.print("differences from the days before are no effects; the lift above is one")


def _stored(
    engine: Engine, name: str, *, category: str | None, method: Method, seed: int
) -> tuple[PromotionQuestion, tuple[str, ...]]:
    try:
        return question_of(engine, name, category=category, method=method, seed=seed)
    except PromotionNotFound as error:
        raise InvalidSpec(
            f"{error}; name a stored one (GET /v1/promotions lists them), or name the products or "
            "the markets that had it, with --from and --to"
        ) from error


def _lifts(promotion: str, answers: Mapping[str, Uplift]) -> Table:
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
    return table


def _print_till(till: PromotionFigures, currency: str) -> None:
    if not till.offered:
        out.print("no quote was made with it")
        return
    unit = 10 ** decimals(currency)
    parts = [f"offered {till.offered:,} times, redeemed {till.committed:,}"]
    if till.conversion is not None:
        parts.append(f"conversion {till.conversion:.1%}")
    if till.order_minor is not None:
        parts.append(f"average order value {till.order_minor / unit:,.2f} {currency}")
    if till.margin_orders:
        parts.append(
            f"margin after funding {till.margin_minor / unit:,.2f} {currency} "
            f"on {till.margin_orders:,} orders"
        )
    out.print("; ".join(parts))


def _kpi_table(figures_found: pd.DataFrame) -> Table:
    table = Table("", "during", "before", "difference", "95 % from", "to")
    columns = ["during", "before", "difference", "ci_low", "ci_high"]
    for name, row in zip(figures_found.index, figures_found[columns].to_numpy(), strict=True):
        table.add_row(str(name), *("-" if np.isnan(v) else f"{v:,.3g}" for v in row))
    return table
