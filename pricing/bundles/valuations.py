"""What sets of products are worth to segments of customers.

From amounts by product and factors by set; from draws of what single customers would pay; or from a
fitted logit. In a logit with utility d - a · price + e against an outside good of utility e0, a
customer pays up to (d + e - e0) / a. The e of a nest's products are alike: each holds a share of
the nest's own draw, whose law is that of the logarithm of a positive stable variable (Cardell,
"Variance components structures for the extreme-value and logistic distributions", Econometric
Theory 13, 1997).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from models.arrays import FloatArray, IntArray
from models.choice.logit import LogitFit
from models.estimators.model_frame import codes_of
from pricing.bundles.errors import InvalidBundles
from pricing.bundles.problem import MOST_PRODUCTS, BundleProblem
from pricing.bundles.subsets import subsets

_LARGEST_FACTOR: Final = 10.0


def values_of_sets(
    single: FloatArray | IntArray,
    factors: Mapping[int, float] | None = None,
    *,
    nest: IntArray | None = None,
    overlap: float = 1.0,
) -> IntArray:
    """(k, 2**n) worth of every set, whole minor units.

    A set is worth the sum of its products, and for each set g inside it with a factor f the part
    (f - 1) · (sum of g's products) on top: above 1 for complements, below for substitutes. Within a
    nest only the best product counts in full. What is not wanted can be left, so no set is worth
    less than a set inside it.

    Args:
        single: (k, n) worth of each product alone, minor units.
        factors: by set of two products or more.
        nest: (n,) groups of products that serve one need; none where None.
        overlap: share that the other products of a nest count, 0 to 1.

    Raises:
        InvalidBundles: a negative worth, or a factor or overlap out of its range.
    """
    worth = np.asarray(single, dtype=np.float64)
    if worth.ndim != 2 or not 1 <= worth.shape[1] <= MOST_PRODUCTS:
        raise InvalidBundles(
            f"values: a (segments, 1 to {MOST_PRODUCTS} products) table", ("values",)
        )
    if not (np.isfinite(worth).all() and (worth >= 0).all()):
        raise InvalidBundles("values: must be finite and not negative", ("values",))
    if not 0.0 <= overlap <= 1.0:
        raise InvalidBundles(f"overlap: {overlap} must lie from 0 to 1", ("overlap",))
    every = subsets(worth.shape[1])
    total = worth @ every.members.T
    if nest is not None:
        total = np.zeros_like(total)
        for group in np.unique(nest):
            inside = every.members * (nest == group)
            best = (worth[:, None, :] * inside[None, :, :]).max(axis=2)
            total += (1.0 - overlap) * best + overlap * (worth @ inside.T)
    for mask, factor in (factors or {}).items():
        if not 0 < mask < len(every) or not mask & (mask - 1):
            raise InvalidBundles(
                "factors: are for sets of two of the products or more", ("factors",)
            )
        if not 0.0 <= factor <= _LARGEST_FACTOR:
            raise InvalidBundles(
                f"factors: {factor} must lie from 0 to {_LARGEST_FACTOR:g}", ("factors",)
            )
        holding = every.holding(mask)
        total[:, holding] += (factor - 1.0) * (worth @ every.members[mask])[:, None]
    whole: IntArray = np.rint(np.maximum(total, 0.0)).astype(np.int64)
    for i in range(every.products):
        with_it = every.holding(1 << i)
        # Bit by bit, this is the greatest worth of all sets inside.
        whole[:, with_it] = np.maximum(whole[:, with_it], whole[:, with_it ^ (1 << i)])
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Customers in groups of like reservation prices.

    Attributes:
        size: (k,) customers.
        single: (k, n) what they would pay for each product alone, in the unit of the draws.
    """

    size: IntArray
    single: FloatArray


def segments_of_draws(
    draws: FloatArray, customers: int, *, segments: int, rng: np.random.Generator
) -> Segments:
    """Group draws of single customers' reservation prices (k-means), largest group first.

    Equal draws are one group.

    Args:
        draws: (d, n) what drawn customers would pay; negative counts as nothing.
        customers: how many customers the draws stand for.
        segments: groups wished; as many as there are draws keeps every draw.
        rng: source of the first centres.

    Raises:
        InvalidBundles: no draws, or fewer customers or draws than segments.
    """
    worth = np.maximum(np.asarray(draws, dtype=np.float64), 0.0)
    if worth.ndim != 2 or not np.isfinite(worth).all():
        raise InvalidBundles("draws: a finite (draws, products) table", ("draws",))
    if not 1 <= segments <= min(len(worth), customers):
        raise InvalidBundles(
            f"segments: {segments} must lie from 1 to the number of draws ({len(worth)}) and of "
            f"customers ({customers})",
            ("segments",),
        )
    group = np.unique(worth, axis=0, return_inverse=True)[1].ravel()
    if segments < int(group.max()) + 1:
        # Every product counts alike, however dear it is.
        spread = np.maximum(worth.std(axis=0), 1e-12)
        seed = int(rng.integers(2**31))
        group = KMeans(segments, n_init=1, random_state=seed).fit_predict(worth / spread)
    count = np.bincount(group)
    single = np.stack(
        [np.bincount(group, worth[:, i]) / count for i in range(worth.shape[1])], axis=1
    )
    size = _shared(customers, count)
    order = np.argsort(-size, kind="stable")
    order = order[size[order] > 0]
    return Segments(size[order], single[order])


def _shared(total: int, weights: IntArray) -> IntArray:
    """(k,) whole shares of a total in proportion to weights, by largest remainder."""
    exact = total * weights
    base: IntArray = exact // weights.sum()
    left = int(total - base.sum())
    first = np.argsort(-(exact % weights.sum()), kind="stable")[:left]
    base[first] += 1
    return base


def draws_of_utilities(
    utility: FloatArray,
    price_coefficient: float,
    *,
    draws: int,
    rng: np.random.Generator,
    nest: IntArray | None = None,
    sigma: float = 0.0,
    log_price: bool = False,
) -> FloatArray:
    """(draws, n) what drawn customers of a (nested) logit would pay for each product alone.

    Args:
        utility: (n,) mean utility of each product but for its price.
        price_coefficient: utility of one more unit of the price (or of its logarithm); negative.
        draws: customers to draw.
        rng: source of their tastes.
        nest: (n,) nest of each product; one each where None.
        sigma: how alike products of a nest are, from 0 to below 1.
        log_price: whether the price enters by its logarithm.

    Raises:
        InvalidBundles: a price coefficient that is not negative, sigma out of its range, no draws.
    """
    if not price_coefficient < 0.0:
        raise InvalidBundles(
            f"price_coefficient: {price_coefficient} must be negative; instrument the price",
            ("price_coefficient",),
        )
    if not 0.0 <= sigma < 1.0 or draws < 1:
        raise InvalidBundles("sigma: must lie from 0 to below 1, with at least 1 draw", ("sigma",))
    group = np.arange(len(utility)) if nest is None else codes_of(pd.Series(nest))
    taste = (1.0 - sigma) * rng.gumbel(size=(draws, len(utility)))
    if sigma > 0.0:
        taste += _nest_draws(1.0 - sigma, (draws, int(group.max()) + 1), rng)[:, group]
    outside = rng.gumbel(size=(draws, 1))
    worth = (np.asarray(utility, dtype=np.float64) + taste - outside) / -price_coefficient
    return np.exp(worth) if log_price else np.maximum(worth, 0.0)


def _nest_draws(share: float, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Draws z such that z + share · Gumbel is Gumbel; stable draws as in Kanter 1975."""
    angle = rng.uniform(0.0, np.pi, shape)
    wait = rng.exponential(size=shape)
    log_stable = (
        np.log(np.sin(share * angle))
        - np.log(np.sin(angle)) / share
        + (1.0 - share) / share * (np.log(np.sin((1.0 - share) * angle)) - np.log(wait))
    )
    return share * log_stable


def draws_of_logit(
    fit: LogitFit,
    market: object,
    products: Sequence[object],
    *,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """(draws, n) what drawn customers of one market of a fit would pay for some products alone.

    Args:
        fit: from `models.choice.logit.fit_logit`.
        market: which of its markets; the outside good is what its shares leave.
        products: which products, in the order wished.
        draws: customers to draw.
        rng: source of their tastes.

    Raises:
        InvalidBundles: an unknown market or product, or a fit whose price coefficient or nesting
            cannot be used.
    """
    rows = fit.rows[fit.rows["market"] == market]
    known = rows["product"].tolist()
    missing = [name for name in products if name not in known]
    if missing:
        raise InvalidBundles(
            f"products: the fit has no {missing[0]!r} in market {market!r}", ("products",)
        )
    share = rows["share"].to_numpy(np.float64)
    nest = codes_of(rows["nest"])
    within = share / np.bincount(nest, share)[nest]
    log_price = fit.price_term.startswith("log(")
    price = rows["price"].to_numpy(np.float64)
    term = np.log(price) if log_price else price
    utility = (
        np.log(share)
        - np.log(1.0 - share.sum())
        - fit.nesting * np.log(within)
        - fit.price_coefficient * term
    )
    place = [known.index(name) for name in products]
    return draws_of_utilities(
        utility[place],
        fit.price_coefficient,
        draws=draws,
        rng=rng,
        nest=nest[place],
        sigma=fit.nesting,
        log_price=log_price,
    )


def noisy_values(problem: BundleProblem, factor: FloatArray) -> FloatArray:
    """(k, 2**n) values where what each product is worth is (k, n) times as much.

    A set's worth moves in the proportion in which its products' worths do.
    """
    single = problem.value[:, 1 << np.arange(len(problem.sku))].astype(np.float64)
    members = problem.sets.members
    before = single @ members.T
    after = (single * factor) @ members.T
    ratio = np.where(before > 0, after / np.maximum(before, 1e-9), 1.0)
    return problem.value.astype(np.float64) * ratio


def spread_out(
    problem: BundleProblem, noise: float, copies: int, rng: np.random.Generator
) -> BundleProblem:
    """The same customers, no longer all alike within a segment.

    A plan for segments whose members are all alike asks exactly what they would pay, and loses half
    of them where they differ a little; this plans for them as they differ.

    Args:
        problem: whose segments.
        noise: standard deviation of the logarithm of what a product is worth within a segment.
        copies: parts into which each segment falls.
        rng: source of the differences.

    Raises:
        InvalidBundles: noise below 0 or copies below 1.
    """
    if noise < 0 or copies < 1:
        raise InvalidBundles("noise: 0 or more, copies 1 or more", ("noise",))
    if copies == 1 or noise == 0.0:
        return problem
    k, n = len(problem.size), len(problem.sku)
    source = np.repeat(np.arange(k), copies)
    part = np.tile(np.arange(copies), k)
    size = problem.size[source] // copies + (part < problem.size[source] % copies)
    wide = problem.replaced(
        segment=np.array(
            [f"{problem.segment[s]} / {p + 1}" for s, p in zip(source, part, strict=True)]
        ),
        size=np.maximum(size, 1),
        value=problem.value[source],
    )
    factor = np.exp(noise * rng.standard_normal((k * copies, n)) - noise**2 / 2.0)
    value: IntArray = np.rint(noisy_values(wide, factor)).astype(np.int64)
    for i in range(n):
        with_it = problem.sets.holding(1 << i)
        value[:, with_it] = np.maximum(value[:, with_it], value[:, with_it ^ (1 << i)])
    kept = size > 0
    return wide.replaced(segment=wide.segment[kept], size=size[kept], value=value[kept])
