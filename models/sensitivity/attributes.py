"""What brands say beyond their category: one more level of pooling, and a prior for new products.

    elasticity of a product = category + brand + its own part

Brand effects are drawn toward zero by a spread that is integrated over, so brands that say nothing
change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray, StrArray
from models.sensitivity.shrinkage import Pooled, Prior

_SPREADS: Final = np.linspace(0.0, 1.5, 31)
_SCALE: Final = 0.5
"""Scale of the half-normal prior of the spread between brands."""


@dataclass(frozen=True, slots=True, eq=False)
class BrandEffects:
    """How far products of each brand (or value of another attribute) lie from their categories.

    Attributes:
        names: (b,) brands, sorted; "" is no brand and has no effect.
        effect: (b,) expected distance of the elasticity.
        std: (b,) its standard deviation.
        spread: expected standard deviation between brands.
    """

    names: StrArray
    effect: FloatArray
    std: FloatArray
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class ElasticityPrior:
    """What a fit says of a product that has no sales yet.

    Attributes:
        categories: (c,) names, sorted.
        mean, std: (c,) elasticity of a new product of the category.
        brands: what brands add.
        elsewhere: of a category that the fit does not know.
    """

    categories: StrArray
    mean: FloatArray
    std: FloatArray
    brands: BrandEffects
    elsewhere: Prior

    def of(self, category: StrArray, brand: StrArray) -> tuple[FloatArray, FloatArray]:
        """(n,) mean and (n,) standard deviation of the elasticities of new products."""
        c = _positions(self.categories, category)
        b = _positions(self.brands.names, brand)
        mean = np.where(c >= 0, self.mean[c], self.elsewhere.mean)
        std = np.where(c >= 0, self.std[c], self.elsewhere.std)
        effect = np.where(b >= 0, self.brands.effect[b], 0.0) if len(self.brands.names) else 0.0
        unknown = self.brands.spread
        extra = np.where(b >= 0, self.brands.std[b], unknown) if len(self.brands.names) else unknown
        extra = np.where(np.asarray(brand) == "", unknown, extra)
        return np.minimum(mean + effect, -0.05), np.hypot(std, extra)


def prior_of(
    categories: StrArray, pooled: Pooled, brands: BrandEffects, elsewhere: Prior
) -> ElasticityPrior:
    """The prior that a pooled fit leaves for products to come."""
    std = np.hypot(pooled.group_mean_std, pooled.group_spread)
    return ElasticityPrior(categories, pooled.group_mean, std, brands, elsewhere)


def brand_effects(
    estimate: FloatArray,
    std_error: FloatArray,
    category: IntArray,
    brand: StrArray,
    pooled: Pooled,
) -> BrandEffects:
    """Brand effects from estimates and a first pooling by category.

    Args:
        estimate: (n,) own elasticities, NaN where there is none.
        std_error: (n,) their errors.
        category: (n,) position of the category of each.
        brand: (n,) names, "" where not known.
        pooled: by category.
    """
    rest = estimate - pooled.group_mean[category]
    noise = std_error**2 + pooled.group_spread[category] ** 2
    return value_effects(rest, noise, brand)


def value_effects(rest: FloatArray, noise: FloatArray, value: StrArray) -> BrandEffects:
    """How far the members of each value of an attribute lie from zero.

    Args:
        rest: (n,) distances, NaN where not known.
        noise: (n,) their variances about the value's effect.
        value: (n,) names, "" where not known.
    """
    names, code = np.unique(value, return_inverse=True)
    known = np.isfinite(rest) & (value != "")
    if len(names) < 2 or not known.any():
        nothing = np.zeros(len(names))
        return BrandEffects(names, nothing, nothing, 0.0)
    precision = np.bincount(code[known], 1.0 / noise[known], len(names))
    total = np.bincount(code[known], rest[known] / noise[known], len(names))
    # log p(data | spread), each value's effect integrated out; then over the spread.
    square = _SPREADS[:, None] ** 2
    shrunk = square / (1.0 + square * precision)
    log_weight = 0.5 * (shrunk * total**2 - np.log1p(square * precision)).sum(axis=1)
    log_weight -= 0.5 * (_SPREADS / _SCALE) ** 2
    weight = np.exp(log_weight - log_weight.max())
    weight = weight / weight.sum()
    effects = shrunk * total
    effect = weight @ effects
    variance = weight @ (shrunk + (effects - effect) ** 2)
    blank = names == ""
    return BrandEffects(
        names,
        np.where(blank, 0.0, effect),
        np.where(blank, 0.0, np.sqrt(variance)),
        float(weight @ _SPREADS),
    )


def _positions(known: StrArray, wanted: StrArray) -> IntArray:
    """(n,) place of each name among the sorted known ones; -1 where it is not."""
    if not len(known):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, place, -1).astype(np.int64)
