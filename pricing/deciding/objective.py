"""What a price is chosen for: several wishes weighed in one currency, candidate by candidate."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from models.arrays import FloatArray
from models.demand import DemandContext, DemandModel
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.errors import InvalidLimits

_ONE_SIGMA: Final = 0.6826894921370859
"""Share of a normal distribution within one standard deviation."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A weighted sum of expected figures a period, in major units of money.

    Attributes:
        profit: weight of (net price - cost) x units.
        revenue: weight of net price x units.
        units: worth of one unit sold, whatever it earns: reach, market share.
        price_image: weight of the price image: how much more the key value items cost, in the
            amounts that sell at the prices in force, than at the cheapest competitor.
        stock_pressure: worth of a unit that leaves an overstock, as a share of its cost; counts
            against a sale where stock is short. Full at twice the target cover, nothing at it,
            full the other way at no stock.
        target_cover: periods of sales that stock should last, at the price in force.
        switching_cost: what one price change costs: labels, labour, customers' trust.
        risk_aversion: k in mean - k x standard deviation, each row by its own demand curve. Rows
            are not taken to offset each other, so this is the careful side of any portfolio.

    Raises:
        InvalidLimits: a negative weight, or nothing to maximise.
    """

    profit: float = 1.0
    revenue: float = 0.0
    units: float = 0.0
    price_image: float = 0.0
    stock_pressure: float = 0.0
    target_cover: float = 4.0
    switching_cost: float = 0.0
    risk_aversion: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0.0 <= value < float("inf"):
                raise InvalidLimits(
                    f"objective weight {item.name}={value} must not be negative, and finite",
                    (item.name,),
                )
        if self.profit + self.revenue + self.units <= 0:
            raise InvalidLimits(
                "objective: one of profit, revenue and units must be above zero, or every price "
                "would be as good as any other"
            )
        if self.target_cover <= 0:
            raise InvalidLimits(
                f"objective: target_cover {self.target_cover} must be above zero", ("target_cover",)
            )


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """The objective of candidate prices, in two parts.

    Attributes:
        moving: the shape of the prices; what is proportional to the units sold.
        fixed: the same; what is not. None where the objective has no such part.
        units: the same; expected units at own prices.
    """

    moving: FloatArray
    fixed: FloatArray | None
    units: FloatArray

    @property
    def total(self) -> FloatArray:
        """The sum of both parts."""
        return self.moving if self.fixed is None else self.moving + self.fixed


def worth_of(
    price: FloatArray,
    objective: Objective,
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    context: DemandContext | None = None,
    *,
    by_column: bool = True,
) -> Worth:
    """The objective at these prices; NaN where the row has no curve, no cost or no price.

    Args:
        price: (n,) or (n, k) major units, tax included; with k, column 0 is the price in force.
        objective: weights.
        catalogue: n rows.
        demand: their curves.
        competitors: their offers.
        context: season and other effects in force.
        by_column: charge every column but the first for the change of price that it is.
    """

    def column(values: FloatArray) -> FloatArray:
        return values if price.ndim == 1 else values[:, None]

    scale = catalogue.scale
    keep = column(1.0 / (1.0 + catalogue.tax_rate))
    cost = np.where(catalogue.cost > 0, catalogue.cost / scale, np.nan)
    in_force = np.where(catalogue.price > 0, catalogue.price / scale, np.nan)
    units = demand.units(price, context)
    a_unit = (objective.profit + objective.revenue) * keep * price - column(objective.profit * cost)
    if objective.units or objective.stock_pressure:
        a_unit = a_unit + objective.units
    if objective.stock_pressure:
        pressing = overstock(catalogue, demand, objective.target_cover, context)
        a_unit = a_unit + column(objective.stock_pressure * pressing * cost)
    moving = a_unit * units
    if objective.risk_aversion:
        low, high = demand.interval(price, _ONE_SIGMA, context)
        moving -= objective.risk_aversion * np.abs(a_unit) * (high - low) / 2.0
    fixed: FloatArray | None = None
    if objective.price_image or (objective.switching_cost and price.ndim == 2 and by_column):
        fixed = np.zeros(price.shape)
        if objective.price_image:
            watched = catalogue.kvi & (competitors.offers > 0) & demand.known
            sold = np.where(watched, demand.units(in_force, context), 0.0)
            theirs = np.where(watched, competitors.lowest / scale, 0.0)
            dearer = keep * (price - column(theirs))
            fixed -= objective.price_image * column(np.nan_to_num(sold)) * dearer
        if objective.switching_cost and price.ndim == 2 and by_column:
            fixed[:, 1:] -= objective.switching_cost
    return Worth(moving, fixed, units)


def overstock(
    catalogue: Catalogue,
    demand: DemandModel,
    target_cover: float,
    context: DemandContext | None = None,
) -> FloatArray:
    """(n,) how far stock is from the target: -1 none left, 0 on target, 1 twice as much or more.

    0 where stock or demand is unknown.
    """
    in_force = np.where(catalogue.price > 0, catalogue.price / catalogue.scale, np.nan)
    wanted = target_cover * demand.units(in_force, context)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = catalogue.stock / wanted - 1.0
    return np.nan_to_num(np.clip(share, -1.0, 1.0))


def price_image(
    price: FloatArray,
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    context: DemandContext | None = None,
) -> float:
    """Index of the key value items: our basket against the cheapest offers of the same basket.

    1.05 says that the basket costs 5 % more here. NaN where no key value item has an offer.
    """
    in_force = np.where(catalogue.price > 0, catalogue.price / catalogue.scale, np.nan)
    sold = demand.units(in_force, context)
    watched = catalogue.kvi & (competitors.offers > 0) & np.isfinite(sold) & np.isfinite(price)
    if not watched.any():
        return float("nan")
    theirs = competitors.lowest[watched] / catalogue.scale[watched]
    return float((sold[watched] * price[watched]).sum() / (sold[watched] * theirs).sum())
