"""Decide list prices for what is stored, and store the decisions with their reasons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection, Engine

from api.errors import NothingToPrice
from api.jobs.alarm import alarm
from api.jobs.progress import Progress, silent
from models.demand import ConstantElasticityDemand
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.decide import PricingPolicy, decide
from pricing.decisions import Decisions
from pricing.legal_bounds import LegalBounds
from storage.catalogue import read_catalogue
from storage.database import reading, writing
from storage.decisions import save_run
from storage.fits import load_fit
from storage.legal_bounds import stored_legal_bounds
from storage.offers import competitor_prices
from storage.rule_packs import RulePacks, load_rule_packs


@dataclass(frozen=True, slots=True, eq=False)
class KnownNow:
    """All that a decision needs, read in one go and aligned row by row."""

    catalogue: Catalogue
    demand: ConstantElasticityDemand
    competitors: CompetitorPrices
    fit_id: int
    legal: LegalBounds


@dataclass(frozen=True, slots=True, eq=False)
class RepriceOutcome:
    """A stored run and what it decided."""

    run_id: int
    decisions: Decisions


def read_known(
    conn: Connection,
    *,
    now: datetime,
    offer_max_age: timedelta,
    market: str | None = None,
    category: str | None = None,
    skus: Collection[str] | None = None,
    packs: RulePacks | None = None,
) -> KnownNow:
    """Catalogue, newest demand fit, fresh competitor offers and the law's bounds at one moment.

    Raises:
        FitNotFound: nothing was ever fitted.
        NothingToPrice: no (sku, market) has a price under these conditions.
        InvalidRulePack: there are no rules for the jurisdiction that a market was put under.
    """
    catalogue = read_catalogue(conn, at=now, market=market, category=category, skus=skus)
    if len(catalogue) == 0:
        raise NothingToPrice(
            "no product has a price in force under these conditions; import products and sales "
            "first, or check --market, --category and --sku"
        )
    newest = load_fit(conn)
    return KnownNow(
        catalogue=catalogue,
        demand=newest.curves.align(catalogue.sku, catalogue.market.values()),
        competitors=competitor_prices(conn, catalogue, at=now, max_age=offer_max_age),
        fit_id=newest.fit_id,
        legal=stored_legal_bounds(conn, packs or load_rule_packs(), catalogue, at=now),
    )


def reprice(
    engine: Engine,
    policy: PricingPolicy,
    *,
    now: datetime,
    offer_max_age: timedelta,
    market: str | None = None,
    category: str | None = None,
    skus: Collection[str] | None = None,
    progress: Progress = silent,
    packs: RulePacks | None = None,
) -> RepriceOutcome:
    """Decide a price for every (sku, market) that has one, and store the run.

    Nothing goes live: `api.jobs.release` makes a price book of a run. Where inputs were not to be
    believed, or the law held a price, an alert says so.

    Args:
        engine: the database.
        policy: limits, objective and price endings.
        now: time of the decision, UTC.
        offer_max_age: competitor offers older than this do not count.
        market: this market only.
        category: this category only.
        skus: these products only.
        progress: told after reading, deciding and storing.
        packs: the rules of law; those that are shipped where None.

    Raises:
        FitNotFound: nothing was ever fitted.
        NothingToPrice: no (sku, market) has a price under these conditions.
        InvalidRulePack: there are no rules for the jurisdiction that a market was put under.
        InfeasibleLimits: the joint limits exclude each other.
    """
    progress("read", 0, 3)
    with reading(engine) as conn:
        known = read_known(
            conn,
            now=now,
            offer_max_age=offer_max_age,
            market=market,
            category=category,
            skus=skus,
            packs=packs,
        )
    progress("decide", 1, 3)
    decisions = decide(
        known.catalogue,
        known.demand,
        known.competitors,
        policy,
        decided_at=now,
        legal=known.legal,
    )
    progress("store", 2, 3)
    with writing(engine) as conn:
        run_id = save_run(
            conn,
            decisions,
            policy=policy.document(),
            fit_id=known.fit_id,
            created_at=now,
            report=asdict(decisions.solve),
        )
        alarm(conn, run_id, decisions, policy.limits, at=now)
    progress("store", 3, 3)
    return RepriceOutcome(run_id, decisions)
