"""Each rule with worked dates. Amounts are cents; times are those of the market's clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidPriceHistory
from pricing.law.packs import (
    CapBasis,
    EmergencyCapRule,
    Finding,
    NewGoods,
    Perishable,
    PriorBasis,
    PriorPriceRule,
    RulePack,
)
from pricing.law.price_history import NEVER, PriceHistory, instant
from pricing.law.reference_price import (
    Announcement,
    PriorStatus,
    check_reduction,
    largest_reduction,
    price_for,
    prior_prices,
    whole_percent,
)
from tests.pricing.law.plan_steps import check_plan
from tests.pricing.price_rows import BERLIN, SHANGHAI, history, local, starting

EUROPE = PriorPriceRule(article="Article 6a", source="https://example.eu", days=30)
ANY_CAP = EmergencyCapRule(article="a", source="s", share=0.1, basis=CapBasis.LAST)
CHINA = replace(EUROPE, days=7, basis=PriorBasis.TRANSACTED, other_basis_if_stated=True)


def pack(rule: PriorPriceRule) -> RulePack:
    return RulePack(
        jurisdiction="TEST",
        name="Test",
        in_force_from=date(2022, 5, 28),
        checked_on=date(2026, 1, 1),
        prior_price=rule,
    )


# What is tested; the prices; when the reduction starts; the prior price that the law gives.
WORKED = [
    ("one price all the time", [("2025-01-01", 200)], "2026-03-31", 200),
    (
        "a price that ended the moment the window opens is outside",
        [("2025-01-01", 150), ("2026-03-01", 200)],
        "2026-03-31",
        200,
    ),
    (
        "a price that ended one second later is inside",
        [("2025-01-01", 150), ("2026-03-01 00:00:01", 200)],
        "2026-03-31",
        150,
    ),
    (
        "the price already in force when the window opens counts",
        [("2025-01-01", 150), ("2026-03-15", 200)],
        "2026-03-31",
        150,
    ),
    (
        "a price on the last day before counts",
        [("2025-01-01", 200), ("2026-03-30", 190)],
        "2026-03-31",
        190,
    ),
    (
        "the promotion itself never counts",
        [("2025-01-01", 200), ("2026-03-31", 120)],
        "2026-03-31",
        200,
    ),
    (
        "a price rise just before the sale does not help",
        [("2025-01-01", 129), ("2026-03-28", 169)],
        "2026-03-31",
        129,
    ),
    (
        "an earlier promotion inside the window counts",
        [("2025-01-01", 200), ("2026-03-10", 140), ("2026-03-12", 200)],
        "2026-03-31",
        140,
    ),
    (
        "an earlier promotion that ended before the window does not",
        [("2025-01-01", 200), ("2026-02-10", 140), ("2026-03-01", 200)],
        "2026-03-31",
        200,
    ),
    (
        "a promotion inside a promotion is measured from the outer one",
        [("2025-01-01", 200), ("2026-03-20", 160)],
        "2026-03-31",
        160,
    ),
    (
        "midnight is the market's: 22:30 UTC is the next day in Berlin in summer",
        [("2025-01-01", 150), ("2026-06-01 00:00", 200)],
        "2026-07-01 00:30",
        200,
    ),
    (
        "across the spring change of clocks days are counted, not hours",
        [("2025-01-01", 150), ("2026-03-11 00:00", 200)],
        "2026-04-10",
        200,
    ),
    (
        "across the autumn change of clocks, too",
        [("2025-01-01", 150), ("2026-10-11 00:00", 200)],
        "2026-11-10",
        200,
    ),
    (
        "a time off sale leaves no price, the days before and after count",
        [("2025-01-01", 200), ("2026-03-10", UNKNOWN), ("2026-03-20", 180)],
        "2026-03-31",
        180,
    ),
    ("goods that were never sold have none", [], "2026-03-31", UNKNOWN),
    ("first sale is the sale itself", [("2026-03-31", 120)], "2026-03-31", UNKNOWN),
    ("on sale for 29 days is too short", [("2026-03-02", 200)], "2026-03-31", UNKNOWN),
    ("on sale since some hour of the first day is enough", [("2026-03-01 10:00", 200)],
     "2026-03-31", 200),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "start", "prior"), [case[1:] for case in WORKED],
                         ids=[case[0] for case in WORKED])  # fmt: skip
def test_prior_price_by_worked_dates(rows: list[tuple[str, int]], start: str, prior: int) -> None:
    found = prior_prices(history(*rows), starting(start), BERLIN, EUROPE)
    assert found.price.tolist() == [prior]
    assert found.status[0] == (PriorStatus.NONE if prior == UNKNOWN else PriorStatus.KNOWN)


def test_the_public_case_shown_169_must_be_129() -> None:
    """Bananas: 1.29, raised to 1.69 shortly before, announced as 1.29 instead of 1.69, -23 %."""
    rows = history(("2022-09-01", 129), ("2022-10-10", 169))
    told = Announcement(local("2022-10-17"), 129, shown_prior=169, shown_percent=23)
    verdict = check_reduction(told, rows, BERLIN, pack(EUROPE))
    assert not verdict.lawful
    assert verdict.findings == (
        Finding.NO_REDUCTION,
        Finding.SHOWN_PRIOR_TOO_HIGH,
        Finding.PERCENTAGE_TOO_HIGH,
    )
    assert (verdict.facts["shown"], verdict.facts["must_be"]) == (169, 129)
    assert verdict.facts["percent_at_most"] == 0
    assert verdict.evidence is not None
    assert (verdict.evidence.opens, verdict.evidence.closes) == (
        local("2022-09-17"),
        local("2022-10-17"),
    )
    assert [(row.price, row.source, row.decisive) for row in verdict.evidence.rows] == [
        (129, "row 0", True),
        (169, "row 1", False),
    ]
    assert verdict.evidence.article == "Article 6a"
    assert not verdict.evidence.confirmed


def test_the_second_public_case_a_highlight_dearer_than_before() -> None:
    """Pineapples: 1.39 within the 30 days, then 1.69, announced at 1.49."""
    rows = history(("2022-09-01", 139), ("2022-10-10", 169))
    verdict = check_reduction(Announcement(local("2022-10-17"), 149), rows, BERLIN, pack(EUROPE))
    assert verdict.findings == (Finding.NO_REDUCTION,)


@pytest.mark.parametrize(
    ("percent", "lawful"), [(23, True), (23.6, True), (23.7, False), (24, False), (None, True)]
)
def test_the_percentage_is_computed_from_the_prior_price(
    percent: float | None, lawful: bool
) -> None:
    """From 1.69 to 1.29 are 23.67 %."""
    told = Announcement(local("2026-03-31"), 129, shown_prior=169, shown_percent=percent)
    verdict = check_reduction(told, history(("2025-01-01", 169)), BERLIN, pack(EUROPE))
    assert verdict.lawful is lawful
    assert verdict.facts["percent_at_most"] == 23


def test_a_lower_earlier_price_may_be_shown() -> None:
    told = Announcement(local("2026-03-31"), 129, shown_prior=160)
    assert check_reduction(told, history(("2025-01-01", 169)), BERLIN, pack(EUROPE)).lawful


class TestNationalOptions:
    def test_perishable_goods_are_like_others_without_the_option(self) -> None:
        assert self.prior(EUROPE, perishable=True) == (150, PriorStatus.KNOWN)

    def test_perishable_goods_are_exempt(self) -> None:
        rule = replace(EUROPE, perishable=Perishable.EXEMPT)
        assert self.prior(rule, perishable=True) == (UNKNOWN, PriorStatus.EXEMPT)
        assert self.prior(rule, perishable=False) == (150, PriorStatus.KNOWN)

    def test_perishable_goods_compare_with_the_price_just_before(self) -> None:
        rule = replace(EUROPE, perishable=Perishable.BEFORE_REDUCTION)
        assert self.prior(rule, perishable=True) == (200, PriorStatus.BEFORE_REDUCTION)

    def prior(self, rule: PriorPriceRule, *, perishable: bool) -> tuple[int, int]:
        rows = history(("2025-01-01", 150), ("2026-03-20", 200))
        found = prior_prices(
            rows, starting("2026-03-31"), BERLIN, rule, perishable=np.array([perishable])
        )
        return int(found.price[0]), int(found.status[0])

    @pytest.mark.parametrize(
        ("least_days", "prior"), [(0, 180), (21, 180), (22, UNKNOWN), (30, UNKNOWN)]
    )
    def test_new_goods_compare_over_the_time_they_had(self, least_days: int, prior: int) -> None:
        """On sale for 21 days, the last 3 of them dearer."""
        rule = replace(EUROPE, new_goods=NewGoods.SINCE_FIRST_SALE, new_goods_days=least_days)
        rows = history(("2026-03-01", 180), ("2026-03-19", 220))
        found = prior_prices(rows, starting("2026-03-22"), BERLIN, rule)
        assert found.price[0] == prior
        if prior != UNKNOWN:
            assert found.status[0] == PriorStatus.SHORTENED
            assert found.opens[0] == starting("2026-03-01")[0]

    # Prices after the first step on 1 March, and the prior price of a step on 20 March.
    @pytest.mark.parametrize(
        ("steps", "prior"),
        [
            ([("2026-03-01", 180), ("2026-03-10", 150)], 200),  # 10 %, 25 %, now more
            ([("2026-03-01", 180), ("2026-03-10", 190)], 180),  # it went up in between
            ([("2026-03-01", 180), ("2026-03-10", UNKNOWN), ("2026-03-12", 150)], 150),  # a break
            ([("2026-03-01", 180), ("2026-03-10", 200), ("2026-03-11", 150)], 150),  # ended, anew
        ],
    )
    def test_a_growing_reduction_keeps_its_first_prior_price(
        self, steps: list[tuple[str, int]], prior: int
    ) -> None:
        rows = history(("2025-01-01", 200), *steps)
        rule = replace(EUROPE, progressive=True)
        begun = starting("2026-03-01")
        found = prior_prices(rows, starting("2026-03-20"), BERLIN, rule, steps_since=begun)
        assert found.price[0] == prior
        without = prior_prices(rows, starting("2026-03-20"), BERLIN, EUROPE, steps_since=begun)
        assert without.price[0] == min(price for _, price in steps if price != UNKNOWN)


class TestChina:
    """The lowest transaction of the seven days before, else the last one."""

    # What is tested; transactions by local time; prior price; how it came about.
    CASES: ClassVar[tuple[tuple[Any, ...], ...]] = (
        ("lowest of seven days", [("2026-11-04", 90), ("2026-11-06", 80)], 80, PriorStatus.KNOWN),
        ("eight days ago is too long", [("2026-11-02", 70), ("2026-11-03", UNKNOWN),
                                        ("2026-11-06", 80)], 80, PriorStatus.KNOWN),
        ("nothing sold: the last sale", [("2026-10-01", 70), ("2026-10-02", UNKNOWN)], 70,
         PriorStatus.LAST_TRANSACTION),
        ("never sold", [], UNKNOWN, PriorStatus.NONE),
        ("the seventh day before begins at midnight there",
         [("2026-11-03", 70), ("2026-11-04", 90)], 90, PriorStatus.KNOWN),
        ("a minute past it is inside", [("2026-11-03", 70), ("2026-11-04 00:01", 90)], 70,
         PriorStatus.KNOWN),
        ("a price rise just before the sale", [("2026-11-01", 70), ("2026-11-10", 90)], 70,
         PriorStatus.KNOWN),
        ("sold for the first time yesterday", [("2026-11-10", 95)], 95, PriorStatus.KNOWN),
    )  # fmt: skip

    @pytest.mark.parametrize(("rows", "prior", "status"), [case[1:] for case in CASES],
                             ids=[case[0] for case in CASES])  # fmt: skip
    def test_by_worked_dates(
        self, rows: list[tuple[str, int]], prior: int, status: PriorStatus
    ) -> None:
        found = prior_prices(
            history(*rows, zone=SHANGHAI), starting("2026-11-11", zone=SHANGHAI), SHANGHAI, CHINA
        )
        assert (found.price[0], found.status[0]) == (prior, status)

    def test_a_basis_that_is_stated_is_left_to_review(self) -> None:
        rows = history(("2026-11-01", 80), zone=SHANGHAI)
        told = Announcement(local("2026-11-11", SHANGHAI), 75, shown_prior=120)
        assert not check_reduction(told, rows, SHANGHAI, pack(CHINA)).lawful
        stated = replace(told, states_basis=True)
        verdict = check_reduction(stated, rows, SHANGHAI, pack(CHINA))
        assert (verdict.lawful, verdict.findings) == (True, (Finding.EXEMPT,))
        assert not check_reduction(stated, rows, SHANGHAI, pack(EUROPE)).lawful


def test_a_plan_is_judged_by_its_own_earlier_steps() -> None:
    """A week at 150 makes the same announcement unlawful ten days later."""
    rows = history(("2025-01-01", 200))
    steps = [
        Announcement(local("2026-03-01"), 150, shown_prior=200, shown_percent=25),
        Announcement(local("2026-03-08"), 200, announced=False),
        Announcement(local("2026-03-18"), 150, shown_prior=200, shown_percent=25),
        Announcement(local("2026-03-25"), 200, announced=False),
        Announcement(local("2026-04-30"), 150, shown_prior=200, shown_percent=25),
    ]
    verdicts = check_plan(steps, rows, BERLIN, pack(EUROPE))
    assert [verdict.lawful for verdict in verdicts] == [True, True, False, True, True]
    assert verdicts[2].facts["must_be"] == 150
    assert verdicts[2].evidence is not None
    assert "planned" in {row.source for row in verdicts[2].evidence.rows}


def test_without_days_on_sale_nothing_may_be_announced() -> None:
    told = Announcement(local("2026-03-20"), 100)
    verdict = check_reduction(told, history(("2026-03-01", 200)), BERLIN, pack(EUROPE))
    assert verdict.findings == (Finding.NO_PRIOR_PRICE,)
    assert verdict.facts == {"days_on_sale": 19, "days_required": 30}


def test_a_jurisdiction_without_such_a_rule_forbids_nothing_here() -> None:
    none = replace(pack(EUROPE), prior_price=None, personal_price=None, emergency_cap=ANY_CAP)
    told = Announcement(local("2026-03-20"), 100, shown_prior=999)
    assert check_reduction(told, history(("2026-03-01", 200)), BERLIN, none).lawful


@st.composite
def histories(draw: st.DrawFn) -> PriceHistory:
    """Prices of 1 to 6 products over 120 days."""
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m = int(rng.integers(0, 10 * n))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    prices = rng.integers(50, 500, m)
    prices[rng.random(m) < 0.1] = UNKNOWN
    return PriceHistory.of(
        n,
        key=rng.integers(0, n, m),
        since=[start + timedelta(hours=int(h)) for h in rng.integers(0, 120 * 24, m)],
        price=prices,
    )


STARTS = st.integers(30 * 24, 130 * 24).map(
    lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
)
RULES = st.builds(
    lambda new, perishable: replace(EUROPE, new_goods=new, perishable=perishable),
    st.sampled_from(NewGoods),
    st.sampled_from(Perishable),
)


@given(rows=histories(), start=STARTS, rule=RULES, percent=st.integers(0, 99))
def test_the_bounds_say_the_same_as_the_check(
    rows: PriceHistory, start: datetime, rule: PriorPriceRule, percent: int
) -> None:
    """The largest whole percentage at the bound's price is lawful, one more is not."""
    starts = np.full(rows.keys, instant(start))
    prior = prior_prices(rows, starts, BERLIN, rule)
    cap = price_for(prior, percent / 100)
    for key in range(rows.keys):
        mine = np.flatnonzero(rows.key == key)
        alone = PriceHistory.of(
            1, key=np.zeros(len(mine), int), since=rows.since[mine], price=rows.price[mine]
        )
        if cap[key] <= 0:
            told = Announcement(start, 1, shown_percent=percent)
            lawful = check_reduction(told, alone, BERLIN, pack(rule)).lawful
            assert not lawful or prior.price[key] == 1
            continue
        price = int(cap[key])
        told = Announcement(start, price, shown_percent=percent)
        assert check_reduction(told, alone, BERLIN, pack(rule)).lawful
        dearer = replace(told, price=price + 1)
        assert not check_reduction(dearer, alone, BERLIN, pack(rule)).lawful
        most = int(whole_percent(largest_reduction(prior, np.full(rows.keys, price)))[key])
        assert most >= percent
        more = replace(told, shown_percent=most + 1)
        assert not check_reduction(more, alone, BERLIN, pack(rule)).lawful


def test_bounds_of_goods_that_the_rule_does_not_cover_or_has_no_price_for() -> None:
    rows = PriceHistory.of(
        2, key=[0, 1], since=[local("2025-01-01"), local("2026-03-30")], price=[200, 200]
    )
    rule = replace(EUROPE, perishable=Perishable.EXEMPT)
    prior = prior_prices(
        rows, starting("2026-03-31", "2026-03-31"), BERLIN, rule, perishable=np.array([True, False])
    )
    assert largest_reduction(prior, np.array([10, 10])).tolist() == [1.0, 0.0]
    assert price_for(prior, 0.1).tolist() == [np.iinfo(np.int64).max, 0]


def test_a_start_that_is_missing_has_no_prior_price() -> None:
    found = prior_prices(history(("2025-01-01", 200)), np.array([NEVER]), BERLIN, EUROPE)
    assert found.status.tolist() == [PriorStatus.NONE]


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidPriceHistory, match="starts must have 1 rows"):
        prior_prices(history(), starting("2026-01-01", "2026-01-02"), BERLIN, EUROPE)
    two = PriceHistory.of(2, key=[], since=[], price=[])
    with pytest.raises(InvalidPriceHistory, match="one key"):
        check_reduction(Announcement(local("2026-01-01"), 1), two, BERLIN, pack(EUROPE))
