"""Two years in the life of the demo shop: costs, prices, promotions and sales, week by week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray, StrArray
from models.calendar import DateArray, gift_season_share, holiday_share, season_waves

_DEPTHS: Final = (0.05, 0.10, 0.15, 0.20, 0.30, 0.40)
_FEATURE_SHARE: Final = 0.5
_DISPLAY_SHARE: Final = 0.4
_STOCK_OUT_RATE: Final = 0.025
_COST_STEP_RATE: Final = 0.08
_PERIOD_DAYS: Final = 7


@dataclass(frozen=True, slots=True, eq=False)
class SeriesLaw:
    """Parameters of n series; all arrays (n,), prices and costs in major units.

    Attributes:
        elasticity: d log units / d log price paid.
        log_base: median log units of a plain week at the list price, at the end of the history.
        list_price: regular price before any shock.
        unit_cost: cost before any shock.
        pass_through: share of a log cost change that the regular price follows.
        promotion_rate: chance that a week has a planned promotion.
        fixed_price: True where the price never moves.
        deal_lift, feature_lift, display_lift: log effects of the promotion beside its price.
        season: height of the yearly wave, log units.
        peak_week: week of the year in which it is highest.
        holiday, gifts: log effect of a week made of holidays, or inside the gift season.
        yearly_trend: log growth a year.
        category: index of the category, for shocks that its products share.
    """

    elasticity: FloatArray
    log_base: FloatArray
    list_price: FloatArray
    unit_cost: FloatArray
    pass_through: FloatArray
    promotion_rate: FloatArray
    fixed_price: BoolArray
    deal_lift: FloatArray
    feature_lift: FloatArray
    display_lift: FloatArray
    season: FloatArray
    peak_week: FloatArray
    holiday: FloatArray
    gifts: FloatArray
    yearly_trend: FloatArray
    category: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What happened: n series by t weeks, money in major units exact to the cent.

    Attributes:
        weeks: (t,) first day of each week.
        regular_price, paid_price, unit_cost: (n, t) major units.
        deal, feature, display, stock_out: (n, t) what was on.
        units: (n, t) sold.
    """

    weeks: DateArray
    regular_price: FloatArray
    paid_price: FloatArray
    unit_cost: FloatArray
    deal: BoolArray
    feature: BoolArray
    display: BoolArray
    stock_out: BoolArray
    units: IntArray

    def sales_frame(self, sku: StrArray, market: StrArray) -> pd.DataFrame:
        """One row a series and week, as a till exports it."""
        n, t = self.units.shape
        return pd.DataFrame(
            {
                "sku": np.repeat(sku, t),
                "market": np.repeat(market, t),
                "date": np.tile(self.weeks.astype(np.str_), n),
                "units": self.units.ravel(),
                "revenue": np.round(self.units * self.paid_price, 2).ravel(),
                "regular_price": self.regular_price.ravel(),
                "deal": self.deal.ravel().astype(np.int64),
                "feature": self.feature.ravel().astype(np.int64),
                "display": self.display.ravel().astype(np.int64),
                "stock_out": self.stock_out.ravel().astype(np.int64),
            }
        )

    def costs_frame(self, sku: StrArray, market: StrArray) -> pd.DataFrame:
        """One row where a cost begins to hold."""
        begins = np.ones(self.unit_cost.shape, dtype=np.bool_)
        begins[:, 1:] = self.unit_cost[:, 1:] != self.unit_cost[:, :-1]
        row, week = np.nonzero(begins)
        return pd.DataFrame(
            {
                "sku": sku[row],
                "market": market[row],
                "date": self.weeks[week].astype(np.str_),
                "cost": self.unit_cost[row, week],
            }
        )


def live_through(
    law: SeriesLaw,
    weeks: DateArray,
    country: str,
    *,
    hidden_demand: float,
    reaction: float,
    weekly_noise: float,
    rng: np.random.Generator,
) -> History:
    """Let every series live through these weeks.

    Args:
        law: parameters of n series.
        weeks: (t,) first day of each week, consecutive.
        country: whose public holidays customers keep.
        hidden_demand: standard deviation of the weekly log demand that only the shop sees.
        reaction: share of it that the shop adds to its log regular price.
        weekly_noise: standard deviation of log demand that nobody sees.
        rng: source of chance.
    """
    shape = (len(law.elasticity), len(weeks))
    hidden = rng.normal(0.0, hidden_demand, shape)
    cost = _costs(law, shape, rng)
    deal = rng.random(shape) < law.promotion_rate[:, None]
    depth = np.where(deal, rng.choice(_DEPTHS, shape), 0.0)
    feature = deal & (rng.random(shape) < _FEATURE_SHARE)
    display = deal & (rng.random(shape) < _DISPLAY_SHARE)

    answer = np.where(law.fixed_price, 0.0, reaction)[:, None] * hidden
    followed = law.pass_through[:, None] * np.log(cost / law.unit_cost[:, None])
    regular = np.round(law.list_price[:, None] * np.exp(followed + answer), 2)
    paid = np.round(regular * (1.0 - depth), 2)

    log_mean = (
        law.log_base[:, None]
        + law.elasticity[:, None] * np.log(paid / law.list_price[:, None])
        + _calendar(law, weeks, country)
        + law.deal_lift[:, None] * deal
        + law.feature_lift[:, None] * feature
        + law.display_lift[:, None] * display
        + hidden
        + rng.normal(0.0, weekly_noise, shape)
    )
    wanted = rng.poisson(np.exp(log_mean))
    stock_out = rng.random(shape) < _STOCK_OUT_RATE
    there = np.floor(wanted * rng.uniform(0.2, 0.8, shape)).astype(np.int64)
    return History(
        weeks=weeks,
        regular_price=regular,
        paid_price=paid,
        unit_cost=cost,
        deal=deal,
        feature=feature,
        display=display,
        stock_out=stock_out,
        units=np.where(stock_out, there, wanted).astype(np.int64),
    )


def _costs(law: SeriesLaw, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Costs that hold for some weeks and then step, partly together within a category."""
    steps = rng.random(shape) < _COST_STEP_RATE
    steps[:, 0] = False
    categories = int(law.category.max()) + 1
    commodity = np.cumsum(rng.normal(0.0, 0.012, (categories, shape[1])), axis=1)
    own = np.cumsum(np.where(steps, rng.normal(0.0, 0.07, shape), 0.0), axis=1)
    # A supplier passes the commodity's price on at his own steps only.
    week = np.where(steps, np.arange(shape[1]), 0)
    last_step = np.maximum.accumulate(week, axis=1)
    shared = np.take_along_axis(commodity[law.category], last_step, axis=1)
    shared = shared - shared[:, :1]
    return np.round(law.unit_cost[:, None] * np.exp(own + shared), 2)


def _calendar(law: SeriesLaw, weeks: DateArray, country: str) -> FloatArray:
    """(n, t) log effects of season, holidays, gift season and trend."""
    waves = season_waves(weeks, _PERIOD_DAYS, harmonics=1)
    phase = 2.0 * np.pi * law.peak_week / 52.0
    # cos(angle - phase) in terms of the two waves.
    yearly = np.outer(np.sin(phase), waves[:, 0]) + np.outer(np.cos(phase), waves[:, 1])
    years_to_end = np.arange(1 - len(weeks), 1) * _PERIOD_DAYS / 365.25
    effects: FloatArray = (
        law.season[:, None] * yearly
        + np.outer(law.holiday, holiday_share(weeks, _PERIOD_DAYS, country))
        + np.outer(law.gifts, gift_season_share(weeks, _PERIOD_DAYS))
        + np.outer(law.yearly_trend, years_to_end)
    )
    return effects
