"""A classroom clearance game: 15 weeks, 2,000 units, prices 60, 54, 48, 36, demand unknown.

The first week is at 60; a price may be lowered in any later week and never rises. What is left at
the end is worth nothing. A game's mean demand is drawn from a wide range and each week has noise:
these are draws of our own. The response to a lower price is known beforehand as a range only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.arrays import IntArray
from pricing.markdown import (
    ClearanceHistory,
    ClearanceItems,
    ClearanceState,
    MarkdownLimits,
    Prior,
    replan,
)
from pricing.markdown.errors import InvalidClearance

LADDER = np.array([6000, 5400, 4800, 3600])
LIFT = np.array([1.0, 1.31, 1.73, 2.81])
WEEKS, STOCK, USUAL = 15, 2000.0, 90.0


def style(**columns: Any) -> ClearanceItems:  # noqa: ANN401
    return ClearanceItems.of(
        ["STYLE"],
        LADDER[None],
        np.full((1, WEEKS), USUAL),
        np.array([STOCK]),
        currency="USD",
        response=LIFT[None],
        **{"first_week": 1, **columns},
    )


GUESS = Prior(own_scale=0.5, common_scale=0.01, common_drift=1e-3, own_drift=1e-3)


class Game:
    """One game: what customers want each week at each price is settled before it begins."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.scale = USUAL * np.exp(0.45 * rng.standard_normal())
        steps = 1.0 + (LIFT[1:] / LIFT[:-1] - 1.0) * rng.uniform(0.7, 1.3, 3)
        self.lift = np.concatenate([[1.0], np.cumprod(steps)])
        noise = np.exp(0.2 * rng.standard_normal(WEEKS) - 0.02)
        self.wanted = np.rint(self.scale * noise[:, None] * self.lift)

    def play(self, choose: Callable[[ClearanceHistory], int]) -> float:
        """Revenue, asking week by week for a rung of the ladder."""
        stock = STOCK
        rungs: list[int] = []
        units: list[float] = []
        out: list[bool] = []
        for week in range(WEEKS):
            rung = choose(self._history(rungs, units, out))
            assert rung >= (rungs[-1] if rungs else 0)
            assert week or rung == 0
            sold = min(self.wanted[week, rung], stock)
            stock -= sold
            rungs.append(rung)
            units.append(sold)
            out.append(stock <= 0)
        return float(LADDER[rungs] @ np.array(units))

    def foresight(self) -> float:
        """The best that somebody who knows everything gets: each rung from a week of its own."""
        best = 0.0
        for a in range(1, WEEKS + 1):
            for b in range(a, WEEKS + 1):
                for c in range(b, WEEKS + 1):
                    rungs = np.zeros(WEEKS, dtype=np.int64)
                    rungs[a:], rungs[b:], rungs[c:] = 1, 2, 3
                    wanted = self.wanted[np.arange(WEEKS), rungs]
                    sold = np.diff(np.minimum(np.cumsum(wanted), STOCK), prepend=0.0)
                    best = max(best, float(LADDER[rungs] @ sold))
        return best

    @staticmethod
    def _history(rungs: list[int], units: list[float], out: list[bool]) -> ClearanceHistory:
        price: IntArray = LADDER[np.array(rungs, dtype=np.int64)][None]
        return ClearanceHistory(price, np.array([units]), np.array([out], dtype=np.bool_))


def by_replanning(history: ClearanceHistory) -> int:
    answer = replan(ClearanceState(style(), prior=GUESS), history)
    return int(np.flatnonzero(answer.price[0, 0] == LADDER)[0])


def test_the_loop_comes_near_foresight_and_beats_every_fixed_rule() -> None:
    games = [Game(seed) for seed in range(20)]
    foresight = np.array([game.foresight() for game in games])
    ours = np.array([game.play(by_replanning) for game in games])
    assert (ours <= foresight + 1e-6).all()
    share = (ours / foresight).mean()
    assert share >= 0.94
    rules = [
        lambda _: 0,
        lambda h: min(h.weeks // 5, 3),
        lambda h: 0 if h.weeks == 0 else 1,
        lambda h: 0 if h.weeks == 0 else 2,
        lambda h: 0 if h.weeks == 0 else 3,
    ]
    for rule in rules:
        assert np.array([game.play(rule) for game in games]).mean() < ours.mean()


def told(units: list[float], rungs: list[int], out: list[bool] | None = None) -> ClearanceHistory:
    price = LADDER[np.array(rungs)][None]
    return ClearanceHistory(price, np.array([units]), np.array([out or [False] * len(units)]))


def test_weeks_without_a_sale_lower_the_price_and_break_nothing() -> None:
    answer = replan(ClearanceState(style(), prior=GUESS), told([0.0] * 4, [0] * 4))
    assert answer.price[0, 0] == 3600
    assert np.isfinite(answer.belief.mean).all()
    assert answer.belief.mean[0, 0] < -0.5


def test_a_style_that_is_gone_has_nothing_left_to_plan() -> None:
    answer = replan(
        ClearanceState(style(), prior=GUESS), told([1500.0, 500.0], [0, 0], [False, True])
    )
    assert answer.plan is None
    assert not answer.open_items.any()
    assert (answer.price == 6000).all()


def test_the_last_week_sells_at_what_brings_most() -> None:
    history = told([90.0] * 14, [0] * 14)
    answer = replan(ClearanceState(style(), prior=GUESS), history)
    assert answer.price.shape == (1, 1)
    # 740 units are left for about 90 · 2.81 customers: the lowest price brings most.
    assert answer.price[0, 0] == 3600
    scarce = replan(ClearanceState(style(), stock=np.array([40.0]), prior=GUESS), history)
    assert scarce.price[0, 0] == 6000
    with pytest.raises(InvalidClearance, match="is over"):
        replan(ClearanceState(style(), prior=GUESS), told([90.0] * 15, [0] * 15))


def test_odd_inputs_are_refused_with_the_reason() -> None:
    with pytest.raises(InvalidClearance, match="does not fall"):
        style_with([6000, 5400, 5400, 3600])
    with pytest.raises(InvalidClearance, match="does not fall"):
        style_with([3600, 4800, 5400, 6000])
    with pytest.raises(InvalidClearance, match="price 5000 of week 2 is not on its ladder"):
        replan(
            ClearanceState(style()),
            ClearanceHistory(np.array([[6000, 5000]]), np.ones((1, 2)), np.zeros((1, 2), bool)),
        )
    with pytest.raises(InvalidClearance, match="units must be numbers"):
        told([-1.0], [0])
    with pytest.raises(InvalidClearance, match="stock must be a number"):
        replan(ClearanceState(style(), stock=np.array([-5.0])), told([90.0], [0]))
    with pytest.raises(InvalidClearance, match="history has 2 items"):
        replan(
            ClearanceState(style()),
            ClearanceHistory(np.full((2, 1), 6000), np.ones((2, 1)), np.zeros((2, 1), bool)),
        )


def test_more_sold_than_there_was_leaves_nothing_and_a_rise_in_the_past_is_taken_as_it_was() -> (
    None
):
    oversold = replan(ClearanceState(style(), prior=GUESS), told([2500.0], [0]))
    assert oversold.plan is None
    risen = replan(ClearanceState(style(), prior=GUESS), told([150.0, 90.0], [1, 0]))
    assert risen.price[0, 0] <= 6000


def test_a_bound_on_nervousness_keeps_what_was_announced() -> None:
    first = replan(ClearanceState(style(), prior=GUESS), ClearanceHistory.none(1))
    assert first.plan is not None
    history = told([20.0, 15.0], [0, 0])
    state = ClearanceState(style(), prior=GUESS, earlier=first.plan)
    free = replan(state, history)
    held = replan(state, history, MarkdownLimits(deviations=0))
    assert free.deviations > 0
    assert held.deviations == 0
    assert (held.price[0] == first.price[0, 2:]).all()


def style_with(ladder: list[int]) -> ClearanceItems:
    return ClearanceItems.of(
        ["STYLE"], np.array([ladder]), np.full((1, 3), 9.0), np.array([9.0]), currency="USD",
        response=LIFT[None],
    )  # fmt: skip
