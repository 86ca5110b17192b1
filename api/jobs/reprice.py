"""Decide list prices for what is stored, and store the decisions with their reasons."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.engine import Connection, Engine

from api.errors import NothingToPrice
from api.jobs.alarm import alarm
from api.jobs.pricing_rules import policy_of
from api.jobs.totals import dominant_of
from api.personal_prices import tiers_forbidden
from api.work.progress import Progress, silent
from models.demand import ConstantElasticityDemand
from models.sensitivity.dominance import Dominant
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.cross_effects import CrossEffects
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Decisions
from pricing.deciding.exploration import propose_tests, with_tests
from pricing.deciding.level_doubts import LevelDoubts
from pricing.deciding.member_tiers import member_decisions
from pricing.law.legal_bounds import LegalBounds
from pricing.rulebook.document import PricingRules
from storage.competitors.offers import competitor_prices
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.decision_inputs.trusted_costs import trust_first_costs
from storage.demand.cross_effects import cross_effects_of
from storage.demand.fits import level_doubts, load_fit
from storage.law.legal_bounds import stored_legal_bounds
from storage.law.market_rules import list_market_rules
from storage.law.rule_packs import RulePacks, load_rule_packs
from storage.prices.decisions import save_run, save_tier
from storage.prices.price_books import live_edition


@dataclass(frozen=True, slots=True, eq=False)
class KnownNow:
    """All that a decision needs, read in one go and aligned row by row."""

    catalogue: Catalogue
    demand: ConstantElasticityDemand
    competitors: CompetitorPrices
    fit_id: int
    legal: LegalBounds
    cross: CrossEffects | None
    doubts: LevelDoubts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RepriceOutcome:
    """A stored run and what it decided.

    Attributes:
        run_id: the run.
        decisions: the public prices, price tests included.
        tested: how many of them are tests.
        tiers: prices of members, by tier and rule.
        no_tiers_in: markets whose law forbids prices for members, so that they got none.
        cross_effects: how many cross effects the prices rest on.
        dominant: products that own more than a fifth of what the run expects of a currency.
    """

    run_id: int
    decisions: Decisions
    tested: int = 0
    tiers: tuple[tuple[str, Decisions], ...] = ()
    cross_effects: int = 0
    no_tiers_in: tuple[str, ...] = ()
    dominant: tuple[Dominant, ...] = ()


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
    named: Collection[str] = (),
) -> KnownNow:
    """Catalogue, newest demand fit, fresh competitor offers and the law's bounds at one moment.

    `clock` is what the clock says now, where the moment is one of the past; `named` are competitors
    whose own offers are wanted, too.

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
    days = newest.curves.provenance.period_days
    # Recent sales are those of a week; demand curves may speak of days.
    catalogue = replace(catalogue, recent_units=catalogue.recent_units * days / 7.0)
    market_of = catalogue.market.values()
    return KnownNow(
        catalogue=catalogue,
        demand=newest.curves.align(catalogue.sku, market_of),
        competitors=competitor_prices(conn, catalogue, at=now, max_age=offer_max_age, named=named),
        fit_id=newest.fit_id,
        legal=stored_legal_bounds(conn, packs or load_rule_packs(), catalogue, at=now),
        cross=cross_effects_of(conn, newest.fit_id, catalogue),
        doubts=level_doubts(newest.report, catalogue.sku, market_of),
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


def decide_known(known: KnownNow, rules: PricingRules, *, at: datetime) -> Decisions:
    """Decide what is known under a manager's rules, without price tests.

    Raises:
        InfeasibleLimits: the joint limits exclude each other.
        InvalidLimits: limits or cross effects that cannot be meant for these rows.
    """
    return decide(
        known.catalogue,
        known.demand,
        known.competitors,
        rules.policy,
        decided_at=at,
        cross=believed(known, rules),
        legal=known.legal,
        doubts=known.doubts,
    )


def believed(known: KnownNow, rules: PricingRules) -> CrossEffects | None:
    """The cross effects that a run under these rules rests on; None for none."""
    if known.cross is None or not rules.cross_effects:
        return None
    return believable(known.cross, rules.policy)


def believable(cross: CrossEffects, policy: PricingPolicy) -> CrossEffects:
    """Cross effects no stronger than can be believed within the changes that a policy allows."""
    effects, _ = cross.believable(-math.log1p(-policy.limits.maximum_change))
    return effects


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
    return reprice_by_rules(
        engine,
        PricingRules(policy=policy),
        now=now,
        offer_max_age=offer_max_age,
        market=market,
        category=category,
        skus=skus,
        progress=progress,
        packs=packs,
        at=at,
    )


def reprice_by_rules(
    engine: Engine,
    rules: PricingRules,
    *,
    now: datetime,
    offer_max_age: timedelta,
    market: str | None = None,
    category: str | None = None,
    skus: Collection[str] | None = None,
    progress: Progress = silent,
    packs: RulePacks | None = None,
    at: datetime | None = None,
    seed: int = 0,
) -> RepriceOutcome:
    """As `reprice`, under all of a manager's rules: price tests, member tiers, cross effects.

    Args:
        engine: the database.
        rules: as `read_rules` reads them.
        now: when the run is stored, UTC.
        offer_max_age: competitor offers older than this do not count.
        market: this market only.
        category: this category only.
        skus: these products only.
        progress: told after reading, deciding and storing.
        packs: the rules of law; those that are shipped where None.
        at: decide as of this time.
        seed: of the chance that price tests are drawn by.

    Raises:
        InvalidStrategy: endings or strategies for what is not stored.
        FitNotFound, NothingToPrice, InvalidRulePack, InfeasibleLimits: see `reprice`.
    """
    progress("read", 0, 3)
    as_of = at or now
    with reading(engine) as conn:
        rules = replace(rules, policy=policy_of(rules, conn))
        known = read_known(
            conn,
            now=as_of,
            offer_max_age=offer_max_age,
            market=market,
            category=category,
            skus=skus,
            packs=packs,
            clock=now,
            named={rule.competitor for rule in rules.policy.strategies if rule.competitor},
        )
        barred = _without_tiers(conn, known.catalogue, packs, as_of) if rules.tiers else ()
    progress("decide", 1, 3)
    decisions, policy = decide_known(known, rules, at=as_of), rules.policy
    cross, tested = believed(known, rules), 0
    if rules.tests is not None:
        tests = propose_tests(
            decisions,
            known.demand,
            policy,
            rules.tests,
            rng=np.random.default_rng(seed),
            cross=cross,
        )
        decisions = with_tests(decisions, tests, known.demand)
        tested = int(tests.tested.sum())
    tiers = member_decisions(decisions, rules.tiers, policy, barred=barred)
    progress("store", 2, 3)
    effects = 0 if cross is None else int(cross.elasticity.nnz)
    dominant = dominant_of(decisions)
    report = {
        **asdict(decisions.solve),
        "cross_effects": effects,
        "price_tests": tested,
        "offer_max_age_seconds": offer_max_age.total_seconds(),
        "dominant": [asdict(one) for one in dominant],
    }
    with writing(engine) as conn:
        run_id = save_run(
            conn,
            decisions,
            policy=policy.document(),
            fit_id=known.fit_id,
            created_at=now,
            report=report,
        )
        for tier, prices in tiers:
            save_tier(conn, run_id, prices, tier)
        trust_first_costs(conn, run_id, at=as_of)
        alarm(conn, run_id, decisions, policy.limits, at=now)
    progress("store", 3, 3)
    return RepriceOutcome(run_id, decisions, tested, tiers, effects, barred, dominant)


def _without_tiers(
    conn: Connection, catalogue: Catalogue, packs: RulePacks | None, at: datetime
) -> tuple[str, ...]:
    """Markets of the catalogue whose law forbids prices for members."""
    told, known = list_market_rules(conn), packs or load_rule_packs()
    return tuple(
        market.code
        for market in catalogue.markets
        if market.code in told
        and tiers_forbidden(
            known.at(
                told[market.code].jurisdiction, at.astimezone(ZoneInfo(market.time_zone)).date()
            )
        )
    )
