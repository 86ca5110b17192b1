"""Which sets are worth offering as a bundle, and why: from baskets and from cross effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import IntArray
from models.cross.cross_price import CrossEffects
from models.customers.baskets import Baskets, productive_sets
from pricing.bundles.errors import InvalidBundles
from pricing.bundles.problem import MOST_PRODUCTS

BASKETS: Final = "baskets"
COMPLEMENTS: Final = "complements"
SUBSTITUTES: Final = "substitutes"
_COLUMNS: Final = ("items", "evidence", "lift", "support", "effect", "q_value")


def bundle_evidence(
    *,
    baskets: Baskets | None = None,
    cross: CrossEffects | None = None,
    substitutes: bool = False,
    least_support: float = 0.005,
    least_lift: float = 1.2,
    largest: int = 3,
    false_discovery_rate: float = 0.05,
) -> pd.DataFrame:
    """Sets that could sell as a bundle, with the evidence for each.

    Args:
        baskets: sets bought together more than by chance
            (`models.customers.baskets.productive_sets`).
        cross: pairs of which one sells more when the other is cheaper, as found by
            `models.cross.cross_price.fit_cross`.
        substitutes: take pairs of substitutes, too: they sell to those who like variety, where
            tastes differ in opposite ways; their values should hold a factor below 1.
        least_support: see `productive_sets`.
        least_lift: see `productive_sets`.
        largest: see `productive_sets`.
        false_discovery_rate: of the baskets; cross effects bring their own.

    Returns:
        one row a set and kind of evidence: `items` (tuple, sorted), `evidence` (`baskets`,
        `complements`, `substitutes`), `lift`, `support`, `effect` (cross elasticity of the clearer
        direction), `q_value`; NaN where the evidence does not say; clearest first.

    Raises:
        InvalidBundles: neither baskets nor cross effects.
        InvalidSpec: a setting of the baskets out of its range.
    """
    if baskets is None and cross is None:
        raise InvalidBundles("evidence: give baskets, cross effects, or both", ("evidence",))
    found = []
    if baskets is not None:
        sets = productive_sets(
            baskets,
            least_support=least_support,
            largest=largest,
            least_lift=least_lift,
            false_discovery_rate=false_discovery_rate,
        )
        for items, lift, support, q in zip(
            sets["items"], sets["lift"], sets["support"], sets["q_value"], strict=True
        ):
            found.append((tuple(sorted(items)), BASKETS, lift, support, np.nan, q))
    if cross is not None:
        wanted = {"complement": COMPLEMENTS}
        if substitutes:
            wanted["substitute"] = SUBSTITUTES
        pairs = cross.pairs[cross.pairs["kind"].isin(wanted)].sort_values("q_value")
        seen: set[tuple[str, ...]] = set()
        for one, other, effect, kind, q in zip(
            pairs["product"],
            pairs["other"],
            pairs["effect"],
            pairs["kind"],
            pairs["q_value"],
            strict=True,
        ):
            items = tuple(sorted((str(one), str(other))))
            if items not in seen:
                seen.add(items)
                found.append((items, wanted[kind], np.nan, np.nan, effect, q))
    table = pd.DataFrame(found, columns=list(_COLUMNS))
    return table.sort_values(["q_value", "items"], ignore_index=True)


def candidate_sets(evidence: pd.DataFrame, skus: Sequence[str]) -> IntArray:
    """(c,) the sets of some products as bits, rising: what `BundleProblem.candidates` takes.

    Args:
        evidence: from `bundle_evidence`; sets with other products are left out.
        skus: the products in the order of the problem.
    """
    place = {sku: 1 << i for i, sku in enumerate(skus)}
    masks = {
        sum(place[item] for item in items)
        for items in evidence["items"]
        if all(item in place for item in items)
    }
    return np.array(sorted(masks), dtype=np.int64)


def families(evidence: pd.DataFrame, most: int = MOST_PRODUCTS) -> tuple[tuple[str, ...], ...]:
    """Products that bundles tie together, in groups that a plan can take; largest first.

    Sets are taken from the clearest on; a set that would make a group too large is left out.

    Args:
        evidence: from `bundle_evidence`.
        most: products in a group.
    """
    group: dict[str, frozenset[str]] = {}
    for items in evidence["items"]:
        joined = frozenset(items).union(*(group.get(item, frozenset()) for item in items))
        if len(joined) <= most:
            group.update(dict.fromkeys(joined, joined))
    return tuple(
        tuple(sorted(names))
        for names in sorted(set(group.values()), key=lambda names: (-len(names), min(names)))
    )
