"""Decide list prices for what is stored, and store the decisions with their reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
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
from pricing.errors import InvalidLimits
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
from storage.products.markets import list_markets


@dataclass(frozen=True, slots=True, kw_only=True)
class RepriceRequest:
    """What is to be decided, and from what was known when.

    Attributes:
        now: what the clock says, UTC; when a run is stored.
        offer_max_age: competitor offers older than this do not count.
        market: this market only.
        category: this category only.
        skus: these products only.
        packs: the rules of law; those that are shipped where None.
        at: decide as of this time, from what was known then; as of `now` where None. For data that
            end in the past, which would be stale today.
        map_floor_in: markets in which a minimum advertised price binds, as the settings say.
    """

    now: datetime
    offer_max_age: timedelta
    market: str | None = None
    category: str | None = None
    skus: Collection[str] | None = None
    packs: RulePacks | None = None
    at: datetime | None = None
    map_floor_in: tuple[str, ...] = ()

    @property
    def as_of(self) -> datetime:
        """The time whose knowledge counts."""
        return self.at or self.now


@dataclass(frozen=True, slots=True, eq=False)
class KnownNow:
    """All that a decision needs, read in one go and aligned row by row.

    Attributes:
        rules: a manager's rules, as they hold for what is stored.
        at: the moment of which it was known.
        catalogue, demand, competitors, legal, cross: what was known.
        fit_id: of the demand fit.
        barred: markets whose law forbids prices for members; asked only where rules have some.
        doubts: curves that are not believed for their level.
    """

    rules: PricingRules
    at: datetime
    catalogue: Catalogue
    demand: ConstantElasticityDemand
    competitors: CompetitorPrices
    fit_id: int
    legal: LegalBounds
    cross: CrossEffects | None
    barred: tuple[str, ...]
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


def read_known(conn: Connection, rules: PricingRules, request: RepriceRequest) -> KnownNow:
    """Catalogue, newest demand fit, fresh competitor offers and the law's bounds at one moment.

    Raises:
        InvalidStrategy: endings or strategies for what is not stored.
        InvalidLimits: a minimum advertised price is to bind in a market that is not stored.
        FitNotFound: nothing was ever fitted.
        NothingToPrice: no (sku, market) has a price under these conditions.
        InvalidRulePack: there are no rules for the jurisdiction that a market was put under.
    """
    policy, at = policy_of(rules, conn), request.as_of
    limits = replace(policy.limits, map_floor_in=_stored(conn, request.map_floor_in))
    rules = replace(rules, policy=replace(policy, limits=limits))
    catalogue = read_catalogue(
        conn, at=at, market=request.market, category=request.category, skus=request.skus
    )
    if len(catalogue) == 0:
        raise NothingToPrice(
            "no product has a price in force under these conditions; import products and sales "
            "first, or check --market, --category and --sku"
        )
    catalogue = _with_the_clock(conn, catalogue, request.now)
    newest = load_fit(conn)
    days = newest.curves.provenance.period_days
    # Recent sales are those of a week; demand curves may speak of days.
    catalogue = replace(catalogue, recent_units=catalogue.recent_units * days / 7.0)
    packs = request.packs or load_rule_packs()
    named = {rule.competitor for rule in rules.policy.strategies if rule.competitor}
    market_of = catalogue.market.values()
    return KnownNow(
        rules=rules,
        at=at,
        catalogue=catalogue,
        demand=newest.curves.align(catalogue.sku, market_of),
        competitors=competitor_prices(
            conn, catalogue, at=at, max_age=request.offer_max_age, named=named
        ),
        fit_id=newest.fit_id,
        legal=stored_legal_bounds(conn, packs, catalogue, at=at),
        cross=cross_effects_of(conn, newest.fit_id, catalogue),
        barred=_without_tiers(conn, catalogue, packs, at) if rules.tiers else (),
        doubts=level_doubts(newest.report, catalogue.sku, market_of),
    )


def _stored(conn: Connection, map_floor_in: tuple[str, ...]) -> tuple[str, ...]:
    """The same; a market that nobody knows would switch the limit off without a word."""
    codes = [market.code for market in list_markets(conn)]
    for name in map_floor_in:
        if name not in codes:
            raise InvalidLimits(
                f"PRICEWRIGHT_MAP_FLOOR_IN: there is no market {name!r}; there are "
                f"{', '.join(codes)}"
            )
    return map_floor_in


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


def decide_known(known: KnownNow) -> Decisions:
    """Decide what is known under its rules, without price tests.

    Raises:
        InfeasibleLimits: the joint limits exclude each other.
        InvalidLimits: limits or cross effects that cannot be meant for these rows.
    """
    return decide(
        known.catalogue,
        known.demand,
        known.competitors,
        known.rules.policy,
        decided_at=known.at,
        cross=believed(known),
        legal=known.legal,
        doubts=known.doubts,
    )


def believed(known: KnownNow) -> CrossEffects | None:
    """The cross effects that a run under its rules rests on; None for none."""
    if known.cross is None or not known.rules.cross_effects:
        return None
    return believable(known.cross, known.rules.policy)


def believable(cross: CrossEffects, policy: PricingPolicy) -> CrossEffects:
    """Cross effects no stronger than can be believed within the changes that a policy allows."""
    effects, _ = cross.believable(-math.log1p(-policy.limits.maximum_change))
    return effects


def reprice(
    engine: Engine,
    rules: PricingRules,
    request: RepriceRequest,
    *,
    progress: Progress = silent,
    seed: int = 0,
    stored: Callable[[Connection, int], None] = lambda _conn, _run: None,
) -> RepriceOutcome:
    """Decide a price for every (sku, market) that has one, and store the run.

    Nothing goes live: `api.jobs.release` makes a price book of a run. Where inputs were not to be
    believed, or the law held a price, an alert says so.

    Args:
        engine: the database.
        rules: as `read_rules` reads them: limits, objective and price endings, price tests, member
            tiers, cross effects.
        request: what to decide.
        progress: told after reading, deciding and storing.
        seed: of the chance that price tests are drawn by.
        stored: called with the run's number in the transaction that stores it.

    Raises:
        InvalidStrategy: endings or strategies for what is not stored.
        FitNotFound: nothing was ever fitted.
        NothingToPrice: no (sku, market) has a price under these conditions.
        InvalidRulePack: there are no rules for the jurisdiction that a market was put under.
        InfeasibleLimits: the joint limits exclude each other.
    """
    progress("read", 0, 3)
    with reading(engine) as conn:
        known = read_known(conn, rules, request)
    progress("decide", 1, 3)
    decisions, policy = decide_known(known), known.rules.policy
    cross, tested = believed(known), 0
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
    tiers = member_decisions(decisions, rules.tiers, policy, barred=known.barred)
    progress("store", 2, 3)
    effects = 0 if cross is None else int(cross.elasticity.nnz)
    dominant = dominant_of(decisions)
    report = {
        **decisions.solve.as_dict(),
        "cross_effects": effects,
        "price_tests": tested,
        "offer_max_age_seconds": request.offer_max_age.total_seconds(),
        "dominant": [asdict(one) for one in dominant],
    }
    with writing(engine) as conn:
        run_id = save_run(
            conn,
            decisions,
            policy=policy.document(),
            fit_id=known.fit_id,
            created_at=request.now,
            report=report,
        )
        for tier, prices in tiers:
            save_tier(conn, run_id, prices, tier)
        trust_first_costs(conn, run_id, at=known.at)
        alarm(conn, run_id, decisions, policy.limits, at=request.now)
        stored(conn, run_id)
    progress("store", 3, 3)
    return RepriceOutcome(run_id, decisions, tested, tiers, effects, known.barred, dominant)


def _without_tiers(
    conn: Connection, catalogue: Catalogue, packs: RulePacks, at: datetime
) -> tuple[str, ...]:
    """Markets of the catalogue whose law forbids prices for members."""
    told = list_market_rules(conn)
    return tuple(
        market.code
        for market in catalogue.markets
        if market.code in told
        and tiers_forbidden(
            packs.at(
                told[market.code].jurisdiction, at.astimezone(ZoneInfo(market.time_zone)).date()
            )
        )
    )
