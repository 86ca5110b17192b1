"""Ladders hold only presentable prices; grids hold only rungs between the limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import InvalidLimits
from pricing.price_points import EndingRule, PriceEnding, candidate_grid

ONE = np.ones(1, dtype=np.int64)


@st.composite
def ending_rules(draw: st.DrawFn) -> EndingRule:
    tops = draw(st.lists(st.integers(1, 3000), max_size=3, unique=True).map(sorted))
    tiers = []
    for top in [*tops, None]:
        step = draw(st.integers(1, 200))
        endings = draw(st.lists(st.integers(0, step - 1), min_size=1, max_size=3))
        tiers.append(PriceEnding(top, step, tuple(endings)))
    return EndingRule(tuple(tiers))


def presentable(price: int, rule: EndingRule) -> bool:
    """The definition, price by price."""
    tier = next(t for t in rule.tiers if t.up_to is None or price < t.up_to)
    return price % tier.step in tier.endings


@given(ending_rules(), st.integers(0, 5000))
def test_a_ladder_is_every_presentable_price_and_no_other(rule: EndingRule, top: int) -> None:
    expected = [price for price in range(1, top + 1) if presentable(price, rule)]
    assert rule.ladder(top).tolist() == expected


@given(
    ending_rules(),
    st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 4000)), min_size=1, max_size=5),
    st.integers(2, 12),
)
def test_a_grid_holds_the_rungs_between_the_limits_ends_included(
    rule: EndingRule, limits: list[tuple[int, int]], most: int
) -> None:
    lower, upper = (np.array(side, dtype=np.int64) for side in zip(*limits, strict=True))
    ladder = rule.ladder(int(upper.max()))
    prices, valid = candidate_grid(lower, upper, ladder, most)
    for row in range(len(limits)):
        rungs = ladder[(ladder >= lower[row]) & (ladder <= upper[row])].tolist()
        got = prices[row, valid[row]].tolist()
        assert got == sorted(set(got))
        assert set(got) <= set(rungs)
        assert len(got) == min(len(rungs), most)
        if rungs:
            assert (got[0], got[-1]) == (rungs[0], rungs[-1])


@pytest.mark.parametrize(
    ("currency", "price", "shown"),
    [
        ("EUR", 1_29, True),
        ("EUR", 1_25, False),
        ("EUR", 49_49, True),
        ("EUR", 49_95, False),
        ("EUR", 349_99, True),
        ("EUR", 1_249_49, False),
        ("EUR", 1_249_99, True),
        ("JPY", 1_980, True),
        ("JPY", 1_985, False),
        ("JPY", 129, True),
        ("KWD", 1_290, True),
        ("KWD", 49_990, True),
    ],
)
def test_usual_endings_follow_the_decimals_of_the_currency(
    currency: str, price: int, shown: bool
) -> None:
    assert (price in EndingRule.usual(currency).ladder(price)) is shown


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PriceEnding(None, 0, (0,)), "step"),
        (lambda: PriceEnding(None, 10, ()), "endings"),
        (lambda: PriceEnding(None, 10, (10,)), "endings"),
        (lambda: PriceEnding(0, 10, (9,)), "up_to"),
        (lambda: EndingRule(()), "last tier"),
        (lambda: EndingRule((PriceEnding(100, 10, (9,)),)), "last tier"),
        (
            lambda: EndingRule(
                (PriceEnding(9, 1, (0,)), PriceEnding(5, 1, (0,)), PriceEnding(None, 1, (0,)))
            ),
            "rise",
        ),
        (lambda: EndingRule((PriceEnding(None, 1, (0,)),)).ladder(10**9), "larger step"),
        (lambda: candidate_grid(ONE, ONE, ONE, 1), "too few"),
    ],
)
def test_rules_that_allow_no_sensible_price_are_refused(build: object, message: str) -> None:
    with pytest.raises(InvalidLimits, match=message):
        build()  # type: ignore[operator]
