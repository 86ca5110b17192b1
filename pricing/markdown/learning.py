"""What a clearance season teaches about demand: a Bayesian update of scale, elasticity, fading.

The log demand of item i differs from what was expected by

    shift_i + slope_i · log(price / full price) + drift_i · week,   (shift, slope, drift)_i =
    common + own_i

with normal priors on the part that all items share and on each item's own part. Weekly sales have
mean m and variance m + noise² m² (a negative binomial's); a week that sold out only says that
demand was at least what was there. The posterior is Laplace's: Newton steps to its mode, the
curvature there as precision. The items' part integrates out in closed form, so the common part
costs one pass over all items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from models.arrays import BoolArray, FloatArray, IntArray, frozen
from pricing.errors import InvalidLimits
from pricing.markdown.errors import InvalidClearance
from pricing.markdown.items import ClearanceItems
from pricing.markdown.scenarios import Scenarios

_STEPS: Final = 40
_LARGEST_STEP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Prior:
    """What may be wrong with the demand expected before the season, as standard deviations.

    Attributes:
        common_scale, common_elasticity, common_drift: of the error that all items share; the
            drift is the change of log demand a week that nobody expected.
        own_scale, own_elasticity, own_drift: of each item's own error.
        noise: of log demand from week to week.
    """

    common_scale: float = 0.3
    common_elasticity: float = 0.4
    common_drift: float = 0.02
    own_scale: float = 0.4
    own_elasticity: float = 0.5
    own_drift: float = 0.01
    noise: float = 0.15

    def __post_init__(self) -> None:
        spreads = (
            self.common_scale, self.common_elasticity, self.common_drift,
            self.own_scale, self.own_elasticity, self.own_drift,
        )  # fmt: skip
        if not all(0.0 < spread < 20.0 for spread in spreads) or not 0.0 <= self.noise < 5.0:
            raise InvalidLimits("prior: standard deviations must lie above 0 and below 20")


@dataclass(frozen=True, slots=True, eq=False)
class ClearanceHistory:
    """What happened in the first w weeks.

    Attributes:
        price: (n, w) int, prices asked, minor units.
        units: (n, w) units sold.
        sold_out: (n, w) True where stock ended before the week did.
    """

    price: IntArray
    units: FloatArray
    sold_out: BoolArray

    def __post_init__(self) -> None:
        if not self.price.shape == self.units.shape == self.sold_out.shape or self.price.ndim != 2:
            raise InvalidClearance(
                "history: price, units and sold_out must be (n, w) arrays", ("history",)
            )
        if not (np.isfinite(self.units).all() and (self.units >= 0).all()):
            raise InvalidClearance("history: units must be numbers from 0 up", ("history",))
        for name, kind in (("price", np.int64), ("units", np.float64), ("sold_out", np.bool_)):
            object.__setattr__(self, name, frozen(getattr(self, name).astype(kind)))

    @property
    def weeks(self) -> int:
        """Weeks that have passed."""
        return int(self.price.shape[1])

    @classmethod
    def none(cls, n: int) -> ClearanceHistory:
        """Before the first week."""
        return cls(np.zeros((n, 0), np.int64), np.zeros((n, 0)), np.zeros((n, 0), np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What is thought of demand: normal, jointly in shift, slope and drift.

    Attributes:
        mean: (n, 3) of (shift, slope, drift) of each item.
        covariance: (n, 3, 3) of the same, the common part's doubt included.
        common_mean: (3,) of the part that all share.
        common_covariance: (3, 3).
        full_price: (n,) from which the slope turns.
    """

    mean: FloatArray
    covariance: FloatArray
    common_mean: FloatArray
    common_covariance: FloatArray
    full_price: FloatArray

    def taken(self, rows: IntArray | BoolArray) -> Belief:
        """What is thought of these items."""
        return Belief(
            self.mean[rows], self.covariance[rows], self.common_mean, self.common_covariance,
            self.full_price[rows],
        )  # fmt: skip

    def updated(self, items: ClearanceItems, week: int) -> ClearanceItems:
        """The items, of which `week` is the first week, with the demand now expected."""
        rows = np.arange(len(items))
        start = items.price[:, 0]
        at_start = self.mean[:, 0] + self.mean[:, 1] * np.log(start / self.full_price)
        price = np.where(items.price > 0, items.price, start[:, None])
        response = items.response * (price / start[:, None]) ** self.mean[:, 1][:, None]
        weeks = week + np.arange(items.weeks)
        log_factor = at_start[:, None] + self.mean[:, 2:] * weeks
        return items.replaced(
            rows, {"demand": items.demand * np.exp(log_factor), "response": response}
        )

    def scenarios(
        self, items: ClearanceItems, week: int, rng: np.random.Generator, draws: int
    ) -> Scenarios:
        """Futures around `updated` items, drawn from the doubt that is left.

        The doubt about drift counts at the middle of the weeks that are left.
        """
        factor = np.linalg.cholesky(self.covariance + 1e-12 * np.eye(3))
        drawn = np.einsum("nij,dnj->dni", factor, rng.standard_normal((draws, len(items), 3)))
        turn = np.log(items.price[:, 0] / self.full_price)
        middle = week + items.weeks / 2.0
        log_scale = drawn[:, :, 0] + drawn[:, :, 1] * turn + drawn[:, :, 2] * middle
        return Scenarios(np.exp(log_scale), drawn[:, :, 1])


def learn(items: ClearanceItems, history: ClearanceHistory, prior: Prior) -> Belief:
    """The belief after what happened.

    Args:
        items: n items as they were before the season, with all its weeks.
        history: what happened in the first weeks.
        prior: what was thought possible.

    Raises:
        InvalidClearance: history of other items, or longer than the season, or with prices that
            are not on the ladder.
    """
    expected, log_ratio = _expected(items, history)
    week = np.broadcast_to(np.arange(history.weeks, dtype=np.float64), log_ratio.shape)
    design = np.stack([np.ones_like(log_ratio), log_ratio, week], axis=-1)
    common_spread = [prior.common_scale, prior.common_elasticity, prior.common_drift]
    own_spread = [prior.own_scale, prior.own_elasticity, prior.own_drift]
    common_precision = np.diag(np.array(common_spread) ** -2.0)
    own_precision = np.diag(np.array(own_spread) ** -2.0)
    mean, common = np.zeros((len(items), 3)), np.zeros(3)
    for _ in range(_STEPS):
        fitted = expected * np.exp(np.einsum("nwk,nk->nw", design, mean))
        score, weight = _curvature(history, fitted, prior.noise)
        gradient = np.einsum("nw,nwk->nk", score, design)
        information = np.einsum("nw,nwk,nwl->nkl", weight, design, design)
        posterior = np.linalg.inv(information + own_precision)
        # Target of the quadratic model: information · z = information · mean + gradient.
        pull = np.einsum("nkl,nl->nk", information, mean) + gradient
        # Own parts integrated out, an item tells this much about the common one.
        told = own_precision - own_precision @ posterior @ own_precision
        common_covariance = np.linalg.inv(common_precision + told.sum(axis=0))
        heard = np.einsum("kl,nlm,nm->k", own_precision, posterior, pull)
        common = common_covariance @ heard
        target = np.einsum("nkl,nl->nk", posterior, pull + own_precision @ common)
        step = target - mean
        mean = mean + step * np.minimum(
            1.0, _LARGEST_STEP / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-12)
        )
        if np.abs(step).max(initial=0.0) < 1e-8:
            break
    passed_on = posterior @ own_precision
    covariance = posterior + passed_on @ common_covariance @ passed_on.transpose(0, 2, 1)
    return Belief(
        mean=mean,
        covariance=covariance,
        common_mean=common,
        common_covariance=common_covariance,
        full_price=items.price[:, 0],
    )


def _expected(items: ClearanceItems, history: ClearanceHistory) -> tuple[FloatArray, FloatArray]:
    """(n, w) demand expected before the season at the prices asked, and their log ratio."""
    n, weeks = len(items), history.weeks
    if len(history.price) != n or weeks > items.weeks:
        raise InvalidClearance(
            f"history has {len(history.price)} items and {weeks} weeks; the clearance has {n} "
            f"and {items.weeks}"
        )
    rungs = rungs_of(items, history.price)
    price = items.price[:, :1]
    expected = items.demand[:, :weeks] * np.take_along_axis(items.response, rungs, axis=1)
    stock, reference = items.stock.copy(), items.reference
    for week in range(weeks):
        stock = stock + items.arrivals[:, week]
        at = np.where(items.broken_at > 0, items.broken_at, 1e-300)
        expected[:, week] *= np.minimum(stock / at, 1.0) ** items.broken_power
        asked = history.price[:, week]
        expected[:, week] *= np.exp(items.reference_effect * (reference - asked) / reference)
        memory = items.reference_memory
        reference = memory * reference + (1.0 - memory) * asked
        stock = np.maximum(stock - history.units[:, week], 0.0)
    expected = np.where(items.open_weeks[:, :weeks], np.maximum(expected, 1e-9), 1e-9)
    return expected, np.log(history.price / price)


def rungs_of(items: ClearanceItems, price: IntArray) -> IntArray:
    """(n, w) rung of each price.

    Raises:
        InvalidClearance: a price that is not on its item's ladder.
    """
    hit = items.ladder[:, None, :] == price[:, :, None]
    off = ~hit.any(axis=2)
    if off.any():
        row, week = (int(k[0]) for k in np.nonzero(off))
        raise InvalidClearance(
            f"{str(items.sku[row])!r} in {str(items.market[row])!r}: price {int(price[row, week])} "
            f"of week {week + 1} is not on its ladder"
        )
    rungs: IntArray = hit.argmax(axis=2)
    return rungs


def _curvature(
    history: ClearanceHistory, fitted: FloatArray, noise: float
) -> tuple[FloatArray, FloatArray]:
    """(n, w) slope of the log likelihood by log mean, and its curvature (not negative)."""
    spread = 1.0 + noise**2 * fitted
    score = (history.units - fitted) / spread
    weight = fitted / spread
    # Demand at least what was there: the normal tail, on the scale of log demand.
    deviation = np.sqrt(spread / fitted)
    had = np.maximum(history.units, 0.5)
    z = np.clip(np.log(fitted / had) / deviation, -30.0, 30.0)
    hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) - special.log_ndtr(z))
    tail_score = hazard / deviation
    tail_weight = np.maximum(hazard * (hazard + z), 0.0) / deviation**2
    out = history.sold_out
    return np.where(out, tail_score, score), np.where(out, tail_weight, weight)
