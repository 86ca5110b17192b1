"""`pricewright diagnose`: the evidence behind one product's demand curve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import out
from api.jobs.diagnose import diagnose_sku
from api.jobs.result_files import refuse_unwritable
from api.reports.charts import CHART_ENDINGS
from api.reports.diagnosis_chart import draw_diagnosis
from api.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def diagnose_command(
    sku: Annotated[str, typer.Argument(help="The product.")],
    market: Annotated[str | None, typer.Option(help="This market only.")] = None,
    country: Annotated[
        str | None, typer.Option(help="Hold this country's holidays constant, as the fit did.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Draw the first market into this .png or .svg file.")
    ] = None,
) -> None:
    """Show estimates, first stage and residuals of one product, and the health of its fit."""
    refuse_unwritable(chart, CHART_ENDINGS)
    settings = load_settings()
    with database(settings) as engine:
        found, state = diagnose_sku(engine, sku, market, country)
    table = Table("", *(escape(item.market) for item in found), title=escape(sku))
    for i, figure in enumerate(found[0].figures["figure"]):
        values = [float(item.figures["value"].iloc[i]) for item in found]
        table.add_row(str(figure), *(f"{v:.3f}" if np.isfinite(v) else "-" for v in values))
    out.print(table)
    for item in found:
        for note in item.notes:
            out.print(f"{escape(item.market)}: {escape(note)}")
    for alert in state.alerts:
        out.print(f"[yellow]alert:[/] {escape(alert)}")
    if chart is not None:
        notes = draw_diagnosis(found[0], chart)
        out.print(f"the chart is in {escape(str(chart))}")
        for note in notes:
            out.print(f"[yellow]note:[/] {escape(note)}")
