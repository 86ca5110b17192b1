"""Shares of an amount: exact, proportional, within their rooms."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from pricing.promotions.allocation import largest_remainder, spread

weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=8)


@given(amount=st.integers(0, 10**9), weights=weights)
def test_shares_add_up_and_stay_within_one_unit_of_proportion(
    amount: int, weights: list[int]
) -> None:
    shares = largest_remainder(amount, weights)
    assert sum(shares) == amount
    given = weights if any(weights) else [1] * len(weights)
    exact = [Fraction(amount * weight, sum(given)) for weight in given]
    assert all(abs(share - part) < 1 for share, part in zip(shares, exact, strict=True))
    # The units left over went to the largest remainders, the earlier first among equals.
    raised = [i for i, (share, part) in enumerate(zip(shares, exact, strict=True)) if share > part]
    ranked = sorted(range(len(exact)), key=lambda i: (-(exact[i] % 1), i))
    assert sorted(raised) == sorted(ranked[: len(raised)])


def test_the_earlier_share_gets_the_odd_unit_among_equals() -> None:
    assert largest_remainder(100, [1, 1, 1]) == [34, 33, 33]


@given(
    amount=st.integers(0, 10**7),
    places=st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), max_size=8),
)
def test_no_share_is_above_its_room_and_what_fits_is_placed(
    amount: int, places: list[tuple[int, int]]
) -> None:
    rooms = [min(room, weight) for weight, room in places]
    shares = spread(amount, [weight for weight, _ in places], rooms)
    assert all(0 <= share <= room for share, room in zip(shares, rooms, strict=True))
    assert sum(shares) == min(amount, sum(rooms))


def test_what_overflows_is_shared_in_proportion_again() -> None:
    assert spread(90, [50, 50, 100], [5, 100, 100]) == [5, 28, 57]
