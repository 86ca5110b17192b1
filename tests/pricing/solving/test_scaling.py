"""Whole steps cut off nothing that keeps a limit, and never move an objective further than said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import FloatArray
from pricing.errors import SolverFault
from pricing.solving.scaling import (
    MOST_STEPS,
    finest_step,
    in_steps,
    limit_steps,
    whole_bound,
    worth_steps,
)

SIZES = st.sampled_from([1e-9, 1e-3, 1.0, 1e3, 1e9, 1e15])
WHOLE = st.integers(-1000, 1000).map(float)


@st.composite
def amounts(draw: st.DrawFn) -> FloatArray:
    size = draw(SIZES)
    parts = draw(st.lists(st.floats(-1.0, 1.0) | WHOLE, min_size=1, max_size=12))
    return np.array(parts) * size


@given(usage=amounts(), chances=st.lists(st.booleans(), min_size=12, max_size=12), data=st.data())
def test_a_choice_that_keeps_a_limit_keeps_it_in_steps(
    usage: FloatArray, chances: list[bool], data: st.DataObject
) -> None:
    taken = np.array(chances[: len(usage)])
    used = float(usage[taken].sum())
    slack = 1e-9 * max(abs(used), 1.0)
    # As tight as it can be, or with room to spare.
    room = used - data.draw(st.sampled_from([slack, 0.0, -1.0])) * 0.999
    steps, most = limit_steps(usage, room, slack, int(taken.sum()))
    if used <= room + slack:
        assert sum(steps[taken].tolist()) <= most + _held_by_slack(usage, room, used)
    assert sum(map(abs, steps.tolist())) + abs(most) < 2 * MOST_STEPS


def _held_by_slack(usage: FloatArray, room: float, used: float) -> int:
    """Whole numbers keep a whole room to the last unit: there, slack is no room."""
    whole = bool((usage == np.rint(usage)).all()) and room == np.rint(room)
    return max(int(used - room), 0) if whole else 0


@given(usage=amounts(), chances=st.lists(st.booleans(), min_size=12, max_size=12), over=SIZES)
def test_a_choice_that_breaks_a_limit_by_more_than_rounding_breaks_it_in_steps(
    usage: FloatArray, chances: list[bool], over: float
) -> None:
    taken = np.array(chances[: len(usage)])
    used, size = float(usage[taken].sum()), float(np.abs(usage).sum())
    room = used - max(over, 1e-6 * size)
    steps, most = limit_steps(usage, room, 0.0, int(taken.sum()))
    assert sum(steps[taken].tolist()) > most


@given(worth=amounts(), chances=st.lists(st.booleans(), min_size=12, max_size=12))
def test_no_choice_is_worth_further_from_its_steps_than_said(
    worth: FloatArray, chances: list[bool]
) -> None:
    taken = np.array(chances[: len(worth)])
    scaled = worth_steps(worth, int(taken.sum()))
    there = sum(scaled.steps[taken].tolist()) * scaled.step
    size = float(np.abs(worth).sum())
    assert abs(there - float(worth[taken].sum())) <= scaled.off + 1e-14 * size
    assert 2.0 * scaled.off <= 1e-9 * max(size, 1e-280)
    assert sum(map(abs, scaled.steps.tolist())) < 2 * MOST_STEPS


@given(total=st.floats(0.0, 1e300), fine=st.sampled_from([1, 10**7]))
def test_terms_fit_in_the_finest_step_and_not_in_one_four_times_finer(
    total: float, fine: int
) -> None:
    step = finest_step(total, fine) / fine
    in_steps(np.array([total]), step)
    if total > 1e-200:
        with pytest.raises(SolverFault, match="do not fit an integer programme"):
            in_steps(np.array([total]), step / 4.0)


@given(bound=st.integers(-(2**62), 2**62))
def test_a_bound_told_as_a_float_is_never_less_than_it_was(bound: int) -> None:
    told = whole_bound(float(bound))
    assert told >= bound
    assert abs(bound) >= 2**53 or told == bound


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_what_no_integer_can_hold_is_refused_before_a_solver_sees_it(bad: float) -> None:
    with pytest.raises(SolverFault, match=r"do not fit .* report it"):
        in_steps(np.array([1.0, bad]), 1.0)
