"""The last check sees what the search must not decide: each limit broken alone is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import IntArray
from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.guardrails import GuardrailLimits, Limit, price_bounds, violations
from pricing.errors import InvalidLimits
from tests.pricing.catalogues import catalogue_of, priced_catalogues

LIMITS = GuardrailLimits(minimum_margin=0.10, maximum_change=0.15, competitor_band=(0.9, 1.1))


@pytest.mark.parametrize(
    ("price", "cost", "lowest", "proposed", "broken"),
    [
        (1190, 500, UNKNOWN, 1190, Limit.NONE),
        (1190, 500, UNKNOWN, 1368, Limit.NONE),
        (1190, 500, UNKNOWN, 1369, Limit.MAXIMUM_CHANGE),
        (1190, 500, UNKNOWN, 1011, Limit.MAXIMUM_CHANGE),
        (1190, 900, UNKNOWN, 1190, Limit.NONE),
        (1190, 901, UNKNOWN, 1190, Limit.MINIMUM_MARGIN),
        (1190, 1001, UNKNOWN, 1190, Limit.MINIMUM_MARGIN | Limit.COST_FLOOR),
        (1000, 300, 1000, 1100, Limit.NONE),
        (1000, 300, 1000, 1101, Limit.COMPETITOR_BAND),
        (1000, 300, 1000, 899, Limit.COMPETITOR_BAND),
        (1000, 300, 800, 881, Limit.COMPETITOR_BAND),
        (1000, 300, 800, 880, Limit.NONE),
        (1000, 300, 500, 1000, Limit.NONE),
        (1000, 300, 500, 1001, Limit.COMPETITOR_BAND),
        (1000, 300, 500, 900, Limit.NONE),
        (1000, UNKNOWN, UNKNOWN, 1000, Limit.MISSING_COST),
        (UNKNOWN, 300, UNKNOWN, 1000, Limit.MISSING_PRICE | Limit.MAXIMUM_CHANGE),
        (
            1000,
            300,
            UNKNOWN,
            0,
            Limit.MISSING_PRICE | Limit.COST_FLOOR | Limit.MINIMUM_MARGIN | Limit.MAXIMUM_CHANGE,
        ),
    ],
)
def test_each_limit_is_checked_to_the_minor_unit(
    price: int, cost: int, lowest: int, proposed: int, broken: Limit
) -> None:
    catalogue = catalogue_of([price], [cost])
    offers = CompetitorPrices(np.array([lowest]), np.array([int(lowest != UNKNOWN)]))
    found = violations(np.array([proposed]), catalogue, offers, LIMITS)
    assert Limit(int(found[0])) == broken


@settings(max_examples=200, deadline=None)
@given(priced_catalogues(), st.integers(1, 40_000))
def test_bounds_and_check_agree_on_every_price(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], proposed: int
) -> None:
    catalogue, _, competitors = known
    bounds = price_bounds(catalogue, competitors, LIMITS)
    price = np.full(len(catalogue), proposed, dtype=np.int64)
    inside = (price >= bounds.lower) & (price <= bounds.upper)
    assert (inside == (violations(price, catalogue, competitors, LIMITS) == 0)).all()


def test_a_set_of_limits_names_its_members() -> None:
    assert (Limit.COST_FLOOR | Limit.CHANGE_BUDGET).names == ("cost_floor", "change_budget")
    assert Limit.NONE.names == ()


def test_bits_are_never_renumbered_because_they_are_stored() -> None:
    assert [int(limit) for limit in Limit] == [1 << bit for bit in range(len(Limit))]
    assert [limit.name for limit in Limit][:10] == [
        "COST_FLOOR",
        "MINIMUM_MARGIN",
        "MAXIMUM_CHANGE",
        "COMPETITOR_BAND",
        "PRICE_ENDING",
        "CHANGE_BUDGET",
        "MISSING_COST",
        "MISSING_PRICE",
        "MISSING_DEMAND",
        "IMPLAUSIBLE_DEMAND",
    ]


@pytest.mark.parametrize(
    ("columns", "limits", "proposed", "broken"),
    [
        ({"minimum_price": 950}, {}, 949, Limit.MINIMUM_PRICE),
        ({"minimum_price": 950}, {}, 950, Limit.NONE),
        ({"maximum_price": 1050}, {}, 1051, Limit.MAXIMUM_PRICE),
        ({"rrp": 1020}, {}, 1021, Limit.RRP_CAP),
        ({"rrp": 1020}, {}, 1020, Limit.NONE),
        ({"map_floor": 990}, {}, 900, Limit.NONE),
        ({"map_floor": 990}, {"map_floor_in": ("online",)}, 989, Limit.MAP_FLOOR),
        ({"map_floor": 990}, {"map_floor_in": ("tokyo",)}, 989, Limit.NONE),
        ({"price_day_ago": 900}, {"maximum_change_per_day": 0.1}, 991, Limit.CHANGE_PER_DAY),
        ({"price_day_ago": 900}, {"maximum_change_per_day": 0.1}, 990, Limit.NONE),
        ({"price_week_ago": 1200}, {"maximum_change_per_week": 0.2}, 959, Limit.CHANGE_PER_WEEK),
        ({"price_week_ago": 1200}, {"maximum_change_per_week": 0.2}, 960, Limit.NONE),
    ],
)
def test_each_limit_that_a_row_brings_itself_is_checked_to_the_minor_unit(
    columns: dict[str, int], limits: dict[str, Any], proposed: int, broken: Limit
) -> None:
    row: dict[str, Any] = {name: np.array([value]) for name, value in columns.items()}
    catalogue = replace(catalogue_of([1000], [300]), **row)
    offers = CompetitorPrices.none(1)
    set_limits = GuardrailLimits(**limits)
    found = violations(np.array([proposed]), catalogue, offers, set_limits)
    assert Limit(int(found[0])) == broken
    bounds = price_bounds(catalogue, offers, set_limits)
    assert (bounds.lower[0] <= proposed <= bounds.upper[0]) == (broken == Limit.NONE)


@settings(max_examples=200, deadline=None)
@given(priced_catalogues(), st.integers(1, 40_000), st.integers(0, 2**32 - 1))
def test_bounds_and_check_agree_on_the_limits_that_rows_bring(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], proposed: int, seed: int
) -> None:
    catalogue, _, competitors = known
    rng = np.random.default_rng(seed)

    def around(low: float, high: float) -> IntArray:
        amount = np.maximum((catalogue.price * rng.uniform(low, high, len(catalogue))), 1)
        return np.where(rng.random(len(catalogue)) < 0.4, amount, UNKNOWN).astype(np.int64)

    catalogue = replace(
        catalogue,
        minimum_price=around(0.6, 1.1),
        maximum_price=around(0.9, 1.4),
        rrp=around(0.9, 1.4),
        map_floor=around(0.7, 1.1),
        price_day_ago=around(0.8, 1.2),
        price_week_ago=around(0.7, 1.3),
    )
    limits = replace(LIMITS, map_floor_in=("online",))
    bounds = price_bounds(catalogue, competitors, limits)
    price = np.full(len(catalogue), proposed, dtype=np.int64)
    inside = (price >= bounds.lower) & (price <= bounds.upper)
    assert (inside == (violations(price, catalogue, competitors, limits) == 0)).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"maximum_change_per_day": 0.6}, "maximum_change_per_day"),
        ({"maximum_change_per_week": 0.0}, "maximum_change_per_week"),
        ({"hours_between_changes": -1.0}, "hours_between_changes"),
        ({"inputs_older_than_days": 1000.0}, "inputs_older_than_days"),
        ({"plausible_cost": (0.5, 10.0)}, "plausible_cost"),
        ({"plausible_offer": (0.3, 100.0)}, "plausible_offer"),
        ({"plausible_elasticity": (0.0, 20.0)}, "plausible_elasticity"),
    ],
)
def test_a_limit_cannot_be_set_where_it_no_longer_protects(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidLimits, match=message):
        GuardrailLimits(**fields)
