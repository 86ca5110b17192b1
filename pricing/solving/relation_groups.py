"""Best candidates of products whose prices are tied, exactly, for thousands of groups at once.

A group is a small graph: products, and pairs of them with a table of the candidates that go
together. Its best choice is found by eliminating one product after the other (dynamic programming
over the graph, Bertelè and Brioschi 1972). Groups of the same shape are done together, as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.solving.relation_webs import RelationWeb

_MOST_CELLS: Final = 20_000_000
"""Numbers held at a time while a product is eliminated; more groups are done in portions."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Which candidates of two rows go together.

    Attributes:
        row: (m,) one side.
        other: (m,) the other side.
        fits: (m, k, k) True where candidate i of `row` and candidate j of `other` may both hold.
    """

    row: IntArray
    other: IntArray
    fits: BoolArray

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def none(cls, k: int) -> Pairs:
        """No two rows are tied."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, np.empty((0, k, k), dtype=np.bool_))

    def where(self, keep: BoolArray) -> Pairs:
        """The pairs that are marked."""
        return Pairs(self.row[keep], self.other[keep], self.fits[keep])

    def kept(self, column: IntArray) -> BoolArray:
        """(m,) True where the chosen columns (n,) go together."""
        kept: BoolArray = self.fits[np.arange(len(self)), column[self.row], column[self.other]]
        return kept


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Groups of one shape.

    Attributes:
        rows: (b, s) members of each group.
        edges: e pairs of member positions.
        order: positions in the order in which they are eliminated.
        penalty: (b, e, k, k) 0 where two candidates go together, else -inf.
        cells: numbers that the largest table of one group holds.
    """

    rows: IntArray
    penalty: FloatArray
    edges: tuple[tuple[int, int], ...]
    order: tuple[int, ...]
    cells: int


class RelationGroups:
    """The groups that pairs of tied rows make of n rows.

    Groups whose best choice cannot be tabulated within `most_cells` numbers go to CP-SAT.
    """

    def __init__(self, n: int, pairs: Pairs, most_cells: int = _MOST_CELLS) -> None:
        self.n = n
        self.pairs = pairs
        self.group = self.of_ties(n, pairs.row, pairs.other)
        """(n,) number of the group of each row; a row without ties is a group of its own."""
        self.tied: BoolArray = np.zeros(n, dtype=np.bool_)
        self.tied[pairs.row] = True
        self.tied[pairs.other] = True
        self._webs: list[RelationWeb] = []
        self._batches = self._shapes(most_cells)

    @staticmethod
    def of_ties(n: int, row: IntArray, other: IntArray) -> IntArray:
        """(n,) number of the group of each row, by ties between rows."""
        ties = sparse.coo_array((np.ones(len(row)), (row, other)), shape=(n, n))
        _, group = connected_components(ties, directed=False)
        return np.asarray(group, dtype=np.int64)

    def best(self, score: FloatArray) -> tuple[IntArray, FloatArray]:
        """The candidates of greatest total score in every group.

        Args:
            score: (n, k); -inf where there is no candidate.

        Returns:
            column (n,), and the score (n,) of the group at its first member, 0 at the others:
            their sum is the total. -inf where no candidates of a group go together. Of a group that
            went to CP-SAT the score is a bound, a hair above the best, or further where the effort
            was not enough; inf where it was not enough to find any that go together.
        """
        column: IntArray = np.argmax(score, axis=1)
        total = np.take_along_axis(score, column[:, None], axis=1)[:, 0]
        total[self.tied] = 0.0
        for batch in self._batches:
            portion = max(1, _MOST_CELLS // batch.cells)
            for start in range(0, len(batch.rows), portion):
                part = slice(start, start + portion)
                rows = batch.rows[part]
                chosen, worth = _eliminate(
                    score[rows], batch.penalty[part], batch.edges, batch.order
                )
                column[rows] = chosen
                total[rows[:, 0]] = worth
        for web in self._webs:
            column[web.rows], total[web.rows[0]] = web.best(score[web.rows])
        return column, total

    def _shapes(self, most_cells: int) -> list[_Batch]:
        """Groups sorted into batches of equal shape; those that are none become webs."""
        members: dict[int, dict[int, int]] = {}
        edges: dict[int, list[tuple[int, int]]] = {}
        numbers: dict[int, list[int]] = {}
        triples = zip(self.pairs.row.tolist(), self.pairs.other.tolist(), strict=True)
        for number, (row, other) in enumerate(triples):
            group = int(self.group[row])
            place = members.setdefault(group, {})
            a, b = place.setdefault(row, len(place)), place.setdefault(other, len(place))
            edges.setdefault(group, []).append((a, b))
            numbers.setdefault(group, []).append(number)
        shapes: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for group, ties_of_group in edges.items():
            shapes.setdefault(tuple(ties_of_group), []).append(group)
        k = self.pairs.fits.shape[1]
        penalty = np.where(self.pairs.fits, 0.0, -np.inf)
        batches = []
        for shape, groups in shapes.items():
            order, width = _elimination_order(shape)
            cells = k ** (width + 1)
            if cells > most_cells:
                for group in groups:
                    rows = np.array(list(members[group]), dtype=np.int64)
                    fits = self.pairs.fits[np.array(numbers[group], dtype=np.int64)]
                    self._webs.append(RelationWeb(rows, shape, fits))
                continue
            batches.append(
                _Batch(
                    np.array([list(members[group]) for group in groups], dtype=np.int64),
                    penalty[np.array([numbers[group] for group in groups], dtype=np.int64)],
                    shape,
                    order,
                    cells,
                )
            )
        return batches


def _elimination_order(edges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, ...], int]:
    """Positions, least entangled first, and the most neighbours that one has at its turn."""
    near: dict[int, set[int]] = {}
    for a, b in edges:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    order: list[int] = []
    width = 0
    while near:
        place = min(near, key=lambda v: (len(near[v]), v))
        around = near.pop(place)
        width = max(width, len(around))
        for one in around:
            near[one] |= around - {one}
            near[one].discard(place)
        order.append(place)
    return tuple(order), width


def _eliminate(
    score: FloatArray,
    penalty: FloatArray,
    edges: tuple[tuple[int, int], ...],
    order: tuple[int, ...],
) -> tuple[IntArray, FloatArray]:
    """Best joint choice of b groups: columns (b, s) and totals (b,).

    Args:
        score: (b, s, k).
        penalty: (b, e, k, k), one table an edge.
        edges: member positions of each edge.
        order: elimination order.
    """
    b, s, k = score.shape
    tables: list[tuple[tuple[int, ...], FloatArray]] = [
        ((place,), score[:, place]) for place in range(s)
    ]
    tables += [((a, c), penalty[:, number]) for number, (a, c) in enumerate(edges)]
    trail: list[tuple[int, tuple[int, ...], IntArray]] = []
    total = np.zeros(b)
    for place in order:
        mine = [table for table in tables if place in table[0]]
        tables = [table for table in tables if place not in table[0]]
        around = tuple(sorted({p for names, _ in mine for p in names} - {place}))
        joined = _join(mine, (*around, place), b, k)
        trail.append((place, around, np.argmax(joined, axis=-1)))
        left: FloatArray = joined.max(axis=-1)
        if around:
            tables.append((around, left))
        else:
            total += left
    column = np.zeros((b, s), dtype=np.int64)
    for place, around, choice in reversed(trail):
        column[:, place] = choice[(np.arange(b), *(column[:, other] for other in around))]
    return column, total


def _join(
    tables: list[tuple[tuple[int, ...], FloatArray]], names: tuple[int, ...], b: int, k: int
) -> FloatArray:
    """The sum of tables over members, spread to (b, k, ..., k) over `names`."""
    joined = np.zeros((b, *([k] * len(names))))
    for own, values in tables:
        # Axes in the order of `names`, and length 1 where a table does not speak of a member.
        order = sorted(range(len(own)), key=lambda i: names.index(own[i]))
        arranged = values.transpose((0, *(1 + i for i in order)))
        shape = [b] + [k if name in own else 1 for name in names]
        joined += arranged.reshape(shape)
    return joined
