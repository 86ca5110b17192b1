"""Demand of products that people choose among: logit and nested logit as a `DemandModel`.

Mean utilities are those that give the shares seen at the reference prices (Berry 1994), so at
these prices the model says what was seen, whatever its parameters. Asked for candidate prices of a
row, it holds all other prices at those in force (`at` sets them); `units_together` moves all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from scipy import special

from models.arrays import BoolArray, FloatArray, IntArray, frozen
from models.demand import DemandContext
from models.errors import InvalidDemand

_STEP: Final = 1e-5
_NEAREST: Final = 0.99
"""Highest nesting parameter that a draw may have; at 1 the products of a nest are the same."""
_LARGEST: Final = 700.0

Answer: TypeAlias = "Callable[[LogitDemand], FloatArray]"
_SHAPES: Final = ("price_reference", "share", "market", "nest", "size", "price_now")


@dataclass(frozen=True, slots=True, eq=False)
class LogitDemand:
    """Demand of n rows among m products in markets.

    Attributes:
        alpha: utility of one more unit of the price term, below zero.
        sigma: likeness of products of a nest, 0 (plain logit) to below 1.
        covariance: (2, 2) of (alpha, sigma).
        log_price: the price term is the logarithm of the price, not the price.
        price_reference: (m,) prices, major units, at which the shares were seen.
        share: (m,) shares of the whole market, the outside good among it.
        market: (m,) number of the market of each product, from 0.
        nest: (m,) number of its nest, from 0; a nest lies within one market.
        size: (m,) units a period of the whole market.
        price_now: (m,) prices in force.
        row: (n,) product of each row; -1 where the row has no curve.
        variance: of log share around what the model says, market by market.

    Raises:
        InvalidDemand: shapes disagree, or a value is one that none can have.
    """

    alpha: float
    sigma: float
    covariance: FloatArray
    log_price: bool
    price_reference: FloatArray
    share: FloatArray
    market: IntArray
    nest: IntArray
    size: FloatArray
    price_now: FloatArray
    row: IntArray
    variance: float

    def __post_init__(self) -> None:
        m = len(self.price_reference)
        for name in (*_SHAPES, "row", "covariance"):
            kind = np.int64 if name in ("market", "nest", "row") else np.float64
            array = np.asarray(getattr(self, name), dtype=kind)
            expected = {"row": (len(self.row),), "covariance": (2, 2)}.get(name, (m,))
            if array.shape != expected:
                raise InvalidDemand(f"{name} has shape {array.shape}, not {expected}")
            object.__setattr__(self, name, frozen(array))
        for name in ("price_reference", "price_now", "share", "size"):
            values = getattr(self, name)
            if not (np.isfinite(values) & (values > 0)).all():
                raise InvalidDemand(f"{name} must be finite and above zero")
        if not (np.isfinite(self.alpha) and self.alpha < 0):
            raise InvalidDemand(f"alpha must be below zero, it is {self.alpha}")
        if not 0.0 <= self.sigma < 1.0:
            raise InvalidDemand(f"sigma must lie in 0 to below 1, it is {self.sigma}")
        if not np.isfinite(self.covariance).all() or (np.diagonal(self.covariance) < 0).any():
            raise InvalidDemand("the covariance of alpha and sigma must be finite, not negative")
        if m and (np.bincount(self.market, self.share)[self.market] >= 1).any():
            raise InvalidDemand("the shares of a market must leave something for the outside good")
        if ((self.row < -1) | (self.row >= m)).any():
            raise InvalidDemand(f"row must be -1 to {m - 1}")

    def __len__(self) -> int:
        return len(self.row)

    @property
    def known(self) -> BoolArray:
        """(n,) True where the row has a curve."""
        known: BoolArray = self.row >= 0
        return known

    @property
    def residual_variance(self) -> FloatArray:
        """(n,) variance of log demand around the curve, period by period."""
        return np.full(len(self), self.variance)

    def at(self, prices: FloatArray) -> LogitDemand:
        """The same with other prices (m,) in force."""
        return replace(self, price_now=prices)

    def units(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Expected units a period with all other prices as in force; see `DemandModel.units`."""
        columns = price if price.ndim == 2 else price[:, None]
        share, _ = self._own_shares(columns)
        units = share * self._size(context)[:, None]
        return units if price.ndim == 2 else units[:, 0]

    def units_together(
        self, prices: FloatArray, context: DemandContext | None = None
    ) -> FloatArray:
        """(n,) or (n, k) expected units where all m prices are these, (m,) or (m, k)."""
        columns = prices if prices.ndim == 2 else prices[:, None]
        share = np.stack([self._shares(column)[0] for column in columns.T], axis=1)
        units = np.where(self.known[:, None], share[self.row], np.nan)
        units = units * self._size(context)[:, None]
        return units if prices.ndim == 2 else units[:, 0]

    def gradient(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Derivative by the row's own price; see `DemandModel.gradient`."""
        slope: FloatArray = self._elasticity(price) * self.units(price, context) / price
        return slope

    def jacobian(self, prices: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """(n, m) derivative of the row's units by the column's price, all m prices these."""
        share, within = self._shares(prices)
        same_market = self.market[:, None] == self.market[None, :]
        same_nest = self.nest[:, None] == self.nest[None, :]
        slopes = -(same_market * share) - same_nest * (self.sigma / (1.0 - self.sigma)) * within
        slopes = slopes + np.eye(len(share)) / (1.0 - self.sigma)
        term = 1.0 / prices if self.log_price else np.ones(len(prices))
        by_price = share[:, None] * slopes * (self.alpha * term)
        chosen = np.where(self.known[:, None], by_price[self.row], np.nan)
        jacobian: FloatArray = chosen * self._size(context)[:, None]
        return jacobian

    def interval(
        self, price: FloatArray, level: float = 0.95, context: DemandContext | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Delta-method interval on the log scale; see `DemandModel.interval`.

        The reference shares are one draw, so their own variance counts as well.
        """
        by_alpha, by_sigma = self._by_parameters(lambda one: np.log(one.units(price, context)))
        variance = self.variance + (
            self.covariance[0, 0] * by_alpha**2
            + 2.0 * self.covariance[0, 1] * by_alpha * by_sigma
            + self.covariance[1, 1] * by_sigma**2
        )
        half = special.ndtri(0.5 + level / 2.0) * np.sqrt(np.maximum(variance, 0.0))
        centre = self.units(price, context)
        return centre * np.exp(-half), centre * np.exp(half)

    def price_elasticity(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Own-price elasticity and its error; see `DemandModel.price_elasticity`."""
        by_alpha, by_sigma = self._by_parameters(
            lambda one: one.gradient(price) * price / one.units(price)
        )
        variance = (
            self.covariance[0, 0] * by_alpha**2
            + 2.0 * self.covariance[0, 1] * by_alpha * by_sigma
            + self.covariance[1, 1] * by_sigma**2
        )
        return self._elasticity(price), np.sqrt(np.maximum(variance, 0.0))

    def sample(
        self,
        price: FloatArray,
        rng: np.random.Generator,
        draws: int,
        context: DemandContext | None = None,
    ) -> FloatArray:
        """Gaussian draws of alpha, sigma and the level; see `DemandModel.sample`."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        moved = rng.standard_normal((draws, 2)) @ root.T
        level = rng.standard_normal((draws, len(self))) * np.sqrt(self.variance)
        drawn = np.empty((draws, *price.shape))
        for i in range(draws):
            one = replace(
                self,
                alpha=min(self.alpha + float(moved[i, 0]), -1e-9),
                sigma=float(np.clip(self.sigma + moved[i, 1], 0.0, _NEAREST)),
            )
            shift = level[i] if price.ndim == 1 else level[i][:, None]
            drawn[i] = one.units(price, context) * np.exp(shift)
        return drawn

    def take(self, rows: IntArray) -> LogitDemand:
        """These rows only, -1 for one without a curve; all m products stay in the choice."""
        nothing = np.full(len(rows), -1, dtype=np.int64)
        taken = np.where(rows < 0, -1, self.row[rows]) if len(self) else nothing
        return replace(self, row=taken)

    def _size(self, context: DemandContext | None) -> FloatArray:
        size = np.where(self.known, self.size[self.row], np.nan)
        return size if context is None else size * np.exp(context.log_shift)

    def _term(self, price: FloatArray) -> FloatArray:
        return np.log(price) if self.log_price else price

    def _utility(self) -> FloatArray:
        """(m,) mean utilities without the price that give the reference shares."""
        outside = 1.0 - np.bincount(self.market, self.share)
        within = self.share / np.bincount(self.nest, self.share)[self.nest]
        rest = np.log(self.share) - np.log(outside[self.market]) - self.sigma * np.log(within)
        utility: FloatArray = rest - self.alpha * self._term(self.price_reference)
        return utility

    def _sums(self, prices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """At (m,) prices: (m,) weights, sums of nests (g,), weights of nests, sums of markets."""
        scaled = (self._utility() + self.alpha * self._term(prices)) / (1.0 - self.sigma)
        weight = np.exp(np.clip(scaled, -_LARGEST, _LARGEST))
        nests: FloatArray = np.bincount(self.nest, weight).astype(np.float64)
        inclusive = nests ** (1.0 - self.sigma)
        market_of = np.zeros(len(nests), dtype=np.int64)
        market_of[self.nest] = self.market
        markets: FloatArray = (1.0 + np.bincount(market_of, inclusive)).astype(np.float64)
        return np.asarray(weight, dtype=np.float64), nests, inclusive, markets

    def _shares(self, prices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(m,) shares of the market and within the nest where all prices are these."""
        weight, nests, inclusive, markets = self._sums(prices)
        within = weight / nests[self.nest]
        return within * inclusive[self.nest] / markets[self.market], within

    def _own_shares(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n, k) shares at a row's own (n, k) prices, others as in force; and within its nest."""
        weight, nests, inclusive, markets = self._sums(self.price_now)
        row = self.row
        scaled = self._utility()[row][:, None] + self.alpha * self._term(price)
        own = np.exp(np.clip(scaled / (1.0 - self.sigma), -_LARGEST, _LARGEST))
        beside = np.maximum(nests[self.nest[row]] - weight[row], 0.0)[:, None]
        nest = beside + own
        elsewhere = np.maximum(markets[self.market[row]] - inclusive[self.nest[row]], 1.0)
        together = nest ** (1.0 - self.sigma)
        within = own / nest
        share = within * together / (elsewhere[:, None] + together)
        known = self.known[:, None]
        return np.where(known, share, np.nan), np.where(known, within, np.nan)

    def _elasticity(self, price: FloatArray) -> FloatArray:
        columns = price if price.ndim == 2 else price[:, None]
        share, within = self._own_shares(columns)
        slope = (1.0 - self.sigma * within - (1.0 - self.sigma) * share) / (1.0 - self.sigma)
        elasticity = self.alpha * slope * (1.0 if self.log_price else columns)
        return elasticity if price.ndim == 2 else elasticity[:, 0]

    def _by_parameters(self, answer: Answer) -> tuple[FloatArray, FloatArray]:
        """Derivatives of an answer by alpha and by sigma, the reference shares held."""
        step = _STEP * max(abs(self.alpha), 1e-3)
        high, low = (replace(self, alpha=self.alpha + move) for move in (step, -step))
        by_alpha = (answer(high) - answer(low)) / (2.0 * step)
        if self.covariance[1, 1] == 0.0:
            return by_alpha, np.zeros_like(by_alpha)
        down, up = max(self.sigma - _STEP, 0.0), min(self.sigma + _STEP, (1.0 + self.sigma) / 2.0)
        difference = answer(replace(self, sigma=up)) - answer(replace(self, sigma=down))
        return by_alpha, difference / (up - down)
