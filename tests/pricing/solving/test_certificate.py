"""A certificate says no more than its value and its bound prove, whatever numbers it is given."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import SolverFault
from pricing.solving.certificate import (
    ROUNDING,
    Certificate,
    Sense,
    SolveReport,
    Status,
    infeasible,
    optimum,
    proven,
    recorded,
    unknown,
    unproven,
)

AMOUNTS = st.floats(-1e15, 1e15)
SENSES = st.sampled_from(Sense)


@given(value=AMOUNTS, distance=st.floats(0.0, 1e15), allowed=st.floats(0.0, 0.99), sense=SENSES)
def test_the_status_of_what_is_proven_follows_from_the_gap(
    value: float, distance: float, allowed: float, sense: Sense
) -> None:
    made = proven(value, value + sense.sign * distance, allowed=allowed, sense=sense)
    assert sense.sign * made.bound >= sense.sign * made.value == sense.sign * value
    if made.gap <= ROUNDING:
        assert made.status is Status.OPTIMAL
    elif made.gap <= allowed:
        assert made.status is Status.WITHIN_GAP
    elif made.gap > allowed + ROUNDING:
        assert made.status is Status.FEASIBLE
    assert made.answered
    assert made.bounded
    assert made.without_proof() == unproven(value, sense)


@given(value=AMOUNTS, share=st.floats(2e-6, 10.0), sense=SENSES)
def test_a_bound_that_an_answer_refutes_enters_no_certificate(
    value: float, share: float, sense: Sense
) -> None:
    # Relative to the greater of the two, whichever side of zero they lie.
    bound = value - sense.sign * share * max(abs(value), 1.0) * 11.0
    with pytest.raises(SolverFault, match=r"refutes the proven bound .* report it"):
        proven(value, bound, sense=sense)


@given(value=AMOUNTS, share=st.floats(0.0, 0.9e-6), sense=SENSES)
def test_an_answer_that_rounding_takes_past_its_bound_is_optimal(
    value: float, share: float, sense: Sense
) -> None:
    made = proven(value, value - sense.sign * share * abs(value), sense=sense)
    assert (made.value, made.bound, made.status) == (value, value, Status.OPTIMAL)
    assert made == optimum(value, sense)


def test_limits_kept_up_to_rounding_may_take_an_answer_past_its_bound_by_their_worth() -> None:
    assert proven(100.0, 99.0, slack=1.0).status is Status.OPTIMAL
    with pytest.raises(SolverFault):
        proven(100.0, 98.0, slack=1.0)


def test_whole_numbers_are_optimal_only_where_they_are_equal() -> None:
    assert proven(1e12, 1e12 + 1, exact=True).status is Status.FEASIBLE
    assert proven(1e12, 1e12 + 1, allowed=0.01, exact=True).status is Status.WITHIN_GAP
    assert proven(1e12, 1e12 + 1).status is Status.OPTIMAL
    assert proven(1e12, 1e12, exact=True).status is Status.OPTIMAL


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@given(value=AMOUNTS)
def test_nothing_that_is_not_a_number_is_proven(bad: float, value: float) -> None:
    for pair in ((value, bad), (bad, value)):
        with pytest.raises(SolverFault, match="must be finite"):
            proven(*pair)


@pytest.mark.parametrize("sense", Sense)
def test_without_an_answer_every_answer_would_be_better(sense: Sense) -> None:
    assert (infeasible(sense).status, infeasible(sense).gap) == (Status.INFEASIBLE, 0.0)
    assert (unknown(sense).status, unknown(sense).gap) == (Status.UNKNOWN, math.inf)
    for made in (infeasible(sense), unknown(sense)):
        assert sense.sign * made.value == -math.inf
        assert not made.answered
        assert made.without_proof() == unknown(sense)
    assert unproven(3.0, sense).gap == math.inf


def test_a_bound_holds_of_every_answer_to_the_question() -> None:
    assert proven(90.0, 100.0).beside(95.0) == proven(95.0, 100.0)
    assert unproven(90.0).beside(95.0) == unknown().beside(95.0) == unproven(95.0)
    for made in (optimum(90.0), infeasible()):
        with pytest.raises(SolverFault):
            made.beside(95.0)


@pytest.mark.parametrize(
    ("status", "value", "bound"),
    [
        (Status.OPTIMAL, 1.0, 2.0),  # a better answer may exist
        (Status.OPTIMAL, 1.0, 0.5),  # the bound is refuted
        (Status.FEASIBLE, 1.0, 0.5),
        (Status.FEASIBLE, math.nan, 1.0),
        (Status.WITHIN_GAP, 1.0, math.inf),  # within a gap of nothing
        (Status.INFEASIBLE, 1.0, 1.0),  # with an answer
        (Status.UNKNOWN, 1.0, 1.0),
    ],
)
def test_a_certificate_cannot_be_made_to_lie(status: Status, value: float, bound: float) -> None:
    with pytest.raises(SolverFault, match="no certificate can say this"):
        Certificate(status, value, bound)


def test_what_was_stored_is_told_as_it_was_unless_it_was_told_too_well() -> None:
    assert recorded("feasible", 90.0, 100.0) == proven(90.0, 100.0)
    assert recorded("within_gap", 99.0, 100.0) == proven(99.0, 100.0, allowed=0.05)
    assert recorded("optimal", 100.0, 100.0) == optimum(100.0)
    assert recorded("optimal", 99.0, 100.0).status is Status.WITHIN_GAP


def test_a_report_writes_what_its_certificate_says() -> None:
    report = SolveReport(proven(90.0, 100.0, allowed=0.2), "cp_sat", 1.5, ("sizes",))
    assert report.as_dict() == {
        "status": "within_gap",
        "method": "cp_sat",
        "objective": 90.0,
        "bound": 100.0,
        "gap": 0.1,
        "seconds": 1.5,
        "conflicts": ("sizes",),
        "undecided": (),
    }
    assert type(report.status) is str
