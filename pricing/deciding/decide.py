"""The decision: from what is known to one price a row, with its reasons.

`decide` takes columns, so the same function prices one product for a screen, a catalogue for a
night run, and a past day for a replay.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import DemandContext, DemandModel
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.cross_effects import CrossEffects
from pricing.deciding.candidates import Ladders, one_grid_a_family
from pricing.deciding.decisions import Decisions
from pricing.deciding.guardrails import Limit, PriceBounds
from pricing.deciding.level_doubts import LevelDoubts
from pricing.deciding.objective import Objective
from pricing.deciding.outcomes import CrossPull, moving_worth, outcome_columns
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.row_options import Question, RowOptions, aimed_worth, major, or_nothing
from pricing.deciding.sanity import plausible_offers
from pricing.deciding.strategies import plan_strategies
from pricing.deciding.tied_choice import choose_tied
from pricing.errors import InfeasibleLimits, InvalidCatalogue
from pricing.law.legal_bounds import LegalBounds
from pricing.portions import in_portions
from pricing.solving.certificate import SolveReport, optimum
from pricing.solving.joint_limits import (
    CHANGE_COUNTS,
    Grid,
    JointLimit,
    change_limits,
    joint_limits,
)
from pricing.solving.list_price import choose
from pricing.solving.relation_groups import RelationGroups
from pricing.solving.relations import TiedRows, tie

__all__ = ["Objective", "PricingPolicy", "decide"]


def decide(
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    policy: PricingPolicy,
    *,
    decided_at: datetime,
    context: DemandContext | None = None,
    cross: CrossEffects | None = None,
    legal: LegalBounds | None = None,
    doubts: LevelDoubts | None = None,
) -> Decisions:
    """Choose a list price for every row of the catalogue.

    The way of a price: limits leave an interval; price endings make it a grid; the demand curve
    gives each candidate a value; joint limits couple the rows (OR-Tools); the hard limits are
    checked once more on what came out, and what fails keeps the price in force.

    A row with no cost, no price or no plausible curve is held and says so. A row whose price in
    force breaks a hard limit is moved if any allowed price exists, before any row that merely could
    earn more. Where the pace of changes keeps it from what the law, its cost or its owner want, it
    goes there step by step, to the law at once; see `pricing.deciding.approach`.

    Args:
        catalogue: n rows.
        demand: curves aligned to the catalogue.
        competitors: offers aligned to the catalogue.
        policy: limits and objective.
        decided_at: the time of the decision, aware.
        context: season and other effects in force in the period that is priced.
        cross: what prices do to the demand of other rows; None where each row stands alone.
        legal: what the law leaves of each row's price; None where nobody said under which law any
            of them sells. No policy widens these bounds.
        doubts: rows whose curve was not believed, because no sales carry its level: they are held
            and say so; None where there are none.

    Raises:
        InvalidCatalogue: `demand`, `competitors`, `legal` or `doubts` have another number of rows.
        InvalidLimits: a joint limit spans currencies without exchange rates.
        InfeasibleLimits: the joint limits exclude each other.
    """
    n = len(catalogue)
    if not n == len(demand) == len(competitors):
        raise InvalidCatalogue(
            f"catalogue has {n} rows, demand {len(demand)}, competitors {len(competitors)}; "
            "align them first"
        )
    if cross is not None and len(cross) != n:
        raise InvalidCatalogue(f"cross effects are for {len(cross)} rows, the catalogue has {n}")
    if legal is not None and len(legal) != n:
        raise InvalidCatalogue(f"legal bounds are for {len(legal)} rows, the catalogue has {n}")
    if doubts is not None and len(doubts) != n:
        raise InvalidCatalogue(f"level doubts are for {len(doubts)} rows, the catalogue has {n}")
    offers = plausible_offers(catalogue, competitors, policy.limits)
    question = Question(
        catalogue=catalogue,
        demand=demand,
        competitors=offers,
        policy=policy,
        at=decided_at,
        context=context,
        plan=plan_strategies(
            policy.strategies, catalogue, demand, offers, at=decided_at, context=context
        ),
        ladders=Ladders(policy),
        legal=legal,
        doubts=doubts,
    )
    tied = tie(policy.relations, catalogue)
    if len(tied) == 0 and cross is None and policy.max_changes is None and not policy.joint.any:
        columns, solve = _decide_alone(question)
    else:
        columns, solve = _decide_together(question, tied, cross)
    return Decisions(
        catalogue=catalogue,
        competitors=competitors,
        decided_at=decided_at,
        solve=solve,
        path=question.plan.path,
        legal=legal,
        doubts=doubts,
        **columns,
    )


def _decide_alone(question: Question) -> tuple[dict[str, NDArray[Any]], SolveReport]:
    """Rows that nothing ties: each portion goes all the way at once."""

    def decided(rows: slice) -> tuple[dict[str, NDArray[Any]], float]:
        mine = question.part(rows)
        options = RowOptions.of(mine)
        price = major(options.prices, mine.catalogue)
        value = or_nothing(aimed_worth(mine, price).total)
        column, passed_over, solve = _choose(value, options, (), mine.policy)
        chosen, refused = _last_word(mine, options, column)
        held = refused | passed_over | options.without_choice(mine.plan)
        return outcome_columns(mine, options, chosen, held), solve.objective

    parts = in_portions(decided, len(question.catalogue))
    columns = {
        name: np.concatenate([part[name] for part, _ in parts]) for name in next(iter(parts))[0]
    }
    worth = float(sum(objective for _, objective in parts))
    return columns, SolveReport(optimum(worth), "separable", 0.0)


def _decide_together(
    question: Question, tied: TiedRows, cross: CrossEffects | None
) -> tuple[dict[str, NDArray[Any]], SolveReport]:
    """Rows that joint limits, relations or cross-price effects tie: one problem of all of them."""
    catalogue, policy = question.catalogue, question.policy
    n = len(catalogue)
    options = _options(question)
    one_grid_a_family(
        options.prices,
        options.valid,
        catalogue,
        options.bounds,
        question.ladders,
        tied,
        fixed=question.plan.frozen,
        step=options.step,
        legal=question.legal,
    )
    rate = policy.rate_of(catalogue)
    k = options.prices.shape[1]
    limits = change_limits(policy.joint, policy.max_changes, n, k, exempt=options.unlawful)
    if len(tied) == 0 and cross is None and not policy.joint.any_figure:
        value = np.empty((n, k))

        def weigh(rows: slice) -> None:
            mine = question.part(rows)
            price = major(options.prices[rows], mine.catalogue)
            value[rows] = or_nothing(aimed_worth(mine, price).total * rate[rows, None])

        in_portions(weigh, n)
        column, passed_over, solve = _choose(value, options, limits, policy)
    else:
        column, passed_over, solve = _choose_tied(question, options, limits, rate, tied, cross)
    decided, refused = _last_word(question, options, column)
    refused |= _relations_broken(decided, column > 0, tied, options.unlawful & (column > 0))
    decided = np.where(refused != 0, catalogue.price, decided)
    held = refused | passed_over | options.without_choice(question.plan)
    pull = None
    if cross is not None:
        shift = _cross_shift(decided, catalogue, cross)
        pull = CrossPull(shift, cross.back(moving_worth(question, decided)))

    def outcome(rows: slice) -> dict[str, NDArray[Any]]:
        return outcome_columns(
            question.part(rows),
            options.part(rows),
            decided[rows],
            held[rows],
            None if pull is None else pull.part(rows),
        )

    parts = in_portions(outcome, n)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, solve


def _options(question: Question) -> RowOptions:
    """The options of all rows; the large arrays are filled in place, portion by portion."""
    n, k = len(question.catalogue), 1 + question.policy.candidates
    prices, valid = np.empty((n, k), dtype=np.int64), np.empty((n, k), dtype=np.bool_)

    def fill(rows: slice) -> tuple[PriceBounds, IntArray, IntArray]:
        mine = RowOptions.of(question.part(rows))
        prices[rows], valid[rows] = mine.prices, mine.valid
        return mine.bounds, mine.broken, mine.step

    bounds, broken, step = zip(*in_portions(fill, n), strict=True)
    return RowOptions(
        PriceBounds.joined(bounds), np.concatenate(broken), prices, valid, np.concatenate(step)
    )


def _choose_tied(
    question: Question,
    options: RowOptions,
    limits: tuple[JointLimit, ...],
    rate: FloatArray,
    tied: TiedRows,
    cross: CrossEffects | None,
) -> tuple[IntArray, IntArray, SolveReport]:
    """As `_choose`, where money is limited or one row's price says something of another's."""
    catalogue, policy = question.catalogue, question.policy
    price = major(options.prices, catalogue)
    worth = aimed_worth(question, price)
    if policy.joint.any_figure:
        grid = Grid(
            price=price,
            net=price / (1.0 + catalogue.tax_rate)[:, None],
            units=or_nothing(worth.units),
            valid=options.valid,
            cost=major(catalogue.cost, catalogue),
            lowest=major(question.competitors.lowest, catalogue),
            rate=rate,
        )
        limits += joint_limits(policy.joint, grid, catalogue, question.competitors)
    if len(tied) == 0 and cross is None:
        return _choose(or_nothing(worth.total * rate[:, None]), options, limits, policy)
    moving = or_nothing(worth.moving * rate[:, None])
    fixed = np.zeros(price.shape) if worth.fixed is None else or_nothing(worth.fixed)
    chosen = choose_tied(
        moving,
        fixed * rate[:, None],
        or_nothing(np.log(price / price[:, :1])),
        options.valid,
        (options.broken != 0) & options.open,
        options.unlawful,
        options.prices,
        tied,
        cross,
        limits,
        policy,
    )
    return chosen.column, chosen.held, chosen.solve


def _choose(
    value: FloatArray,
    options: RowOptions,
    limits: tuple[JointLimit, ...],
    policy: PricingPolicy,
) -> tuple[IntArray, IntArray, SolveReport]:
    """The column chosen a row, and the rows that only a joint limit kept from changing.

    A row whose price in force breaks a limit must move if it can. Where there are more such rows
    than changes allowed, they alone compete for the budget; those that the law moves need none. A
    step toward a level that a joint limit does not leave room for is not taken.
    """
    valid = options.valid
    must = (options.broken != 0) & options.open
    lawless = must & options.unlawful
    allowed = valid.copy()
    budget = min((x.at_most for x in limits if x.name in CHANGE_COUNTS), default=np.inf)
    if int((must & ~lawless).sum()) <= budget:
        allowed[must, 0] = False
    else:
        allowed[~must, 1:] = False
        allowed[lawless, 0] = False
    steps = must & ~lawless & (options.step != UNKNOWN) & ~allowed[:, 0]
    try:
        column, solve = choose(value, allowed, limits, time_limit=policy.time_limit, gap=policy.gap)
    except InfeasibleLimits:
        if not steps.any():
            raise
        allowed[steps, 0] = True
        column, solve = choose(value, allowed, limits, time_limit=policy.time_limit, gap=policy.gap)
    if not limits:
        return column, np.zeros(len(column), dtype=np.int64), solve
    wanted = must | (np.where(valid, value, -np.inf).argmax(axis=1) > 0)
    which = Limit.CHANGE_BUDGET if np.isfinite(budget) else Limit.JOINT_LIMIT
    passed_over = np.where(wanted & (column == 0), int(which), 0)
    return column, passed_over, solve


def _last_word(
    question: Question, options: RowOptions, column: IntArray
) -> tuple[IntArray, IntArray]:
    """The prices chosen, and `Limit` bits of those refused: they keep the price in force.

    Whatever the search believes, a price that breaks a limit stays out.
    """
    decided = np.take_along_axis(options.prices, column[:, None], axis=1)[:, 0]
    stepped = (options.step != UNKNOWN) & (column > 0)
    tolerated = np.where(stepped, question.tolerated(decided), 0) if stepped.any() else 0
    refused = (question.broken(decided) & ~tolerated) | options.bounds.hold
    refused = np.where(column > 0, refused, 0)
    return np.where(refused != 0, question.catalogue.price, decided), refused


def _cross_shift(price: IntArray, catalogue: Catalogue, cross: CrossEffects) -> FloatArray:
    """(n,) share by which all these prices together move each row's demand."""
    known = catalogue.price > 0
    ratio = np.log(np.where(known, price, 1) / np.where(known, catalogue.price, 1))
    return cross.shift(ratio)


def _relations_broken(
    price: IntArray, changed: BoolArray, tied: TiedRows, to_law: BoolArray
) -> IntArray:
    """(n,) `RELATION` for every row of a group in which these prices break a relation anew.

    A group in which nothing changed may stand as it stood: its prices are old, and say why. No
    relation keeps a row from the law (`to_law`).
    """
    if len(tied) == 0:
        return np.zeros(len(price), dtype=np.int64)
    groups = RelationGroups.of_ties(len(price), tied.row, tied.other)
    moved = np.unique(groups[changed])
    broken = ~tied.kept(price) & ~to_law[tied.row] & ~to_law[tied.other]
    wrong = np.intersect1d(moved, groups[tied.row[broken]])
    return np.where(np.isin(groups, wrong) & ~to_law, int(Limit.RELATION), 0)
