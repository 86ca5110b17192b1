"""What members pay: less, never more, and never below what lasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand import ConstantElasticityDemand
from pricing.catalogue import Catalogue, CompetitorPrices, Labels
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, ReasonCode
from pricing.deciding.guardrails import GuardrailLimits, lasting_floor
from pricing.deciding.member_tiers import (
    MemberTier,
    member_decisions,
    member_prices,
    tier_decisions,
)
from pricing.errors import InvalidStrategy
from pricing.law.emergency_cap import NO_CAP
from pricing.law.legal_bounds import LegalBounds
from tests.pricing.catalogues import NOW, catalogue_of, curves, priced_catalogues

GOLD = MemberTier("gold", 0.10)


def test_members_pay_less_never_more_and_never_below_the_floor() -> None:
    shop = catalogue_of([1000, 1000, 1000], [500, 500, 500])
    floor = np.array([980, 700, 1100])
    assert member_prices(shop.price, shop, floor, 0.10).tolist() == [980, 900, 1000]
    assert lasting_floor(shop, GuardrailLimits(minimum_margin=0.0)).tolist() == [595] * 3


def test_a_tier_price_is_presentable_and_says_why() -> None:
    shop = replace(
        catalogue_of([1999, 1999, 1999], [500, 500, 1650]),
        minimum_price=np.array([-1, 1950, -1]),
    )
    policy = PricingPolicy()
    offers = CompetitorPrices.none(3)
    run = decide(shop, curves(shop, -2.0), offers, replace(policy, max_changes=0), decided_at=NOW)
    gold = tier_decisions(run, GOLD, policy)
    # 10 % off 19.99 is 17.99; a minimum of 19.50 leaves 19.59; a cost of 16.50 leaves no room.
    assert gold.price.tolist() == [1799, 1959, 1999]
    paths = [
        reason.facts["path"]
        for record in gold
        for reason in record.reasons
        if reason.code is ReasonCode.STRATEGY
    ]
    assert paths[0] == "member tier gold (10.0% off)"
    assert paths[2] == "member tier gold (10.0% off, barred by a floor)"
    assert gold.record(0).action is Action.CHANGE


def test_a_tier_holds_where_it_says_and_under_the_law() -> None:
    shop = replace(
        catalogue_of([1999] * 3, [500] * 3),
        category=Labels.of(["tea", "jam", "tea"]),
    )
    legal = LegalBounds(
        np.array([1900, 0, 0]), np.full(3, NO_CAP), Labels(np.zeros(3, np.int64), ("art. 1",))
    )
    run = decide(
        shop,
        curves(shop, -2.0),
        CompetitorPrices.none(3),
        PricingPolicy(max_changes=0),
        decided_at=NOW,
        legal=legal,
    )
    gold = tier_decisions(run, replace(GOLD, categories=("tea",)), PricingPolicy())
    assert gold.catalogue.sku.tolist() == ["P0", "P2"]
    assert gold.price.tolist() == [1909, 1799]


def test_of_rules_for_one_tier_the_first_that_covers_a_row_counts() -> None:
    shop = replace(catalogue_of([1999] * 4, [500] * 4), category=Labels.of(["tea", "jam"] * 2))
    run = decide(
        shop,
        curves(shop, -2.0),
        CompetitorPrices.none(4),
        PricingPolicy(max_changes=0),
        decided_at=NOW,
    )
    rules = (
        replace(GOLD, categories=("tea",)),
        MemberTier("gold", 0.5),
        MemberTier("silver", 0.05, skus=("P0",)),
        MemberTier("silver", 0.9, skus=("P0",)),
    )
    found = member_decisions(run, rules, PricingPolicy())
    told = [(tier, d.catalogue.sku.tolist(), d.price.tolist()) for tier, d in found]
    assert told == [
        ("gold", ["P0", "P2"], [1799, 1799]),
        ("gold", ["P1", "P3"], [999, 999]),
        ("silver", ["P0"], [1899]),
    ]
    assert member_decisions(run, rules, PricingPolicy(), barred=("online",)) == ()


@settings(max_examples=60, deadline=None)
@given(priced_catalogues(), st.sampled_from([0.0, 0.03, 0.4, 0.9]))
def test_no_tier_price_is_above_the_public_one_or_sells_at_a_loss(
    known: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices], discount: float
) -> None:
    catalogue, demand, competitors = known
    policy = PricingPolicy()
    run = decide(catalogue, demand, competitors, policy, decided_at=NOW)
    gold = tier_decisions(run, MemberTier("gold", discount), policy)
    public = run.price[run.price > 0]
    assert (gold.price <= public).all()
    reduced = gold.price < public
    net = gold.price / (1.0 + gold.catalogue.tax_rate)
    assert (net[reduced] * 0.95 * (1 + 1e-9) >= gold.catalogue.cost[reduced]).all()
    assert (gold.catalogue.cost[reduced] > 0).all()


@pytest.mark.parametrize(("tier", "discount"), [("", 0.1), ("public", 0.1), ("gold", 1.0)])
def test_a_tier_that_cannot_be_meant_is_refused(tier: str, discount: float) -> None:
    with pytest.raises(InvalidStrategy):
        MemberTier(tier, discount)
