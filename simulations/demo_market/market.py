"""The demo market: a shop whose demand law is known, so that every estimate can be checked.

The law of one (sku, market) series in week t, with paid price p, cost c and regular price r:

    log E[units] = base + elasticity · log(p / list price) + season + holidays + gifts + trend
                   + promotion lifts + hidden demand
    log r        = log list price + pass-through · log(c / first cost) + reaction · hidden demand
    p            = r · (1 - planned discount depth)

The shop sees the hidden demand and answers it with higher regular prices: price follows demand, so
a regression of units on price alone finds demand too insensitive. Costs and planned depths move
the price for reasons of their own, which is what an instrument needs. Units are whole (Poisson),
and a stock-out sells only what was there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import FloatArray, IntArray, StrArray, frozen
from models.demand import ConstantElasticityDemand
from simulations.demo_market.assortment import CATEGORIES, Assortment, stock_the_shelves
from simulations.demo_market.history import History, SeriesLaw, live_through
from simulations.demo_market.rivals import rival_offers
from simulations.errors import InvalidMarket

MARKETS: Final = ("online", "store-01")
CURRENCY: Final = "USD"
COUNTRY: Final = "US"
"""Whose public holidays the demo's customers keep."""

_WEEKS_OF_STOCK: Final = (2.0, 8.0)


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """What kind of market to make.

    Attributes:
        last_week: first day of the newest week of history.
        products: how many, 12 to 432.
        weeks: length of the history, 26 to 520.
        hidden_demand: standard deviation of the weekly log demand that only the shop sees.
        reaction: how much of the hidden demand the shop adds to its log regular price.
        weekly_noise: standard deviation of log demand that nobody sees.
        fixed_price_share: share of products whose price never moves.

    Raises:
        InvalidMarket: a value outside its range.
    """

    last_week: date
    products: int = 300
    weeks: int = 104
    hidden_demand: float = 0.12
    reaction: float = 0.3
    weekly_noise: float = 0.10
    fixed_price_share: float = 0.03

    def __post_init__(self) -> None:
        for name, low, high in (
            ("weeks", 26, 520),
            ("hidden_demand", 0.0, 1.0),
            ("reaction", 0.0, 2.0),
            ("weekly_noise", 0.0, 1.0),
            ("fixed_price_share", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidMarket(f"{name} must lie in {low}..{high}, not {value}")


@dataclass(frozen=True, slots=True, eq=False)
class MarketLaw:
    """The truth behind the demo market, one row a (sku, market) pair, sorted by both.

    Attributes:
        sku: (n,) product keys.
        market: (n,) market codes.
        category: (n,) category names.
        demand: the true curves of a plain week (no promotion, no holiday, average season) at the
            end of the history.
        start_price: (n,) price in force at the end of the history, major units.
        unit_cost: (n,) cost in force at the end of the history, major units.
    """

    sku: StrArray
    market: StrArray
    category: StrArray
    demand: ConstantElasticityDemand
    start_price: FloatArray
    unit_cost: FloatArray

    @property
    def elasticity(self) -> FloatArray:
        """(n,) true own-price elasticities."""
        return self.demand.elasticity

    def expected_units(self, price: FloatArray) -> FloatArray:
        """True expected units a plain week at these prices, major units, (n,) or (n, k)."""
        return self.demand.units(price)

    def true_profit(self, price: FloatArray) -> FloatArray:
        """True expected profit a plain week at these prices, major units, the shape of `price`."""
        cost = self.unit_cost if price.ndim == 1 else self.unit_cost[:, None]
        return (price - cost) * self.expected_units(price)

    def rows_of(self, sku: StrArray, market: StrArray) -> IntArray:
        """(m,) row of each (sku, market) pair in the law, -1 where it has none."""
        keys = pd.MultiIndex.from_arrays([self.sku, self.market])
        wanted = pd.MultiIndex.from_arrays([sku, market])
        return np.asarray(keys.get_indexer(wanted), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class DemoMarket:
    """A market's files, as a shop would export them, and the law that made them.

    Money columns are major units of `CURRENCY`, exact to the cent, net of tax.

    Attributes:
        markets: code, name, channel, currency, time_zone, tax_rate.
        products: sku, title, category, brand, gtin, mpn, pack_size, pack_unit.
        sales: sku, market, date, units, revenue, regular_price, deal, feature, display, stock_out.
        costs: sku, market, date, cost; a row where a cost begins to hold.
        stock: sku, market, date, units; counted after the last week.
        rivals: what two other shops ask; see `simulations.demo_market.rivals.rival_offers`.
        law: the truth.
    """

    markets: pd.DataFrame
    products: pd.DataFrame
    sales: pd.DataFrame
    costs: pd.DataFrame
    stock: pd.DataFrame
    rivals: pd.DataFrame
    law: MarketLaw


def generate_market(spec: MarketSpec, rng: np.random.Generator) -> DemoMarket:
    """Make a market; equal specs and generators in the same state make equal markets.

    Args:
        spec: what kind of market.
        rng: source of chance.

    Raises:
        InvalidMarket: `spec.products` is out of range.
    """
    assortment = stock_the_shelves(spec.products, rng)
    series = _draw_law(assortment, spec, rng)
    weeks = np.datetime64(spec.last_week, "D") - 7 * np.arange(spec.weeks)[::-1]
    history = live_through(
        series,
        weeks,
        COUNTRY,
        hidden_demand=spec.hidden_demand,
        reaction=spec.reaction,
        weekly_noise=spec.weekly_noise,
        rng=rng,
    )
    law = _truth_of(series, history, assortment, spec)
    return DemoMarket(
        markets=_markets_frame(),
        products=assortment.products,
        sales=history.sales_frame(law.sku, law.market),
        costs=history.costs_frame(law.sku, law.market),
        stock=_count_stock(law, history, rng),
        rivals=rival_offers(
            assortment.products,
            start_price=law.start_price.reshape(-1, len(MARKETS))[:, 0],
            best_price=_best_price(law).reshape(-1, len(MARKETS))[:, 0],
            currency=CURRENCY,
            rng=rng,
        ),
        law=law,
    )


def _draw_law(assortment: Assortment, spec: MarketSpec, rng: np.random.Generator) -> SeriesLaw:
    """Parameters of every series, products in order and the markets of each side by side."""
    products, markets = len(assortment.products), len(MARKETS)
    category = np.repeat(assortment.category_of, markets)
    store = np.tile(np.arange(markets) == 1, products)
    n = products * markets

    def of_category(name: str) -> FloatArray:
        return np.array([getattr(c, name) for c in CATEGORIES], dtype=np.float64)[category]

    product_part = np.repeat(rng.normal(0.0, 0.32, products), markets)
    # Customers compare prices more easily online.
    channel_part = np.where(store, 0.08, -0.08) + rng.normal(0.0, 0.10, n)
    elasticity = np.minimum(of_category("elasticity") + product_part + channel_part, -1.15)
    # Cost-plus with one markup for the whole shop: plausible, and wrong wherever customers differ.
    markup = np.repeat(1.62 * np.exp(rng.normal(0.0, 0.22, products)), markets)
    cost = np.repeat(assortment.unit_cost, markets)
    list_price = np.round(cost * markup * np.where(store, 1.04, 1.0), 2)
    popularity = np.repeat(rng.normal(np.log(55.0), 0.6, products), markets)
    thin = np.repeat(rng.random(products) < 0.06, markets)
    fixed = np.repeat(rng.random(products) < spec.fixed_price_share, markets)
    return SeriesLaw(
        elasticity=elasticity,
        log_base=np.where(thin, np.log(5.0), popularity)
        + np.where(store, -0.35, 0.0)
        + rng.normal(0.0, 0.15, n),
        list_price=list_price,
        unit_cost=cost,
        pass_through=np.where(fixed, 0.0, rng.uniform(0.6, 0.9, n)),
        promotion_rate=np.where(fixed, 0.0, rng.uniform(0.12, 0.28, n)),
        fixed_price=fixed,
        deal_lift=rng.normal(0.08, 0.03, n),
        feature_lift=rng.normal(0.25, 0.06, n),
        display_lift=rng.normal(0.18, 0.05, n),
        season=of_category("season") * np.exp(rng.normal(0.0, 0.2, n)),
        peak_week=of_category("peak_week"),
        holiday=of_category("holiday"),
        gifts=of_category("gifts"),
        yearly_trend=rng.normal(0.0, 0.05, n),
        category=category,
    )


def _truth_of(
    series: SeriesLaw, history: History, assortment: Assortment, spec: MarketSpec
) -> MarketLaw:
    """The law in the form in which decisions and fits are judged."""
    n = len(series.elasticity)
    # The mean of a log-normal lies above its median by half the variance.
    spread = spec.hidden_demand**2 + spec.weekly_noise**2
    demand = ConstantElasticityDemand(
        reference_price=series.list_price,
        log_base=series.log_base + spread / 2.0,
        elasticity=series.elasticity,
        covariance=np.zeros((n, 2, 2)),
        residual_variance=np.full(n, spread),
    )
    sku = np.repeat(np.asarray(assortment.products["sku"], dtype=np.str_), len(MARKETS))
    names = np.array([c.name for c in CATEGORIES], dtype=np.str_)
    return MarketLaw(
        sku=frozen(sku),
        market=frozen(np.tile(np.array(MARKETS, dtype=np.str_), len(assortment.products))),
        category=frozen(names[series.category]),
        demand=demand,
        start_price=frozen(history.regular_price[:, -1]),
        unit_cost=frozen(history.unit_cost[:, -1]),
    )


def _best_price(law: MarketLaw) -> FloatArray:
    """(n,) the price of greatest true profit: cost · e / (e + 1) for elasticity e below -1."""
    return law.unit_cost * law.elasticity / (law.elasticity + 1.0)


def _markets_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "code": list(MARKETS),
            "name": ["Online shop", "Main Street store"],
            "channel": ["online", "store"],
            "currency": CURRENCY,
            "time_zone": "America/Chicago",
            "tax_rate": 0.0,
        }
    )


def _count_stock(law: MarketLaw, history: History, rng: np.random.Generator) -> pd.DataFrame:
    """Units on hand after the last week: some weeks of expected sales."""
    cover = rng.uniform(*_WEEKS_OF_STOCK, len(law.sku))
    units = np.rint(cover * law.expected_units(law.start_price)).astype(np.int64)
    counted = history.weeks[-1] + 6
    return pd.DataFrame(
        {"sku": law.sku, "market": law.market, "date": str(counted), "units": units}
    )
