"""From a decision run to a live price book: measured, approved, staged, watched, rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection, Engine

from api.access.roles import MAY_APPROVE
from api.jobs.totals import dominant_of
from models.sensitivity.dominance import Dominant
from pricing.deciding.decisions import Decisions
from pricing.events.price_books import FigureBroke, PriceBookRolledBack
from pricing.releases.change_budget import BudgetReport, ChangeBudget, measure
from pricing.releases.staged_release import Band, StagePlan, broken_at, stage_of
from storage.access.people import active_with_a_role
from storage.database import reading, writing
from storage.errors import DraftNotReady, NotPossibleNow, PricesFrozen
from storage.events.store import SYSTEM, record
from storage.law.rule_packs import RulePacks
from storage.prices.decisions import read_run
from storage.prices.price_books import live_version
from storage.releases.drafts import (
    Draft,
    add_parts,
    approve,
    draft_of_version,
    due_drafts,
    finish,
    propose,
    read_draft,
    reject,
    release_next_stage,
)
from storage.releases.freezes import require_unfrozen
from storage.releases.proposed_prices import proposed_prices
from storage.releases.publishing import roll_back
from storage.releases.reach import reach_of_run
from storage.releases.watched_figures import (
    Watch,
    end_watch,
    first_live_at,
    readings_of,
    watch,
    watched,
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReleaseTerms:
    """How a run may go live.

    Attributes:
        budget: what may change without an approval.
        four_eyes: every draft needs the approval of somebody other than who proposed it.
        activate_at: the earliest time to go live; None for as soon as it is approved.
        plan: in which stages.
        keep_together: `sku` or `category`: what of a staged release goes live together.
        watches: figures that throw the release back when they leave their band.
        watch_for: how long after the proposal, or its activation, they are watched.
    """

    budget: ChangeBudget = field(default_factory=ChangeBudget)
    four_eyes: bool = False
    activate_at: datetime | None = None
    plan: StagePlan = field(default_factory=StagePlan)
    keep_together: str = "sku"
    watches: Mapping[str, Band] = field(default_factory=dict)
    watch_for: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What came of a proposal.

    Attributes:
        draft: as it stands now.
        report: what it changes, against the budget.
        version: the price book that went live at once; None where it waits.
        dominant: products that own more than a fifth of what the run expects of a currency.
    """

    draft: Draft
    report: BudgetReport
    version: int | None
    dominant: tuple[Dominant, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseWork:
    """What `keep_releases` did.

    Attributes:
        versions: price books that went live.
        rolled_back: drafts whose release was thrown back.
        rejected: drafts that another price book overtook, or that may not go live by now.
        frozen: drafts that are due and wait for a freeze to be lifted.
    """

    versions: tuple[int, ...] = ()
    rolled_back: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    frozen: tuple[int, ...] = ()


def release(
    engine: Engine,
    run_id: int,
    terms: ReleaseTerms,
    *,
    now: datetime,
    by: str,
    note: str = "",
    packs: RulePacks | None = None,
) -> Proposal:
    """Propose the prices of a run; they go live at once unless something says to wait.

    They wait where the change budget is exceeded, where four eyes are asked for, or for their time.
    The very first price book has nothing to be compared with: its changes are measured and shown,
    and wait for nobody unless four eyes are asked for. A draft with a price that the law or a limit
    forbids by now is rejected, with an alert, and nothing goes live.

    Args:
        engine: the database.
        run_id: the decision run.
        terms: how it may go live.
        now: the time, UTC.
        by: who proposes it.
        note: kept with it.
        packs: the rules of law; those that are shipped where None.

    Raises:
        RunNotFound: no run has this number.
        PricesFrozen: somebody pulled the kill switch.
        DraftNotReady: another price book went live while this one was measured.
        ClockBehind: `now` lies before the last publication.
    """
    with reading(engine) as conn:  # a large run takes a while to measure; nobody waits for it
        require_unfrozen(conn)
        stored = read_run(conn, run_id)
        live = live_version(conn)
        report = measure(proposed_prices(conn, run_id, live), terms.budget)
    dominant = dominant_of(stored.decisions)
    waits = terms.four_eyes or not (report.within or live is None)
    with writing(engine) as conn:
        require_unfrozen(conn)
        if live_version(conn) != live:
            raise DraftNotReady("another price book went live meanwhile; try again")
        draft_id = propose(
            conn,
            run_id,
            at=now,
            by=by,
            note=note,
            review={
                "report": asdict(report),
                "first": live is None,
                "dominant": [asdict(one) for one in dominant],
            },
            approvals_needed=1 if waits else 0,
            activate_at=terms.activate_at,
            stages=terms.plan.stages,
            pause=terms.plan.pause,
        )
        if not terms.plan.at_once:
            _assign_stages(conn, draft_id, stored.decisions, terms)
        start = max(now, terms.activate_at or now)
        for figure, band in terms.watches.items():
            watch(conn, Watch(draft_id, figure, band, start + terms.watch_for))
        version = None
        if not waits:
            version = release_next_stage(conn, draft_id, at=now, by=by, packs=packs)
        return Proposal(read_draft(conn, draft_id), report, version, dominant)


def approve_draft(
    engine: Engine,
    draft_id: int,
    *,
    now: datetime,
    by: str,
    four_eyes: bool,
    note: str = "",
    packs: RulePacks | None = None,
) -> tuple[Draft, int | None]:
    """Consent to a draft; if it is approved and due, its first stage goes live at once.

    Beyond the change budget it takes somebody else than who proposed it, wherever at least two
    people with an account may approve it; where there is one, the record says that they were alone.
    If the law or a limit forbids one of its prices by now, it is rejected instead, with an alert.

    Returns:
        The draft as it stands now, and the version that went live; None where none did.

    Raises:
        DraftNotFound: there is no such draft.
        DraftNotReady: it waits for nobody, or not for this person.
        PricesFrozen: somebody pulled the kill switch; the consent is not kept either.
    """
    with writing(engine) as conn:
        draft = read_draft(conn, draft_id)
        beyond, second = _is_beyond_budget(draft), takes_a_second_person(conn, draft)
        approved = approve(
            conn,
            draft_id,
            at=now,
            by=by,
            four_eyes=four_eyes or second,
            alone=beyond and not second,
            note=note,
        )
        version = None
        if approved.status == "approved":
            version = release_next_stage(conn, draft_id, at=now, by=by, packs=packs)
        return read_draft(conn, draft_id), version


def takes_a_second_person(conn: Connection, draft: Draft) -> bool:
    """Whether a draft is beyond the change budget, and two people at least may approve it."""
    return _is_beyond_budget(draft) and len(_who_may_approve(conn, draft.draft_id)) > 1


def _is_beyond_budget(draft: Draft) -> bool:
    return bool(draft.review.get("report", {}).get("breaches"))


def _who_may_approve(conn: Connection, draft_id: int) -> frozenset[str]:
    """The people who can log in and may approve a draft."""
    reach = reach_of_run(conn, read_draft(conn, draft_id).run_id)
    return active_with_a_role(conn, MAY_APPROVE, reach)


def reject_draft(engine: Engine, draft_id: int, *, now: datetime, by: str, reason: str) -> Draft:
    """Give a draft up; stages of it that are live stay so.

    Raises:
        DraftNotFound: there is no such draft.
        DraftNotReady: it is finished already.
    """
    with writing(engine) as conn:
        return reject(conn, draft_id, at=now, by=by, reason=reason)


def roll_back_to(
    engine: Engine,
    version: int,
    *,
    now: datetime,
    by: str,
    reason: str,
    while_frozen: bool = False,
    packs: RulePacks | None = None,
) -> int:
    """Bring all prices back to a version; returns the new version that does so.

    Args:
        engine: the database.
        version: the version whose prices come back.
        now: the time, UTC.
        by: who does it.
        reason: why.
        while_frozen: do it although prices are frozen.
        packs: the rules of law; those that are shipped where None.

    Raises:
        PriceBookNotFound: there is no such version.
        PricesFrozen: prices are frozen and `while_frozen` is not set.
        ClockBehind: `now` lies before the last publication.
    """
    with writing(engine) as conn:
        if not while_frozen:
            require_unfrozen(conn)
        return _roll_back(conn, version, at=now, by=by, reason=reason, packs=packs)


def keep_releases(engine: Engine, *, now: datetime, packs: RulePacks | None = None) -> ReleaseWork:
    """Do what is due: scheduled books, next stages, and going back where a figure broke its band.

    Each draft has a transaction of its own. Call it again and again; where nothing is due it reads
    two small tables.

    Args:
        engine: the database.
        now: the time, UTC.
        packs: the rules of law; those that are shipped where None.
    """
    back = _throw_back(engine, now, packs)
    with reading(engine) as conn:
        due = due_drafts(conn, now)
    versions, rejected, frozen = [], [], []
    for draft_id in due:
        try:
            with writing(engine) as conn:
                version = release_next_stage(conn, draft_id, at=now, by=SYSTEM, packs=packs)
                draft = read_draft(conn, draft_id)
        except PricesFrozen:
            frozen.append(draft_id)
            continue
        except NotPossibleNow as error:
            _log.warning("a draft cannot go live", draft=draft_id, why=str(error))
            continue
        if version is not None:
            versions.append(version)
            _log.info("price book went live", draft=draft_id, version=version)
        elif draft.status == "rejected":
            rejected.append(draft_id)
            _log.warning("a draft did not go live", draft=draft_id, why=draft.reason)
    return ReleaseWork(tuple(versions), back, tuple(rejected), tuple(frozen))


def _assign_stages(conn: Connection, draft_id: int, run: Decisions, terms: ReleaseTerms) -> None:
    known = run.catalogue
    unit = known.category.values() if terms.keep_together == "category" else known.sku
    market = known.market.values()
    add_parts(
        conn,
        draft_id,
        known.sku,
        market,
        stage_of(unit, market, terms.plan, seed=draft_id),
    )


def _roll_back(
    conn: Connection,
    to: int,
    *,
    at: datetime,
    by: str,
    reason: str,
    packs: RulePacks | None,
) -> int:
    """The new version; the draft that made the live one is marked as thrown back."""
    live = live_version(conn)
    version = roll_back(conn, to, at=at, note=f"rollback to {to}: {reason}", packs=packs)
    draft = None if live is None else draft_of_version(conn, live)
    if draft is not None and draft.status in ("releasing", "released"):
        finish(conn, draft.draft_id, "rolled_back", at=at, by=by, reason=reason)
    done = PriceBookRolledBack(live=live, to=to, version=version, by=by, reason=reason)
    record(conn, done, at=at, actor=by)
    return version


def _throw_back(engine: Engine, now: datetime, packs: RulePacks | None) -> tuple[int, ...]:
    """Roll back the releases of which a watched figure broke its band."""
    with reading(engine) as conn:
        broken = [(item, why) for item in watched(conn) if (why := _breach(conn, item, now))]
    thrown = []
    for item, why in broken:
        with writing(engine) as conn:
            draft = read_draft(conn, item.draft_id)
            if draft.status not in ("releasing", "released") or draft.version is None:
                continue  # another figure, or another worker, was first
            if draft.restores is None or live_version(conn) != draft.version:
                _stop_watching(conn, item, draft, why, now)
                continue
            _roll_back(conn, draft.restores, at=now, by=SYSTEM, reason=why, packs=packs)
        thrown.append(item.draft_id)
        _log.error("a release was rolled back", draft=item.draft_id, why=why)
    return tuple(thrown)


def _breach(conn: Connection, item: Watch, now: datetime) -> str | None:
    since = first_live_at(conn, item.draft_id)
    if since is None:
        return None
    readings = readings_of(conn, item.figure, since=since, until=min(now, item.until))
    place = broken_at([reading.value for reading in readings], item.band)
    if place is None:
        return None
    low, high = item.band.low, item.band.high
    return (
        f"{item.figure} was {readings[place].value:g} at {readings[place].at:%Y-%m-%d %H:%M} UTC, "
        f"outside {'-' if low is None else f'{low:g}'} to {'-' if high is None else f'{high:g}'}"
    )


def _stop_watching(conn: Connection, item: Watch, draft: Draft, why: str, now: datetime) -> None:
    """A figure broke, but there is nothing to go back to, or others have published since.

    Going back would undo their work, so people are told instead, once.
    """
    end_watch(conn, item)
    broke = FigureBroke(draft=draft.draft_id, live=live_version(conn), why=why)
    record(conn, broke, at=now)
    _log.error("a watched figure broke; roll back by hand", draft=draft.draft_id, why=why)
