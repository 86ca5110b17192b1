"""The last check sees what the search must not decide: each limit broken alone is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.guardrails import GuardrailLimits, Limit, price_bounds, violations
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
