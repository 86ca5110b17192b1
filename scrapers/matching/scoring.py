"""From features to the chance that an offer is a product: a logistic regression that learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from scrapers.matching.blocking import Pairs
from scrapers.matching.features import Feature, pair_features
from scrapers.matching.listings import Listing


@dataclass(frozen=True, slots=True)
class Scorer:
    """Weights of the features.

    Attributes:
        weights: one for each `Feature`, shape (16,).
        intercept: log odds of a pair of which nothing speaks for or against.
    """

    weights: FloatArray
    intercept: float

    def __call__(self, features: FloatArray) -> FloatArray:
        """Chance that each pair is a match: features (n, 16) to (n,) in 0..1."""
        return _chance(features @ self.weights + self.intercept)


def _chance(odds: FloatArray) -> FloatArray:
    """The chance of log odds; finite ones, whatever their size."""
    return 1.0 / (1.0 + np.exp(-np.clip(odds, -700.0, 700.0)))


DEFAULT: Final = Scorer(
    np.array(
        [
            {
                Feature.WORDS: 2.0,
                Feature.LETTERS: 1.0,
                Feature.CODE: 0.5,
                Feature.NAMED: 3.5,
                Feature.OTHER_CODE: -3.5,
                Feature.PRICE_GAP: -1.2,
                Feature.BRAND: 0.7,
                Feature.OTHER_COLOUR: -2.9,
                Feature.OTHER_SIZE: -1.0,
                Feature.OTHER_PACK: -4.0,
                Feature.BEST_PRODUCT: 4.0,
                Feature.BEST_OFFER: 0.9,
                Feature.LEAD_PRODUCT: 8.0,
                Feature.LEAD_OFFER: 8.3,
            }.get(feature, 0.0)
            for feature in Feature
        ]
    ),
    -4.5,
)
"""Where nobody has decided anything yet. Fitted with bounds on the pairs of every second product of
the public abt-buy benchmark, and rounded. Regressions on either half of its products come within
0.004 of F1 of it on the other half."""


def feature_table(
    pairs: Pairs,
    products: Sequence[Listing],
    offers: Sequence[Listing],
    rarity: Callable[[str], float],
) -> FloatArray:
    """Features of candidate pairs, shape (n, 16)."""
    table = np.zeros((len(pairs.offer), len(Feature)))
    for row, (offer, product) in enumerate(zip(pairs.offer, pairs.product, strict=True)):
        table[row] = pair_features(products[product], offers[offer], rarity)
    table[:, Feature.LIKENESS] = pairs.likeness
    # A pair that a guard refuses is no rival of the others.
    alike = np.where(refused(table), 0.0, 0.5 * (pairs.likeness + table[:, Feature.WORDS]))
    for side, best, lead in (
        (pairs.offer, Feature.BEST_PRODUCT, Feature.LEAD_PRODUCT),
        (pairs.product, Feature.BEST_OFFER, Feature.LEAD_OFFER),
    ):
        rival = _best_other(side, alike)
        table[:, best] = alike / np.maximum(np.maximum(alike, rival), 1e-9)
        table[:, lead] = np.clip(alike - rival, -CLEAR_LEAD, CLEAR_LEAD)
    return table


CLEAR_LEAD: Final = 0.15
"""A lead over the next best that counts as clear; a larger one says no more."""


def refused(features: FloatArray) -> BoolArray:
    """Pairs that can not be the same thing: another brand, another pack. Shape (n,)."""
    return (features[:, Feature.OTHER_PACK] > 0) | (features[:, Feature.BRAND] <= -1.0)


def _best_other(side: IntArray, alike: FloatArray) -> FloatArray:
    """For each pair, the highest likeness among the other pairs of the same offer or product."""
    if len(side) == 0:
        return np.zeros(0)
    order = np.lexsort((-alike, side))
    first = np.r_[True, side[order][1:] != side[order][:-1]]
    starts = np.flatnonzero(first)
    group = np.cumsum(first) - 1
    best = alike[order][starts]
    single = np.r_[starts[1:], len(side)] - starts == 1
    runner = np.where(single, 0.0, alike[order][np.minimum(starts + 1, len(side) - 1)])
    rival = np.empty(len(side))
    rival[order] = np.where(first, runner[group], best[group])
    return rival


_PRIOR_STRENGTH: Final = 0.15
"""Penalty on the squared distance from the weights we start with, per labelled pair's log loss."""


def learned(
    start: Scorer, features: FloatArray, same: BoolArray, strength: float = _PRIOR_STRENGTH
) -> Scorer:
    """Logistic regression on decided pairs, drawn towards the weights it starts from.

    With few decisions it stays near the start; with many it is theirs.

    Args:
        start: weights without any decision.
        features: shape (n, 16).
        same: for each pair, whether it was decided to be a match, shape (n,).
        strength: pull towards the start, above zero.

    Returns:
        The scorer of the greatest posterior (Gaussian prior around the start).
    """
    if len(same) == 0:
        return start
    # Takes a second to import; most crawls have nothing to learn from.
    from scipy.optimize import minimize

    x = np.column_stack([features, np.ones(len(features))])
    w0 = np.append(start.weights, start.intercept)
    sign = np.where(same, 1.0, -1.0)

    def loss(w: FloatArray) -> tuple[float, FloatArray]:
        margin = sign * (x @ w)
        away = w - w0
        value = float(np.logaddexp(0.0, -margin).sum() + strength * away @ away)
        slope: FloatArray = -x.T @ (sign * _chance(-margin)) + 2.0 * strength * away
        return value, slope

    w = minimize(loss, w0, jac=True, method="L-BFGS-B").x
    return Scorer(w[:-1], float(w[-1]))
