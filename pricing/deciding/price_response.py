"""What a product would bring at other prices, by the curve that its decision rested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray
from models.demand import DemandModel
from pricing.catalogue import UNKNOWN, Catalogue
from pricing.errors import InvalidCatalogue

LEVEL = 0.95
"""Of the confidence intervals."""


@dataclass(frozen=True, slots=True, eq=False)
class PriceResponse:
    """What is expected a period at m prices; money in major units.

    Attributes:
        price: (m,) shelf prices, tax included.
        units: (m,) expected units; NaN where there is no curve.
        units_low: (m,) low end of their 95 % confidence interval.
        units_high: (m,) high end.
        revenue: (m,) net of tax.
        profit: (m,) NaN where no cost is known.
        profit_low: (m,) the worse end of profit over the interval of units.
        profit_high: (m,) the better end.
    """

    price: FloatArray
    units: FloatArray
    units_low: FloatArray
    units_high: FloatArray
    revenue: FloatArray
    profit: FloatArray
    profit_low: FloatArray
    profit_high: FloatArray


def price_response(known: Catalogue, demand: DemandModel, price: FloatArray) -> PriceResponse:
    """What one product is expected to bring at these prices.

    Args:
        known: one row: its cost, currency and tax.
        demand: its curve.
        price: (m,) shelf prices in major units, above 0.

    Raises:
        InvalidCatalogue: more or fewer rows than one.
    """
    if len(known) != 1 or len(demand) != 1:
        raise InvalidCatalogue(f"one row, not {len(known)} with {len(demand)} curves")
    here = np.asarray(price, dtype=np.float64)[None, :]
    units = demand.units(here)[0]
    low, high = (end[0] for end in demand.interval(here, LEVEL))
    cost = float(known.cost[0]) / float(known.scale[0]) if known.cost[0] != UNKNOWN else np.nan
    net = here[0] / (1.0 + float(known.tax_rate[0]))
    margin = net - cost
    ends = np.stack([margin * low, margin * high])
    return PriceResponse(
        price=here[0],
        units=units,
        units_low=low,
        units_high=high,
        revenue=net * units,
        profit=margin * units,
        profit_low=ends.min(axis=0),
        profit_high=ends.max(axis=0),
    )
