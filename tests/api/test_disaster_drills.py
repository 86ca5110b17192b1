"""Drills from the database to the price book: inputs go wrong, and nothing harmful goes live.

The outbox has an alert that says what was held and why. No change budget helps here: it is as loose
as it can be set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from api.jobs.release import ReleaseTerms, keep_releases, release
from api.jobs.reprice import RepriceRequest, reprice
from models.demand import ConstantElasticityDemand, FittedCurves, Provenance
from pricing.catalogue import Market
from pricing.deciding.decide import PricingPolicy
from pricing.deciding.guardrails import GuardrailLimits
from pricing.events.prices import PricesHeld
from pricing.money import Money
from pricing.releases.change_budget import ChangeBudget
from pricing.rulebook.document import PricingRules
from storage.database import reading, writing
from storage.demand.fits import load_fit, save_fit
from storage.errors import ClockBehind
from storage.jobs.outbox import claim_due
from storage.prices.decisions import decision_of
from storage.prices.price_books import load_price_book
from storage.products.markets import add_markets, market_ids
from storage.products.products import product_ids
from storage.tables import costs, price_limits, products, sales
from tests.api.shop import observe_offer

OPENED = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
SHOP = Market("online", "EUR", "Europe/Berlin")
PRICES = {"cup": 1000, "mug": 2500, "pan": 499, "pot": 12_000}
COST_SHARE = 0.45
TERMS = ReleaseTerms(budget=ChangeBudget(1.0, 1.0, 1.0, 1.0))
POLICY = PricingPolicy()
RULES = PricingRules(policy=POLICY)


def known_at(now: datetime) -> RepriceRequest:
    return RepriceRequest(now=now, offer_max_age=timedelta(days=3))


def add_costs(engine: Engine, day: date, factor: float = 1.0, **more: Any) -> None:  # noqa: ANN401
    with writing(engine) as conn:
        number = market_ids(conn)["online"]
        for sku, product in product_ids(conn).items():
            minor = max(round(PRICES[sku] * COST_SHARE * factor), 1)
            row = {"product_id": product, "market_id": number, "valid_from": day}
            conn.execute(costs.insert().values(**row, cost_minor=minor, **more))


def add_fit(engine: Engine, at: datetime, elasticity: float) -> None:
    n, skus = len(PRICES), sorted(PRICES)
    demand = ConstantElasticityDemand(
        reference_price=np.array([PRICES[sku] / 100 for sku in skus]),
        log_base=np.full(n, 4.0),
        elasticity=np.full(n, elasticity),
        covariance=np.tile(np.diag([0.001, 0.01]), (n, 1, 1)),
        residual_variance=np.full(n, 0.05),
    )
    curves = FittedCurves(
        sku=np.array(skus),
        market=np.array(["online"] * n),
        demand=demand,
        own_elasticity=np.full(n, elasticity),
        own_std_error=np.full(n, 0.1),
        n_obs=np.full(n, 104),
        method=np.full(n, "2sls"),
        status=np.full(n, "ok"),
        provenance=Provenance(date(2024, 1, 1), date(2026, 2, 22), 104 * n, 7, "2sls", {}),
    )
    with writing(engine) as conn:
        save_fit(conn, curves, created_at=at, report={})


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Four products with costs, sales, a fit and a first price book."""
    with writing(engine) as conn:
        add_markets(conn, [SHOP])
        for sku in PRICES:
            row = {"sku": sku, "title": sku, "category": "kitchen"}
            conn.execute(products.insert().values(**row, created_at=OPENED, updated_at=OPENED))
        for sku, product in product_ids(conn).items():
            key = {"product_id": product, "market_id": market_ids(conn)["online"]}
            money = {"revenue_minor": 10 * PRICES[sku], "regular_price_minor": PRICES[sku]}
            for day in (date(2026, 2, 16), date(2026, 2, 23)):
                conn.execute(sales.insert().values(**key, period_start=day, units=10, **money))
    add_costs(engine, date(2026, 2, 23))
    add_fit(engine, OPENED, -2.6)
    assert attempt(engine, OPENED) == 1
    return engine


def attempt(engine: Engine, now: datetime, policy: PricingPolicy = POLICY) -> int | None:
    """Decide, and put live what may go live; returns the version."""
    run = reprice(engine, PricingRules(policy=policy), known_at(now))
    return release(engine, run.run_id, TERMS, now=now, by="cron").version


def served(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return {entry.sku: entry.price.minor for entry in load_price_book(conn)}


def alerts(engine: Engine) -> list[dict[str, Any]]:
    with writing(engine) as conn:
        due = claim_due(conn, now=OPENED + 10 * WEEK, limit=50, lease=WEEK)
    return [dict(message.payload) for message in due if message.topic == PricesHeld.type_name]


def costs_in_cents(engine: Engine) -> None:
    add_costs(engine, date(2026, 3, 8), 100.0)


def costs_a_hundredth(engine: Engine) -> None:
    add_costs(engine, date(2026, 3, 8), 0.01)


def demand_that_hardly_falls(engine: Engine) -> None:
    add_fit(engine, OPENED + WEEK, -0.1)


def demand_that_rises(engine: Engine) -> None:
    add_fit(engine, OPENED + WEEK, 1.0)


def levels_that_no_sales_carry(engine: Engine) -> None:
    add_fit(engine, OPENED + WEEK, -2.6)
    figures = {"level": 2.8e11, "best": 340.0, "usual": 100.0}
    doubts = [{"sku": sku, "market": "online", **figures} for sku in PRICES]
    with writing(engine) as conn:
        newest = load_fit(conn)
        curves = newest.curves
        save_fit(
            conn,
            replace(curves, demand=curves.demand.take(np.full(len(curves), -1))),
            created_at=OPENED + WEEK,
            report={"implausible_levels": doubts},
        )


def another_currency(engine: Engine) -> None:
    add_costs(engine, date(2026, 3, 8), 160.0, currency="JPY")


def rivals(engine: Engine, factor: float) -> None:
    for sku, price in PRICES.items():
        offer = Money(max(round(price * factor), 1), "EUR")
        observe_offer(engine, sku, offer, at=OPENED + WEEK, site=f"rival-{sku}")


def a_rival_for_a_cent(engine: Engine) -> None:
    rivals(engine, 0.0)


def a_hundredfold_scrape(engine: Engine) -> None:
    rivals(engine, 100.0)


def test_without_a_disaster_prices_move_and_no_alert_is_raised(shop: Engine) -> None:
    before = served(shop)
    add_costs(shop, date(2026, 3, 8), 1.05)
    assert attempt(shop, OPENED + WEEK) == 2
    assert served(shop) != before
    assert alerts(shop) == []


@pytest.mark.parametrize(
    ("disaster", "limit"),
    [
        (costs_in_cents, "implausible_cost"),
        (costs_a_hundredth, "implausible_cost"),
        (demand_that_hardly_falls, "implausible_demand"),
        (demand_that_rises, "implausible_demand"),
        (another_currency, "currency_mismatch"),
    ],
)
def test_a_broken_input_moves_no_price_and_an_alert_says_what_was_held(
    shop: Engine, disaster: Callable[[Engine], None], limit: str
) -> None:
    before = served(shop)
    disaster(shop)
    attempt(shop, OPENED + WEEK)
    assert served(shop) == before
    (alert,) = alerts(shop)
    assert alert["held"] == {limit: 4}
    assert (alert["run"], alert["rows"]) == (2, 4)
    assert alert["why"].startswith("4 x ")
    first = alert["examples"][0]
    assert (first["sku"], first["price_decided"]) == ("cup", first["price_in_force"])
    assert {"code": "held", "limit": limit} in first["reasons"]


def test_a_level_that_no_sales_carry_moves_no_price_and_both_figures_are_told(
    shop: Engine,
) -> None:
    before = served(shop)
    levels_that_no_sales_carry(shop)
    attempt(shop, OPENED + WEEK)
    assert served(shop) == before
    (alert,) = alerts(shop)
    assert alert["held"] == {"implausible_level": 4}
    reason = {"code": "held", "limit": "implausible_level", "level": 2.8e11, "best": 340.0}
    assert reason | {"usual": 100.0} in alert["examples"][0]["reasons"]
    with reading(shop) as conn:
        stored = decision_of(conn, "cup", "online")
    assert reason | {"usual": 100.0} in [one.wire() for one in stored.decision.reasons]


@pytest.mark.parametrize("disaster", [a_rival_for_a_cent, a_hundredfold_scrape])
def test_offers_that_cannot_be_are_ignored_and_an_alert_says_so(
    shop: Engine, disaster: Callable[[Engine], None]
) -> None:
    alone = reprice(shop, RULES, known_at(OPENED + WEEK)).decisions
    disaster(shop)
    assert attempt(shop, OPENED + WEEK) == 2
    # As if there were no offer at all: no price follows a rival who is not there.
    assert served(shop) == dict(
        zip(alone.catalogue.sku.tolist(), alone.price.tolist(), strict=True)
    )
    (alert,) = alerts(shop)
    assert (alert["held"], alert["offers_ignored"]) == ({}, 4)
    assert "offers too far from the price were ignored" in alert["why"]


def test_a_clock_an_hour_back_moves_no_price_and_an_alert_says_so(shop: Engine) -> None:
    assert attempt(shop, OPENED + WEEK) == 2
    before = served(shop)
    late = OPENED + WEEK - timedelta(hours=1)
    run = reprice(shop, RULES, known_at(late))
    assert run.decisions.changes == 0
    with pytest.raises(ClockBehind):
        release(shop, run.run_id, TERMS, now=late, by="cron")
    assert served(shop) == before
    (alert,) = alerts(shop)
    assert alert["held"] == {"clock_behind": 4}


def test_a_cost_file_in_cents_after_the_decision_holds_the_draft_with_an_alert(
    shop: Engine,
) -> None:
    add_costs(shop, date(2026, 3, 8), 1.05)
    before = served(shop)
    run = reprice(shop, RULES, known_at(OPENED + WEEK))
    terms = replace(TERMS, activate_at=OPENED + WEEK + timedelta(hours=12))
    waits = release(shop, run.run_id, terms, now=OPENED + WEEK, by="cron")
    assert (waits.version, waits.draft.status) == (None, "approved")
    add_costs(shop, date(2026, 3, 9), 100.0)
    work = keep_releases(shop, now=OPENED + WEEK + timedelta(hours=13))
    assert (work.versions, work.rejected) == ((), (waits.draft.draft_id,))
    assert served(shop) == before
    with writing(shop) as conn:
        due = claim_due(conn, now=OPENED + 10 * WEEK, limit=50, lease=WEEK)
    refused = [dict(message.payload) for message in due if message.topic == "price_book.refused"]
    assert len(refused) == 1
    assert "cost_floor" in refused[0]["prices"][0]["limits"]


def test_prices_that_cannot_reach_their_level_are_all_counted_with_what_frees_them(
    shop: Engine,
) -> None:
    before = served(shop)
    with writing(shop) as conn:
        number = market_ids(conn)["online"]
        for sku, product in product_ids(conn).items():
            key = {"product_id": product, "market_id": number, "valid_from": date(2026, 3, 8)}
            told = {"minimum_minor": 2 * PRICES[sku], "rrp_minor": PRICES[sku]}
            conn.execute(price_limits.insert().values(**key, **told))
    attempt(shop, OPENED + WEEK)
    assert served(shop) == before
    (alert,) = alerts(shop)
    assert (alert["stuck"], alert["held"]) == (4, {})
    assert alert["why"] == "4 x prices that stand outside a limit and cannot move"
    assert {name: entry["count"] for name, entry in alert["stuck_by"].items()} == {
        "minimum_price": 4,
        "rrp_cap": 4,
    }
    assert "exclude each other" in alert["stuck_by"]["rrp_cap"]["freed_by"]


def test_prices_below_a_cost_that_rose_go_up_to_it_and_the_book_takes_each_step(
    shop: Engine,
) -> None:
    before = served(shop)
    add_costs(shop, date(2026, 3, 8), 1.9)
    floors = {sku: round(PRICES[sku] * COST_SHARE * 1.9) / 0.95 for sku in PRICES}
    slow, steps = PricingPolicy(limits=GuardrailLimits(maximum_change=0.05)), [before]
    for day in range(7, 14):
        attempt(shop, OPENED + timedelta(days=day), slow)
        steps.append(served(shop))
    assert all(steps[-1][sku] >= floors[sku] for sku in PRICES)
    assert any(steps[1][sku] < floors[sku] for sku in PRICES)
    assert all(
        late[sku] >= early[sku]
        for early, late in pairwise(steps)
        for sku in PRICES
        if early[sku] < floors[sku]
    )
    assert alerts(shop) == []
