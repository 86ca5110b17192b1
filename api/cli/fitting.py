"""`pricewright fit`: estimate price sensitivity."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import bars, out, utc_now
from api.jobs.cross_fit import fit_cross_effects
from api.jobs.fit import FitOutcome, fit
from api.jobs.result_files import TABLE_ENDINGS, refuse_unwritable, write_table
from api.settings import load_settings
from models.sensitivity.cleaning import PanelSpec, Period
from models.sensitivity.outliers import OutlierAction
from models.sensitivity.spec import DemandForm, Engine, Estimator, FitSpec

app = typer.Typer(add_completion=False)


class FormChoice(StrEnum):
    """What `--form` takes: a form of demand, or a way to choose one."""

    BY_SALES = "by-sales"
    AUTO = "auto"
    LOG_LOG = "log-log"
    SEMI_LOG = "semi-log"
    POISSON = "poisson"
    NEGATIVE_BINOMIAL = "negative-binomial"


@app.command()
def fit_command(
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="Write the elasticities to this .csv or .parquet file."),
    ] = None,
    market: Annotated[str | None, typer.Option(help="This market only.")] = None,
    category: Annotated[str | None, typer.Option(help="This category only.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Sales from this day on.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Hold this country's public holidays constant (DE, US, CN).")
    ] = None,
    estimator: Annotated[
        Estimator, typer.Option(help="How an elasticity is estimated.")
    ] = Estimator.AUTO,
    arithmetic: Annotated[
        Engine, typer.Option(help="Who computes; the numbers are equal.")
    ] = Engine.BATCHED,
    pooled: Annotated[
        bool, typer.Option(help="Let thin products borrow from their category.")
    ] = True,
    form: Annotated[
        FormChoice,
        typer.Option(
            help="Form of demand; by-sales: counts where most periods sell fewer than five, else "
            "log-log; auto: each series' best on held-out weeks (slower)."
        ),
    ] = FormChoice.BY_SALES,
    daily: Annotated[
        bool, typer.Option("--daily", help="Fit days, weekdays held constant, not weeks.")
    ] = False,
    outliers: Annotated[
        OutlierAction,
        typer.Option(help="What becomes of periods that nothing in the data explains."),
    ] = OutlierAction.REPORT,
    cross: Annotated[
        bool,
        typer.Option(
            "--cross",
            help="Also fit what the price of one product does to the others of its category; "
            "`reprice` then weighs it.",
        ),
    ] = False,
    accept_worse: Annotated[
        bool,
        typer.Option("--accept-worse", help="Use the fit even if the one in use errs less."),
    ] = False,
) -> None:
    """Fit a demand curve with its uncertainty to every product in every market."""
    refuse_unwritable(out_file, TABLE_ENDINGS)
    settings = load_settings()
    spec = FitSpec(
        estimator=estimator,
        country=country,
        engine=arithmetic,
        pooled=pooled,
        forms=_forms(form),
    )
    with database(settings) as engine, bars("fit") as progress:
        outcome = fit(
            engine,
            now=utc_now(),
            spec=spec,
            market=market,
            category=category,
            since=since.date() if since else None,
            panel_spec=PanelSpec(period=Period.DAY if daily else Period.WEEK),
            outliers=outliers,
            accept_worse=accept_worse,
            progress=progress,
        )
        effects = None
        if cross and (outcome.acceptance.accepted or accept_worse):
            effects = fit_cross_effects(
                engine,
                outcome.fit_id,
                market=market,
                category=category,
                since=since.date() if since else None,
                progress=progress,
            )
    if out_file is not None:
        write_table(outcome.curves.to_frame(), out_file)
    out.print(fit_table(outcome))
    cleaning = outcome.cleaning
    out.print(
        f"fit {outcome.fit_id}: {len(outcome.curves):,} curves from {cleaning.rows_kept:,} of "
        f"{cleaning.rows_in:,} sales rows"
    )
    methods = sorted(outcome.fit.report.methods.items(), key=lambda item: (-item[1], item[0]))
    out.print("  " + escape(", ".join(f"{count:,} by {method}" for method, count in methods)))
    verdict = outcome.acceptance
    if not verdict.accepted:
        kept = "stored all the same" if accept_worse else f"not stored; fit {outcome.fit_id} stays"
        out.print(f"[yellow]{kept}:[/] {escape(verdict.why)}")
    elif verdict.rows:
        out.print(escape(verdict.why))
    for reason, rows in cleaning.dropped.items():
        out.print(f"  left out {rows:,} rows: {escape(reason)}")
    if cleaning.gaps:
        out.print(f"  gaps: {cleaning.gaps:,} periods missing in {cleaning.gapped_series:,} series")
    if far := len(outcome.outliers.table):
        done = {"report": "kept", "drop": "left out", "clip": "pulled in"}[outliers.value]
        out.print(
            f"  outliers: {far:,} periods more than {outcome.outliers.limit:.0f} robust standard "
            f"deviations from what their series' regression expects, {done} (--outliers)"
        )
    if effects is not None:
        out.print(
            f"{effects.pairs:,} cross effects in {effects.categories} categories are more than "
            "chance"
        )
        for name, reason in effects.left_out.items():
            out.print(f"  no cross effects in {escape(name)}: {escape(reason)}")
    for warning in outcome.fit.report.warnings:
        out.print(f"[yellow]note:[/] {escape(warning)}")
    if out_file is not None:
        out.print(f"elasticities are in {escape(str(out_file))}")


def _forms(choice: FormChoice) -> tuple[DemandForm, ...] | None:
    if choice is FormChoice.BY_SALES:
        return None
    return tuple(DemandForm) if choice is FormChoice.AUTO else (DemandForm(choice.value),)


def fit_table(outcome: FitOutcome) -> Table:
    """The elasticities by category."""
    table = Table("category", "elasticity", "± (95 %)", "spread", "series", "identified alone")
    for finding in outcome.fit.report.categories:
        table.add_row(
            escape(finding.category or "(none)"),
            f"{finding.elasticity:.2f}",
            f"{1.96 * finding.std_error:.2f}",
            f"{finding.spread:.2f}",
            f"{finding.series:,}",
            f"{finding.identified:,}",
        )
    return table
