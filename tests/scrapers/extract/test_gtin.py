"""Check digits and the numbers that shops give out themselves."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scrapers.extract import gtin_key, parse_gtin


def with_check_digit(stem: str) -> str:
    """The GTIN of a stem, computed the way the standard describes it: from the right, 3 and 1."""
    total = sum(int(d) * (3, 1)[i % 2] for i, d in enumerate(reversed(stem)))
    return stem + str((10 - total % 10) % 10)


@pytest.mark.parametrize(
    ("printed", "digits"),
    [
        ("4006381333931", "4006381333931"),
        (" 4 006381 333931 ", "4006381333931"),
        ("978-3-16-148410-0", "9783161484100"),
        ("036000291452", "036000291452"),
        ("96385074", "96385074"),
        ("10614141000415", "10614141000415"),
    ],
)
def test_a_gtin_is_read_from_how_it_is_printed(printed: str, digits: str) -> None:
    assert parse_gtin(printed) == digits


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "4006381333932",  # check digit
        "400638133393",  # too short for what it is
        "40063813339310",
        "0000000000000",
        "2012345678900",  # given out by a shop
        "022000291459",  # weighed goods
        "40063813３3931",  # noqa: RUF001 - a full-width digit is no digit here
        "SKU4006381333931",
    ],
)
def test_a_number_that_names_no_product_worldwide_is_none(wrong: str | None) -> None:
    assert parse_gtin(wrong) is None


@given(st.integers(30, 97), st.integers(0, 10**10 - 1))
def test_any_number_with_a_right_check_digit_and_a_public_prefix_is_one(
    prefix: int, rest: int
) -> None:
    gtin = with_check_digit(f"{prefix:02}{rest:010}")
    assert parse_gtin(gtin) == gtin


@given(st.integers(30, 97), st.integers(0, 10**10 - 1), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(prefix: int, rest: int, place: int, by: int) -> None:
    gtin = with_check_digit(f"{prefix:02}{rest:010}")
    wrong = gtin[:place] + str((int(gtin[place]) + by) % 10) + gtin[place + 1 :]
    assume(wrong != gtin)
    assert parse_gtin(wrong) is None


def test_the_same_product_under_upc_ean_and_gtin_14_has_one_key() -> None:
    assert gtin_key("036000291452") == gtin_key("0036000291452") == gtin_key("00036000291452")
