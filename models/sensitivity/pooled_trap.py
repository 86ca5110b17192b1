"""One slope over all markets of a product against the slopes within them: do they agree?

A dear market may be one whose customers buy more at any price. Then a regression over all markets
says the opposite of what happens in each of them when the price changes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.arrays import FloatArray
from models.sensitivity.panel import Panel

_LEAST_MARKETS: Final = 5
_WORTH_SAYING: Final = 0.5


def pooled_trap(panel: Panel, within: FloatArray) -> tuple[str, ...]:
    """Sentences on where pooled and within-market answers disagree; none where they agree.

    Args:
        panel: n series; products in five markets or more are looked at.
        within: (n,) least-squares elasticity of each series with its controls.
    """
    _, product = np.unique(panel.sku, return_inverse=True)
    products = int(product.max(initial=-1)) + 1
    wide = np.bincount(product, np.isfinite(within), products) >= _LEAST_MARKETS
    if not wide.any():
        return ()
    row = np.repeat(product, panel.lengths)
    keep = wide[row] & (panel.units > 0)
    row = row[keep]
    x, y = np.log(panel.price[keep]), np.log(panel.units[keep])
    count = np.maximum(np.bincount(row, minlength=products), 1)
    x = x - (np.bincount(row, x, products) / count)[row]
    y = y - (np.bincount(row, y, products) / count)[row]
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = np.bincount(row, x * y, products) / np.bincount(row, x * x, products)
        known = np.isfinite(within)
        sums = np.bincount(product[known], within[known], products)
        inside = sums / np.bincount(product[known], minlength=products)
    both = wide & np.isfinite(pooled) & np.isfinite(inside)
    p, w = pooled[both], inside[both]
    found = []
    if turned := int((np.sign(p) != np.sign(w)).sum()):
        found.append(
            f"{turned} products seem to sell more at higher prices when their markets are pooled, "
            "and less within each market: markets that are dear differ in their customers; the "
            "within-market answer is used"
        )
    gap = float(np.median(p - w)) if len(p) else 0.0
    if abs(gap) > _WORTH_SAYING:
        found.append(
            f"pooled over markets and without controls, elasticities are {abs(gap):.2f} "
            f"{'nearer to zero' if gap > 0 else 'further from zero'} in the median than within "
            "markets with controls; the likely confounders are "
            + ("differences between markets" if gap > 0 else "promotions that go with low prices")
        )
    reordered = np.argsort(p).tolist() != np.argsort(w).tolist()
    if reordered and abs(gap) > _WORTH_SAYING:
        found.append("the ranking of products by sensitivity differs as well")
    return tuple(found)
