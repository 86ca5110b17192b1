"""The best price path of every item under given charges, over all its paths.

Charges on joint limits turn into another worth of a unit sold and into costs of changes and of
weeks below the price in force, so that one pass over the tree values all paths net of charges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.markdown.errors import InvalidClearance, TooManyPaths
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import LimitRows
from pricing.markdown.long_paths import bound_and_paths, own_values
from pricing.markdown.paths import (
    Block,
    PathRules,
    PathTree,
    can_be_listed,
    groups_by_rules,
    path_tree,
    path_values,
)
from pricing.markdown.scenarios import Scenarios
from pricing.solving.columns import Charges

_CELLS: Final = 60_000
"""Paths x items valued at once: the arrays of a pass stay within the processor's cache."""


class PathOracle:
    """Answers which path of each item is best.

    Items with too many paths to list get a good path and a bound instead of the best; their paths
    are numbered as they turn up.

    Args:
        items: n items.
        rows: joint limits.
        scenarios: futures of the items.
        threads: blocks valued at the same time.

    Attributes:
        exact: every item's paths are listed, so that values are those of the best paths.

    Raises:
        TooManyPaths: an item with too many paths has a hard target, or no path at all.
    """

    def __init__(
        self, items: ClearanceItems, rows: LimitRows, scenarios: Scenarios, threads: int = 1
    ) -> None:
        self.items, self.rows, self.scenarios = items, rows, scenarios
        self._threads = threads
        groups = groups_by_rules(items)
        self._groups = {rules: m for rules, m in groups.items() if can_be_listed(rules)}
        self._long = {rules: m for rules, m in groups.items() if rules not in self._groups}
        self.exact = not self._long
        self._price, self._net_price = items.price, items.net_price
        self._target_units = items.target * items.supply
        self._known: dict[PathRules, dict[bytes, int]] = {rules: {} for rules in self._long}
        self._paths: dict[PathRules, list[IntArray]] = {rules: [] for rules in self._long}
        if self._long:
            self._begin_long()

    def best(self, points: Sequence[Charges]) -> tuple[FloatArray, IntArray]:
        """(d, n) value net of charges and number of the best path at each of d points."""
        value = np.empty((len(points), len(self.items)))
        path = np.empty((len(points), len(self.items)), dtype=np.int64)

        def answer(work: tuple[PathTree, IntArray]) -> None:
            tree, members = work
            for d, point in enumerate(points):
                worth = self._worth(tree, members, point)
                chosen = worth.argmax(axis=1)
                path[d, members] = chosen
                value[d, members] = worth[np.arange(len(members)), chosen]

        self._over_blocks(answer)
        for rules, members in self._long.items():
            for d, point in enumerate(points):
                value[d, members], paths = self._long_best(rules, members, point)
                path[d, members] = [self._number(rules, row) for row in paths]
        return value, path

    def by_first_price(self, point: Charges, learnt: float) -> FloatArray:
        """(n, r) what each price of the first week is worth, the rest still to be chosen.

        Between two extremes: the mean over the futures of the best path of each (all is known
        after the week), and the best mean of a path (nothing is).

        Args:
            point: charges; its weights count each future once.
            learnt: share of the first extreme.

        Returns:
            -inf where no path begins at the rung, NaN for items whose paths are not listed.
        """
        worth = np.full(self.items.ladder.shape, np.nan)
        count = len(self.scenarios)
        for tree, members in self._blocks():
            first = tree.rungs(np.arange(tree.size))[:, 0]
            # Paths stand in the order of their first rung.
            starts = np.flatnonzero(np.diff(first, prepend=-1))
            mean = np.zeros((len(members), tree.size))
            knowing = np.zeros((len(members), len(starts)))
            for s in range(count):
                block = self._block(len(tree.levels), members, point, s, 1.0)
                value = path_values(tree, block) / count
                mean += value
                knowing += np.maximum.reduceat(value, starts, axis=1)
            blind = np.maximum.reduceat(mean, starts, axis=1)
            worth[members] = -np.inf
            worth[np.ix_(members, first[starts])] = learnt * knowing + (1.0 - learnt) * blind
        return worth

    def _begin_long(self) -> None:
        """Path 0 of items whose paths are not listed: as few changes as pins allow."""
        for rules, members in self._long.items():
            hard = np.isinf(self.items.shortfall[members]) & (self._target_units[members] > 0)
            if hard.any():
                sku = str(self.items.sku[members[int(np.argmax(hard))]])
                raise TooManyPaths(
                    f"{sku!r} has too many price paths to list, and a hard target; give a finite "
                    "shortfall, or allow fewer changes or prices"
                )
            never = Charges(np.zeros(len(self.rows)), np.zeros(1))
            _, paths = self._long_best(rules, members[:1], never, change_cost=1.0)
            if (paths < 0).any():
                sku = str(self.items.sku[members[0]])
                raise InvalidClearance(
                    f"{sku!r}: no allowed price path holds what is pinned; take a pin away, allow "
                    "more changes, or less time between"
                )
            self._number(rules, paths[0])

    def _long_best(
        self, rules: PathRules, members: IntArray, point: Charges, change_cost: float = 0.0
    ) -> tuple[FloatArray, IntArray]:
        """(b,) bound and (b, t) a good path of items whose paths are not listed.

        Several futures are taken at their mean demand for the proposal; the bound is the sum of
        those of the futures, since each may then choose a path of its own.
        """
        count, weeks = len(self.scenarios), rules.weeks
        weights = self._weights(point)
        bound = np.zeros(len(members))
        best, worth = np.zeros((len(members), weeks), np.int64), np.full(len(members), -np.inf)
        blocks = [self._block(weeks, members, point, s, weights[s]) for s in range(count)]
        if change_cost:
            blocks = [replace(b, change_cost=b.change_cost + change_cost) for b in blocks]
        proposals = []
        for block in blocks:
            most, paths = bound_and_paths(rules, block)
            bound += most
            proposals.append(paths)
        for paths in proposals:
            value = np.zeros(len(members))
            for block in blocks:
                value += own_values(paths, block)
            better = value > worth
            best[better], worth[better] = paths[better], value[better]
        return np.maximum(bound, worth), best

    def _number(self, rules: PathRules, path: IntArray) -> int:
        """The number of a path that was not listed, a new one where it was not seen before."""
        known = self._known[rules]
        key = path.astype(np.int16).tobytes()
        if key not in known:
            known[key] = len(known)
            self._paths[rules].append(path)
        return known[key]

    def near(
        self, point: Charges, best: FloatArray, slack: float, most: int
    ) -> tuple[IntArray, IntArray] | None:
        """Items and paths within `slack` of the best at a point; None where more than `most`."""
        if self._long:
            return None
        found: list[tuple[IntArray, IntArray]] = []
        count = 0
        for tree, members in self._blocks():
            worth = self._worth(tree, members, point)
            row, path = np.nonzero(worth >= (best[members] - slack)[:, None])
            count += len(path)
            if count > most:
                return None
            found.append((members[row], path))
        item = np.concatenate([part[0] for part in found])
        path = np.concatenate([part[1] for part in found])
        order = np.lexsort((path, item))
        return item[order], path[order]

    def rungs(self, item: IntArray, path: IntArray) -> IntArray:
        """(c, t) rungs of path number `path` of each item."""
        out = np.zeros((len(item), self.items.weeks), dtype=np.int64)
        position = np.zeros(len(self.items), dtype=np.int64)
        groups = {**self._groups, **self._long}
        for k, members in enumerate(groups.values()):
            position[members] = k
        group = position[item]
        for k, rules in enumerate(groups):
            mine = np.flatnonzero(group == k)
            if len(mine):
                if rules in self._long:
                    rungs = np.stack([self._paths[rules][number] for number in path[mine].tolist()])
                else:
                    rungs = path_tree(rules).rungs(path[mine])
                out[mine, : rungs.shape[1]] = rungs
                out[mine, rungs.shape[1] :] = rungs[:, -1:]
        return out

    def _blocks(self) -> Iterator[tuple[PathTree, IntArray]]:
        for rules, members in self._groups.items():
            tree = path_tree(rules)
            size = max(1, min(512, _CELLS // tree.size))
            for first in range(0, len(members), size):
                yield tree, members[first : first + size]

    def _over_blocks(self, answer: Callable[[tuple[PathTree, IntArray]], None]) -> None:
        if self._threads == 1:
            for work in self._blocks():
                answer(work)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(answer, list(self._blocks())):
                pass

    def _worth(self, tree: PathTree, members: IntArray, point: Charges) -> FloatArray:
        """(b, paths) value of every path net of charges."""
        weights, weeks = self._weights(point), len(tree.levels)
        total = path_values(tree, self._block(weeks, members, point, 0, weights[0]))
        for s in range(1, len(weights)):
            total += path_values(tree, self._block(weeks, members, point, s, weights[s]))
        return total

    def _weights(self, point: Charges) -> list[float]:
        """Weight of each future; where risk has none, all weigh the same and the point has one."""
        count = len(self.scenarios)
        even = len(point.weights) != count
        given: FloatArray = np.full(count, point.weights[0] / count) if even else point.weights
        weights: list[float] = given.tolist()
        return weights

    def _block(self, weeks: int, members: IntArray, point: Charges, s: int, weight: float) -> Block:
        """Items in one future, their value weighted and charged."""
        items, rows, futures = self.items, self.rows, self.scenarios
        share = 1.0 / len(futures)
        price, response = self._price[members], items.response[members]
        shift = futures.elasticity[s, members]
        if shift.any():
            ratio = np.where(price > 0, price, price[:, :1]) / price[:, :1]
            response = response * ratio ** shift[:, None]
        per_unit = np.tensordot(
            point.limits[: len(rows.per_unit)], rows.per_unit[:, members], axes=1
        )
        padded = np.append(point.limits, 0.0)
        labels = items.labels[members, None].astype(np.float64)
        label_charge = padded[rows.label_row[members, :weeks]]
        shortfall = items.shortfall[members]
        return Block(
            demand=items.demand[members, :weeks] * futures.scale[s, members, None],
            response=response,
            price=price,
            unit=weight * self._net_price[members] - share * per_unit,
            change_cost=labels * (weight * items.label_cost[members, None] + share * label_charge),
            down_cost=share * padded[rows.down_row[:weeks]],
            already_down=items.ladder[members, 0] < items.full_price[members],
            earlier=np.zeros((len(members), weeks), np.int64)
            if rows.earlier is None
            else rows.earlier[members, :weeks],
            away_cost=0.0 if rows.earlier is None else share * float(point.limits[-1]),
            stock=items.stock[members],
            salvage=weight * items.salvage[members].astype(np.float64),
            holding=weight * items.holding[members],
            arrivals=items.arrivals[members, :weeks],
            target_units=self._target_units[members],
            shortfall=np.where(np.isinf(shortfall), np.inf, weight * np.nan_to_num(shortfall)),
            broken_at=items.broken_at[members],
            broken_power=items.broken_power[members],
            reference_effect=items.reference_effect[members],
            reference_memory=items.reference_memory[members],
            reference=items.reference[members],
        )
