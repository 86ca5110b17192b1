"""Leaders and followers with a planted truth, and rivals that only look like them."""

from __future__ import annotations

import numpy as np
import pytest

from models.competitors.lead_lag import OURSELVES, Following, lead_lag
from models.competitors.panel import RivalPanel
from models.errors import InvalidSpec
from tests.models.rivals import batch_prices, follower_of, number, panel_of

# Tolerances: 1,500 changes put the standard error of a share of .7 at .012; batches of a day make
# it about three times that.
SHARE_TOLERANCE = 0.10
LAG_TOLERANCE = 0.08


def pair(found: tuple[Following, ...], leader: str, follower: str) -> Following:
    (one,) = [each for each in found if (each.leader, each.follower) == (leader, follower)]
    return one


@pytest.fixture(scope="module")
def market() -> RivalPanel:
    """North leads; south repeats 70 % of it after 1, 2 or 4 days; east and we go our own ways."""
    rng = np.random.default_rng(1)
    north = batch_prices(rng, 60, 280)
    south = follower_of(north, rng, chance=0.7, lags=(1, 2, 2, 4))
    east = batch_prices(rng, 60, 280)
    return panel_of({"north": north, "south": south, "east": east}, batch_prices(rng, 60, 280))


@pytest.fixture(scope="module")
def found(market: RivalPanel) -> tuple[Following, ...]:
    return lead_lag(market)


def test_the_planted_leader_is_found_and_nobody_else(found: tuple[Following, ...]) -> None:
    assert [(each.leader, each.follower) for each in found if each.leads] == [("north", "south")]
    assert len(found) == 12


def test_the_share_followed_is_the_planted_one(found: tuple[Following, ...]) -> None:
    planted = pair(found, "north", "south")
    followed = planted.followed
    value, low, high = (number(each) for each in (followed.value, followed.low, followed.high))
    assert value == pytest.approx(0.7, abs=SHARE_TOLERANCE)
    assert low < value < high
    assert number(planted.by_chance.high) < low
    assert number(planted.p_value) <= number(planted.q_value) < 0.05


def test_the_lags_are_the_planted_ones(found: tuple[Following, ...]) -> None:
    planted = pair(found, "north", "south")
    assert sum(planted.lags) == pytest.approx(number(planted.followed.value))
    beyond = np.array(planted.lags) - np.array(planted.lags_by_chance)
    truth = 0.7 * np.array([0.25, 0.5, 0.0, 0.25, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(beyond, truth, atol=LAG_TOLERANCE)


def test_the_follower_of_our_own_prices_is_found_too() -> None:
    rng = np.random.default_rng(2)
    ours = batch_prices(rng, 40, 200)
    copy = follower_of(ours, rng, chance=0.8, lags=(1,))
    found = lead_lag(panel_of({"copy": copy}, ours))
    assert [each.leads for each in found] == [True, False]
    assert (found[0].leader, found[0].follower) == (OURSELVES, "copy")


def test_independent_rivals_are_called_no_more_often_than_promised() -> None:
    """180 pairs of independent sellers that change in batches, half of them on fixed weekdays."""
    p_values: list[float] = []
    called = 0
    for seed in range(30):
        rng = np.random.default_rng(100 + seed)
        rivals = {
            "monday": batch_prices(rng, 40, 196, weekday=0),
            "tuesday": batch_prices(rng, 40, 196, weekday=1),
        }
        found = lead_lag(panel_of(rivals, batch_prices(rng, 40, 196)), placebos=199, seed=seed)
        p_values += [each.p_value for each in found if each.p_value is not None]
        called += sum(each.leads for each in found)
    assert len(p_values) == 180
    # Pairs of one market share their sellers. Were they independent, 9 would be expected, and
    # Binomial(180, .05) would exceed 17 with a chance of .4 %.
    assert sum(p <= 0.05 for p in p_values) <= 17
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.08)
    assert called <= 4  # of 30 markets, each with one chance in twenty of a wrong call


def test_a_simple_count_would_be_fooled_by_fixed_weekdays_and_the_placebos_are_not() -> None:
    """Tuesday's shop changes the day after Monday's in every week, without looking at it."""
    rng = np.random.default_rng(5)
    rivals = {
        "monday": batch_prices(rng, 40, 196, weekday=0),
        "tuesday": batch_prices(rng, 40, 196, weekday=1),
    }
    found = lead_lag(panel_of(rivals, batch_prices(rng, 40, 196)), within=1)
    planted = pair(found, "monday", "tuesday")
    assert number(planted.followed.value) > 0.1
    assert not planted.leads


def test_a_seller_that_is_looked_at_rarely_is_not_taken_for_a_follower() -> None:
    """Both change on the same day; one is crawled weekly, so that its changes are seen late."""
    rng = np.random.default_rng(6)
    north = batch_prices(rng, 40, 224)
    late = north.copy()
    for day in range(224):
        late[:, day] = north[:, day - day % 7] * 1.1
    panel = panel_of({"north": north, "late": late}, batch_prices(rng, 40, 224),
                     cadence={"late": 7.0})  # fmt: skip
    found = lead_lag(panel)
    assert pair(found, "north", "late").window == (7, 13)
    assert not any(each.leads for each in found)


def test_a_change_across_a_gap_has_no_date_and_counts_for_nothing() -> None:
    rng = np.random.default_rng(7)
    north = batch_prices(rng, 30, 112)
    gappy = north.copy()
    gappy[:, 1::2] = np.nan
    found = lead_lag(panel_of({"north": north, "gappy": gappy}, north * 0.9))
    gaps = pair(found, "gappy", "north")
    assert (gaps.followed.value, gaps.followed.n) == (None, 0)


def test_too_short_a_record_says_so_instead_of_a_number() -> None:
    rng = np.random.default_rng(8)
    north = batch_prices(rng, 30, 40)
    found = lead_lag(panel_of({"north": north}, north))
    assert all(each.followed.value is None and each.p_value is None for each in found)
    assert found[0].followed.why == "40 days on record; 56 are needed"


def test_the_same_seed_gives_the_same_answer(
    market: RivalPanel, found: tuple[Following, ...]
) -> None:
    assert lead_lag(market) == found


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"within": 0}, "window"),
        ({"within": 29}, "window"),
        ({"placebos": 10}, "placebos"),
        ({"false_discovery_rate": 1.0}, "rate"),
    ],
)
def test_settings_out_of_range_are_refused(
    market: RivalPanel, settings: dict[str, int], said: str
) -> None:
    with pytest.raises(InvalidSpec, match=said):
        lead_lag(market, **settings)  # type: ignore[arg-type]
