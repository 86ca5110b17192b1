"""Fixed effects taken out of columns: what is left once every store, week, ... has its own level.

One effect is a difference from group means; several are taken out in turns until nothing moves
(alternating projections; Guimarães and Portugal 2010). Equal to dummies, without their columns.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from models.arrays import FloatArray, IntArray
from models.errors import NotIdentified

_SETTLED: Final = 1e-12
_ROUNDS: Final = 10_000


def absorb(
    columns: FloatArray, effects: tuple[IntArray, ...], weights: FloatArray | None = None
) -> FloatArray:
    """(n, k) columns without the part that the effects explain (weighted) .

    Args:
        columns: (n, k).
        effects: (n,) group of each row, one array an effect.
        weights: (n,) above zero; equal where None.

    Raises:
        NotIdentified: the effects overlap so that taking them out in turns does not settle.
    """
    if not effects or not columns.shape[1]:
        return columns
    weights = np.ones(len(columns)) if weights is None else weights
    totals = [np.bincount(code, weights) for code in effects]
    size = np.sqrt((columns**2).mean(axis=0))
    size = np.where(size > 0, size, 1.0)
    left = columns / size
    for _ in range(_ROUNDS):
        before = left
        for code, total in zip(effects, totals, strict=True):
            mean = np.column_stack(
                [np.bincount(code, weights * column) / total for column in left.T]
            )
            left = left - mean[code]
        if len(effects) == 1 or np.abs(left - before).max(initial=0.0) < _SETTLED:
            return left * size
    raise NotIdentified(
        "the fixed effects overlap too much to be told apart; leave one of them out"
    )


def absorbed_parameters(effects: tuple[IntArray, ...]) -> int:
    """How many parameters the effects are worth, those that copy others not counted.

    Exact for one or two effects (Abowd, Creecy and Kramarz 2002: every connected component of a
    pair costs one); from three on an upper bound, which makes errors too wide rather than short.
    """
    levels = [int(code.max(initial=-1)) + 1 for code in effects]
    if len(effects) <= 1:
        return sum(levels)
    first, second = effects[0], effects[1]
    shape = (levels[0], levels[1])
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=shape)
    square = coo_matrix(
        (graph.data, (graph.row, graph.col + levels[0])), shape=(sum(shape), sum(shape))
    )
    components, _ = connected_components(square, directed=False)
    return sum(levels) - int(components) - (len(effects) - 2)


def nested(effect: IntArray, cluster: IntArray) -> bool:
    """True where every group of the effect lies within one cluster."""
    pairs = np.unique(np.column_stack([effect, cluster]), axis=0)
    return len(pairs) == len(np.unique(effect))
