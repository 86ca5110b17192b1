"""Thin data: estimates borrow strength, across a product's markets and across its category.

The normal hierarchy of a series i of product p in category c:

    estimate_i ~ N(truth_i, std_error_i²)      truth_i ~ N(product_p, between markets²)
    product_p  ~ N(category_c, spread_c²)      category_c ~ N(overall, between categories²)

The spreads are estimated from the estimates themselves (empirical Bayes). That of a category is
not plugged in as if it were known but integrated over on a grid (Gelman et al., *Bayesian Data
Analysis*, 3rd ed., 5.4), because a plugged-in spread of near zero makes intervals that are too
short just where data are thin; and categories tell each other how large spreads usually are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from models.errors import InvalidSpec

_ROOT: Final = np.linspace(0.0, 1.0, 61)
_SPREADS: Final = 3.0 * _ROOT**2
"""Values tried for a standard deviation of elasticities: fine near zero, wide enough for any."""
_LOG_STEP: Final = np.log(np.gradient(_SPREADS))
_SPREAD_SCALE: Final = 1.0
"""Scale of the half-normal prior of a spread: it decides only where nothing else does."""
_SPREADS_DIFFER: Final = 0.05
"""How far the spreads of categories lie from the common one, on the grid's root scale: a common
spread of 0.35 means 0.25 to 0.46 for two categories in three."""

_NO_WEIGHT: Final = 1e-17
"""Weight below which a spread changes no digit of a mean or a variance."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of the overall mean before any data.

    The default is the spread of published own-price elasticities of consumer goods: mean -2.62
    over 1,851 estimates (Bijmolt, van Heerde and Pieters, *J. Marketing Research* 42, 2005).

    Attributes:
        mean: expected value.
        std: standard deviation; wide, so that a few identified series outweigh it.
    """

    mean: float = -2.6
    std: float = 1.5

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and 0.0 < self.std < np.inf):
            raise InvalidSpec(
                f"prior mean {self.mean}, std {self.std}: both finite, and std above zero"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Posterior of n members of g groups.

    Attributes:
        mean, std: (n,) of each member's true value; where the estimate was NaN, what its group
            says of a member that nothing is known of.
        group_mean, group_mean_std: (g,) of the mean of each group.
        group_spread: (g,) posterior mean of the standard deviation within each group.
    """

    mean: FloatArray
    std: FloatArray
    group_mean: FloatArray
    group_mean_std: FloatArray
    group_spread: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Groups at every spread tried; arrays (spreads, groups).

    Attributes:
        log_likelihood: of the group's estimates, its mean integrated out.
        centre, precision: posterior of the group's mean.
    """

    log_likelihood: FloatArray
    centre: FloatArray
    precision: FloatArray


def pool(
    estimate: FloatArray,
    std_error: FloatArray,
    product: IntArray,
    category: IntArray,
    categories: int,
    prior: Prior | None = None,
) -> Pooled:
    """Shrink estimates toward their product and their category, as far as their errors ask for.

    Args:
        estimate: (n,) NaN where the series was not identified.
        std_error: (n,) of the estimates, above zero where the estimate is known.
        product: (n,) product of each series, from 0 on without gaps.
        category: (n,) category of each series, 0 to `categories` - 1; one for each product.
        categories: number of categories; one may be empty.
        prior: of the overall mean; the default of `Prior` where None.

    Returns:
        posterior of the n series; the groups are the categories, their spread that of products.

    Raises:
        InvalidSpec: arrays of unequal length, or a standard error that is not above zero.
    """
    if not estimate.shape == std_error.shape == product.shape == category.shape:
        raise InvalidSpec("estimate, std_error, product, category must be columns of equal length")
    known = np.isfinite(estimate)
    if not (std_error[known] > 0).all():
        raise InvalidSpec("std_error must be above zero wherever there is an estimate")
    products = int(product.max(initial=-1)) + 1
    category_of = np.zeros(products, dtype=np.int64)
    category_of[product] = category
    between = _between_markets(estimate, std_error, product, products)
    y, error = _product_estimates(estimate, std_error, product, products, between)
    level = pool_groups(y, error, category_of, categories, prior)
    # Down again: what a series adds to its product (Rauch, Tung and Striebel 1965, on a tree).
    error2 = np.where(known, std_error, np.inf) ** 2
    own = between**2 / (between**2 + error2)
    mean = own * np.where(known, estimate, 0.0) + (1.0 - own) * level.mean[product]
    variance = (1.0 - own) * between**2 + (1.0 - own) ** 2 * level.std[product] ** 2
    return Pooled(
        mean=mean,
        std=np.sqrt(variance),
        group_mean=level.group_mean,
        group_mean_std=level.group_mean_std,
        group_spread=level.group_spread,
    )


def pool_groups(
    estimate: FloatArray,
    std_error: FloatArray,
    group: IntArray,
    groups: int,
    prior: Prior | None = None,
) -> Pooled:
    """Shrink estimates toward the mean of their group, and group means toward each other.

    Args:
        estimate: (n,) NaN where the member was not identified.
        std_error: (n,) of the estimates, above zero where the estimate is known.
        group: (n,) group of each member, 0 to `groups` - 1.
        groups: number of groups; a group may be empty.
        prior: of the overall mean; the default of `Prior` where None.
    """
    prior = Prior() if prior is None else prior
    known = np.isfinite(estimate)
    y, error2, g = estimate[known], std_error[known] ** 2, group[known]
    # First what each group says alone, then what the groups say of each other, then both together.
    wide = np.full(groups, prior.mean), np.full(groups, 100.0 * prior.std)
    sums = _sums(y, error2, g, groups)
    grid = _grid(sums, *wide)
    alone_mean, alone_std = _group_means(grid, _spread_weights(grid, together=groups > 1))
    counted = np.bincount(g, minlength=groups) > 0
    one = np.zeros(int(counted.sum()), dtype=np.int64)
    among = _grid(
        _sums(alone_mean[counted], alone_std[counted] ** 2, one, 1),
        np.array([prior.mean]),
        np.array([prior.std]),
    )
    weight = _spread_weights(among, together=False)
    overall, overall_std = _group_means(among, weight)
    differ = np.hypot((weight[:, 0] * _SPREADS).sum(), overall_std[0])
    grid = _grid(sums, np.full(groups, overall[0]), np.full(groups, differ))
    return _members(estimate, std_error, group, grid, _spread_weights(grid, together=groups > 1))


def _between_markets(
    estimate: FloatArray, std_error: FloatArray, product: IntArray, products: int
) -> float:
    """Standard deviation of one product's elasticities between markets, the same for all products.

    Only a product with estimates in several markets says anything about it; 0 where none has.
    """
    count = np.bincount(product[np.isfinite(estimate)], minlength=products)
    several = np.isfinite(estimate) & (count[product] > 1)
    if not several.any():
        return 0.0
    names, code = np.unique(product[several], return_inverse=True)
    wide = np.zeros(len(names)), np.full(len(names), 100.0)
    sums = _sums(estimate[several], std_error[several] ** 2, code.astype(np.int64), len(names))
    grid = _grid(sums, *wide)
    log_weight = grid.log_likelihood.sum(axis=1) + _log_prior()
    weight = np.exp(log_weight - log_weight.max())
    return float((weight * _SPREADS).sum() / weight.sum())


def _product_estimates(
    estimate: FloatArray, std_error: FloatArray, product: IntArray, products: int, between: float
) -> tuple[FloatArray, FloatArray]:
    """(p,) what the markets of each product say together, with its error; NaN where they do not."""
    known = np.isfinite(estimate)
    w = 1.0 / (std_error[known] ** 2 + between**2)
    total = np.bincount(product[known], w, products)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(product[known], w * estimate[known], products) / total
        return mean, 1.0 / np.sqrt(total)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """What g groups say at every spread, whatever is believed of their means; (spreads, g).

    Attributes:
        weight: sum of the precisions.
        mean: their weighted mean; any value where the group is empty.
        squares: weighted squares about it.
        log_det: sum of the logarithms of the precisions.
    """

    weight: FloatArray
    mean: FloatArray
    squares: FloatArray
    log_det: FloatArray


def _sums(y: FloatArray, error2: FloatArray, g: IntArray, groups: int) -> _Sums:
    """Sums over the members of each group; a group's members side by side, one product a group."""
    order = np.argsort(g, kind="stable")
    counts = np.bincount(g, minlength=groups)
    ends = np.cumsum(counts)
    y, error2 = y[order], error2[order]
    # About the middle of the group, so that squares do not cancel between large sums.
    middle = np.bincount(g[order], y, groups) / np.maximum(counts, 1)
    d = y - np.repeat(middle, counts)
    columns = np.column_stack([np.ones(len(y)), d, d**2])
    spread2 = _SPREADS[:, None] ** 2
    shape = (len(_SPREADS), groups)
    total, log_det = np.zeros((*shape, 3)), np.zeros(shape)
    for k, (end, count) in enumerate(zip(ends.tolist(), counts.tolist(), strict=True)):
        if count:
            variance = error2[end - count : end] + spread2
            log_det[:, k] = -np.log(variance).sum(axis=1)
            total[:, k] = (1.0 / variance) @ columns[end - count : end]
    weight = total[..., 0]
    shift = total[..., 1] / np.where(weight > 0, weight, 1.0)
    squares = np.maximum(total[..., 2] - weight * shift**2, 0.0)
    return _Sums(weight, middle + shift, squares, log_det)


def _grid(sums: _Sums, prior_mean: FloatArray, prior_std: FloatArray) -> _Grid:
    """Each group at every spread tried; priors of the group means are (groups,)."""
    precision0 = prior_std**-2.0
    precision = sums.weight + precision0
    # A convex step from the prior: exact where the two agree, and where one has no weight.
    centre = prior_mean + sums.weight / precision * (sums.mean - prior_mean)
    squares = sums.squares + sums.weight * (sums.mean - centre) ** 2
    squares = squares + precision0 * (centre - prior_mean) ** 2
    log_det = sums.log_det + np.log(precision0) - np.log(precision)
    return _Grid(0.5 * (log_det - squares), centre, precision)


def _log_prior() -> FloatArray:
    """(spreads,) log prior weight of each grid value."""
    prior: FloatArray = _LOG_STEP - 0.5 * (_SPREADS / _SPREAD_SCALE) ** 2
    return prior


def _spread_weights(grid: _Grid, *, together: bool) -> FloatArray:
    """(spreads, groups) posterior weight of each spread in each group.

    Args:
        grid: the groups at every spread.
        together: let the groups share what they say of a common spread.
    """
    log_weight = grid.log_likelihood + _log_prior()[:, None]
    if together:
        common = grid.log_likelihood.sum(axis=1) + _log_prior()
        common = np.exp(common - common.max())
        near = np.exp(-0.5 * ((_ROOT[:, None] - _ROOT) / _SPREADS_DIFFER) ** 2)
        # On the root scale the grid is even, so no step width is needed here.
        usual = near @ (common / near.sum(axis=0))
        log_weight = grid.log_likelihood + np.log(np.maximum(usual, 1e-300))[:, None]
    weight = np.exp(log_weight - log_weight.max(axis=0))
    scaled: FloatArray = weight / weight.sum(axis=0)
    return scaled


def _group_means(grid: _Grid, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(groups,) mean and standard deviation of each group's mean, over all spreads."""
    mean = (weight * grid.centre).sum(axis=0)
    variance = (weight * (1.0 / grid.precision + (grid.centre - mean) ** 2)).sum(axis=0)
    return mean, np.sqrt(variance)


def _members(
    estimate: FloatArray, std_error: FloatArray, group: IntArray, grid: _Grid, weight: FloatArray
) -> Pooled:
    """Posterior of every member: a mixture over the spreads of its group."""
    known = np.isfinite(estimate)
    value = np.where(known, estimate, 0.0)
    error2 = np.where(known, std_error, np.inf) ** 2
    mean, second = np.zeros(len(estimate)), np.zeros(len(estimate))
    # Spreads that the data rule out in every group would add nothing to any digit.
    counted = np.flatnonzero(weight.max(axis=1) > _NO_WEIGHT)
    for k, spread in zip(counted.tolist(), _SPREADS[counted].tolist(), strict=True):
        # Share of the member's own word; none where it was not identified.
        own = spread**2 / (spread**2 + error2)
        m = own * value + (1.0 - own) * grid.centre[k][group]
        v = (1.0 - own) * spread**2 + (1.0 - own) ** 2 / grid.precision[k][group]
        mean += weight[k][group] * m
        second += weight[k][group] * (v + (m - value) ** 2)
    group_mean, group_std = _group_means(grid, weight)
    return Pooled(
        mean=mean,
        std=np.sqrt(np.maximum(second - (mean - value) ** 2, 1e-12)),
        group_mean=group_mean,
        group_mean_std=group_std,
        group_spread=(weight * _SPREADS[:, None]).sum(axis=0),
    )
