"""The weights of letter groups, held against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from scrapers.matching.letter_groups import LetterGroups

_TITLES = st.text("ab cÄ1-.", min_size=0, max_size=14).map(lambda text: text or "-")


@pytest.mark.parametrize("most", [1.0, 0.5])
@given(ours=st.lists(_TITLES, min_size=2, max_size=8), theirs=st.lists(_TITLES, max_size=4))
@settings(max_examples=60, deadline=None)
def test_likeness_is_that_of_the_textbook(ours: list[str], theirs: list[str], most: float) -> None:
    ours = [*ours, "mug x", "kettle y"]  # some group is always rare enough to be kept
    vectors = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, max_df=most, dtype=np.float32
    )
    known = vectors.fit_transform(ours)
    expected = (vectors.transform([*theirs, "kettle"]) @ known.T).toarray()
    groups = LetterGroups(ours, (3, 4), most)
    found = (groups.describe([*theirs, "kettle"]) @ groups.rows.T).toarray()
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_text_without_a_known_group_is_like_nothing() -> None:
    groups = LetterGroups(["kettle", "mug"], (3, 4))
    assert groups.describe(["???", ""]).sum() == 0.0
