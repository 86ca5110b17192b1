"""Drills: an input goes wrong in a way that has happened to somebody, and no price moves by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.arrays import FloatArray
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions
from pricing.deciding.guardrails import FrozenWindow, GuardrailLimits
from pricing.deciding.level_doubts import LevelDoubts
from pricing.deciding.replay import replay
from pricing.deciding.sanity import plausible_offers
from pricing.errors import InvalidCatalogue, InvalidLimits
from tests.pricing.catalogues import EUROPE, NOW, catalogue_of, curves

NET = replace(EUROPE, tax_rate=0.0)
PRICES, COSTS = [1000, 2500, 499, 12_000], [450, 1400, 220, 7000]


@pytest.fixture
def shop() -> Catalogue:
    """Four products, all sane."""
    return catalogue_of(PRICES, COSTS, market=NET)


def run(
    catalogue: Catalogue,
    elasticity: float | FloatArray = -2.2,
    rivals: CompetitorPrices | None = None,
    **limits: object,
) -> Decisions:
    return decide(
        catalogue,
        curves(catalogue, elasticity),
        rivals or CompetitorPrices.none(len(catalogue)),
        PricingPolicy(limits=GuardrailLimits(**limits)),  # type: ignore[arg-type]
        decided_at=NOW,
    )


def all_held(decisions: Decisions, limit: str) -> bool:
    """No price moves, every row says why, and the summary of the run does, too."""
    n = len(decisions)
    said = decisions.held_by_limit().get(limit) == n
    reasons = all(
        {"code": "held", "limit": limit} in [reason.wire() for reason in record.reasons]
        for record in decisions
    )
    same = (decisions.price == decisions.catalogue.price).all()
    return said and reasons and bool(same) and bool((decisions.action == Action.HOLD).all())


def test_the_shop_without_a_disaster_moves_its_prices(shop: Catalogue) -> None:
    assert run(shop).changes == 4


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_a_cost_file_in_cents_or_in_hundreds_moves_no_price(shop: Catalogue, factor: float) -> None:
    wrong = replace(shop, cost=np.maximum((shop.cost * factor).astype(np.int64), 1))
    assert all_held(run(wrong), "implausible_cost")


def test_a_competitor_at_one_cent_changes_nothing(shop: Catalogue) -> None:
    rivals = CompetitorPrices(np.full(4, 1), np.ones(4, np.int64))
    assert run(shop, rivals=rivals).price.tolist() == run(shop).price.tolist()
    assert (plausible_offers(shop, rivals, GuardrailLimits()).lowest == UNKNOWN).all()


def test_a_scrape_that_multiplies_by_a_hundred_changes_nothing(shop: Catalogue) -> None:
    rivals = CompetitorPrices(shop.price * 100, np.ones(4, np.int64))
    assert run(shop, rivals=rivals).price.tolist() == run(shop).price.tolist()
    sane = CompetitorPrices(shop.price - 10, np.ones(4, np.int64))
    assert plausible_offers(shop, sane, GuardrailLimits()) is sane


@pytest.mark.parametrize("elasticity", [-0.1, 1.0, 0.0, -35.0])
def test_an_elasticity_that_no_shop_has_moves_no_price(shop: Catalogue, elasticity: float) -> None:
    assert all_held(run(shop, elasticity), "implausible_demand")


def test_a_level_that_no_sales_carry_moves_no_price_and_is_told_with_its_figures(
    shop: Catalogue,
) -> None:
    nan = np.nan
    doubts = LevelDoubts(*np.array([[8.2e15, nan], [340.0, nan], [90.0, nan]]).repeat(2, axis=1))
    decisions = decide(
        shop,
        curves(shop, -2.2).take(np.array([-1, -1, 2, 3])),
        CompetitorPrices.none(4),
        PricingPolicy(),
        decided_at=NOW,
        doubts=doubts,
    )
    assert (decisions.price[:2] == shop.price[:2]).all()
    assert (decisions.price[2:] != shop.price[2:]).all()
    assert decisions.held_by_limit() == {"implausible_level": 2}
    said = {"limit": "implausible_level", "level": 8.2e15, "best": 340.0, "usual": 90.0}
    assert {"code": "held", **said} in [reason.wire() for reason in decisions.record(0).reasons]
    again = replay(decisions, 1, curves(shop, -2.2).take(np.array([-1, -1, 2, 3])), PricingPolicy())
    assert again.same
    assert {"code": "held", **said} in [reason.wire() for reason in again.decision.reasons]
    with pytest.raises(InvalidCatalogue, match="level doubts are for 2 rows"):
        decide(
            shop,
            curves(shop, -2.2),
            CompetitorPrices.none(4),
            PricingPolicy(),
            decided_at=NOW,
            doubts=doubts.take(np.array([0, 1])),
        )


def test_a_clock_an_hour_back_moves_no_price(shop: Catalogue) -> None:
    later = np.full(4, np.datetime64(NOW.replace(tzinfo=None), "s") + np.timedelta64(1, "h"))
    assert all_held(run(replace(shop, changed_at=later)), "clock_behind")
    assert all_held(run(replace(shop, inputs_at=later)), "clock_behind")


def test_a_currency_switched_moves_no_price(shop: Catalogue) -> None:
    assert all_held(run(replace(shop, money_currency=np.full(4, "JPY"))), "currency_mismatch")
    assert run(replace(shop, money_currency=np.full(4, "EUR"))).changes == 4


def test_stale_inputs_and_blank_minimums_move_no_price(shop: Catalogue) -> None:
    old = np.full(4, np.datetime64(NOW.replace(tzinfo=None), "s") - np.timedelta64(40, "D"))
    assert all_held(run(replace(shop, inputs_at=old), inputs_older_than_days=30.0), "stale_inputs")
    assert run(replace(shop, inputs_at=old), inputs_older_than_days=41.0).changes == 4
    assert all_held(run(shop, require_minimum=True), "blank_minimum")
    named = replace(shop, minimum_price=np.array([900, 2000, 400, 9000]))
    assert run(named, require_minimum=True).changes == 4


def test_a_price_rests_between_changes_and_in_frozen_windows(shop: Catalogue) -> None:
    recent = np.full(4, np.datetime64(NOW.replace(tzinfo=None), "s") - np.timedelta64(5, "h"))
    changed = replace(shop, changed_at=recent)
    assert all_held(run(changed, hours_between_changes=6.0), "cadence")
    assert run(changed, hours_between_changes=5.0).changes == 4
    hour = timedelta(hours=1)
    assert all_held(run(shop, frozen_windows=(FrozenWindow(NOW, NOW + hour),)), "frozen_window")
    assert run(shop, frozen_windows=(FrozenWindow(NOW - hour, NOW),)).changes == 4
    elsewhere = FrozenWindow(NOW, NOW + hour, market="tokyo")
    assert run(shop, frozen_windows=(elsewhere,)).changes == 4
    with pytest.raises(InvalidLimits, match="frozen window"):
        FrozenWindow(NOW, NOW)


def test_ten_bad_days_in_a_row_stay_inside_the_week(shop: Catalogue) -> None:
    """An elasticity just believable pushes up every day; the week's limit stops it."""
    first = shop.price
    catalogue = replace(shop, price_week_ago=first)
    for _ in range(10):
        decisions = run(catalogue, -0.5)
        catalogue = replace(catalogue, price=decisions.price, price_day_ago=catalogue.price)
    assert (catalogue.price <= first * 1.4 + 1e-6).all()
    assert (catalogue.price > first * 1.3).all()
