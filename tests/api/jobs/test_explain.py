"""Explaining a price of the past, on both kinds of database, and on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.jobs.explain import explain_at
from api.jobs.release import ReleaseTerms, approve_draft, release, roll_back_to
from pricing.catalogue import CompetitorPrices
from pricing.deciding.decide import decide
from pricing.deciding.decisions import ReasonCode
from pricing.deciding.guardrails import GuardrailLimits
from pricing.deciding.policy import PricingPolicy
from pricing.releases.change_budget import ChangeBudget
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.demand.fits import save_fit
from storage.errors import PriceBookNotFound
from storage.prices.decisions import save_run
from storage.products.markets import market_ids
from storage.products.products import product_ids
from storage.tables import price_limits
from tests.databases import postgres_engine, sqlite_engine, url_of
from tests.end_to_end.command_line import CommandLine
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, curves_for

DAY = timedelta(days=1)
TEA = ("tea-1", "online")


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as fresh:
        add_shop(fresh)
        with writing(fresh) as conn:
            for sku in ("tea-1", "tea-2"):
                add_sale(conn, sku, "online", date(2026, 2, 2), 1, 1000)
                add_cost(conn, sku, "online", date(2026, 1, 1), 600)
        yield fresh


def run_of(engine: Engine, policy: PricingPolicy, *, days: int) -> int:
    with writing(engine) as conn:
        catalogue = read_catalogue(conn, at=NOW + days * DAY)
        curves = curves_for(catalogue)
        fit_id = save_fit(conn, curves, created_at=NOW, report={})
        run = decide(
            catalogue,
            curves.demand,
            CompetitorPrices.none(len(catalogue)),
            policy,
            decided_at=NOW + days * DAY,
        )
        return save_run(
            conn, run, policy=policy.document(), fit_id=fit_id, created_at=NOW + days * DAY
        )


@pytest.fixture
def history(engine: Engine) -> Engine:
    """A first book, a second one approved by ben, and a rollback to the first."""
    limits = GuardrailLimits(maximum_change=0.1)
    first = run_of(engine, PricingPolicy(limits=limits), days=0)
    release(engine, first, ReleaseTerms(), now=NOW, by="anna")
    second = run_of(engine, PricingPolicy(limits=limits, max_changes=1), days=1)
    eyes = ReleaseTerms(four_eyes=True)
    number = release(engine, second, eyes, now=NOW + DAY, by="anna", note="more").draft.draft_id
    approve_draft(engine, number, now=NOW + DAY, by="ben", four_eyes=True)
    roll_back_to(engine, 1, now=NOW + 2 * DAY, by="anna", reason="too dear")
    return engine


def test_each_time_has_its_own_price_decision_and_runner_up(history: Engine) -> None:
    with reading(history) as conn:
        first = explain_at(conn, *TEA, NOW + DAY / 2)
        second = explain_at(conn, *TEA, NOW + 1.5 * DAY)
        third = explain_at(conn, *TEA, NOW + 3 * DAY)
        with pytest.raises(PriceBookNotFound, match="by 2026-03-01"):
            explain_at(conn, *TEA, NOW - DAY)
    assert [item.change.version for item in (first, second, third)] == [1, 2, 3]
    assert third.change.price == first.change.price != second.change.price
    for item in (first, second, third):
        assert item.why_not == ""
        assert item.replayed is not None
        assert item.replayed.same
        assert item.replayed.runner_up is not None
        assert item.replayed.chosen is not None
        assert item.replayed.runner_up.objective < item.replayed.chosen.objective
    assert second.draft is not None
    assert [approval.approved_by for approval in second.draft.approvals] == ["ben"]
    assert third.change.run_id == first.change.run_id  # the run that had set the old price


def test_a_policy_of_another_time_is_told_and_not_guessed(history: Engine) -> None:
    with writing(history) as conn:
        catalogue = read_catalogue(conn, at=NOW + 3 * DAY)
        curves = curves_for(catalogue)
        run = decide(
            catalogue,
            curves.demand,
            CompetitorPrices.none(len(catalogue)),
            PricingPolicy(),
            decided_at=NOW + 3 * DAY,
        )
        run = replace(run, price=run.price + 1)
        number = save_run(conn, run, policy={"limits": 4}, fit_id=None, created_at=NOW)
    loose = ReleaseTerms(budget=ChangeBudget(1.0, 1.0, 1.0, 1.0))
    release(history, number, loose, now=NOW + 3 * DAY, by="anna")
    with reading(history) as conn:
        found = explain_at(conn, *TEA, NOW + 4 * DAY)
    assert found.stored is not None
    assert found.replayed is None
    assert "limits" in found.why_not


def test_the_command_line_shows_candidates_and_the_runner_up(
    history: Engine, tmp_path: Path
) -> None:
    shop = CommandLine(tmp_path, {"DATABASE_URL": url_of(history)})
    told = shop("explain", "tea-1", "--market", "online", "--at", "2026-03-04 00:00")
    assert told.status == 0
    assert "set by price book 2, run 2" in told.out
    assert "proposed by anna, approved by ben: more" in told.out
    assert "decided again from what was known then: the same price" in told.out
    assert "runner-up" in told.out
    assert "against the price chosen" in told.out
    told = shop("explain", "tea-1", "--market", "online", "--at", "2026-02-01")
    assert (told.status, "no price book had set a price" in told.err) == (1, True)


def test_a_price_under_limits_of_files_is_decided_again_as_it_was(engine: Engine) -> None:
    with writing(engine) as conn:
        keys = {"product_id": product_ids(conn)["tea-1"], "market_id": market_ids(conn)["online"]}
        conn.execute(
            price_limits.insert().values(**keys, valid_from=date(2026, 1, 1), rrp_minor=1030)
        )
    run = run_of(engine, PricingPolicy(limits=GuardrailLimits(maximum_change=0.5)), days=0)
    release(engine, run, ReleaseTerms(), now=NOW, by="anna")
    with writing(engine) as conn:
        # What is allowed later changes nothing about what was decided.
        conn.execute(price_limits.insert().values(**keys, valid_from=date(2026, 3, 3)))
    with reading(engine) as conn:
        found = explain_at(conn, *TEA, at=NOW + 3 * DAY)
    assert found.why_not == ""
    assert found.replayed is not None
    assert found.replayed.same
    assert found.stored is not None
    limits = [r.facts for r in found.stored.decision.reasons if r.code is ReasonCode.LIMIT_BINDS]
    assert limits[0]["limit"] == "rrp_cap"
