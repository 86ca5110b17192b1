"""Scores that learn from decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.matching.features import Feature, code_likeness, price_gap
from scrapers.matching.scoring import DEFAULT, learned


def test_without_decisions_nothing_is_learned() -> None:
    empty = np.zeros((0, len(Feature)))
    assert learned(DEFAULT, empty, np.zeros(0, dtype=bool)) is DEFAULT


def test_a_shop_whose_sizes_matter_teaches_it() -> None:
    rng = np.random.default_rng(3)
    features = np.zeros((300, len(Feature)))
    features[:, Feature.WORDS] = rng.uniform(0.6, 1.0, 300)
    features[:, Feature.BEST_PRODUCT] = 1.0
    features[:, Feature.OTHER_SIZE] = rng.random(300) < 0.5
    same = features[:, Feature.OTHER_SIZE] == 0
    few, many = (learned(DEFAULT, features[:n], same[:n]) for n in (2, 300))
    weight = [s.weights[Feature.OTHER_SIZE] for s in (DEFAULT, few, many)]
    assert weight[0] > weight[1] > weight[2]
    assert np.mean((many(features) >= 0.5) == same) == 1.0


@given(st.text("abc123", min_size=1, max_size=12), st.text("abc123", min_size=1, max_size=12))
def test_codes_are_alike_both_ways_and_only_equal_ones_wholly(a: str, b: str) -> None:
    likeness = code_likeness(a, b)
    assert likeness == code_likeness(b, a)
    assert 0.0 <= likeness <= 1.0
    assert (likeness == 1.0) == (a == b)


def test_an_unknown_price_says_neither_yes_nor_no() -> None:
    assert price_gap(10.0, 10.0) == 0.0
    assert price_gap(10.0, 20.0) == pytest.approx(np.log(2))
    assert price_gap(10.0, None) == price_gap(None, None) == price_gap(0.0, 1.0) == 0.25
