"""Forecast demand from the stored sales history."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from sqlalchemy.engine import Engine

from api.work.progress import Progress, silent
from models.errors import InvalidPanel
from models.forecasting.forecast import Forecast, backtest, forecast, wmape
from models.forecasting.history import ForecastSpec
from storage.database import reading
from storage.products.sales import read_sales


def forecast_demand(
    engine: Engine,
    spec: ForecastSpec,
    *,
    market: str | None = None,
    category: str | None = None,
    future: pd.DataFrame | None = None,
    progress: Progress = silent,
) -> tuple[Forecast, float]:
    """Forecast every series, and say how wrong such a forecast was on the last held-out weeks.

    Args:
        engine: the database.
        spec: what is asked; its columns are set to those of the stored history.
        market: this market only.
        category: this category only.
        future: planned prices and promotions.
        progress: told after reading, back-testing and forecasting.

    Returns:
        the forecast, and the weighted absolute error of the back-test, with as much known ahead as
        now: prices and promotions only where `future` plans them (NaN where the history is too
        short for one).

    Raises:
        InvalidPanel: there is no sales history, or too little.
    """
    progress("read sales", 0, 3)
    with reading(engine) as conn:
        sales = read_sales(conn, market=market, category=category)
    if sales.empty:
        raise InvalidPanel(
            "there are no sales to forecast from; import some with `pricewright import sales FILE`"
        )
    asked = replace(
        spec,
        by=("sku", "market"),
        period="period_start",
        price="price",
        promotions=("deal", "feature", "display"),
        category="category",
        stock_out="stock_out",
    )
    progress("back-test", 1, 3)
    try:
        error = wmape(backtest(sales, asked, planned=future is not None))
    except InvalidPanel:
        error = float("nan")
    progress("forecast", 2, 3)
    found = forecast(sales, asked, future=future)
    progress("forecast", 3, 3)
    return found, error
