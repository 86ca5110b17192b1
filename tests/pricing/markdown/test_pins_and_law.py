"""What a person pinned and what the law on prior prices asks are rules of every path."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pricing.catalogue import UNKNOWN
from pricing.law.packs import PriorPriceRule, RulePack
from pricing.law.price_history import PriceHistory
from pricing.law.reference_price import Announcement
from pricing.markdown import (
    ClearanceHistory,
    ClearanceItems,
    ClearanceState,
    Effort,
    MarkdownLimits,
    plan,
    replan,
)
from pricing.markdown.errors import InvalidClearance
from pricing.markdown.prior_price import announced, prior_by_week
from tests.pricing.law.plan_steps import check_plan
from tests.pricing.markdown.clearances import (
    allowed_paths,
    best_by_trying_all,
    path_of,
    random_items,
)

START = datetime(2026, 3, 2, tzinfo=UTC)


def with_pins(items: ClearanceItems, rng: np.random.Generator) -> ClearanceItems:
    """Some weeks of paths that are allowed are pinned, and customers remember other prices."""
    pins = np.full((len(items), items.weeks), UNKNOWN, dtype=np.int64)
    for i in range(len(items)):
        paths = allowed_paths(items, i)
        path = paths[int(rng.integers(len(paths)))]
        for week, rung in enumerate(path):
            if rng.random() < 0.4:
                pins[i, week] = rung
    reference = items.price[:, 0] * rng.uniform(0.8, 1.3, len(items))
    return items.replaced(np.arange(len(items)), {"pins": pins, "reference": reference})


def test_plans_around_pins_equal_brute_force_and_hold_them() -> None:
    rng = np.random.default_rng(7)
    pinned = 0
    for _ in range(80):
        items = with_pins(random_items(rng, int(rng.integers(1, 3)), 3, 3), rng)
        limits = MarkdownLimits(labels_per_week=4)
        expected = best_by_trying_all(items, limits)
        if expected is None:
            continue
        found = plan(items, limits, effort=Effort(gap=0.0))
        assert found.report.objective == pytest.approx(expected, rel=1e-7)
        for i in range(len(items)):
            assert path_of(items, i, found.price[i]) in allowed_paths(items, i)
        pinned += int((items.pins != UNKNOWN).sum())
    assert pinned > 60


def test_pins_that_cannot_be_held_are_explained() -> None:
    items = game(max_changes=1)
    for pins in ([1, 2, UNKNOWN], [2, 1, UNKNOWN], [1, UNKNOWN, 0]):
        with pytest.raises(InvalidClearance, match=r"'A'.*pinned"):
            plan(items.replaced(np.array([0]), {"pins": np.array([pins])}))
    with pytest.raises(InvalidClearance, match="no rung"):
        ClearanceItems.of(
            ["A"], np.array([[500, 400]]), np.ones((1, 2)), np.array([9.0]), currency="EUR",
            elasticity=np.array([-2.0]), pins=np.array([[2, UNKNOWN]]),
        )  # fmt: skip


def test_a_season_under_way_keeps_its_pins_and_what_customers_remember() -> None:
    items = game(weeks=4, reference_effect=0.8)
    items = items.replaced(np.array([0]), {"pins": np.array([[UNKNOWN, UNKNOWN, 2, UNKNOWN]])})
    history = ClearanceHistory(np.array([[500]]), np.array([[10.0]]), np.zeros((1, 1), np.bool_))
    found = replan(ClearanceState(items), history)
    assert found.price[0, 1] == 300
    assert found.remaining is not None
    # One week at 500 with a memory of 0.7 from 560: 0.7 · 560 + 0.3 · 500.
    remembered = items.replaced(np.array([0]), {"reference": np.array([560.0])})
    again = replan(ClearanceState(remembered), history)
    assert again.remaining is not None
    assert again.remaining.reference[0] == pytest.approx(542.0)
    too_low = ClearanceHistory(np.array([[200]]), np.array([[10.0]]), np.zeros((1, 1), np.bool_))
    with pytest.raises(InvalidClearance, match="pinned price lies above"):
        replan(ClearanceState(items), too_low)


@pytest.mark.parametrize("progressive", [False, True])
def test_no_plan_announces_what_the_law_forbids_and_none_that_it_allows_is_missed(
    progressive: bool,
) -> None:
    """Judged by the check of single announcements, on the same prices day by day."""
    rng = np.random.default_rng(11)
    rule = PriorPriceRule(article="6a", source="EU", days=28, progressive=progressive)
    pack = RulePack("EU", "EU", date(2022, 5, 28), date(2026, 1, 1), prior_price=rule)
    moved = forbidden = 0
    for _ in range(8):
        items = game(weeks=6, max_changes=3)
        past = rng.choice([500, 500, 500, 450], int(rng.integers(2, 7))).astype(np.float64)[None]
        prior = prior_by_week(past, items.price[:, 0], 6, 4)
        lawful = announced(items, prior, progressive=progressive)
        allowed = set(allowed_paths(lawful, 0))
        for path in allowed_paths(items, 0):
            steps = _steps(items, path)
            verdicts = check_plan(steps, _history(past[0]), ZoneInfo("UTC"), pack)
            fine = all(verdict.lawful for verdict in verdicts)
            assert (path in allowed) == fine, (past, path)
            forbidden += not fine
        found = plan(lawful)
        moved += bool((np.diff(found.price[0]) < 0).any())
        assert path_of(items, 0, found.price[0]) in allowed
    assert moved > 2
    assert forbidden > 50


def test_new_goods_cannot_be_announced_before_the_window_is_full() -> None:
    prior = prior_by_week(np.array([[np.nan, 500.0]]), np.array([500.0]), 4, 3)
    assert np.isnan(prior[0]).tolist() == [True, True, False, False]
    items = announced(game(weeks=4), prior, progressive=True)
    assert items.first_week[0] == 2
    with pytest.raises(InvalidClearance, match="prior has shape"):
        announced(game(weeks=3), prior, progressive=True)
    running = game(weeks=3, full_price=np.array([600]))
    one_step = announced(running, np.full((1, 3), 500.0), progressive=False)
    assert one_step.max_changes[0] == 0


def game(weeks: int = 3, **columns: Any) -> ClearanceItems:  # noqa: ANN401
    return ClearanceItems.of(
        ["A"],
        np.array([[500, 400, 300, 200]]),
        np.full((1, weeks), 10.0),
        np.array([100.0]),
        currency="EUR",
        elasticity=np.array([-2.5]),
        **columns,
    )


def _steps(items: ClearanceItems, path: tuple[int, ...]) -> list[Announcement]:
    """The reductions of a path, each shown from the full price."""
    steps: list[Announcement] = []
    before = 0
    for week, rung in enumerate(path):
        if rung != before:
            since = steps[0].starts if steps else None
            price = int(items.ladder[0, rung])
            starts = START + timedelta(weeks=week)
            percent = 100.0 * (1.0 - price / 500)
            steps.append(
                Announcement(
                    starts, price, shown_prior=500, shown_percent=percent, steps_since=since
                )
            )
        before = rung
    return steps


def _history(past: np.ndarray) -> PriceHistory:
    """Weekly prices before the start, then the full price from the start on."""
    starts = [START - timedelta(weeks=len(past) - k) for k in range(len(past))]
    prices = [*past.astype(int).tolist(), 500]
    return PriceHistory.of(1, key=[0] * len(prices), since=[*starts, START], price=prices)
