"""Who owns how much of what a run is expected to bring."""

from __future__ import annotations

import numpy as np

from models.sensitivity.dominance import Dominant, dominant_products
from pricing.deciding.decisions import Decisions


def dominant_of(run: Decisions) -> tuple[Dominant, ...]:
    """Products that own more than a fifth of the units, revenue or profit that a run expects.

    Markets of one currency are added up; see `models.sensitivity.dominance` for the rule.
    """
    catalogue = run.catalogue
    currency = np.array([market.currency for market in catalogue.markets], dtype=np.str_)
    figures = {
        "expected units": run.units,
        "expected revenue": run.revenue,
        "expected profit": run.profit,
    }
    return dominant_products(catalogue.sku, currency[catalogue.market.codes], figures)
