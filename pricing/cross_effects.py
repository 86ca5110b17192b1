"""What the price of one product does to the demand of another.

    units_i = own_i(p_i) · (1 + Σ_k ε_ik · log(p_k / price in force of k))

The sum is the first order of constant cross elasticities: exact at the prices in force, and off by
half its square away from them, 0.5 % of the units where it is 0.1. It keeps the objective bilinear
in prices, which is what makes a bound on ten thousand of them possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from models.arrays import FloatArray, IntArray, StrArray
from pricing.catalogue import Catalogue
from pricing.errors import InvalidCatalogue, InvalidLimits


@dataclass(frozen=True, slots=True, eq=False)
class CrossEffects:
    """Cross-price elasticities between rows of a catalogue.

    Attributes:
        elasticity: (n, n) scipy sparse array; entry (i, k) is d log units_i / d log price_k.
            Positive for substitutes, negative for complements, nothing on the diagonal.

    Raises:
        InvalidCatalogue: not square, a value that is not finite, or an own effect.
    """

    elasticity: Any

    def __post_init__(self) -> None:
        matrix = sparse.csr_array(self.elasticity, dtype=np.float64)
        if matrix.shape[0] != matrix.shape[1]:
            raise InvalidCatalogue(f"cross effects have shape {matrix.shape}; rows and columns "
                                   "must be the rows of one catalogue")  # fmt: skip
        if not np.isfinite(matrix.data).all():
            raise InvalidCatalogue("a cross elasticity is not finite")
        if matrix.diagonal().any():
            raise InvalidCatalogue(
                "cross effects have a diagonal; own-price effects belong to the demand curve"
            )
        object.__setattr__(self, "elasticity", matrix)

    def __len__(self) -> int:
        return int(self.elasticity.shape[0])

    @classmethod
    def of_pairs(
        cls, catalogue: Catalogue, sku: StrArray, other: StrArray, elasticity: FloatArray
    ) -> CrossEffects:
        """From a list of pairs; each holds in every market where both products are sold.

        Args:
            catalogue: n rows.
            sku: (m,) products whose units move.
            other: (m,) products whose price moves them.
            elasticity: (m,) by how much.
        """
        n = len(catalogue)
        rows: list[IntArray] = []
        for code in range(len(catalogue.markets)):
            here = np.flatnonzero(catalogue.market.codes == code)
            place = pd.Index(catalogue.sku[here])
            mine, theirs = place.get_indexer(pd.Index(sku)), place.get_indexer(pd.Index(other))
            both = np.flatnonzero((mine >= 0) & (theirs >= 0) & (sku != other))
            rows.append(np.stack([here[mine[both]], here[theirs[both]], both]))
        i, k, pair = np.concatenate(rows, axis=1) if rows else np.zeros((3, 0), dtype=np.int64)
        return cls(sparse.csr_array((elasticity[pair], (i, k)), shape=(n, n)))

    def believable(self, reach: float, most: float = 0.5) -> tuple[CrossEffects, int]:
        """These effects, shrunk in rows where together they could move demand too far.

        The effects are first order in the log price: where they add up to half of a row's demand,
        they say nothing reliable any more.

        Args:
            reach: greatest log price ratio of any row.
            most: greatest share by which the others may move a row's demand.

        Returns:
            The effects, and how many rows were shrunk.
        """
        sums = np.asarray(abs(self.elasticity).sum(axis=1)).ravel() * reach
        factor = np.where(sums > most, most / np.where(sums > 0, sums, 1.0), 1.0)
        shrunk = sparse.diags_array(factor) @ self.elasticity
        return CrossEffects(sparse.csr_array(shrunk)), int((factor < 1.0).sum())

    @property
    def any(self) -> bool:
        """True where there is at least one effect."""
        return bool(self.elasticity.nnz)

    def shift(self, log_ratio: FloatArray) -> FloatArray:
        """(n,) share by which each row's demand moves at these log(price / price in force) (n,)."""
        moved: FloatArray = self.elasticity @ log_ratio
        return moved

    def back(self, weight: FloatArray) -> FloatArray:
        """(n,) what a unit of each row's log price does to all others, weighed by `weight` (n,)."""
        pulled: FloatArray = self.elasticity.T @ weight
        return pulled

    def range(self, least: FloatArray, most: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n,), (n,) lowest and highest `shift` with log ratios anywhere between two bounds (n,).

        Raises:
            InvalidLimits: the effects could make demand negative within the bounds.
        """
        up = self.elasticity.maximum(0.0)
        down = self.elasticity.minimum(0.0)
        low: FloatArray = up @ least + down @ most
        high: FloatArray = up @ most + down @ least
        if (low <= -1.0).any():
            raise InvalidLimits(
                f"cross effects on row {int(np.argmin(low))} add up to {low.min():+.0%} of its "
                "demand within the allowed changes; they are too strong to be believed: shrink them"
            )
        return low, high
