"""Nothing goes live that the law or today's cost forbids, whatever way it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy.engine import Connection, Engine

from pricing.catalogue import CompetitorPrices
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action
from pricing.deciding.guardrails import GuardrailLimits
from pricing.law.legal_bounds import NO_FLOOR
from pricing.law.packs import Emergency, Finding, Verdict
from pricing.law.reference_price import Announcement
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import PricesNotAllowed
from storage.jobs.outbox import claim_due
from storage.law.legal_bounds import law_may_bind, stored_legal_bounds
from storage.law.market_rules import (
    declare_emergency,
    end_reduction,
    record_reduction,
    set_market_rules,
)
from storage.law.rule_packs import load_rule_packs
from storage.prices.decisions import decision_of, read_run, save_run
from storage.prices.price_books import live_version, load_price_book
from storage.products.markets import market_ids
from storage.products.products import product_ids
from storage.releases.drafts import add_parts, approve, propose, read_draft, release_next_stage
from storage.releases.publishing import kept_by_law, publish, roll_back
from storage.tables import price_limits
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, curves_for, decisions_for

DAY = timedelta(days=1)
PACKS = load_rule_packs()
POLICY = PricingPolicy(limits=GuardrailLimits(minimum_margin=0.10)).document()
OPENING = {"tea-1": 1000, "tea-2": 2000}
LAWFUL = Verdict(lawful=True, findings=(Finding.LAWFUL,), facts={"status": "known"})


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Two teas online at 10.00 and 20.00, half of it cost, since forty days ago."""
    add_shop(engine)
    with writing(engine) as conn:
        for sku, price in OPENING.items():
            add_sale(conn, sku, "online", date(2025, 12, 1), 10, 10 * price)
            add_cost(conn, sku, "online", date(2025, 12, 1), price // 2)
        publish(conn, run_with(conn, OPENING), at=NOW - 40 * DAY)
    return engine


def run_with(conn: Connection, prices: dict[str, int], at: datetime = NOW) -> int:
    """A run with exactly these prices, under limits."""
    run = decisions_for(read_catalogue(conn, at=at, skus=list(prices)), at)
    price = np.array([prices[sku] for sku in run.catalogue.sku.tolist()])
    changed = np.full(len(price), Action.CHANGE)
    run = replace(run, price=price, action=changed, held_by=np.zeros(len(price), np.int64))
    return save_run(conn, run, policy=POLICY, fit_id=None, created_at=at)


def draft_of(conn: Connection, prices: dict[str, int], **more: Any) -> int:  # noqa: ANN401
    run = run_with(conn, prices)
    return propose(conn, run, at=NOW, by="anna", review={}, approvals_needed=0, **more)


def served(conn: Connection) -> dict[str, int]:
    return {entry.sku: entry.price.minor for entry in load_price_book(conn)}


def told(conn: Connection, topic: str) -> dict[str, Any]:
    """The one alert of this topic."""
    due = claim_due(conn, now=NOW + 400 * DAY, limit=10, lease=DAY)
    (found,) = [message for message in due if message.topic == topic]
    return dict(found.payload)


def emergency(conn: Connection, **more: Any) -> None:  # noqa: ANN401
    set_market_rules(conn, "online", "US-CA", at=NOW, by="counsel")
    declare_emergency(conn, Emergency("US-CA", NOW - DAY, **more), at=NOW, by="counsel")


def announce(conn: Connection, sku: str, starts: datetime, price: int, **more: Any) -> int:  # noqa: ANN401
    set_market_rules(conn, "online", "EU", at=NOW, by="counsel")
    announced = Announcement(starts=starts, price=price, **more)
    return record_reduction(conn, sku, "online", announced, LAWFUL, at=NOW, by="anna")


def test_a_price_above_an_emergency_cap_holds_the_whole_draft_with_the_article(
    shop: Engine,
) -> None:
    with writing(shop) as conn:
        emergency(conn)
        draft = draft_of(conn, {"tea-1": 1101, "tea-2": 2100})
        assert release_next_stage(conn, draft, at=NOW, by="anna", packs=PACKS) is None
        found = read_draft(conn, draft)
        assert (live_version(conn), served(conn)) == (1, OPENING)
        alert = told(conn, "price_book.refused")
    assert found.status == "rejected"
    assert "tea-1 in online at 11.01 EUR: law (at most 11.00 EUR" in found.reason
    assert "Penal Code § 396(b)" in found.reason
    assert (alert["draft"], alert["count"]) == (draft, 1)
    assert alert["prices"] == [
        {
            "sku": "tea-1",
            "market": "online",
            "price": "11.01 EUR",
            "limits": ["law"],
            "article": "US-CA: Penal Code § 396(b)",
            "at_most": "11.00 EUR",
        }
    ]


def test_at_the_cap_it_goes_live_and_goods_that_are_not_covered_are_free(shop: Engine) -> None:
    with writing(shop) as conn:
        emergency(conn, categories=("water",))
        draft = draft_of(conn, {"tea-1": 1150})
        assert release_next_stage(conn, draft, at=NOW, by="anna") == 2
        emergency(conn, categories=("tea",))
        # The emergency began before that price did, so it is the older one that it caps.
        assert release_next_stage(conn, draft_of(conn, {"tea-1": 1100}), at=NOW, by="anna") == 3
        assert served(conn) == {**OPENING, "tea-1": 1100}


def test_a_cost_that_rose_since_the_decision_holds_it(shop: Engine) -> None:
    with writing(shop) as conn:
        draft = draft_of(conn, {"tea-1": 1050, "tea-2": 2100})
        add_cost(conn, "tea-2", "online", date(2026, 3, 2), 1900)
        assert release_next_stage(conn, draft, at=NOW, by="anna") is None
        assert read_draft(conn, draft).status == "rejected"
        assert served(conn) == OPENING
        (row,) = told(conn, "price_book.refused")["prices"]
    assert (row["sku"], row["limits"], row["cost"]) == ("tea-2", ["minimum_margin"], "19.00 EUR")


def test_a_first_book_may_name_a_price_that_was_in_force_but_no_new_one_below_cost(
    engine: Engine,
) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        for sku in OPENING:
            add_sale(conn, sku, "online", date(2025, 12, 1), 10, 10_000)
            add_cost(conn, sku, "online", date(2025, 12, 1), 1200)
        with pytest.raises(PricesNotAllowed, match="cost floor"):
            publish(conn, run_with(conn, {"tea-1": 1000, "tea-2": 1100}), at=NOW)
        assert live_version(conn) is None
        assert publish(conn, run_with(conn, {"tea-1": 1000, "tea-2": 2000}), at=NOW) == 1
        assert served(conn) == {"tea-1": 1000, "tea-2": 2000}


def decided(conn: Connection, at: datetime = NOW) -> int:
    """A run as it is decided, with the price on its way where pace stops it."""
    run = decisions_for(read_catalogue(conn, at=at, skus=list(OPENING)), at)
    policy = PricingPolicy(limits=GuardrailLimits(maximum_change=0.1)).document()
    return save_run(conn, run, policy=policy, fit_id=None, created_at=at)


def test_a_price_on_its_way_to_its_floor_goes_live_step_by_step(shop: Engine) -> None:
    with writing(shop) as conn:
        add_cost(conn, "tea-1", "online", date(2026, 3, 1), 800)
        add_cost(conn, "tea-1", "online", date(2026, 3, 2), 1200)
        steps = []
        for day in range(4):
            at = NOW + day * DAY
            draft = propose(
                conn, decided(conn, at), at=at, by="anna", review={}, approvals_needed=0
            )
            assert release_next_stage(conn, draft, at=at, by="anna") is not None
            steps.append(served(conn)["tea-1"])
    # The floor is 12.64; a step of 10 % at most, endings of 9 cents.
    assert steps[:2] == [1099, 1199]
    assert min(steps[2:]) >= 1264


def test_a_price_that_no_longer_comes_nearer_to_its_floor_is_refused(shop: Engine) -> None:
    with writing(shop) as conn:
        add_cost(conn, "tea-1", "online", date(2026, 3, 1), 800)
        add_cost(conn, "tea-1", "online", date(2026, 3, 2), 1200)
        late = decided(conn)
        add_cost(conn, "tea-1", "online", date(2026, 3, 3), 500)
        publish(conn, run_with(conn, {"tea-1": 1150}), at=NOW + DAY)
        add_cost(conn, "tea-1", "online", date(2026, 3, 4), 1200)
        # At 11.50 already: 10.99 would lead away from the floor.
        with pytest.raises(PricesNotAllowed, match=r"tea-1 in online at 10\.99 EUR: cost floor"):
            publish(conn, late, at=NOW + 2 * DAY)
        assert served(conn)["tea-1"] == 1150


def test_a_price_that_goes_to_the_law_against_its_owner_s_minimum_goes_live(shop: Engine) -> None:
    with writing(shop) as conn:
        publish(conn, run_with(conn, {"tea-1": 1500}), at=NOW - 2 * DAY)
        set_market_rules(conn, "online", "US-CA", at=NOW, by="counsel")
        declare_emergency(conn, Emergency("US-CA", NOW - 3 * DAY), at=NOW, by="counsel")
        tea = {"product_id": product_ids(conn)["tea-1"], "market_id": market_ids(conn)["online"]}
        least = {"valid_from": date(2026, 1, 1), "minimum_minor": 1400}
        conn.execute(price_limits.insert().values(**tea, **least))
        known = read_catalogue(conn, at=NOW, skus=["tea-1"])
        legal = stored_legal_bounds(conn, PACKS, known, at=NOW)
        demand, policy = curves_for(known).demand, PricingPolicy()
        run = decide(known, demand, CompetitorPrices.none(1), policy, decided_at=NOW, legal=legal)
        assert run.price.tolist() == [1099]
        number = save_run(conn, run, policy=policy.document(), fit_id=None, created_at=NOW)
        publish(conn, number, at=NOW)
        assert served(conn)["tea-1"] == 1099
        said = [reason.wire() for reason in decision_of(conn, "tea-1", "online").decision.reasons]
        clash = next(item for item in said if item["code"] == "limits_exclude_each_other")
        assert (clash["at_least"], clash["floor_limit"]) == ("14.00 EUR", "minimum_price")
        assert clash["cap_limit"] == "law"
        # Nothing else passes: a price below the minimum that no law asks for.
        with pytest.raises(PricesNotAllowed, match="minimum price"):
            publish(conn, run_with(conn, {"tea-1": 1050}), at=NOW + DAY)


def test_publishing_directly_meets_the_same_check_and_writes_nothing(shop: Engine) -> None:
    with writing(shop) as conn:
        emergency(conn)
        run = run_with(conn, {"tea-1": 1200})
        with pytest.raises(PricesNotAllowed, match="tea-1 in online") as refused:
            publish(conn, run, at=NOW)
        assert (refused.value.count, live_version(conn)) == (1, 1)
        assert release_next_stage(conn, draft_of(conn, {"tea-1": 1100}), at=NOW, by="a") == 2


def test_a_scheduled_draft_is_judged_by_the_law_of_its_hour(shop: Engine) -> None:
    with writing(shop) as conn:
        draft = draft_of(conn, {"tea-1": 1150}, activate_at=NOW + DAY)
        assert release_next_stage(conn, draft, at=NOW, by="anna") is None
        assert read_draft(conn, draft).status == "approved"
        emergency(conn)
        assert release_next_stage(conn, draft, at=NOW + DAY, by="pricewright") is None
        assert read_draft(conn, draft).status == "rejected"
        assert served(conn) == OPENING


def test_a_later_stage_is_judged_when_its_turn_comes(shop: Engine) -> None:
    with writing(shop) as conn:
        draft = draft_of(conn, {"tea-1": 1150, "tea-2": 2300}, stages=2, pause=DAY)
        skus = np.array(["tea-1", "tea-2"])
        add_parts(conn, draft, skus, np.array(["online"] * 2), np.array([0, 1]))
        assert release_next_stage(conn, draft, at=NOW, by="anna") == 2
        emergency(conn)
        assert release_next_stage(conn, draft, at=NOW + DAY, by="pricewright") is None
        assert read_draft(conn, draft).status == "rejected"
        assert served(conn) == {"tea-1": 1150, "tea-2": 2000}


def test_an_approval_of_what_became_unlawful_is_kept_on_record_and_lets_nothing_go(
    shop: Engine,
) -> None:
    with writing(shop) as conn:
        run = run_with(conn, {"tea-1": 1150})
        draft = propose(conn, run, at=NOW, by="anna", review={}, approvals_needed=1)
        emergency(conn)
        approve(conn, draft, at=NOW, by="ben", four_eyes=True)
        assert release_next_stage(conn, draft, at=NOW, by="ben") is None
        found = read_draft(conn, draft)
    assert (found.status, found.approvals[0].approved_by) == ("rejected", "ben")


@pytest.mark.parametrize(
    ("price", "live"),
    [(800, True), (801, False), (750, False)],
    ids=["the announced price", "more than announced", "a further cut under the same words"],
)
def test_while_a_reduction_is_announced_its_price_must_make_it_true(
    shop: Engine, price: int, live: bool
) -> None:
    with writing(shop) as conn:
        announce(conn, "tea-1", NOW - timedelta(hours=1), 800, shown_percent=20.0)
        draft = draft_of(conn, {"tea-1": price})
        assert (release_next_stage(conn, draft, at=NOW, by="anna") is not None) is live
        assert served(conn)["tea-1"] == (price if live else 1000)


def test_before_an_announced_reduction_no_price_may_undercut_what_it_is_measured_from(
    shop: Engine,
) -> None:
    with writing(shop) as conn:
        number = announce(conn, "tea-1", NOW + 5 * DAY, 800, shown_prior=1000, shown_percent=20.0)
        low = draft_of(conn, {"tea-1": 990})
        assert release_next_stage(conn, low, at=NOW, by="anna") is None
        assert "at least 10.00 EUR" in read_draft(conn, low).reason
        assert "Directive 98/6/EC" in read_draft(conn, low).reason
        end_reduction(conn, number, ends_at=NOW + 6 * DAY)
        assert law_may_bind(conn, NOW)
        assert not law_may_bind(conn, NOW + 6 * DAY)
        later = draft_of(conn, {"tea-1": 980})
        assert release_next_stage(conn, later, at=NOW + 6 * DAY, by="anna") == 2


def test_a_rollback_does_not_bring_an_unlawful_price_back_and_an_alert_names_it(
    shop: Engine,
) -> None:
    with writing(shop) as conn:
        publish(conn, run_with(conn, {"tea-1": 1300, "tea-2": 2600}), at=NOW - 20 * DAY)
        publish(conn, run_with(conn, {"tea-1": 1000, "tea-2": 2600}), at=NOW - 10 * DAY)
        publish(conn, run_with(conn, {"tea-1": 1000, "tea-2": 2500}), at=NOW - 5 * DAY)
        emergency(conn)
        assert roll_back(conn, 2, at=NOW, note="back") == 5
        assert served(conn) == {"tea-1": 1000, "tea-2": 2600}
        assert [kept_by_law(conn, version) for version in (4, 5)] == [0, 1]
        alert = told(conn, "price_book.law_kept")
    assert (alert["version"], alert["count"]) == (5, 1)
    assert alert["prices"][0]["sku"] == "tea-1"


def test_a_market_without_rules_or_a_law_without_a_case_costs_nothing(shop: Engine) -> None:
    with writing(shop) as conn:
        assert not law_may_bind(conn, NOW)
        set_market_rules(conn, "online", "EU", at=NOW, by="counsel")
        assert not law_may_bind(conn, NOW)
        known = read_catalogue(conn, at=NOW)
        assert not stored_legal_bounds(conn, PACKS, known, at=NOW).any


def test_an_emergency_binds_from_its_declaration_until_its_rule_ends_it(shop: Engine) -> None:
    with writing(shop) as conn:
        emergency(conn)
        moments = [NOW - 2 * DAY, NOW, NOW + 28 * DAY, NOW + 29 * DAY]
        assert [law_may_bind(conn, at) for at in moments] == [False, True, True, False]
        set_market_rules(conn, "online", "US-NY", at=NOW, by="counsel")
        assert not law_may_bind(conn, NOW)


def test_a_law_that_nobody_packed_holds_the_prices_instead_of_passing_them(shop: Engine) -> None:
    with writing(shop) as conn:
        set_market_rules(conn, "online", "XX", at=NOW, by="counsel")
        declare_emergency(conn, Emergency("XX", NOW - DAY), at=NOW, by="counsel")
        with pytest.raises(PricesNotAllowed, match="no rule pack 'XX'"):
            publish(conn, run_with(conn, {"tea-1": 1010}), at=NOW)


def test_stored_bounds_are_those_of_each_row_and_come_back_with_the_run(shop: Engine) -> None:
    with writing(shop) as conn:
        announce(conn, "tea-2", NOW + 5 * DAY, 1600, shown_percent=20.0)
        announce(conn, "cup-1", NOW + 5 * DAY, 1600, shown_percent=20.0)  # has no price at all
        known = read_catalogue(conn, at=NOW)
        bounds = stored_legal_bounds(conn, PACKS, known, at=NOW)
        rows = {sku: row for row, sku in enumerate(known.sku.tolist())}
        assert bounds.lower[rows["tea-2"]] == 2000
        assert bounds.lower[rows["tea-1"]] == NO_FLOOR
        run = replace(decisions_for(known), legal=bounds)
        number = save_run(conn, run, policy=POLICY, fit_id=None, created_at=NOW)
    with reading(shop) as conn:
        again = read_run(conn, number).decisions.legal
    assert again is not None
    assert again.lower.tolist() == bounds.lower.tolist()
    assert again.upper.tolist() == bounds.upper.tolist()
    assert again.article.values().tolist() == bounds.article.values().tolist()
