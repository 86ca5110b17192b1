"""What is bought together: frequent pairs and sets, more (or less) often than chance.

With thousands of products there are millions of pairs, so some meet by luck: each pair has an exact
test (hypergeometric) and the false discovery rate over all tested pairs is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse, stats

from models.arrays import IntArray
from models.errors import InvalidPanel, InvalidSpec

_LARGEST_SET: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Baskets:
    """Which of i items are in which of b baskets.

    Attributes:
        items: names, sorted.
        matrix: (b, i) sparse, 1 where the basket has the item.
    """

    items: tuple[str, ...]
    matrix: sparse.csr_array

    @classmethod
    def of_lines(cls, order: Sequence[Any], item: Sequence[Any]) -> Baskets:
        """From lines: the order and the item of each."""
        basket, _ = pd.factorize(np.asarray(order, dtype=object))
        code, names = pd.factorize(np.asarray(item, dtype=np.str_).astype(object), sort=True)
        whole = int(basket.max(initial=-1)) + 1
        return cls._made(basket, code, [str(name) for name in names], whole)

    @classmethod
    def of_receipts(cls, receipts: Iterable[Sequence[str]]) -> Baskets:
        """From lists of items, one a receipt."""
        basket: list[int] = []
        item: list[str] = []
        count = 0
        for receipt in receipts:
            basket += [count] * len(receipt)
            item += list(receipt)
            count += 1
        code, names = pd.factorize(np.asarray(item, dtype=np.str_).astype(object), sort=True)
        return cls._made(np.asarray(basket), code, [str(name) for name in names], count)

    @classmethod
    def _made(cls, basket: IntArray, code: IntArray, names: list[str], count: int) -> Baskets:
        if not len(basket):
            raise InvalidPanel("there are no baskets")
        shape = (count, len(names))
        ones = np.ones(len(basket), dtype=np.int64)
        matrix = sparse.coo_array((ones, (basket, code)), shape=shape).tocsr()
        matrix.data[:] = 1
        return cls(tuple(names), matrix)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


def frequent_pairs(
    baskets: Baskets, *, least_count: int = 20, false_discovery_rate: float = 0.05
) -> pd.DataFrame:
    """Pairs of items that meet more often, or less often, than chance.

    Args:
        baskets: who bought what together.
        least_count: items in fewer baskets are not looked at; neither are pairs that would be
            expected, and were seen, in fewer than five baskets.
        false_discovery_rate: share of wrong findings allowed among those kept.

    Returns:
        one row a significant pair: `a`, `b`, `count`, `support`, `lift`, `confidence_ab` (share of
        baskets with a that have b), `confidence_ba`, `p_value`, `q_value`, `kind`: `complement`
        (more often) or `substitute` (less often); complements of greatest lift first.

    Raises:
        InvalidSpec: a count below 1 or a rate outside 0..1.
    """
    _refuse(least_count, false_discovery_rate)
    n = len(baskets)
    count = np.asarray(baskets.matrix.sum(axis=0)).ravel().astype(np.int64)
    often = np.flatnonzero(count >= least_count)
    inside = baskets.matrix[:, often]
    together = np.asarray((inside.T @ inside).todense(), dtype=np.int64)
    a, b = np.triu_indices(len(often), 1)
    seen = together[a, b]
    count_a, count_b = count[often[a]], count[often[b]]
    expected = count_a * count_b / n
    looked = np.maximum(seen, expected) >= 5
    a, b, seen, expected = a[looked], b[looked], seen[looked], expected[looked]
    count_a, count_b = count_a[looked], count_b[looked]
    # The tail on the side where the count fell; the other one is larger.
    up = seen > expected
    p = np.empty(len(seen))
    p[up] = stats.hypergeom.sf(seen[up] - 1, n, count_a[up], count_b[up])
    p[~up] = stats.hypergeom.cdf(seen[~up], n, count_a[~up], count_b[~up])
    p = np.minimum(2.0 * p, 1.0)
    q = stats.false_discovery_control(p) if len(p) else p
    names = np.array(baskets.items, dtype=object)[often]
    table = pd.DataFrame(
        {
            "a": names[a],
            "b": names[b],
            "count": seen,
            "support": seen / n,
            "lift": seen / expected,
            "confidence_ab": seen / count_a,
            "confidence_ba": seen / count_b,
            "p_value": p,
            "q_value": q,
            "kind": np.where(seen > expected, "complement", "substitute"),
        }
    )
    kept = table[table["q_value"] <= false_discovery_rate]
    return kept.sort_values(["lift", "a", "b"], ascending=[False, True, True], ignore_index=True)


def frequent_sets(
    baskets: Baskets, *, least_support: float = 0.01, largest: int = 3
) -> pd.DataFrame:
    """Sets of items in at least a share of all baskets (Apriori; Agrawal and Srikant 1994).

    Args:
        baskets: who bought what together.
        least_support: share of baskets.
        largest: items in a set, 2 to 5.

    Returns:
        one row a set of two items or more: `items` (tuple), `count`, `support`, `lift` against
        independent items.

    Raises:
        InvalidSpec: a share outside 0..1 or a size outside 2..5.
    """
    if not 0.0 < least_support <= 1.0 or not 2 <= largest <= _LARGEST_SET:
        raise InvalidSpec(
            f"least_support must lie in 0..1 and largest in 2..{_LARGEST_SET}, not "
            f"{least_support}, {largest}"
        )
    n = len(baskets)
    least = least_support * n
    count = np.asarray(baskets.matrix.sum(axis=0)).ravel()
    columns = baskets.matrix.tocsc()
    members: dict[tuple[int, ...], IntArray] = {
        (int(i),): columns.indices[columns.indptr[i] : columns.indptr[i + 1]].astype(np.int64)
        for i in np.flatnonzero(count >= least)
    }
    members = {key: np.sort(value) for key, value in members.items()}
    single = dict(members)
    rows = []
    for size in range(2, largest + 1):
        found: dict[tuple[int, ...], IntArray] = {}
        for left, right in _joined(list(members), size):
            new = (*left, right[-1])
            if any(part not in members for part in combinations(new, size - 1)):
                continue
            both = np.intersect1d(members[left], single[(right[-1],)], assume_unique=True)
            if len(both) >= least:
                found[new] = both
                expected = float(np.prod([count[i] / n for i in new]))
                support = len(both) / n
                names = tuple(baskets.items[i] for i in new)
                rows.append((names, len(both), support, support / expected))
        members = found
        if not members:
            break
    table = pd.DataFrame(rows, columns=["items", "count", "support", "lift"])
    return table.sort_values(["support", "lift"], ascending=False, ignore_index=True)


def _joined(
    keys: list[tuple[int, ...]], size: int
) -> Iterable[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pairs of sets that differ in their last item only, in order."""
    by_start: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for key in sorted(keys):
        by_start.setdefault(key[: size - 2], []).append(key)
    for same in by_start.values():
        yield from combinations(same, 2)


def bundle_candidates(pairs: pd.DataFrame, *, least_lift: float = 1.5) -> pd.DataFrame:
    """Complements of `frequent_pairs` worth a bundle: high lift, and neither item needs the other.

    A pair in which one item hardly sells without the other gains nothing from a bundle.
    """
    alone = 1.0 - np.maximum(pairs["confidence_ab"], pairs["confidence_ba"])
    good = (pairs["kind"] == "complement") & (pairs["lift"] >= least_lift) & (alone >= 0.2)
    return pairs[good].reset_index(drop=True)


def productive_sets(
    baskets: Baskets,
    *,
    least_support: float = 0.005,
    largest: int = 3,
    least_lift: float = 1.2,
    false_discovery_rate: float = 0.05,
) -> pd.DataFrame:
    """Sets of which every item is bought more often with the others than by chance.

    A set of three that is only a good pair beside a common item is not one: each item is tested
    against the rest of the set (hypergeometric), the least clear of them counts, and the false
    discovery rate is held over all sets that were looked at (Webb, "Self-sufficient itemsets", ACM
    Transactions on Knowledge Discovery from Data 4, 2010).

    Args:
        baskets: who bought what together.
        least_support: share of all baskets that hold the whole set.
        largest: items in a set, 2 to 5.
        least_lift: least lift of every item against the rest.
        false_discovery_rate: share of wrong findings allowed among those kept.

    Returns:
        one row a set: `items` (tuple), `count`, `support`, `lift` against independent items,
        `least_lift` (of its weakest item against the rest), `p_value`, `q_value`; clearest first.

    Raises:
        InvalidSpec: a share, rate or size out of its range.
    """
    _refuse(1, false_discovery_rate)
    sets = frequent_sets(baskets, least_support=least_support, largest=largest)
    n = len(baskets)
    count = {
        frozenset(items): int(found)
        for items, found in zip(sets["items"], sets["count"], strict=True)
    }
    single = np.asarray(baskets.matrix.sum(axis=0)).ravel().astype(np.int64)
    for name, found in zip(baskets.items, single.tolist(), strict=True):
        count[frozenset([name])] = found
    weakest, p = np.ones(len(sets)), np.ones(len(sets))
    for row, items in enumerate(sets["items"]):
        whole = frozenset(items)
        alone = np.array([count[frozenset([item])] for item in items])
        # All parts of a frequent set are frequent, so that their counts are known.
        rest = np.array([count[whole - {item}] for item in items])
        weakest[row] = float((count[whole] * n / (alone * rest)).min())
        p[row] = float(np.max(stats.hypergeom.sf(count[whole] - 1, n, alone, rest)))
    q = stats.false_discovery_control(p) if len(p) else p
    table = sets.assign(least_lift=weakest, p_value=p, q_value=q)
    kept = table[(q <= false_discovery_rate) & (weakest >= least_lift)]
    return kept.sort_values(
        ["q_value", "least_lift", "support"], ascending=[True, False, False], ignore_index=True
    )


def _refuse(least_count: int, rate: float) -> None:
    if least_count < 1 or not 0.0 < rate < 1.0:
        raise InvalidSpec(
            f"least_count must be 1 or more and the rate in 0..1: {least_count}, {rate}"
        )
