"""`pricewright forecast`: demand for the weeks to come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import bars, out
from api.jobs.forecast import forecast_demand
from api.jobs.result_files import TABLE_ENDINGS, refuse_unwritable, write_table
from api.settings import load_settings
from models.errors import InvalidPanel
from models.forecasting.forecast import Forecast
from models.forecasting.history import ForecastSpec

app = typer.Typer(add_completion=False)


@app.command()
def forecast_command(
    weeks: Annotated[int, typer.Option(min=1, max=52, help="Weeks ahead.")] = 13,
    market: Annotated[str | None, typer.Option(help="This market only.")] = None,
    category: Annotated[str | None, typer.Option(help="This category only.")] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Planned prices and promotions: a .csv or .parquet file with sku, market, "
            "period_start and any of price, deal, feature, display."
        ),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the forecast to this .csv or .parquet file.")
    ] = None,
) -> None:
    """Forecast demand of every product in every market, with prediction intervals."""
    refuse_unwritable(out_file, TABLE_ENDINGS)
    settings = load_settings()
    future = None if plan is None else _plan(plan)
    with database(settings) as engine, bars("forecast") as progress:
        found, error = forecast_demand(
            engine,
            ForecastSpec(horizon=weeks),
            market=market,
            category=category,
            future=future,
            progress=progress,
        )
    if out_file is not None:
        write_table(found.table, out_file)
    out.print(_weeks_table(found))
    out.print(_methods_table(found))
    if np.isfinite(error):
        out.print(
            f"on the last {weeks} weeks, held out, the weighted absolute error was {error:.1%}"
        )
    if out_file is not None:
        out.print(f"the forecast is in {escape(str(out_file))}")


def _plan(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        return frame.assign(period_start=pd.to_datetime(frame["period_start"]))
    except (OSError, KeyError, ValueError) as error:
        raise InvalidPanel(f"{path}: no plan can be read from it: {error}") from error


def _weeks_table(found: Forecast) -> Table:
    table = Table("week of", "units", "mean")
    weeks = found.table.groupby("period_start")[["units", "mean"]].sum()
    for when, row in zip(weeks.index, weeks.itertuples(index=False), strict=True):
        table.add_row(f"{when:%Y-%m-%d}", f"{row.units:,.0f}", f"{row.mean:,.0f}")
    return table


def _methods_table(found: Forecast) -> Table:
    table = Table("method", "error in back-tests", "chosen for")
    for name, row in found.accuracy.sort_values("wmape").iterrows():
        table.add_row(str(name), f"{row['wmape']:.1%}", f"{int(row['chosen']):,} series")
    return table
