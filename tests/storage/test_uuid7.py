"""UUIDs that sort by time, whatever the clock does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.uuid7 import Uuid7Source, new_uuid7, uuid7_of


def test_the_example_of_the_standard() -> None:
    # RFC 9562, appendix A.6.
    made = uuid7_of(0x017F22E279B0, 0xCC3, 0x18C4DC0C0C07398F)
    assert str(made) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.parametrize("parts", [(1 << 48, 0, 0), (0, 1 << 12, 0), (0, 0, 1 << 62), (-1, 0, 0)])
def test_parts_that_do_not_fit_are_refused(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must have"):
        uuid7_of(*parts)


@given(
    clock=st.lists(st.integers(0, 5_000_000), min_size=1, max_size=200), seed=st.integers(0, 1_000)
)
def test_they_rise_although_the_clock_stands_or_goes_back(clock: list[int], seed: int) -> None:
    moments = iter(clock)
    source = Uuid7Source(lambda: next(moments), Random(seed).getrandbits)
    made = [source() for _ in clock]
    assert all(a < b and str(a) < str(b) for a, b in pairwise(made))
    assert all(one.version == 7 and one.variant == RFC_4122 for one in made)
    assert made[0].int >> 80 == clock[0] // 1_000_000


def test_a_millisecond_with_more_than_its_counter_holds_takes_of_the_next() -> None:
    source = Uuid7Source(lambda: 7_000_000, Random(1).getrandbits)
    made = [source() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert made[0].int >> 80 == 7
    assert 8 <= made[-1].int >> 80 <= 20


def test_threads_never_get_the_same_one_and_the_time_is_in_it() -> None:
    before = time.time_ns() // 1_000_000
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [new_uuid7() for _ in range(500)], range(8)))
    made: list[UUID] = [one for batch in batches for one in batch]
    assert len(set(made)) == 4_000
    assert all(batch == sorted(batch) for batch in batches)
    assert all(one.int >> 80 >= before for one in made)
