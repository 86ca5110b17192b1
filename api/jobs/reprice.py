"""Decide list prices for what is stored, and store the decisions with their reasons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
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
from storage.price_books import live_edition
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
    clock: datetime | None = None,
) -> KnownNow:
    """Catalogue, newest demand fit, fresh competitor offers and the law's bounds at one moment.

    `clock` is what the clock says now, where the moment is one of the past.

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
    catalogue = _with_the_clock(conn, catalogue, clock or now)
    newest = load_fit(conn)
    return KnownNow(
        catalogue=catalogue,
        demand=newest.curves.align(catalogue.sku, catalogue.market.values()),
        competitors=competitor_prices(conn, catalogue, at=now, max_age=offer_max_age),
        fit_id=newest.fit_id,
        legal=stored_legal_bounds(conn, packs or load_rule_packs(), catalogue, at=now),
    )


def _with_the_clock(conn: Connection, catalogue: Catalogue, now: datetime) -> Catalogue:
    """The catalogue, marked as changed in the future where the newest price book is of the future.

    Prices were read as of `now`. If a book went live later than that, a clock is wrong: the prices
    read are not those in force, and no price may move by them.
    """
    live = live_edition(conn)
    if live is None or live[1] <= now:
        return catalogue
    ahead = np.datetime64(live[1].astimezone(UTC).replace(tzinfo=None), "s")
    return replace(catalogue, changed_at=np.full(len(catalogue), ahead))


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
    at: datetime | None = None,
) -> RepriceOutcome:
    """Decide a price for every (sku, market) that has one, and store the run.

    Nothing goes live: `api.jobs.release` makes a price book of a run. Where inputs were not to be
    believed, or the law held a price, an alert says so.

    Args:
        engine: the database.
        policy: limits, objective and price endings.
        now: when the run is stored, UTC.
        offer_max_age: competitor offers older than this do not count.
        market: this market only.
        category: this category only.
        skus: these products only.
        progress: told after reading, deciding and storing.
        packs: the rules of law; those that are shipped where None.
        at: decide as of this time, from what was known then; as of `now` where None. For data that
            end in the past, which would be stale today.

    Raises:
        FitNotFound: nothing was ever fitted.
        NothingToPrice: no (sku, market) has a price under these conditions.
        InvalidRulePack: there are no rules for the jurisdiction that a market was put under.
        InfeasibleLimits: the joint limits exclude each other.
    """
    progress("read", 0, 3)
    as_of = at or now
    with reading(engine) as conn:
        known = read_known(
            conn,
            now=as_of,
            offer_max_age=offer_max_age,
            market=market,
            category=category,
            skus=skus,
            packs=packs,
            clock=now,
        )
    progress("decide", 1, 3)
    decisions = decide(
        known.catalogue,
        known.demand,
        known.competitors,
        policy,
        decided_at=as_of,
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
