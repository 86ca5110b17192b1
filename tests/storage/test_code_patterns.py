from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.promotions.codes import fold_code
from storage.code_patterns import DIGITS, LETTERS, code_pattern, draw_codes
from storage.errors import CodesRefused


def seeded(seed: int) -> Callable[[int], bytes]:
    return np.random.default_rng(seed).bytes


def test_codes_follow_their_pattern() -> None:
    drawn = draw_codes(code_pattern("Save-@@@@@@-**##"), 50, seeded(1))
    for code in drawn.printed.astype(str):
        assert code.startswith("Save-")
        assert set(code[5:11]) <= set(LETTERS)
        assert code[11] == "-"
        assert set(code[12:14]) <= set(DIGITS)


@given(
    st.text("#@*AaOoIl10-_ ", max_size=10).map(lambda text: text + "########"),
    st.integers(1, 300),
    st.integers(0, 10),
)
def test_printed_and_folded_are_the_same_code_and_none_comes_twice(
    text: str, count: int, seed: int
) -> None:
    drawn = draw_codes(code_pattern(text), count, seeded(seed))
    folded = drawn.folded.astype(str).tolist()
    assert [fold_code(code) for code in drawn.printed.astype(str)] == folded
    assert len(set(folded)) == count
    assert folded == sorted(folded)


def test_every_letter_is_as_likely_as_the_other() -> None:
    drawn = draw_codes(code_pattern("#" * 10), 31_000, seeded(2))
    text = "".join(drawn.printed.astype(str))
    counts = np.array([text.count(letter) for letter in DIGITS + LETTERS])
    assert counts.sum() == 310_000
    assert np.abs(counts - 10_000).max() < 500  # five standard deviations


@pytest.mark.parametrize(
    ("pattern", "count", "says"),
    [
        ("SPRING", 1, "pattern: 'SPRING' has no #"),
        ("É-####", 1, "pattern: 'É' cannot be"),
        ("=####", 1, "pattern: '=' cannot be"),
        ("#" * 65, 1, "more than 64"),
        ("####", 1_000, "add 1 more #"),
        ("****", 1_000, "add 3 more #"),
        ("#" * 20, 0, "count: 0 must be"),
        ("#" * 20, 5_000_001, "count: 5000001 must be"),
    ],
)
def test_a_pattern_that_gives_codes_to_guess_is_refused(
    pattern: str, count: int, says: str
) -> None:
    with pytest.raises(CodesRefused) as refused:
        draw_codes(code_pattern(pattern), count)
    assert says in str(refused.value)
