"""All price paths that an item's own rules allow, and what each is worth, exactly.

Stock couples the weeks: what a low price sells now is missing later, so a recursion over weeks and
prices alone is inexact. Paths are few enough to be listed: 8 weeks, 12 prices and 3 changes make
10,869. They form a tree whose branches share their first weeks, so that valuing all of them takes
a fraction of the work; one pass values a block of items together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import comb
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray, frozen
from pricing.catalogue import UNKNOWN
from pricing.markdown.errors import InvalidClearance, TooManyPaths
from pricing.markdown.items import ClearanceItems

MAX_PATHS: Final = 2_000_000
"""Paths of one item above which a tree is refused: it would take minutes and gigabytes."""


@dataclass(frozen=True, slots=True)
class PathRules:
    """What shapes the tree of an item; items with equal rules share one.

    Attributes:
        weeks: weeks until the exit.
        rungs: length of the ladder.
        changes: most price changes.
        between: least weeks between two changes.
        since: weeks since the last change before the first week, at most `between`.
        first, last: weeks in which the price may change.
        pins: rung fixed for each week, UNKNOWN where free; empty where nothing is pinned.
    """

    weeks: int
    rungs: int
    changes: int
    between: int
    since: int
    first: int
    last: int
    pins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One week of the tree: its m nodes, each a path up to and including this week.

    Attributes:
        parent: (m,) node of the week before.
        rung: (m,) rung that the node asks in this week.
        changed: (c,) nodes whose price changes in this week.
        down: (d,) nodes whose price is below that in force at the start.
    """

    parent: IntArray
    rung: IntArray
    changed: IntArray
    down: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class PathTree:
    """Every allowed path; path j ends in node j of the last level.

    Path 0 never changes, unless a pin makes it.
    """

    levels: tuple[Level, ...]

    @property
    def size(self) -> int:
        """Number of paths."""
        return len(self.levels[-1].rung)

    def rungs(self, path: IntArray) -> IntArray:
        """(len(path), weeks) rungs of some paths, week by week."""
        out = np.empty((len(path), len(self.levels)), dtype=np.int64)
        node = path
        for week in range(len(self.levels) - 1, -1, -1):
            out[:, week] = self.levels[week].rung[node]
            node = self.levels[week].parent[node]
        return out


def rules_of(items: ClearanceItems) -> list[PathRules]:
    """The path rules of each item."""
    columns = np.column_stack(
        [
            items.exit_week,
            items.rungs,
            np.minimum(np.minimum(items.max_changes, items.rungs - 1), items.exit_week),
            items.weeks_between,
            np.minimum(items.since_change, items.weeks_between),
            items.first_week,
            np.minimum(items.last_week, items.exit_week - 1),
        ]
    )
    rules = [PathRules(*row) for row in columns.tolist()]
    for row in np.flatnonzero((items.pins != UNKNOWN).any(axis=1)).tolist():
        rules[row] = replace(rules[row], pins=tuple(items.pins[row, : rules[row].weeks].tolist()))
    return rules


def refuse_bad_pins(items: ClearanceItems) -> None:
    """Refuse pins that no path of an item holds.

    Raises:
        InvalidClearance: names the sku.
    """
    for row in np.flatnonzero((items.pins != UNKNOWN).any(axis=1)).tolist():
        rules = rules_of(items.take(np.array([row])))[0]
        if can_be_listed(rules) and not path_tree(rules).size:
            raise InvalidClearance(
                f"{str(items.sku[row])!r} in {str(items.market[row])!r}: no allowed price path "
                "holds what is pinned; take a pin away, allow more changes, or less time between"
            )


def groups_by_rules(items: ClearanceItems) -> dict[PathRules, IntArray]:
    """Rows of the items that share each set of rules."""
    rules = rules_of(items)
    position = {rule: k for k, rule in enumerate(dict.fromkeys(rules))}
    code = np.array([position[rule] for rule in rules])
    return {rule: np.flatnonzero(code == k) for rule, k in position.items()}


@lru_cache(maxsize=16)
def path_tree(rules: PathRules) -> PathTree:
    """Grow the tree of all paths.

    A tree without paths says that the pins cannot be held.

    Raises:
        TooManyPaths: more than `MAX_PATHS`.
    """
    window = max(rules.last - rules.first + 1, 0)
    most = sum(
        comb(window, k) * comb(rules.rungs - 1, k) for k in range(min(rules.changes, window) + 1)
    )
    if most > 20 * MAX_PATHS:
        raise _too_many(rules, most)
    rung = np.zeros(1, dtype=np.int64)
    used = np.zeros(1, dtype=np.int64)
    last = np.full(1, -rules.since, dtype=np.int64)
    levels = []
    for week in range(rules.weeks):
        may = (used < rules.changes) & (week - last >= rules.between)
        may &= rules.first <= week <= rules.last
        children = 1 + may * (rules.rungs - 1 - rung)
        if children.sum() > MAX_PATHS:
            raise _too_many(rules, most)
        parent = np.repeat(np.arange(len(rung)), children)
        step = np.arange(len(parent)) - np.repeat(np.cumsum(children) - children, children)
        rung, used = rung[parent] + step, used[parent] + (step > 0)
        last = np.where(step > 0, week, last[parent])
        if rules.pins and rules.pins[week] != UNKNOWN:
            held = np.flatnonzero(rung == rules.pins[week])
            parent, step, rung, used, last = (x[held] for x in (parent, step, rung, used, last))
        levels.append(
            Level(
                frozen(parent),
                frozen(rung),
                frozen(np.flatnonzero(step)),
                frozen(np.flatnonzero(rung)),
            )
        )
    return PathTree(tuple(levels))


@lru_cache(maxsize=1024)
def can_be_listed(rules: PathRules) -> bool:
    """Whether the paths of an item are few enough; the tree of those that are is kept."""
    try:
        path_tree(rules)
    except TooManyPaths:
        return False
    return True


def _too_many(rules: PathRules, count: int) -> TooManyPaths:
    return TooManyPaths(
        f"{rules.weeks} weeks, {rules.rungs} prices and {rules.changes} changes make up to "
        f"{count:,} price paths an item; allow fewer changes or prices, or more weeks between"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What the valuation of b items with one tree needs; arrays may carry charges.

    Attributes:
        demand: (b, t) demand at the price in force.
        response: (b, r) factor at each rung.
        price: (b, r) prices, for the reference price.
        unit: (b, r) worth of a unit sold at each rung.
        change_cost: (b, t) cost of a change in each week.
        down_cost: (t,) cost of standing below the full price in each week.
        already_down: (b,) True where the price in force is below the full price.
        earlier: (b, t) rungs of an earlier plan.
        away_cost: cost of a week at another rung than the earlier plan's.
        stock, salvage, holding: (b,) each.
        arrivals: (b, t).
        target_units, shortfall: (b,) units to be sold, and the charge on each missing one.
        broken_at, broken_power, reference_effect, reference_memory, reference: (b,) each.
    """

    demand: FloatArray
    response: FloatArray
    price: FloatArray
    unit: FloatArray
    change_cost: FloatArray
    down_cost: FloatArray
    already_down: BoolArray
    earlier: IntArray
    away_cost: float
    stock: FloatArray
    salvage: FloatArray
    holding: FloatArray
    arrivals: FloatArray
    target_units: FloatArray
    shortfall: FloatArray
    broken_at: FloatArray
    broken_power: FloatArray
    reference_effect: FloatArray
    reference_memory: FloatArray
    reference: FloatArray


def path_values(tree: PathTree, block: Block) -> FloatArray:
    """(b, paths) worth of every path of every item in the block."""
    b = len(block.stock)
    stock = block.stock[:, None]
    value = np.zeros((b, 1))
    reference = block.reference[:, None]
    follow_reference = bool(block.reference_effect.any())
    for week, level in enumerate(tree.levels):
        stock = stock.take(level.parent, axis=1, mode="clip")
        if block.arrivals[:, week].any():
            stock += block.arrivals[:, week : week + 1]
        wanted: FloatArray = block.response * block.demand[:, week : week + 1]
        units = wanted.take(level.rung, axis=1, mode="clip")
        if block.broken_at.any():
            units *= _assortment(stock, block)
        if follow_reference:
            asked = block.price.take(level.rung, axis=1)
            reference = reference.take(level.parent, axis=1)
            units *= np.exp(block.reference_effect[:, None] * (reference - asked) / reference)
            memory = block.reference_memory[:, None]
            reference = memory * reference + (1.0 - memory) * asked
        np.minimum(units, stock, out=units)
        stock -= units
        units *= block.unit.take(level.rung, axis=1, mode="clip")
        units += value.take(level.parent, axis=1, mode="clip")
        value = units
        if block.holding.any():
            value -= block.holding[:, None] * stock
        if block.change_cost[:, week].any():
            value[:, level.changed] -= block.change_cost[:, week : week + 1]
        if block.down_cost[week]:
            value[:, level.down] -= block.down_cost[week]
            if block.already_down.any():
                staying = np.where(block.already_down, block.down_cost[week], 0.0)
                value[:, level.rung == 0] -= staying[:, None]
        if block.away_cost:
            value -= block.away_cost * (level.rung != block.earlier[:, week : week + 1])
    if block.salvage.any():
        value += block.salvage[:, None] * stock
    return _charge_shortfall(value, stock, block)


def _assortment(stock: FloatArray, block: Block) -> FloatArray:
    """Factor on demand where sizes are missing."""
    at = np.where(block.broken_at > 0, block.broken_at, 1e-300)[:, None]
    return np.minimum(stock / at, 1.0) ** block.broken_power[:, None]


def _charge_shortfall(value: FloatArray, left: FloatArray, block: Block) -> FloatArray:
    aims = block.target_units > 0
    if aims.any():
        supply = block.stock + block.arrivals.sum(axis=1)
        short = (block.target_units - supply)[:, None] + left
        # Rounding of a sum of weekly sales must not turn a target that is met into a missed one.
        short = np.where(short > 1e-9 * supply[:, None], short, 0.0)
        hard = np.isinf(block.shortfall)
        charge = np.where(hard, 0.0, block.shortfall)[:, None] * short
        value = np.where(hard[:, None] & (short > 0), -np.inf, value - charge)
    return value
