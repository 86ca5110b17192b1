"""On a market whose law is known, the answers of the whole chain are right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from api.demo.files import IMPORT_ORDER, write_files
from api.demo.truth import score_fit, score_prices
from api.jobs.fit import FitOutcome, fit
from api.jobs.reprice import KnownNow, RepriceRequest, read_known
from api.jobs.what_if import OPTIMAL, WhatIfQuestion, ask_what_if
from models.sensitivity.spec import FitSpec
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action
from pricing.price_points import EndingRule
from pricing.rulebook.document import PricingRules
from simulations.demo_market.market import COUNTRY, DemoMarket, MarketSpec, generate_market
from storage.database import reading
from storage.imports import import_file
from tests.databases import sqlite_engine
from tests.pricing.deciding.test_decide import breaks_a_limit

LAST_WEEK = date(2025, 12, 22)
NOW = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
MAX_CHANGES = 400


@pytest.fixture(scope="module")
def market() -> DemoMarket:
    """The market that `pricewright demo` shows, as it is in that week."""
    return generate_market(MarketSpec(last_week=LAST_WEEK), np.random.default_rng(7))


@pytest.fixture(scope="module")
def engine(market: DemoMarket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database into which its files were imported."""
    folder: Path = tmp_path_factory.mktemp("demo-market")
    paths = write_files(market, folder)
    with sqlite_engine(folder) as engine:
        for kind in IMPORT_ORDER:
            import_file(engine, kind, paths[kind], now=NOW)
        yield engine


@pytest.fixture(scope="module")
def fitted(engine: Engine) -> FitOutcome:
    """Price sensitivity as the demo fits it."""
    return fit(engine, now=NOW, spec=FitSpec(country=COUNTRY))


@pytest.fixture(scope="module")
def known(engine: Engine, fitted: FitOutcome) -> KnownNow:
    """What a decision knows, before any competitor was crawled."""
    with reading(engine) as conn:
        return read_known(conn, PricingRules(), RepriceRequest(now=NOW, offer_max_age=DAY))


def competitors_of(market: DemoMarket, catalogue: Catalogue) -> CompetitorPrices:
    """The rivals' in-stock offers as a perfect crawl would match them."""
    rivals = market.rivals[
        (market.rivals["availability"] == "in_stock") & (market.rivals["sku"] != "")
    ]
    cheapest = rivals.groupby("sku")["price"].agg(["min", "size"])
    found = cheapest.reindex(catalogue.sku)
    online = catalogue.market.equal("online") & found["min"].notna().to_numpy()
    lowest = np.where(online, np.rint(found["min"].fillna(0).to_numpy() * 100), UNKNOWN)
    offers = np.where(online, found["size"].fillna(0).to_numpy(), 0)
    return CompetitorPrices(lowest.astype(np.int64), offers.astype(np.int64))


def test_fitted_elasticities_are_near_the_planted_ones_with_honest_intervals(
    market: DemoMarket, fitted: FitOutcome
) -> None:
    score = score_fit(fitted.curves, fitted.fit.evidence, market.law)
    assert score.curves == 600
    assert score.median_error <= 0.25
    assert 0.90 <= score.coverage <= 0.98
    # The trap is real: who takes prices as given is far off and sure of it.
    assert score.naive_median_error > 2 * score.median_error
    assert score.naive_coverage < 0.6


def test_optimal_prices_truly_earn_more_with_every_limit_kept(
    market: DemoMarket, known: KnownNow
) -> None:
    policy = PricingPolicy(max_changes=MAX_CHANGES)
    competitors = competitors_of(market, known.catalogue)
    assert (competitors.offers > 0).sum() > 200
    decisions = decide(known.catalogue, known.demand, competitors, policy, decided_at=NOW)
    score = score_prices(decisions, market.law)
    assert score.gain >= 0.05
    assert 0 < decisions.changes <= MAX_CHANGES
    assert decisions.solve.status == "optimal"
    changed = decisions.action == Action.CHANGE
    for row in np.flatnonzero(changed):
        assert breaks_a_limit(decisions, int(row), policy.limits) is None
    assert set(decisions.price[changed].tolist()) <= set(EndingRule.usual("USD").ladder(10**6))
    assert (decisions.price[~changed] == known.catalogue.price[~changed]).all()
    assert all(decision.reasons for decision in decisions)


def test_without_a_change_budget_the_gain_is_at_least_as_large(
    market: DemoMarket, known: KnownNow
) -> None:
    rivals = CompetitorPrices.none(len(known.catalogue))
    free = decide(known.catalogue, known.demand, rivals, PricingPolicy(), decided_at=NOW)
    tied = decide(
        known.catalogue, known.demand, rivals, PricingPolicy(max_changes=50), decided_at=NOW
    )
    assert tied.changes == 50
    assert free.solve.objective > tied.solve.objective
    assert score_prices(free, market.law).gain > score_prices(tied, market.law).gain > 0


def test_the_simulated_gain_of_a_category_holds_the_true_one(
    market: DemoMarket, engine: Engine, known: KnownNow
) -> None:
    category = known.catalogue.category.names[0]
    question = WhatIfQuestion(draws=1000, periods=1)
    answer = ask_what_if(
        engine,
        question,
        PricingRules(),
        RepriceRequest(now=NOW, offer_max_age=DAY, market="online", category=category),
        rng=np.random.default_rng(1),
    )
    assert answer.scenarios == ("-5%", "+0%", "+5%", OPTIMAL)
    difference = answer.difference(OPTIMAL, "profit")
    assert difference.low < difference.mean < difference.high
    rows = known.catalogue.where(market="online", category=category)
    part = known.catalogue.take(rows)
    rivals = CompetitorPrices.none(len(part))
    decisions = decide(part, known.demand.take(rows), rivals, PricingPolicy(), decided_at=NOW)
    score = score_prices(decisions, market.law)
    assert difference.low <= score.after - score.before <= difference.high
