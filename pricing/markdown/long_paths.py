"""Items whose rules allow too many price paths to list: a dynamic programme, its bound, a search.

A charge on stock takes the weeks apart: the best path is then a dynamic programme over rung,
changes left and weeks since the last one, and the least value over that charge is an upper bound on
every path (the fluid bound of Gallego and van Ryzin 1994, with the item's own rules on changes
kept). What makes demand smaller, missing sizes and remembered prices, is left out of it or taken at
its best; deliveries count as if they were there from the start. The paths that the programme
proposes are valued exactly, and changed one step at a time while that helps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from pricing.markdown.paths import Block, Level, PathRules, PathTree, path_values

_HALVINGS: Final = 26
_ROUNDS: Final = 60
_STARTS: Final = 6
"""Proposals of the programme from which the search climbs."""


def tree_of(paths: IntArray) -> PathTree:
    """A tree of exactly these (c, t) paths, each on its own branch."""
    count = np.arange(len(paths))
    before = np.zeros(len(paths), dtype=np.int64)
    levels = []
    for week in range(paths.shape[1]):
        rung = paths[:, week]
        parent = np.zeros(len(paths), dtype=np.int64) if week == 0 else count
        levels.append(Level(parent, rung, np.flatnonzero(rung != before), np.flatnonzero(rung)))
        before = rung
    return PathTree(tuple(levels))


def allowed(rules: PathRules, paths: IntArray) -> BoolArray:
    """(c,) whether each path keeps an item's rules."""
    steps = np.diff(paths, axis=1, prepend=0)
    changed = steps > 0
    week = np.arange(rules.weeks)
    fine: BoolArray = (steps >= 0).all(axis=1) & (changed.sum(axis=1) <= rules.changes)
    fine &= (paths < rules.rungs).all(axis=1)
    fine &= ~(changed & ((week < rules.first) | (week > rules.last))).any(axis=1)
    last = np.full(len(paths), -rules.since)
    for t in range(rules.weeks):
        fine &= ~changed[:, t] | (t - last >= rules.between)
        last = np.where(changed[:, t], t, last)
    for t, pin in enumerate(rules.pins):
        if pin != UNKNOWN:
            fine &= paths[:, t] == pin
    return fine


@dataclass(frozen=True, slots=True, eq=False)
class _Gains:
    """What a week at a rung brings without the stock: (b, t, r) each, and (b, t) of a change."""

    units: FloatArray
    worth: FloatArray
    standing: FloatArray
    change: FloatArray


def own_values(paths: IntArray, block: Block) -> FloatArray:
    """(b,) what each item's own (b, t) path is worth."""
    value = np.empty(len(paths))
    for row in range(len(paths)):
        value[row] = path_values(tree_of(paths[row : row + 1]), _one(block, row))[0, 0]
    return value


def bound_and_paths(rules: PathRules, block: Block) -> tuple[FloatArray, IntArray]:
    """(b,) what no path of an item exceeds, and (b, t) a good path of each.

    A path of -1 says that the rules leave an item none.
    """
    gains = _gains(rules, block)
    supply = block.stock + block.arrivals.sum(axis=1)
    base = block.salvage * supply - block.holding * _held(block)
    low = np.zeros(len(supply))
    high = np.maximum(gains.worth.max(axis=(1, 2)), 1e-9)
    bound = np.full(len(supply), np.inf)
    proposed: list[IntArray] = []
    for charge in (low, high):
        value, paths, _ = _best(rules, gains, charge)
        bound = np.minimum(bound, value + charge * supply)
        proposed.append(paths)
    for _ in range(_HALVINGS):
        charge = (low + high) / 2.0
        value, paths, sold = _best(rules, gains, charge)
        bound = np.minimum(bound, value + charge * supply)
        low = np.where(sold > supply, charge, low)
        high = np.where(sold > supply, high, charge)
        proposed.append(paths)
    found = np.empty((len(supply), rules.weeks), dtype=np.int64)
    for row in range(len(supply)):
        starts = np.unique(np.stack([paths[row] for paths in proposed]), axis=0)
        found[row] = _improved(rules, _one(block, row), starts)
    return bound + base, found


def _held(block: Block) -> FloatArray:
    """(b,) unit-weeks on hand at the ends of all weeks if nothing were sold."""
    weeks = block.arrivals.shape[1]
    held: FloatArray = weeks * block.stock + (block.arrivals * (weeks - np.arange(weeks))).sum(
        axis=1
    )
    return held


def _gains(rules: PathRules, block: Block) -> _Gains:
    weeks = rules.weeks
    units = block.demand[:, :, None] * block.response[:, None, :]
    if block.reference_effect.any():
        highest = np.maximum(block.reference, block.price[:, 0])[:, None]
        pull = np.exp(block.reference_effect[:, None] * (highest - block.price) / highest)
        units = units * pull[:, None, :]
    # A unit sold is not salvaged, and is held no more.
    saved = block.holding[:, None] * (weeks - np.arange(weeks))
    worth = block.unit[:, None, :] - block.salvage[:, None, None] + saved[:, :, None]
    # At most the charge of a missing unit can be saved by selling one.
    worth = worth + np.where(block.target_units > 0, block.shortfall, 0.0)[:, None, None]
    rung = np.arange(block.response.shape[1])
    below = (rung > 0) | block.already_down[:, None]
    standing = block.down_cost[None, :, None] * below[:, None, :]
    standing = standing + block.away_cost * (rung != block.earlier[:, :, None])
    for week, pin in enumerate(rules.pins):
        if pin != UNKNOWN:
            standing[:, week, rung != pin] = np.inf
    return _Gains(units, worth, standing, np.broadcast_to(block.change_cost, units.shape[:2]))


def _best(
    rules: PathRules, gains: _Gains, charge: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray]:
    """(b,) value, (b, t) path and (b,) units of the best path where a unit of stock has a price."""
    net = np.maximum(gains.worth - charge[:, None, None], 0.0) * gains.units - gains.standing
    b, weeks, rungs = len(charge), rules.weeks, rules.rungs
    between, changes = rules.between, rules.changes
    after = np.zeros((b, changes + 1, between + 1, rungs))
    choice = np.zeros((weeks, b, changes + 1, between + 1, rungs), dtype=np.int16)
    for week in range(weeks - 1, -1, -1):
        now = net[:, week, :rungs]
        before = np.empty_like(after)
        for k in range(changes + 1):
            # What is reached by going to each rung, and by the best rung strictly below.
            down = now + after[:, k - 1, min(1, between)] if k else None
            for j in range(between + 1):
                stay = now + after[:, k, min(j + 1, between)]
                before[:, k, j] = stay
                choice[week, :, k, j] = np.arange(rungs)
                may = down is not None and j >= between and rules.first <= week <= rules.last
                if not may or down is None:
                    continue
                value, at = _best_below(down - gains.change[:, week, None])
                better = value > stay
                before[:, k, j] = np.where(better, value, stay)
                choice[week, :, k, j] = np.where(better, at, np.arange(rungs))
        after = before
    row = np.arange(b)
    used = np.full(b, changes)
    since = np.full(b, min(rules.since, between))
    at_rung = np.zeros(b, dtype=np.int64)
    value = after[row, used, since, at_rung]
    path = np.empty((b, weeks), dtype=np.int64)
    sold = np.zeros(b)
    for week in range(weeks):
        chosen = choice[week, row, used, since, at_rung].astype(np.int64)
        moved = chosen != at_rung
        used = used - moved
        since = np.where(moved, min(1, between), np.minimum(since + 1, between))
        at_rung = chosen
        path[:, week] = chosen
        pays = gains.worth[row, week, chosen] > charge
        sold += np.where(pays, gains.units[row, week, chosen], 0.0)
    shortest = np.where(np.isfinite(value), 1, 0)
    return value, np.where(shortest[:, None] > 0, path, -1), sold


def _best_below(value: FloatArray) -> tuple[FloatArray, IntArray]:
    """(b, r) greatest of the values at later rungs than each, and which rung that is."""
    b, rungs = value.shape
    best = np.full((b, rungs), -np.inf)
    at = np.zeros((b, rungs), dtype=np.int64)
    for rung in range(rungs - 2, -1, -1):
        better = value[:, rung + 1] > best[:, rung + 1]
        best[:, rung] = np.where(better, value[:, rung + 1], best[:, rung + 1])
        at[:, rung] = np.where(better, rung + 1, at[:, rung + 1])
    return best, at


def _improved(rules: PathRules, block: Block, starts: IntArray) -> IntArray:
    """The best of some paths of one item, each changed a step at a time while that helps."""
    if (starts < 0).all():
        none: IntArray = starts[0]
        return none
    starts = starts[(starts >= 0).all(axis=1)]
    value = path_values(tree_of(starts), block)[0]
    best: IntArray = starts[int(value.argmax())]
    worth = float(value.max())
    for start in np.argsort(-value, kind="stable")[:_STARTS].tolist():
        path, reached = _climbed(rules, block, starts[start], float(value[start]))
        if reached > worth:
            best, worth = path, reached
    return best


def _climbed(
    rules: PathRules, block: Block, path: IntArray, worth: float
) -> tuple[IntArray, float]:
    for _ in range(_ROUNDS):
        around = _around(rules, path)
        if not len(around):
            break
        value = path_values(tree_of(around), block)[0]
        if not value.max() > worth + 1e-9 * abs(worth):
            break
        path, worth = around[int(value.argmax())], float(value.max())
    return path, worth


def _around(rules: PathRules, path: IntArray) -> IntArray:
    """(c, t) allowed paths one step away: a change moved and altered, added, or left out."""
    weeks, rungs = rules.weeks, rules.rungs
    steps = np.diff(path, prepend=0)
    found = []
    changes = np.flatnonzero(steps)
    segments = [*changes.tolist(), weeks]
    for before, start, end in zip([0, *segments], segments, segments[1:], strict=False):
        earlier = int(path[start - 1]) if start else 0
        without = _with(path, start, end, earlier)
        found.append(without)
        for week in range(before, end):
            found.extend(_with(without, week, end, rung) for rung in range(earlier, rungs))
    for week in range(rules.first, min(rules.last + 1, weeks)):
        end = next(change for change in segments if change > week)
        found.extend(_with(path, week, end, rung) for rung in range(int(path[week]) + 1, rungs))
    trials = np.unique(np.array(found), axis=0) if found else np.zeros((0, weeks), np.int64)
    return trials[allowed(rules, trials)]


def _with(path: IntArray, start: int, end: int, rung: int) -> IntArray:
    """A path with another rung in some weeks."""
    changed = path.copy()
    changed[start:end] = rung
    return changed


def _one(block: Block, row: int) -> Block:
    """One item of a block."""
    arrays = {
        name: getattr(block, name)[row : row + 1]
        for name in Block.__dataclass_fields__
        if name not in ("down_cost", "away_cost")
    }
    return Block(down_cost=block.down_cost, away_cost=block.away_cost, **arrays)
