from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sensitivity.dominance import dominant_products


def skus(n: int) -> np.ndarray:
    return np.array([f"P{i:03d}" for i in range(n)])


def test_the_product_that_owns_a_total_is_named_with_its_share() -> None:
    profit = np.full(300, 10.0)
    profit[17] = 2.82e11
    (one,) = dominant_products(skus(300), np.full(300, "EUR"), {"expected profit": profit})
    assert (one.sku, one.within, one.figure) == ("P017", "EUR", "expected profit")
    assert one.share == pytest.approx(1.0, abs=1e-6)
    assert str(one).startswith("P017 alone is 100% of the expected profit in EUR")


@pytest.mark.parametrize(
    ("amounts", "named"),
    [
        ([10.0] * 12, []),
        ([10.0] * 11 + [26.0], []),  # 19 %
        ([10.0] * 11 + [29.0], ["P011"]),  # 21 %
        # Of three products each owns a third: nothing to say of that.
        ([10.0, 12.0, 14.0], []),
        ([10.0], []),
        # A loss can own a total, too, and an unknown amount owns nothing.
        ([10.0] * 11 + [-400.0], ["P011"]),
        ([10.0] * 11 + [np.nan], []),
        ([1.0] * 11 + [np.inf], ["P011"]),
        ([1e308] * 12, []),
    ],
)
def test_a_share_is_told_from_a_fifth_on(amounts: list[float], named: list[str]) -> None:
    n = len(amounts)
    found = dominant_products(skus(n), np.full(n, "EUR"), {"expected units": np.array(amounts)})
    assert [one.sku for one in found] == named


def test_totals_are_those_of_each_currency_and_a_product_counts_over_its_markets() -> None:
    sku = np.concatenate([skus(10), skus(10), skus(10)])
    within = np.repeat(["EUR", "EUR", "JPY"], 10)
    amount = np.full(30, 10.0)
    amount[[3, 13]] = 27.0
    found = dominant_products(sku, within, {"expected revenue": amount})
    assert [(one.sku, one.within) for one in found] == [("P003", "EUR")]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40))
def test_shares_are_shares_whatever_the_amounts(amounts: list[float]) -> None:
    n = len(amounts)
    found = dominant_products(skus(n), np.full(n, "EUR"), {"expected units": np.array(amounts)})
    assert all(0.2 < one.share <= 1.0 for one in found)
    assert sum(one.share for one in found) <= 1.0 + 1e-9
