"""Caps by worked dates. Amounts are cents, times those of the market's clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidPriceHistory
from pricing.law.emergency_cap import NO_CAP, check_emergency_price, emergency_caps, in_force
from pricing.law.packs import CapBasis, Emergency, EmergencyCapRule, Finding, RulePack
from pricing.law.price_history import PriceHistory
from tests.pricing.price_rows import NEW_YORK, history, local

DECLARED = local("2026-08-29 18:00", NEW_YORK)
STORM = Emergency("US-XX", DECLARED)
LAST = EmergencyCapRule(article="§ 1", source="s", share=0.1, basis=CapBasis.LAST)


def averaged(days: int) -> EmergencyCapRule:
    return replace(LAST, basis=CapBasis.AVERAGE, days=days)


# 1000 until 20 July, 1200 until 19 August, 900 until the declaration day's noon, then 1500.
ROWS = (
    ("2026-01-01", 1000),
    ("2026-07-20", 1200),
    ("2026-08-19", 900),
    ("2026-08-29 12:00", 1500),
)
# Days of each price in the window that ends with the declaration at 18:00.
AVERAGE = {
    30: (20 * 1200 + 10.5 * 900 + 0.25 * 1500) / 30.75,
    60: (20 * 1000 + 30 * 1200 + 10.5 * 900 + 0.25 * 1500) / 60.75,
    90: (50 * 1000 + 30 * 1200 + 10.5 * 900 + 0.25 * 1500) / 90.75,
}


@pytest.mark.parametrize(
    ("rule", "cap"),
    [
        (LAST, 1650),
        (replace(LAST, share=0.0), 1500),
        (replace(LAST, basis=CapBasis.HIGHEST), 1650),
        (averaged(30), int(AVERAGE[30] * 1.1)),
        (averaged(60), int(AVERAGE[60] * 1.1)),
        (averaged(90), int(AVERAGE[90] * 1.1)),
    ],
)
def test_the_cap_by_each_basis(rule: EmergencyCapRule, cap: int) -> None:
    rows = history(*ROWS, zone=NEW_YORK)
    found = emergency_caps(rows, STORM, rule, NEW_YORK, covered=np.array([True]))
    assert found.cap.tolist() == [cap]


HIGHEST = replace(LAST, basis=CapBasis.HIGHEST, days=30)


@pytest.mark.parametrize(
    ("rule", "declared", "rows", "cap"),
    [
        # Thirty calendar days before 31 March begin on 1 March at the market's midnight.
        (HIGHEST, "2026-03-31 09:00", [("2026-01-01", 2000), ("2026-03-01 00:00", 1000)], 1100),
        (HIGHEST, "2026-03-31 09:00", [("2026-01-01", 2000), ("2026-03-01 00:01", 1000)], 2200),
        # Midnight is the market's: in Berlin it is already the first of March, here it is not.
        (HIGHEST, "2026-03-31 09:00", [("2026-01-01", 2000), ("2026-02-28 23:59", 1000)], 1100),
        # First sold in the hour before the declaration, or only with it.
        (LAST, "2026-03-31 09:00", [("2026-03-31 08:00", 1000)], 1100),
        (LAST, "2026-03-31 09:00", [("2026-03-31 09:00", 1000)], NO_CAP),
        # A price rise just before the declaration helps where the last price counts, not where
        # the mean does: 30 days and 9 hours, less the hour that clocks skipped on 8 March.
        (LAST, "2026-03-31 09:00", [("2026-01-01", 1000), ("2026-03-31 08:00", 3000)], 3300),
        (averaged(30), "2026-03-31 09:00", [("2026-01-01", 1000), ("2026-03-31 08:00", 3000)],
         int(1100 * (1 + 2 / (30 * 24 + 9 - 1)))),
        # In autumn the window has an hour more.
        (averaged(30), "2026-11-10 00:00", [("2026-01-01", 1000), ("2026-11-09", 3000)],
         int(1100 * (1 + 2 * 24 / (30 * 24 + 1)))),
        # Off sale in the window: only the days with a price count.
        (averaged(30), "2026-08-29 00:00", [("2026-01-01", 1000), ("2026-08-01", UNKNOWN),
                                            ("2026-08-19", 1200)],
         int(1.1 * (2 * 1000 + 10 * 1200) / 12)),
    ],
)  # fmt: skip
def test_the_cap_by_worked_dates(
    rule: EmergencyCapRule, declared: str, rows: list[tuple[str, int]], cap: int
) -> None:
    storm = Emergency("US-XX", local(declared, NEW_YORK))
    prices = history(*rows, zone=NEW_YORK)
    found = emergency_caps(prices, storm, rule, NEW_YORK, covered=np.array([True]))
    assert found.cap.tolist() == [cap]


def test_a_price_set_at_the_declaration_is_too_late_to_be_a_basis() -> None:
    rows = history(("2026-01-01", 1000), ("2026-08-29 18:00", 3000), zone=NEW_YORK)
    found = emergency_caps(rows, STORM, LAST, NEW_YORK, covered=np.array([True]))
    assert found.cap.tolist() == [1100]


def test_goods_that_are_not_covered_or_have_no_earlier_price_have_no_cap() -> None:
    rows = PriceHistory.of(3, key=[0, 1], since=[local("2026-01-01")] * 2, price=[100, 100])
    found = emergency_caps(rows, STORM, LAST, NEW_YORK, covered=np.array([True, False, True]))
    assert found.cap.tolist() == [110, NO_CAP, NO_CAP]
    assert found.basis.tolist() == [100, UNKNOWN, UNKNOWN]


def test_new_goods_are_capped_by_their_cost_where_the_rule_says_so() -> None:
    rule = replace(LAST, new_goods_over_cost=0.5)
    none = PriceHistory.of(2, key=[], since=[], price=[])
    found = emergency_caps(
        none, STORM, rule, NEW_YORK, covered=np.ones(2, bool), cost=np.array([200, UNKNOWN])
    )
    assert found.cap.tolist() == [300, NO_CAP]


def test_an_emergency_is_on_from_its_declaration_until_its_end() -> None:
    second = timedelta(seconds=1)
    assert not in_force(STORM, LAST, DECLARED - second)
    assert in_force(STORM, LAST, DECLARED)
    assert in_force(STORM, LAST, DECLARED + timedelta(days=30) - second)
    assert not in_force(STORM, LAST, DECLARED + timedelta(days=30))
    longer = replace(STORM, ends_at=DECLARED + timedelta(days=45))
    assert in_force(longer, LAST, DECLARED + timedelta(days=44))


def pack() -> RulePack:
    return RulePack("US-XX", "X", date(2020, 1, 1), date(2026, 1, 1), emergency_cap=LAST)


def test_a_price_is_judged_with_the_row_that_the_cap_comes_from() -> None:
    rows = history(*ROWS, zone=NEW_YORK)
    judge = {"history": rows, "emergency": STORM, "zone": NEW_YORK, "pack": pack()}
    after = DECLARED + timedelta(days=1)
    assert check_emergency_price(1650, **judge, at=after).lawful  # type: ignore[arg-type]
    verdict = check_emergency_price(1651, **judge, at=after)  # type: ignore[arg-type]
    assert verdict.findings == (Finding.ABOVE_EMERGENCY_CAP,)
    assert verdict.facts == {"price": 1651, "cap": 1650, "basis": 1500}
    assert verdict.evidence is not None
    assert [(row.price, row.decisive) for row in verdict.evidence.rows] == [(1500, True)]
    before = check_emergency_price(9999, **judge, at=DECLARED - timedelta(days=1))  # type: ignore[arg-type]
    assert before.findings == (Finding.EXEMPT,)


def test_an_emergency_covers_its_categories_only() -> None:
    rows = history(*ROWS, zone=NEW_YORK)
    storm = replace(STORM, categories=("water",))
    for category, lawful in (("water", False), ("games", True)):
        verdict = check_emergency_price(
            9999, rows, storm, NEW_YORK, pack(), at=DECLARED, category=category
        )
        assert verdict.lawful is lawful


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidPriceHistory, match="1 rows"):
        emergency_caps(history(), STORM, LAST, NEW_YORK, covered=np.ones(2, bool))
