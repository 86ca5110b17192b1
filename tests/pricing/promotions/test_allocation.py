"""Shares of an amount: exact, proportional, within their rooms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pricing.money import Money
from pricing.promotions.allocation import largest_remainder, spread

weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=8)


@given(amount=st.integers(0, 10**9), weights=weights)
def test_shares_are_those_of_money(amount: int, weights: list[int]) -> None:
    shares = largest_remainder(amount, weights)
    assert shares == [part.minor for part in Money(amount, "EUR").allocate(weights)]


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
