"""Look behind one demand curve."""

from __future__ import annotations

import numpy as np
from sqlalchemy.engine import Engine

from models.errors import InvalidPanel
from models.sensitivity.diagnostics import Diagnosis, diagnose
from models.sensitivity.health import Health, health
from models.sensitivity.panel import build_panel
from models.sensitivity.spec import FitSpec
from storage.database import reading
from storage.demand.fits import load_fit
from storage.products.sales import read_sales


def diagnose_sku(
    engine: Engine, sku: str, market: str | None = None, country: str | None = None
) -> tuple[tuple[Diagnosis, ...], Health]:
    """The evidence behind a product's curves, and the health of the fit in use on its sales.

    Args:
        engine: the database.
        sku: the product.
        market: this market only.
        country: whose holidays are held constant.

    Raises:
        FitNotFound: nothing was fitted yet.
        InvalidPanel: the product has no sales.
    """
    spec = FitSpec(country=country)
    with reading(engine) as conn:
        stored = load_fit(conn)
        sales = read_sales(conn, skus=[sku], market=market)
    if sales.empty:
        where = f" in {market}" if market else ""
        raise InvalidPanel(
            f"{sku!r} has no sales{where}; `pricewright import sales` brings them in"
        )
    panel, _ = build_panel(sales)
    rows = np.flatnonzero(panel.lengths > 0)
    found = tuple(diagnose(panel, stored.curves, int(row), spec) for row in rows)
    mine = stored.curves.select(np.flatnonzero(stored.curves.sku == sku))
    return found, health(mine, panel)
