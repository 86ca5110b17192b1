"""Clearance seasons whose law is known: what a replanned clearance is worth against usual rules.

The shop's demand model is wrong in every way that it usually is: the level of demand and the
response to price differ from the estimates, for all items together and for each alone; the true
response is exponential in price, not of constant elasticity; interest fades at a rate that nobody
estimated; and weeks have luck. All policies meet the same customers and the same luck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.markdown import (
    ClearanceHistory,
    ClearanceItems,
    ClearanceState,
    Effort,
    MarkdownLimits,
    Prior,
    plan,
    replan,
)
from simulations.errors import InvalidScenario
from simulations.scenarios.clearance_outlook import rungs_by_rule

_DISCOUNTS: Final = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])

Rule = Mapping[int, float]
"""Discounts by the week (0 is the first) from which they hold."""

USUAL_RULES: Final[Mapping[str, Rule]] = {
    "keep the price": {},
    "20 % off after 4 weeks, 40 % after 6, 60 % after 8": {4: 0.2, 6: 0.4, 8: 0.6},
    "20 % off at once": {0: 0.2},
    "40 % off at once": {0: 0.4},
    "60 % off at once": {0: 0.6},
}


@dataclass(frozen=True, slots=True)
class SeasonSpec:
    """What kind of season.

    Attributes:
        items, weeks: size.
        common_scale, own_scale: error of the log level of demand.
        common_elasticity, own_elasticity: error of the elasticity at the full price.
        fading: mean loss of log demand a week, which the shop does not expect.
        noise: of log demand from week to week, beside the luck of counts.
        least_cover, most_cover: stock in seasons' worth of demand at the full price.
        least_elasticity, most_elasticity: range of the believed elasticities.
    """

    items: int = 30
    weeks: int = 10
    common_scale: float = 0.25
    own_scale: float = 0.35
    common_elasticity: float = 0.3
    own_elasticity: float = 0.4
    fading: float = 0.02
    noise: float = 0.15
    least_cover: float = 0.8
    most_cover: float = 5.0
    least_elasticity: float = -4.5
    most_elasticity: float = -1.3

    def __post_init__(self) -> None:
        if self.items < 1 or self.weeks < 1:
            raise InvalidScenario("a season needs at least one item and one week")


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """A season: what the shop believes, and what is true.

    Attributes:
        items: as the shop sees them.
        truth: the same items with the demand that will come, luck included.
    """

    items: ClearanceItems
    truth: ClearanceItems


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How a season went under one policy.

    Attributes:
        value: revenue and salvage less holding and labels; minor units.
        margin: value less what salvaging all stock at the start would bring: the cost of goods is
            sunk, salvage is what a unit is worth elsewhere.
        revenue: minor units.
        sell_through: share of all units sold.
        given_away: (full price - price paid) · units.
    """

    value: float
    margin: float
    revenue: float
    sell_through: float
    given_away: float


def draw_season(spec: SeasonSpec, rng: np.random.Generator) -> Season:
    """Make a season; equal specs and generators in the same state make equal seasons."""
    n, weeks = spec.items, spec.weeks
    start = rng.integers(2_000, 15_000, n)
    ladder = np.rint(start[:, None] * (1.0 - _DISCOUNTS)).astype(np.int64)
    base = rng.gamma(3.0, 5.0, n) + 3.0
    believed = rng.uniform(spec.least_elasticity, spec.most_elasticity, n)
    stock = np.rint(base * weeks * rng.uniform(spec.least_cover, spec.most_cover, n))
    items = ClearanceItems.of(
        [f"P{i}" for i in range(n)],
        ladder,
        np.repeat(base[:, None], weeks, axis=1),
        stock,
        currency="EUR",
        elasticity=believed,
        salvage=(0.1 * start).astype(np.int64),
        max_changes=3,
    )
    level = spec.common_scale * rng.standard_normal() + spec.own_scale * rng.standard_normal(n)
    elasticity = believed + spec.common_elasticity * rng.standard_normal()
    elasticity = np.minimum(elasticity + spec.own_elasticity * rng.standard_normal(n), -0.5)
    fading = spec.fading * np.arange(weeks) * rng.gamma(2.0, 0.5, (n, 1))
    mean = base[:, None] * np.exp(level[:, None] - fading)
    mean *= np.exp(spec.noise * rng.standard_normal((n, weeks)) - spec.noise**2 / 2.0)
    # The same luck at every price: what a policy gains does not come from another draw.
    came = rng.poisson(mean).astype(np.float64)
    # Units grow by elasticity · (price / full price - 1) in logs: an exponential demand curve.
    response = np.exp(-elasticity[:, None] * _DISCOUNTS)
    truth = items.replaced(np.arange(n), {"demand": came, "response": response})
    return Season(items, truth)


def by_rule(season: Season, rule: Rule) -> Course:
    """Every item follows one schedule of discounts, at the nearest price of its ladder."""
    return _lived(season, rungs_by_rule(season.items, rule))


def by_plan_once(season: Season, limits: MarkdownLimits | None = None) -> Course:
    """The plan made before the season, kept to its end."""
    return _lived(season, plan(season.items, limits).course.rungs)


def by_replanning(
    season: Season,
    prior: Prior | None = None,
    limits: MarkdownLimits | None = None,
    effort: Effort | None = None,
    look_ahead: int = 0,
) -> Course:
    """A plan anew each week from what was sold; `look_ahead` as in `pricing.markdown.replan`."""
    items, weeks = season.items, season.items.weeks
    rungs = np.zeros((len(items), weeks), dtype=np.int64)
    history = ClearanceHistory.none(len(items))
    rng = np.random.default_rng(0)
    for week in range(weeks):
        state = ClearanceState(items, prior=prior or Prior())
        answer = replan(
            state, history, limits, effort=effort, relax=True, look_ahead=look_ahead, rng=rng
        )
        asked = answer.price[:, :1]
        rungs[:, week:] = (items.ladder == asked).argmax(axis=1)[:, None]
        history = _history(season, rungs[:, : week + 1])
    return _lived(season, rungs)


def with_foresight(season: Season, limits: MarkdownLimits | None = None) -> float:
    """Margin that no policy exceeds: the bound of the plan that knows the truth and all luck."""
    truth = season.truth
    return plan(truth, limits).report.bound - float((truth.salvage * truth.stock).sum())


def _history(season: Season, rungs: IntArray) -> ClearanceHistory:
    truth, weeks = season.truth, rungs.shape[1]
    stock = truth.stock.copy()
    units, out = np.zeros(rungs.shape), np.zeros(rungs.shape, dtype=np.bool_)
    for week in range(weeks):
        factor = np.take_along_axis(truth.response, rungs[:, week : week + 1], axis=1)[:, 0]
        wanted = truth.demand[:, week] * factor
        units[:, week] = np.minimum(wanted, stock)
        out[:, week] = wanted >= stock
        stock = stock - units[:, week]
    return ClearanceHistory(np.take_along_axis(truth.ladder, rungs, axis=1), units, out)


def _lived(season: Season, rungs: IntArray) -> Course:
    truth = season.truth
    history = _history(season, rungs)
    sold = history.units.sum(axis=1)
    left = truth.stock - sold
    revenue = (history.price * history.units).sum(axis=1)
    labels = (np.diff(rungs, axis=1, prepend=0) != 0).sum(axis=1) * truth.labels * truth.label_cost
    on_hand = truth.stock[:, None] - np.cumsum(history.units, axis=1)
    held = truth.holding * on_hand.sum(axis=1)
    full = truth.full_price[:, None]
    value = float((revenue + truth.salvage * left - labels - held).sum())
    return Course(
        value=value,
        margin=value - float((truth.salvage * truth.stock).sum()),
        revenue=float(revenue.sum()),
        sell_through=float(sold.sum() / truth.stock.sum()),
        given_away=float(((full - history.price) * history.units).sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Margins of policies over the same seasons.

    Attributes:
        policies: (p,) names.
        margin: (seasons, p) minor units.
        foresight: (seasons,) what no policy can exceed.
    """

    policies: tuple[str, ...]
    margin: FloatArray
    foresight: FloatArray

    def gain(self, policy: str, over: str, level: float = 0.95) -> tuple[float, float, float]:
        """Mean share gained over another policy, and the bootstrap interval of it."""
        mine = self.margin[:, self.policies.index(policy)]
        other = self.margin[:, self.policies.index(over)]
        return _ratio(mine, other, level, less=1.0)

    def share_of_foresight(self, policy: str, level: float = 0.95) -> tuple[float, float, float]:
        """Mean share of perfect foresight, and the bootstrap interval of it."""
        return _ratio(self.margin[:, self.policies.index(policy)], self.foresight, level, less=0.0)

    def best_rule(self, among: tuple[str, ...]) -> str:
        """The policy of greatest mean margin among some."""
        mean = self.margin.mean(axis=0)
        return max(among, key=lambda name: float(mean[self.policies.index(name)]))


def compare(
    seasons: int,
    policies: Mapping[str, Callable[[Season], Course]],
    spec: SeasonSpec,
    rng: np.random.Generator,
    foresight: Callable[[Season], float] = with_foresight,
) -> Comparison:
    """Let every policy live through the same seasons."""
    margin = np.empty((seasons, len(policies)))
    best = np.empty(seasons)
    for s in range(seasons):
        season = draw_season(spec, rng)
        best[s] = foresight(season)
        margin[s] = [policy(season).margin for policy in policies.values()]
    return Comparison(tuple(policies), margin, best)


def _ratio(
    top: FloatArray, bottom: FloatArray, level: float, *, less: float
) -> tuple[float, float, float]:
    """Ratio of means with a bootstrap interval over seasons (fixed seed: equal answers)."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(top), (4_000, len(top)))
    ratios = top[drawn].mean(axis=1) / bottom[drawn].mean(axis=1) - less
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(ratios, [tail, 1.0 - tail])
    return float(top.mean() / bottom.mean() - less), float(low), float(high)
