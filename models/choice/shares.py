"""Choice probabilities of the nested logit and how they answer utilities."""

from __future__ import annotations

import numpy as np

from models.arrays import FloatArray, IntArray
from models.errors import InvalidSpec


def shares(utility: FloatArray, nest: IntArray, sigma: float) -> FloatArray:
    """(j,) shares of j products beside an outside good of utility 0.

    Args:
        utility: (j,) mean utilities.
        nest: (j,) group of each product, from 0 without gaps.
        sigma: how alike products of a nest are, 0 (plain logit) to below 1.

    Raises:
        InvalidSpec: sigma outside 0..1.
    """
    if not 0.0 <= sigma < 1.0:
        raise InvalidSpec(f"sigma must lie in 0 to below 1, not {sigma}")
    scaled = utility / (1.0 - sigma)
    # Relative to the largest of each nest and of all: no overflow at any utility.
    groups = int(nest.max()) + 1
    top = np.full(groups, -np.inf)
    np.maximum.at(top, nest, scaled)
    inside = np.exp(scaled - top[nest])
    total = np.bincount(nest, inside, groups)
    inclusive = (1.0 - sigma) * (np.log(total) + top)
    peak = max(0.0, float(inclusive.max()))
    weight = np.exp(inclusive - peak)
    chosen: FloatArray = inside / total[nest] * (weight / (np.exp(-peak) + weight.sum()))[nest]
    return chosen


def log_share_slopes(share: FloatArray, nest: IntArray, sigma: float) -> FloatArray:
    """(j, j) derivative of the row's log share by the column's utility.

    Args:
        share: (j,) shares of one market.
        nest: (j,) group of each product, from 0 without gaps.
        sigma: as in `shares`.
    """
    within = share / np.bincount(nest, share)[nest]
    same = nest[:, None] == nest[None, :]
    slopes = -share[None, :] - same * (sigma / (1.0 - sigma)) * within[None, :]
    slopes = slopes + np.eye(len(share)) / (1.0 - sigma)
    return np.asarray(slopes, dtype=np.float64)
