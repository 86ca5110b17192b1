"""What a morning begins with: what waits, what changed, how fresh all is, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import Connection, Engine

from pricing.events.competitors import CompetitorPriceChanged, CrawlDegraded
from storage.competitors.sites import Crawl
from storage.database import reading
from storage.events.store import count_events, newest_events
from storage.overview import (
    Beginnings,
    BroughtIn,
    FitHead,
    SiteVisit,
    Waiting,
    beginnings,
    count_waiting,
    newest_fit,
    newest_imports,
    site_visits,
)
from storage.prices.price_books import live_edition, version_at
from storage.releases.book_diff import BookDiff, diff_books
from storage.releases.freezes import Freeze, freezes_in_force

OVERNIGHT: Final = timedelta(hours=24)
"""How far back a morning looks."""
_LARGEST: Final = 8
_FINDINGS: Final = 200


class NextStep(Enum):
    """The one thing to do first."""

    IMPORT_PRODUCTS = auto()
    IMPORT_SALES = auto()
    FIT = auto()
    DECIDE = auto()
    PUBLISH = auto()
    DRAFTS = auto()
    JOBS = auto()
    HELD_OFFERS = auto()
    REVIEWS = auto()
    CRAWLS = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Overnight:
    """What changed since yesterday.

    Attributes:
        since: from when on, UTC.
        version: the price book in force; None before the first.
        published_at: since when it is, UTC.
        diff: what it changes of the one in force at `since`; None where that is the same, or none.
        rival_changes: prices that competitors changed.
    """

    since: datetime
    version: int | None
    published_at: datetime | None
    diff: BookDiff | None
    rival_changes: int

    @property
    def first(self) -> bool:
        """Whether the price book in force is the first one, and went live in this time."""
        return (
            self.published_at is not None and self.diff is None and self.published_at > self.since
        )


@dataclass(frozen=True, slots=True)
class SiteState:
    """A competitor's site as its newest visit left it.

    Attributes:
        site: its name.
        market: code of our market that it is in.
        crawl: the newest visit; None where nobody went there yet.
        old: its prices are too old to count in a decision.
        failed: why the visit failed; empty where it did not.
        findings: what was worse than usual, a sentence each.
    """

    site: str
    market: str
    crawl: Crawl | None
    old: bool
    failed: str
    findings: tuple[str, ...]

    @property
    def in_doubt(self) -> bool:
        """Whether somebody should look."""
        return self.old or bool(self.failed or self.findings)


@dataclass(frozen=True, slots=True)
class FitState:
    """The newest fit, and how far it is believed.

    Attributes:
        head: the fit.
        doubted: products in a market whose level is not believed.
    """

    head: FitHead
    doubted: int


@dataclass(frozen=True, slots=True)
class Today:
    """All of it.

    Attributes:
        waiting: what waits for a person.
        freezes: what is frozen.
        overnight: what changed.
        data: the newest file of each kind.
        fit: the newest fit; None before the first.
        sites: the competitors' sites.
        decided: when prices were last decided.
        next_step: the one thing to do first.
    """

    waiting: Waiting
    freezes: Sequence[Freeze]
    overnight: Overnight
    data: Sequence[BroughtIn]
    fit: FitState | None
    sites: Sequence[SiteState]
    decided: datetime | None
    next_step: NextStep


def read_today(engine: Engine, *, now: datetime, offer_max_age: timedelta) -> Today:
    """How things stand.

    Args:
        engine: the database.
        now: the time, UTC.
        offer_max_age: competitors' prices older than this do not count in a decision.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        waiting = count_waiting(conn, failed_since=now - OVERNIGHT)
        overnight = _overnight(conn, now - OVERNIGHT)
        data = newest_imports(conn)
        fit = newest_fit(conn)
        sites = _sites(conn, now - offer_max_age)
        begun = beginnings(conn)
        return Today(
            waiting=waiting,
            freezes=freezes_in_force(conn),
            overnight=overnight,
            data=data,
            fit=None if fit is None else FitState(fit, len(_doubted(fit))),
            sites=sites,
            decided=begun.decided,
            next_step=_next_step(waiting, begun, overnight, data, fit, sites),
        )


def _overnight(conn: Connection, since: datetime) -> Overnight:
    edition = live_edition(conn)
    rivals = count_events(conn, (CompetitorPriceChanged,), since=since)
    if edition is None:
        return Overnight(since, None, None, None, rivals)
    version, published_at = edition
    older = version_at(conn, since)
    moved = older is not None and older != version
    diff = diff_books(conn, older, version, limit=_LARGEST) if older and moved else None
    return Overnight(since, version, published_at, diff, rivals)


def _sites(conn: Connection, counts_since: datetime) -> tuple[SiteState, ...]:
    told = {
        event.facts["crawl"]: event.facts
        for event in newest_events(conn, (CrawlDegraded,), limit=_FINDINGS)
    }
    return tuple(_site(visit, told, counts_since) for visit in site_visits(conn))


def _site(
    visit: SiteVisit, told: Mapping[int, Mapping[str, Any]], counts_since: datetime
) -> SiteState:
    crawl = visit.crawl
    facts: Mapping[str, Any] = {} if crawl is None else told.get(crawl.crawl_id, {})
    findings = facts.get("findings", ())
    return SiteState(
        site=visit.site,
        market=visit.market,
        crawl=crawl,
        old=crawl is not None and (crawl.finished_at or crawl.started_at) < counts_since,
        failed=str(facts.get("failed", "")),
        findings=tuple(str(finding["says"]) for finding in findings),
    )


def _doubted(fit: FitHead) -> Sequence[object]:
    return fit.report.get("implausible_levels") or ()


def _next_step(
    waiting: Waiting,
    begun: Beginnings,
    overnight: Overnight,
    data: Sequence[BroughtIn],
    fit: FitHead | None,
    sites: Sequence[SiteState],
) -> NextStep:
    """The first of these that holds: what is missing before what waits."""
    steps = (
        (NextStep.IMPORT_PRODUCTS, not begun.products),
        (NextStep.DRAFTS, waiting.drafts > 0),
        (NextStep.JOBS, waiting.failed_jobs > 0),
        (NextStep.HELD_OFFERS, waiting.held_offers > 0),
        (NextStep.REVIEWS, waiting.reviews > 0),
        (NextStep.CRAWLS, any(site.in_doubt for site in sites)),
        (NextStep.IMPORT_SALES, fit is None and not any(file.kind == "sales" for file in data)),
        (NextStep.FIT, fit is None),
        (NextStep.DECIDE, begun.decided is None),
        (NextStep.PUBLISH, overnight.version is None),
    )
    return next((step for step, holds in steps if holds), NextStep.NOTHING)
