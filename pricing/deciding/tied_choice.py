"""Choosing where rows are tied: groups that cannot be satisfied are set aside first, and named."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.cross_effects import CrossEffects
from pricing.deciding.guardrails import Limit
from pricing.deciding.policy import PricingPolicy
from pricing.solving.certificate import SolveReport
from pricing.solving.coupled import choose_coupled
from pricing.solving.joint_limits import CHANGE_COUNTS, JointLimit
from pricing.solving.relation_groups import Pairs, RelationGroups
from pricing.solving.relations import TiedRows


@dataclass(frozen=True, slots=True, eq=False)
class TiedChoice:
    """What was chosen where rows are tied.

    Attributes:
        column: (n,) chosen candidates.
        held: (n,) `Limit` bits of rows that a relation or a joint limit keeps where they are.
        solve: how good the answer is; `conflicts` names relations that could not be satisfied,
            `undecided` those for which nothing was found in time.
    """

    column: IntArray
    held: IntArray
    solve: SolveReport


def choose_tied(
    moving: FloatArray,
    fixed: FloatArray,
    log_ratio: FloatArray,
    valid: BoolArray,
    must: BoolArray,
    lawless: BoolArray,
    prices: IntArray,
    tied: TiedRows,
    cross: CrossEffects | None,
    limits: tuple[JointLimit, ...],
    policy: PricingPolicy,
) -> TiedChoice:
    """Choose under relations, cross-price effects and joint limits together.

    A group of related rows for which no allowed prices go together keeps its prices, all of it, and
    its relations are named as conflicts. So does a group that needs more changes than are allowed.
    Relations that would keep a row from the law give way, and are named as conflicts, too.

    Args:
        moving: (n, k) worth in proportion to units sold.
        fixed: (n, k) other worth.
        log_ratio: (n, k) log(price / price in force).
        valid: (n, k) candidates; column 0 is the price in force.
        must: (n,) rows whose price in force breaks a hard limit: they move if they can.
        lawless: (n,) those of them whose price in force is unlawful.
        prices: (n, k) the candidates in minor units.
        tied: relations over the rows.
        cross: effects of rows on each other's demand.
        limits: joint limits.
        policy: gap and time limit.

    Raises:
        InfeasibleLimits: the joint limits exclude each other.
    """
    n = len(valid)
    allowed = valid.copy()
    allowed[must, 0] = False
    allowed[lawless, 0] = False
    gave_way, tied = _law_first(tied, prices, allowed, lawless)
    pairs = tied.pairs(prices)
    groups = RelationGroups(n, pairs)
    stuck, _ = _without_choice(groups, allowed)
    allowed[stuck] = valid[stuck]
    stuck, unknown = _without_choice(groups, allowed)
    budget = min((x.at_most for x in limits if x.name in CHANGE_COUNTS), default=np.inf)
    counts = next((x.usage[:, -1] > 0 for x in limits if x.name in CHANGE_COUNTS), valid[:, 0])
    over = _beyond_budget(groups, allowed, stuck, budget, counts)
    aside = stuck | over
    allowed[aside, 1:], allowed[aside, 0] = False, True
    kept = ~aside[tied.row]
    column, solve = choose_coupled(
        moving,
        fixed,
        log_ratio,
        allowed,
        cross=cross,
        pairs=pairs.where(kept),
        limits=limits,
        gap=policy.gap,
        time_limit=policy.time_limit,
    )
    conflicts = np.union1d(gave_way, tied.relation[(stuck & ~unknown)[tied.row]])
    undecided = np.setdiff1d(tied.relation[unknown[tied.row]], conflicts)
    alone = np.where(valid, moving + fixed, -np.inf).argmax(axis=1)
    held = _why_kept(column, alone, pairs.where(kept), limits, budget)
    held |= np.where(stuck, int(Limit.RELATION), 0)
    held |= np.where(over, int(Limit.CHANGE_BUDGET), 0)
    solve = replace(
        solve,
        conflicts=tuple(tied.names[number] for number in conflicts),
        undecided=tuple(tied.names[number] for number in undecided),
    )
    return TiedChoice(column, held, solve)


def _law_first(
    tied: TiedRows, prices: IntArray, allowed: BoolArray, lawless: BoolArray
) -> tuple[IntArray, TiedRows]:
    """The relations that would keep rows from the law, by number, and the pairs without them.

    Those that tie such a row to one that is lawful go first, so that rows go to the law together
    where they can.
    """
    gave_way = np.empty(0, dtype=np.int64)
    for both in (False, True):
        if len(tied) == 0 or not lawless.any():
            break
        stuck, _ = _without_choice(RelationGroups(len(prices), tied.pairs(prices)), allowed)
        barred = lawless & stuck
        mine, theirs = barred[tied.row], barred[tied.other]
        yields = (mine | theirs) if both else (mine != theirs)
        gave_way = np.union1d(gave_way, tied.relation[yields])
        tied = tied.where(~yields)
    return gave_way, tied


def _without_choice(groups: RelationGroups, allowed: BoolArray) -> tuple[BoolArray, BoolArray]:
    """(n,) rows of groups for which no allowed candidates go together, or none were found.

    Returns:
        Those rows, and which of them are of groups for which none were found: there may be some.
    """
    _, total = groups.best(np.where(allowed, 0.0, -np.inf))
    none, unknown = (
        np.isin(groups.group, np.unique(groups.group[where]))
        for where in (~np.isfinite(total), np.isposinf(total))
    )
    return none, unknown


def _beyond_budget(
    groups: RelationGroups, allowed: BoolArray, stuck: BoolArray, budget: float, counts: BoolArray
) -> BoolArray:
    """(n,) rows of groups that the number of changes allowed does not reach, costly ones first.

    `counts` (n,) are the rows of which a change counts.
    """
    n = len(allowed)
    if not np.isfinite(budget):
        return np.zeros(n, dtype=np.bool_)
    cost = np.where(allowed, np.where(counts, -1.0, 0.0)[:, None], -np.inf)
    cost[allowed[:, 0], 0] = 0.0
    cost[stuck] = 0.0
    column, _ = groups.best(cost)
    changes = np.bincount(groups.group, weights=(column > 0) & ~stuck & counts, minlength=n)
    order = np.argsort(changes, kind="stable")
    spent = np.cumsum(changes[order])
    late = order[(spent > budget) & (changes[order] > 0)]
    return np.isin(groups.group, late)


def _why_kept(
    column: IntArray,
    alone: IntArray,
    pairs: Pairs,
    limits: tuple[JointLimit, ...],
    budget: float,
) -> IntArray:
    """(n,) what keeps a row that would move on its own: its relations, else a joint limit."""
    kept = (column == 0) & (alone > 0)
    held = np.zeros(len(column), dtype=np.int64)
    if limits:
        which = Limit.CHANGE_BUDGET if np.isfinite(budget) else Limit.JOINT_LIMIT
        held[kept] = int(which)
    every = np.arange(len(pairs))
    barred = np.zeros(len(column), dtype=np.bool_)
    mine = pairs.fits[every, alone[pairs.row], column[pairs.other]]
    theirs = pairs.fits[every, column[pairs.row], alone[pairs.other]]
    barred[pairs.row[~mine]] = True
    barred[pairs.other[~theirs]] = True
    held[kept & barred] = int(Limit.RELATION)
    return held
