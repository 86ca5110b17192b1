from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import InvalidLimits
from pricing.releases.staged_release import Band, StagePlan, broken_at, stage_of

SKUS = np.array([f"P{i}" for i in range(2000)])
ONLINE = np.full(len(SKUS), "online")


def test_stages_take_about_their_share_of_products() -> None:
    plan = StagePlan((0.1, 0.5, 1.0))
    counts = np.bincount(stage_of(SKUS, ONLINE, plan, seed=1), minlength=3) / len(SKUS)
    assert counts == pytest.approx([0.1, 0.4, 0.5], abs=0.03)


def test_a_product_keeps_its_stage_in_every_market_and_run() -> None:
    plan = StagePlan((0.3, 1.0))
    here = stage_of(SKUS, ONLINE, plan, seed=1)
    assert (here == stage_of(SKUS, np.full(len(SKUS), "store"), plan, seed=1)).all()
    assert (here == stage_of(SKUS[::-1], ONLINE, plan, seed=1)[::-1]).all()
    assert (here != stage_of(SKUS, ONLINE, plan, seed=2)).any()


def test_first_markets_are_stages_of_their_own() -> None:
    plan = StagePlan((1.0,), ("store-2", "store-1"), timedelta(hours=1))
    market = np.array(["online", "store-1", "store-2"])
    assert stage_of(SKUS[:3], market, plan, seed=1).tolist() == [2, 1, 0]
    assert (plan.stages, plan.at_once, StagePlan().at_once) == (3, False, True)


def test_nothing_has_no_stages() -> None:
    assert len(stage_of(SKUS[:0], ONLINE[:0], StagePlan((0.5, 1.0)), seed=1)) == 0


@pytest.mark.parametrize(
    "shares", [(), (0.5,), (0.5, 0.5, 1.0), (0.9, 0.5, 1.0), (0.0, 1.0), (2.0,)]
)
def test_shares_must_rise_to_one(shares: tuple[float, ...]) -> None:
    with pytest.raises(InvalidLimits, match="must rise"):
        StagePlan(shares)


@pytest.mark.parametrize(
    ("values", "band", "place"),
    [
        ([1, 1, 1], Band(0.9, 1.1), None),
        ([1, 0.8, 1, 0.8], Band(0.9), None),
        ([1, 0.8, 0.7, 1], Band(0.9), 2),
        ([1, 1.2, 0.8], Band(0.9, 1.1), 2),
        ([0.8], Band(0.9, readings=1), 0),
        ([2, 2], Band(high=1.0), 1),
        ([float("nan"), float("inf")], Band(0.9), 1),
        ([], Band(0.9), None),
    ],
)
def test_a_band_is_broken_by_readings_in_a_row(
    values: list[float], band: Band, place: int | None
) -> None:
    assert broken_at(values, band) == place


@given(st.lists(st.floats(-2, 2)), st.integers(1, 4))
def test_more_patience_never_breaks_sooner(values: list[float], readings: int) -> None:
    patient = broken_at(values, Band(0.0, readings=readings + 1))
    hasty = broken_at(values, Band(0.0, readings=readings))
    assert patient is None or (hasty is not None and hasty < patient)


@pytest.mark.parametrize(
    ("band", "words"),
    [
        ({}, "lowest or a highest"),
        ({"low": 2, "high": 1}, "exceed"),
        ({"low": 1, "readings": 0}, "1 or more"),
    ],
)
def test_bands_that_say_nothing_are_refused(band: dict[str, float], words: str) -> None:
    with pytest.raises(InvalidLimits, match=words):
        Band(**band)  # type: ignore[arg-type]


def test_a_pause_is_not_negative() -> None:
    with pytest.raises(InvalidLimits, match="negative"):
        StagePlan(pause=timedelta(seconds=-1))
