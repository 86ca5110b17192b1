"""The demo market as an estimator meets it: its files joined the way the storage joins them."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from models.sensitivity.fit import DemandFit, fit_demand
from models.sensitivity.panel import Panel, build_panel
from models.sensitivity.spec import Estimator, FitSpec
from simulations.demo_market.market import COUNTRY, DemoMarket, MarketSpec, generate_market

LAST_WEEK = date(2026, 11, 9)


@cache
def demo_market(seed: int = 1, products: int = 300) -> DemoMarket:
    """The market of this seed."""
    spec = MarketSpec(last_week=LAST_WEEK, products=products)
    return generate_market(spec, np.random.default_rng(seed))


def sales_frame(market: DemoMarket) -> pd.DataFrame:
    """Sales with the price paid, the cost valid at the time, and the product's category."""
    sales = market.sales.assign(period_start=pd.to_datetime(market.sales["date"]))
    paid = sales["revenue"] / sales["units"].where(sales["units"] > 0)
    sales = sales.assign(price=paid.fillna(sales["regular_price"]))
    costs = market.costs.assign(period_start=pd.to_datetime(market.costs["date"]))
    joined = pd.merge_asof(
        sales.drop(columns=["date", "revenue"]).sort_values("period_start"),
        costs.drop(columns="date").sort_values("period_start"),
        on="period_start",
        by=["sku", "market"],
    )
    return joined.merge(market.products[["sku", "category", "brand"]], on="sku")


@cache
def demo_panel(seed: int = 1, products: int = 300) -> Panel:
    """The panel of this market, in the order of its law."""
    panel, _ = build_panel(sales_frame(demo_market(seed, products)))
    return panel


@cache
def demo_fit(seed: int = 1, estimator: Estimator = Estimator.AUTO) -> DemandFit:
    """The fit of this market."""
    return fit_demand(demo_panel(seed), FitSpec(estimator=estimator, country=COUNTRY))
