"""One-to-one assignment against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapers.matching import Listing, Matcher
from scrapers.matching.assignment import best_assignment

PAIRS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 50)),
    max_size=9,
    unique_by=lambda pair: pair[:2],
)


@settings(max_examples=60)
@given(PAIRS)
def test_no_other_choice_of_pairs_is_worth_more(pairs: list[tuple[int, int, int]]) -> None:
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    rows = best_assignment(columns[0], columns[1], columns[2].astype(np.float64)).tolist()
    chosen = [pairs[row] for row in rows]
    assert is_one_to_one(chosen)
    every = (
        subset
        for size in range(len(pairs) + 1)
        for subset in itertools.combinations(pairs, size)
        if is_one_to_one(subset)
    )
    assert sum(pair[2] for pair in chosen) == max(sum(p[2] for p in subset) for subset in every)


def is_one_to_one(pairs: list[tuple[int, int, int]] | tuple[tuple[int, int, int], ...]) -> bool:
    return len({p[0] for p in pairs}) == len(pairs) == len({p[1] for p in pairs})


def test_an_offer_without_another_home_gets_the_product() -> None:
    """The first offer fits the plain lamp a little better, but it has one of its own."""
    rows = best_assignment(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([5.0, 4.9, 4.8]))
    assert rows.tolist() == [1, 2]


def test_nothing_to_choose_is_no_error() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert best_assignment(nothing, nothing, np.empty(0)).tolist() == []
    found = Matcher([Listing("K1", "Kettle")]).match_all([Listing("a", "xyz qqq")])
    assert found == (None,)
