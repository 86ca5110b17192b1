"""Each offer to one product and each product to one offer, so that all pairs together fit best."""

from __future__ import annotations

import numpy as np

from models.arrays import FloatArray, IntArray


def best_assignment(offer: IntArray, product: IntArray, gain: FloatArray) -> IntArray:
    """The pairs of the greatest total gain in which nothing stands twice.

    To take the best pair first would give a product to an offer that has another home, and leave
    homeless the one that has none.

    Args:
        offer: (n,) one side of each pair, any numbers; no pair stands twice.
        product: (n,) the other side.
        gain: (n,) what the pair is worth, above zero.

    Returns:
        Rows of the chosen pairs, ascending.
    """
    if not len(gain):
        return np.empty(0, dtype=np.int64)
    # Takes a second to import; a crawl that knows all its pages by number never needs it.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    offers, left = np.unique(offer, return_inverse=True)
    products, right = np.unique(product, return_inverse=True)
    # Every offer may also stay alone, in a column of its own; one more for each so that no edge
    # has the weight zero, which would be none.
    alone = len(products) + np.arange(len(offers))
    weights = csr_array(
        (
            np.concatenate([1.0 + gain, np.ones(len(offers))]),
            (
                np.concatenate([left, np.arange(len(offers))]),
                np.concatenate([right, alone]),
            ),
        ),
        shape=(len(offers), len(products) + len(offers)),
    )
    rows, columns = min_weight_full_bipartite_matching(weights, maximize=True)
    taken = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    chosen = [
        row for row, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True))
        if taken[a] == b
    ]  # fmt: skip
    return np.array(chosen, dtype=np.int64)
