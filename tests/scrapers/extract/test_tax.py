"""Two prices of one page that a tax explains."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.errors import InvalidSites
from scrapers.extract.selectors import InvalidSelector, check_selector
from scrapers.extract.tax import taxed_pair
from scrapers.sites import Site


@given(st.integers(1, 10**7), st.sampled_from(["7", "19", "20", "25.5"]))
def test_a_price_and_itself_with_tax_are_a_pair_whatever_the_rounding(
    cents: int, rate: str
) -> None:
    net = Decimal(cents) / 100
    gross = (net * (1 + Decimal(rate) / 100)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert taxed_pair(net, gross, "EUR")
    assert taxed_pair(gross, net, None)


@pytest.mark.parametrize(
    ("a", "b"), [("100.00", "150.00"), ("119.00", "139.00"), ("10.00", "11.75"), ("3", "100")]
)
def test_other_pairs_are_no_matter_of_tax(a: str, b: str) -> None:
    assert not taxed_pair(Decimal(a), Decimal(b), "EUR")


def test_a_currency_without_coins_is_rounded_to_whole_amounts() -> None:
    assert taxed_pair(Decimal(980), Decimal(1078), "JPY")
    assert taxed_pair(Decimal(983), Decimal(1081), "JPY")


def test_the_option_takes_two_words_and_no_other() -> None:
    check_selector("prices", "net")
    check_selector("price", ".price::text")
    for name, text, said in (
        ("prices", "both", "net, gross"),
        ("colour", ".x", "'colour' is none of"),
        ("price", "..", "is no selector"),
    ):
        with pytest.raises(InvalidSelector, match=said):
            check_selector(name, text)


def test_a_site_says_which_price_counts() -> None:
    site = Site("rival", "https://shop.example/", "online", "EUR", selectors={"prices": "net"})
    assert site.selectors["prices"] == "net"
    with pytest.raises(InvalidSites, match="'half' is none of net, gross"):
        replace(site, selectors={"prices": "half"})
