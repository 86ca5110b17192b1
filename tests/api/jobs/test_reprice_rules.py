"""A run under all of a manager's rules: cross effects, member tiers, the law, the age of inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from api.jobs.pareto import front, front_frame
from api.jobs.reprice import RepriceOutcome, RepriceRequest, reprice
from pricing.errors import InvalidLimits
from pricing.law.packs import TierRule
from pricing.rulebook.document import PricingRules, rules_of
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.demand.cross_effects import save_cross_effects
from storage.demand.fits import save_fit
from storage.law.market_rules import set_market_rules
from storage.law.rule_packs import RulePacks, load_rule_packs
from storage.prices.decisions import run_summary
from tests.api.promotions_at_hand import set_limits
from tests.databases import postgres_engine, sqlite_engine
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, curves_for

DAY = timedelta(days=1)
RULES = {
    "member_tiers": [{"tier": "gold", "discount": 0.05}],
    "guardrails": {"competitor_band": None},
    "exchange_rates": {"EUR": 1, "JPY": 0.006},
}


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Three products online, two of them in Tokyo, fitted; the teas are substitutes."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        add_shop(engine)
        with writing(engine) as conn:
            for market, skus in (("online", ("cup-1", "tea-1", "tea-2")), ("tokyo", ("tea-1",))):
                for sku in skus:
                    add_sale(conn, sku, market, date(2026, 2, 23), 10, 10_000)
                    add_cost(conn, sku, market, date(2026, 1, 1), 400)
            fit_id = save_fit(
                conn, curves_for(read_catalogue(conn, at=NOW)), created_at=NOW, report={}
            )
            pairs = pd.DataFrame(
                {
                    "sku": ["tea-1", "tea-2"],
                    "other": ["tea-2", "tea-1"],
                    "elasticity": [0.5, 90.0],
                    "std_error": [0.1, 0.1],
                }
            )
            save_cross_effects(conn, fit_id, pairs)
        yield engine


def run(
    engine: Engine, rules: PricingRules, days: int = 0, packs: RulePacks | None = None
) -> RepriceOutcome:
    request = RepriceRequest(now=NOW + days * DAY, offer_max_age=DAY, packs=packs)
    return reprice(engine, rules, request)


def test_a_run_weighs_cross_effects_as_far_as_they_can_be_believed(shop: Engine) -> None:
    outcome = run(shop, rules_of(RULES))
    assert outcome.cross_effects == 2
    assert outcome.decisions.solve.method == "decomposition"
    # An effect of 90 would make demand negative: it was shrunk, and the run went through.
    assert (outcome.decisions.units[np.isfinite(outcome.decisions.units)] > 0).all()
    with reading(shop) as conn:
        told = run_summary(conn, outcome.run_id)
    assert told.report["cross_effects"] == 2
    assert told.tiers == ("gold", "public")
    alone = run(shop, rules_of({**RULES, "search": {"cross_effects": False}}))
    assert (alone.cross_effects, alone.decisions.solve.method) == (0, "separable")


def test_members_get_no_prices_where_the_law_forbids_them(shop: Engine) -> None:
    packs = load_rule_packs()
    jurisdiction = next(pack for pack in packs.packs if pack.personal_price is not None)
    assert jurisdiction.personal_price is not None
    strict = replace(
        jurisdiction,
        personal_price=replace(jurisdiction.personal_price, tiers=TierRule.FORBIDDEN),
    )
    with writing(shop) as conn:
        set_market_rules(conn, "tokyo", strict.jurisdiction, at=NOW, by="counsel")
    free = run(shop, rules_of(RULES))
    assert free.no_tiers_in == ()
    barred = run(shop, rules_of(RULES), packs=RulePacks((strict,)))
    assert barred.no_tiers_in == ("tokyo",)
    (gold,) = barred.tiers
    assert set(gold[1].catalogue.market.values().tolist()) == {"online"}
    assert len(free.tiers[0][1]) == len(gold[1]) + 1


def test_when_the_sales_stop_coming_prices_stay_and_say_why(shop: Engine) -> None:
    late = run(shop, rules_of(RULES), days=130)
    assert late.decisions.changes == 0
    assert late.decisions.held_by_limit()["stale_inputs"] == 4
    patient = {**RULES, "guardrails": {"inputs_older_than_days": 366}}
    assert run(shop, rules_of(patient), days=130).decisions.changes > 0


def test_a_minimum_advertised_price_binds_where_the_settings_say(shop: Engine) -> None:
    set_limits(shop, "tea-1", map_minor=1080)
    request = RepriceRequest(now=NOW, offer_max_age=DAY)
    rules = rules_of({"guardrails": {"maximum_change": 0.15}})

    def asked(*binding: str) -> int:
        decisions = reprice(shop, rules, replace(request, map_floor_in=binding)).decisions
        return int(decisions.lower[decisions.catalogue.where(skus=["tea-1"], market="online")][0])

    assert asked() < 1080
    assert asked("tokyo") < 1080
    assert asked("tokyo", "online") >= 1080
    with pytest.raises(InvalidLimits, match="PRICEWRIGHT_MAP_FLOOR_IN: there is no market 'moon'"):
        asked("moon")


def test_a_front_stores_nothing(shop: Engine) -> None:
    rules = rules_of({**RULES, "pareto": {"revenue": [0, 1.0], "risk_aversion": [0, 1]}})
    found = front(shop, rules, RepriceRequest(now=NOW, offer_max_age=DAY))
    frame = front_frame(found, list(rules.pareto))
    assert found.tried == 4
    assert len(frame) == len(found.points) >= 1
    assert frame["profit"].is_monotonic_decreasing
    with reading(shop) as conn, pytest.raises(LookupError):
        run_summary(conn, 1)
