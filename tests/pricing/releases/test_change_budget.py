from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.catalogue import UNKNOWN, Labels
from pricing.errors import InvalidCatalogue, InvalidLimits
from pricing.releases.change_budget import BudgetLimit, ChangeBudget, ProposedPrices, measure

LOOSE = ChangeBudget(1.0, 1.0, 1.0, 1.0)


def proposed(
    old: list[int], new: list[int], elasticity: float = -2.0, error: float = 0.0, **more: object
) -> ProposedPrices:
    n = len(old)
    columns = {
        "old": np.array(old, dtype=np.int64),
        "new": np.array(new, dtype=np.int64),
        "revenue": np.full(n, 100.0),
        "elasticity": np.full(n, elasticity),
        "elasticity_std_error": np.full(n, error),
        "currency": Labels.of(["EUR"] * n),
    }
    return ProposedPrices(**{**columns, **more})  # type: ignore[arg-type]


def test_what_changes_is_measured() -> None:
    report = measure(proposed([100, 100, 200, 100], [110, 100, 190, 70]), LOOSE)
    assert (report.prices, report.changes, report.largest) == (4, 3, 3)
    assert report.share_of_products == 0.75
    assert report.average_change == pytest.approx((0.1 + 0.05 + 0.3) / 3)
    assert report.single_change == pytest.approx(0.3)
    assert report.within


@pytest.mark.parametrize(
    ("budget", "limit", "found"),
    [
        (replace(LOOSE, share_of_products=0.49), BudgetLimit.SHARE_OF_PRODUCTS, 0.5),
        (replace(LOOSE, average_change=0.09), BudgetLimit.AVERAGE_CHANGE, 0.1),
        (replace(LOOSE, single_change=0.09), BudgetLimit.SINGLE_CHANGE, 0.1),
        (replace(LOOSE, revenue_at_risk=0.04), BudgetLimit.REVENUE_AT_RISK, (1 - 1 / 1.1) / 2),
    ],
)
def test_each_limit_is_exceeded_by_itself(
    budget: ChangeBudget, limit: BudgetLimit, found: float
) -> None:
    report = measure(proposed([100, 100], [110, 100]), budget)
    (breach,) = report.breaches
    assert breach.limit is limit
    assert breach.found == pytest.approx(found)
    assert not report.within
    exact = replace(LOOSE, **{limit.value: breach.found})
    assert measure(proposed([100, 100], [110, 100]), exact).within


def test_a_first_price_is_a_change_without_a_size() -> None:
    report = measure(proposed([UNKNOWN, 100], [500, 100]), LOOSE)
    assert (report.changes, report.average_change, report.largest) == (1, 0.0, -1)


def test_a_price_that_is_not_proposed_does_not_change() -> None:
    assert measure(proposed([100], [UNKNOWN]), LOOSE).changes == 0


def test_uncertain_demand_puts_more_at_risk() -> None:
    sure, unsure = (
        measure(proposed([100], [110], error=error), LOOSE).revenue_at_risk for error in (0, 0.5)
    )
    assert sure == pytest.approx(1 - 1.1**-1)
    assert unsure == pytest.approx(1 - 1.1 ** (-1 - 1.959964 * 0.5))
    unknown = measure(proposed([100], [110], elasticity=np.nan), LOOSE)
    assert unknown.revenue_at_risk == 1.0


def test_a_cut_that_surely_brings_revenue_risks_none() -> None:
    assert measure(proposed([100], [90]), LOOSE).revenue_at_risk == 0.0


def test_currencies_are_never_added() -> None:
    """A yen is worth a hundredth; its share counts all the same."""
    mixed = proposed(
        [100, 100],
        [100, 110],
        revenue=np.array([1_000_000.0, 1.0]),
        currency=Labels.of(["EUR", "JPY"]),
    )
    assert measure(mixed, LOOSE).revenue_at_risk == pytest.approx(1 - 1 / 1.1)


def test_an_empty_book_changes_nothing() -> None:
    report = measure(proposed([], []), ChangeBudget(0, 0, 0, 0))
    assert (report.prices, report.within) == (0, True)


@given(
    rows=st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=8),
    seed=st.integers(0, 9),
    scale=st.integers(1, 50),
)
def test_neither_order_nor_the_unit_of_money_matters(
    rows: list[tuple[int, int]], seed: int, scale: int
) -> None:
    first = measure(proposed([old for old, _ in rows], [new for _, new in rows]), LOOSE)
    order = np.random.default_rng(seed).permutation(len(rows))
    moved = [(rows[i][0] * scale, rows[i][1] * scale) for i in order]
    again = measure(proposed([old for old, _ in moved], [new for _, new in moved]), LOOSE)
    for limit in BudgetLimit:
        assert getattr(again, limit.value) == pytest.approx(getattr(first, limit.value))


def test_budgets_and_columns_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidLimits, match="average_change 8"):
        ChangeBudget(average_change=8)
    with pytest.raises(InvalidCatalogue, match="equal length"):
        proposed([1, 2], [1, 2], revenue=np.array([1.0]))
