"""Small price tests where not knowing is worth money.

Thompson sampling (Thompson 1933; for prices, Ferreira, Simchi-Levi and Wang 2018, "Online Network
Revenue Management Using Thompson Sampling"): draw demand from what is known of it, and price as if
the draw were true. Products about which much is unknown then try different prices, products that
are well known hardly any. What a test is worth is judged beforehand by the knowledge gradient: how
much better the decision would be if the demand curve were known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import DemandModel
from pricing.catalogue import Catalogue, CompetitorPrices, Labels
from pricing.cross_effects import CrossEffects
from pricing.deciding.candidates import candidate_prices
from pricing.deciding.decisions import Action, Decisions
from pricing.deciding.guardrails import Limit, price_bounds, violations
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.row_options import major
from pricing.deciding.sanity import plausible_offers, reasons_to_hold
from pricing.deciding.strategies import OPTIMISED, plan_strategies
from pricing.errors import InvalidLimits
from pricing.solving.joint_limits import Grid, joint_limits
from pricing.solving.relations import tie

_MOST_SHARE: Final = 0.2
_ROUNDS: Final = 10
_TRIED: Final = "price test"


@dataclass(frozen=True, slots=True)
class ExplorationLimits:
    """How much a shop lets itself try.

    Attributes:
        most_share: most products in a test, as a share of all rows; above 0, at most 0.2.
        most_cost: most expected profit that one test may give up, as a share of the row's own.
        least_gain: least that full knowledge would add to a row's profit a period, as a share.
        draws: draws from the demand curve by which knowledge is judged.

    Raises:
        InvalidLimits: a value outside its range.
    """

    most_share: float = 0.05
    most_cost: float = 0.05
    least_gain: float = 0.002
    draws: int = 64

    def __post_init__(self) -> None:
        if not 0.0 < self.most_share <= _MOST_SHARE:
            raise InvalidLimits(
                f"most_share {self.most_share} must be above 0, at most 0.2", ("most_share",)
            )
        if not 0.0 <= self.most_cost <= 0.5:
            raise InvalidLimits(
                f"most_cost {self.most_cost} must be a share from 0 to 0.5", ("most_cost",)
            )
        if not 0.0 <= self.least_gain <= 1.0:
            raise InvalidLimits(
                f"least_gain {self.least_gain} must be a share from 0 to 1", ("least_gain",)
            )
        if not 8 <= self.draws <= 10_000:
            raise InvalidLimits(f"draws {self.draws} must be from 8 to 10,000", ("draws",))


@dataclass(frozen=True, slots=True, eq=False)
class PriceTests:
    """Tests proposed beside a run of decisions; row i for row i of its catalogue.

    Attributes:
        price: (n,) price to try, minor units; the decided price where there is no test.
        tested: (n,) True where a test is proposed.
        cost: (n,) expected profit a period that the test gives up, major units.
        knowledge: (n,) expected profit a period that knowing the curve would add.
    """

    price: IntArray
    tested: BoolArray
    cost: FloatArray
    knowledge: FloatArray


def propose_tests(
    decisions: Decisions,
    demand: DemandModel,
    policy: PricingPolicy,
    limits: ExplorationLimits,
    *,
    rng: np.random.Generator,
    cross: CrossEffects | None = None,
) -> PriceTests:
    """Propose prices to try, inside every hard limit and every joint limit.

    Never tested: key value items, rows that are held, that a strategy claims or a relation ties,
    and rows beyond the change budget of the policy. Of the rest, those where knowledge pays most.

    Args:
        decisions: what would be done without tests.
        demand: the curves that it rests on.
        policy: its limits.
        limits: how much may be tried.
        rng: source of chance; the same state proposes the same tests.
        cross: what prices do to the demand of other rows.
    """
    catalogue = decisions.catalogue
    prices, valid = _grid(decisions, demand, policy)
    n = len(catalogue)
    open_ = (decisions.action != Action.HOLD) & ~catalogue.kvi & demand.known
    open_ &= valid[:, 1:].any(axis=1)
    rows = np.flatnonzero(open_)
    price, cost, knowledge = decisions.price.copy(), np.zeros(n), np.zeros(n)
    if len(rows):
        choice, given_up, gain = _judge(
            prices[rows], valid[rows], catalogue.take(rows), demand.take(rows), limits, rng
        )
        price[rows] = np.where(choice > 0, choice, price[rows])
        cost[rows], knowledge[rows] = given_up, gain
    profit = np.where(np.isfinite(decisions.profit), np.abs(decisions.profit), 0.0)
    worthy = open_ & (price != decisions.price)
    worthy &= (knowledge >= limits.least_gain * profit) & (cost <= limits.most_cost * profit)
    offers = plausible_offers(catalogue, decisions.competitors, policy.limits)
    worthy &= violations(price, catalogue, offers, policy.limits, decisions.legal) == 0
    tested = np.zeros(n, dtype=np.bool_)
    ranked = np.flatnonzero(worthy)
    ranked = ranked[np.argsort(-(knowledge - cost)[ranked], kind="stable")]
    tested[ranked[: _most_tests(decisions, ranked, policy, limits)]] = True
    if policy.joint.any_figure:
        tested = _within_targets(tested, price, decisions, demand, policy, cross)
    return PriceTests(
        np.where(tested, price, decisions.price).astype(np.int64),
        tested,
        np.where(tested, cost, 0.0),
        knowledge,
    )


def with_tests(decisions: Decisions, tests: PriceTests, demand: DemandModel) -> Decisions:
    """The decisions with the proposed prices in place, each marked in its path.

    Expected figures of the tested rows are those of the price tried, other prices as in force.
    """
    rows = np.flatnonzero(tests.tested)
    known, curve = decisions.catalogue.take(rows), demand.take(rows)
    price = tests.price[rows] / known.scale
    net = price / (1.0 + known.tax_rate)
    units = curve.units(price)
    low, high = curve.interval(price, 0.95)
    figures = {
        "units": units,
        "units_low": low,
        "units_high": high,
        "revenue": net * units,
        "profit": (net - known.cost / known.scale) * units,
        "held_by": 0,
        "at_lower": False,
        "at_upper": False,
        "action": np.where(tests.price[rows] != known.price, Action.CHANGE, Action.KEEP),
    }
    columns = {}
    for name, values in figures.items():
        column = getattr(decisions, name).copy()
        column[rows] = values
        columns[name] = column
    return replace(decisions, price=tests.price, path=_marked(decisions, rows), **columns)


def is_price_test(path: str) -> bool:
    """True where the path of a decision says that its price is tried."""
    return path.endswith(f"> {_TRIED}")


def _marked(decisions: Decisions, rows: IntArray) -> Labels:
    """The paths of all rows, longer by a word where a price is tried."""
    path = decisions.path
    if path is None:
        path = Labels(np.zeros(len(decisions), dtype=np.int64), (OPTIMISED,))
    tried = [f"{name} > {_TRIED}" for name in path.names]
    codes = path.codes.copy()
    codes[rows] += len(path.names)
    return Labels(codes, (*path.names, *tried))


def _most_tests(
    decisions: Decisions, ranked: IntArray, policy: PricingPolicy, limits: ExplorationLimits
) -> int:
    """How many of the ranked rows may be tested: the share, and changes left in the budget."""
    most = int(limits.most_share * len(decisions))
    budgets = [policy.max_changes]
    if policy.joint.max_change_share is not None:
        budgets.append(int(policy.joint.max_change_share * len(decisions)))
    new_changes = np.cumsum(decisions.action[ranked] != Action.CHANGE)
    for budget in budgets:
        if budget is not None:
            left = budget - decisions.changes
            most = min(most, int(np.searchsorted(new_changes, left, side="right")))
    return most


def _within_targets(
    tested: BoolArray,
    price: IntArray,
    decisions: Decisions,
    demand: DemandModel,
    policy: PricingPolicy,
    cross: CrossEffects | None,
) -> BoolArray:
    """(n,) the tests that are left when those that cost a joint limit most are given up."""
    catalogue = decisions.catalogue
    minor = np.stack([catalogue.price, decisions.price, price], axis=1)
    amount = major(minor, catalogue)
    offers = plausible_offers(catalogue, decisions.competitors, policy.limits)
    grid = Grid(
        price=amount,
        net=amount / (1.0 + catalogue.tax_rate)[:, None],
        units=np.nan_to_num(demand.units(amount)),
        valid=np.isfinite(amount),
        cost=major(catalogue.cost, catalogue),
        lowest=major(offers.lowest, catalogue),
        rate=policy.rate_of(catalogue),
    )
    limits = joint_limits(policy.joint, grid, catalogue, offers)
    kept, n = tested.copy(), len(tested)
    for _ in range(_ROUNDS * len(limits)):
        column = np.where(kept, 2, 1)
        moved = np.ones(n)
        if cross is not None:
            chosen = np.take_along_axis(amount, column[:, None], axis=1)[:, 0]
            moved += cross.shift(np.nan_to_num(np.log(chosen / amount[:, 0])))
        for limit in limits:
            usage = limit.of(np.arange(n), n)
            if limit.moves_with_demand:
                usage = usage * moved[:, None]
            over = np.take_along_axis(usage, column[:, None], axis=1).sum() - limit.at_most
            if over > limit.tolerance:
                extra = np.where(kept, usage[:, 2] - usage[:, 1], 0.0)
                order = np.argsort(-extra, kind="stable")
                order = order[extra[order] > 0]
                enough = int(np.searchsorted(np.cumsum(extra[order]), over)) + 1
                kept[order[:enough]] = False
                break
        else:
            return kept
        if not kept.any():
            break
    return np.zeros(n, dtype=np.bool_)


def _grid(
    decisions: Decisions, demand: DemandModel, policy: PricingPolicy
) -> tuple[IntArray, BoolArray]:
    """Candidates of the rows that are free to be tested; none for the others."""
    catalogue = decisions.catalogue
    offers: CompetitorPrices = plausible_offers(catalogue, decisions.competitors, policy.limits)
    bounds = price_bounds(catalogue, offers, policy.limits, decisions.legal)
    elasticity, _ = demand.price_elasticity(
        np.where(catalogue.price > 0, catalogue.price / catalogue.scale, np.nan)
    )
    at = decisions.decided_at
    bounds.hold[:] |= reasons_to_hold(catalogue, policy.limits, elasticity, at=at)
    plan = plan_strategies(policy.strategies, catalogue, demand, offers, at=at)
    tied = tie(policy.relations, catalogue)
    bounds.hold[plan.aims | plan.frozen] |= int(Limit.STRATEGY)
    for side in (tied.row, tied.other):
        bounds.hold[side] |= int(Limit.RELATION)
    return candidate_prices(catalogue, bounds, policy, tie((), catalogue), plan)


def _judge(
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    demand: DemandModel,
    limits: ExplorationLimits,
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Price of one draw, expected profit that it gives up, and what knowing the curve would add."""
    scale = catalogue.scale[:, None]
    major = np.where(valid, prices / scale, catalogue.price[:, None] / scale)
    margin = major / (1.0 + catalogue.tax_rate)[:, None] - catalogue.cost[:, None] / scale
    drawn = demand.sample(major, rng, limits.draws) * margin
    drawn = np.where(valid, drawn, -np.inf)
    expected = drawn.mean(axis=0)
    best = expected.max(axis=1)
    knowledge = drawn.max(axis=2).mean(axis=0) - best
    column = np.argmax(drawn[0], axis=1)
    rows = np.arange(len(prices))
    return prices[rows, column], best - expected[rows, column], knowledge
