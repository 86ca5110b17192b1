"""Drafts: proposed price books on their way from a decision run to being live.

    draft -> approved -> releasing -> released

with `rejected` and `rolled_back` as the ends that nobody wanted.

A draft makes a price book version with each of its stages. Before each one the live book must be
the one that the draft was measured against, or that its own last stage made: what somebody
approved is then still what goes live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray, StrArray
from pricing.events.price_books import (
    DraftApproved,
    DraftAwaitsApproval,
    DraftOvertaken,
    DraftProposed,
    DraftRefused,
    DraftRejected,
    DraftWithdrawn,
    ForbiddenPrice,
    StageWentLive,
)
from storage.access.identities import identities_behind
from storage.arrow_rows import append, constant_in
from storage.database import take_turns
from storage.errors import DraftNotFound, DraftNotReady, PricesNotAllowed, RunNotFound
from storage.events.store import record
from storage.law.rule_packs import RulePacks
from storage.prices.price_books import live_version
from storage.products.keys import key_ids
from storage.releases.amendments import amenders_of
from storage.releases.publishing import Part, publish
from storage.releases.tables import draft_approvals as approvals
from storage.releases.tables import draft_parts
from storage.releases.tables import price_book_drafts as table
from storage.tables import decision_runs

_OPEN: Final = ("draft", "approved", "releasing")


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's consent."""

    approved_by: str
    approved_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed price book.

    Attributes:
        draft_id: its number.
        run_id: the decision run whose prices it proposes.
        status: `draft`, `approved`, `releasing`, `released`, `rejected` or `rolled_back`.
        measured_against: the price book that must be live for the next step; None for none at all.
        restores: the price book that was live before its first stage.
        version: the price book that its last stage made; None before the first.
        created_at: when it was proposed, UTC.
        created_by: by whom.
        note: why.
        review: what it changes and what of the change budget it exceeds.
        approvals_needed: how many consents it takes to be approved.
        approvals: those it has.
        activate_at: the earliest time to go live; None for as soon as it is approved.
        stages: how many stages it has.
        stages_done: how many of them are live.
        next_stage_at: when the next one is due; None while it waits for an approval, or is done.
        reason: why it was rejected or rolled back.
    """

    draft_id: int
    run_id: int
    status: str
    measured_against: int | None
    restores: int | None
    version: int | None
    created_at: datetime
    created_by: str
    note: str
    review: Mapping[str, Any]
    approvals_needed: int
    approvals: tuple[Approval, ...]
    activate_at: datetime | None
    stages: int
    stages_done: int
    next_stage_at: datetime | None
    reason: str


def propose(
    conn: Connection,
    run_id: int,
    *,
    at: datetime,
    by: str,
    review: Mapping[str, Any],
    approvals_needed: int,
    note: str = "",
    activate_at: datetime | None = None,
    stages: int = 1,
    pause: timedelta = timedelta(0),
) -> int:
    """Store a proposal; returns its number. One that needs no approval is approved at once.

    Args:
        conn: a transaction that may write.
        run_id: the decision run whose prices it proposes.
        at: now.
        by: who proposes it.
        review: what was measured, for those who approve.
        approvals_needed: how many consents it takes; one of somebody else where above 1.
        note: kept with it.
        activate_at: the earliest time to go live.
        stages: in how many stages; give each row its stage by `add_parts`.
        pause: time between two stages.

    Raises:
        RunNotFound: no run has this number.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    known = sa.select(decision_runs.c.run_id).where(decision_runs.c.run_id == run_id)
    if conn.scalar(known) is None:
        raise RunNotFound(f"there is no decision run {run_id}")
    live = live_version(conn)
    approved = approvals_needed == 0
    statement = table.insert().values(
        run_id=run_id,
        status="approved" if approved else "draft",
        measured_against=live,
        restores=live,
        created_at=at,
        created_by=by,
        note=note,
        review=review,
        approvals_needed=approvals_needed,
        activate_at=activate_at,
        stages=stages,
        stage_pause_seconds=pause.total_seconds(),
        next_stage_at=_due(activate_at, at) if approved else None,
    )
    draft_id: int = conn.execute(statement.returning(table.c.draft_id)).scalar_one()
    proposed = DraftProposed(draft=draft_id, run=run_id, note=note)
    record(conn, proposed, at=at, actor=by)
    if not approved:
        waits = DraftAwaitsApproval(draft=draft_id, run=run_id, by=by, note=note, review=review)
        record(conn, waits, at=at, actor=by)
    return draft_id


def add_parts(
    conn: Connection, draft_id: int, sku: StrArray, market: StrArray, stage: IntArray
) -> None:
    """Say in which stage, from 0, each price of a draft goes live.

    Raises:
        UnknownProduct, UnknownMarket: a key that is not stored.
    """
    product, place = key_ids(conn, sku, market)
    rows = pa.table(
        {
            "draft_id": constant_in(draft_id, len(sku)),
            "product_id": pa.array(product),
            "market_id": pa.array(place),
            "stage": pa.array(stage),
        }
    )
    append(conn, draft_parts, rows)


def read_draft(conn: Connection, draft_id: int) -> Draft:
    """One draft.

    Raises:
        DraftNotFound: there is no such draft.
    """
    found = _read(conn, table.c.draft_id == draft_id, limit=1)
    if not found:
        raise DraftNotFound(f"there is no draft {draft_id}")
    return found[0]


def list_drafts(
    conn: Connection, *, status: str | None = None, limit: int = 50
) -> tuple[Draft, ...]:
    """The newest drafts, the newest first; only those of a status where it is named."""
    return _read(conn, sa.true() if status is None else table.c.status == status, limit=limit)


def draft_of_version(conn: Connection, version: int) -> Draft | None:
    """The draft that made a price book with its last stage; None where none did."""
    found = _read(conn, table.c.version == version, limit=1)
    return found[0] if found else None


def approve(
    conn: Connection,
    draft_id: int,
    *,
    at: datetime,
    by: str,
    four_eyes: bool,
    alone: bool = False,
    note: str = "",
) -> Draft:
    """Consent to a draft; it is approved once it has as many consents as it needs.

    Args:
        conn: a transaction that may write.
        draft_id: the draft.
        at: now.
        by: who consents.
        four_eyes: who proposed it, or changed prices of it, cannot consent to it, nor a key that
            they made or rotated.
        alone: nobody but who proposed it could, which the record says if they do.
        note: kept with the consent.

    Raises:
        DraftNotFound: there is no such draft.
        DraftNotReady: it waits for nobody, this person consented already or may not.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    found = read_draft(conn, draft_id)
    if found.status != "draft":
        raise DraftNotReady(f"draft {draft_id} is {found.status} and waits for no approval")
    who = identities_behind(conn, by)

    def was_also(actor: str) -> bool:
        return not who.isdisjoint(identities_behind(conn, actor))

    own = was_also(found.created_by)
    if four_eyes and own:
        raise DraftNotReady(
            f"draft {draft_id} was proposed by {by}; somebody else must approve it (four eyes)"
        )
    if four_eyes and any(map(was_also, amenders_of(conn, draft_id))):
        raise DraftNotReady(
            f"{by} changed prices of draft {draft_id}; somebody else must approve it (four eyes)"
        )
    if any(was_also(approval.approved_by) for approval in found.approvals):
        raise DraftNotReady(f"{by} has approved draft {draft_id} already")
    conn.execute(
        approvals.insert().values(draft_id=draft_id, approved_by=by, approved_at=at, note=note)
    )
    nobody_else = True if alone and own else msgspec.UNSET
    approved = DraftApproved(draft=draft_id, note=note, alone=nobody_else)
    record(conn, approved, at=at, actor=by)
    if len(found.approvals) + 1 >= found.approvals_needed:
        _set(conn, draft_id, status="approved", next_stage_at=_due(found.activate_at, at))
    return read_draft(conn, draft_id)


def reject(conn: Connection, draft_id: int, *, at: datetime, by: str, reason: str) -> Draft:
    """Give a draft up; of one that is half released the stages that are live stay so.

    Raises:
        DraftNotFound: there is no such draft.
        DraftNotReady: it is finished already.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    found = read_draft(conn, draft_id)
    if found.status not in _OPEN:
        raise DraftNotReady(f"draft {draft_id} is {found.status} already")
    finish(conn, draft_id, "rejected", at=at, by=by, reason=reason)
    return read_draft(conn, draft_id)


def finish(
    conn: Connection,
    draft_id: int,
    status: Literal["rejected", "rolled_back"],
    *,
    at: datetime,
    by: str,
    reason: str,
) -> None:
    """End a draft's way."""
    _set(conn, draft_id, status=status, next_stage_at=None, finished_at=at, reason=reason)
    ended = DraftRejected if status == "rejected" else DraftWithdrawn
    record(conn, ended(draft=draft_id, reason=reason), at=at, actor=by)


def release_next_stage(
    conn: Connection,
    draft_id: int,
    *,
    at: datetime,
    by: str,
    packs: RulePacks | None = None,
) -> int | None:
    """Make the next stage of a draft live, if it is due; returns the version that it made.

    A draft that another price book has overtaken is rejected instead, with an alert: it would
    change prices from others than those that were approved. So is a draft with a price that the
    law, or a limit at today's cost, forbids; the alert names rows and articles.

    Raises:
        DraftNotFound: there is no such draft.
        DraftNotReady: it is not approved, or finished.
        PricesFrozen: somebody pulled the kill switch.
        ClockBehind: `at` lies before the last publication.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    found = read_draft(conn, draft_id)
    if found.status not in ("approved", "releasing"):
        raise DraftNotReady(f"draft {draft_id} is {found.status}; it must be approved to go live")
    if found.next_stage_at is None or at < found.next_stage_at:
        return None
    live = live_version(conn)
    if live != found.measured_against:
        reason = f"overtaken: price book {live} went live after {found.measured_against}"
        finish(conn, draft_id, "rejected", at=at, by=by, reason=reason)
        overtaken = DraftOvertaken(draft=draft_id, live=live, stages_done=found.stages_done)
        record(conn, overtaken, at=at, actor=by)
        return None
    part = Part(draft_id, found.stages_done) if found.stages > 1 else None
    try:
        version = publish(
            conn,
            found.run_id,
            at=at,
            note=found.note,
            part=part,
            amended_by=draft_id if amenders_of(conn, draft_id) else None,
            packs=packs,
        )
    except PricesNotAllowed as error:  # raised before anything is written
        _refuse(conn, found, error, at=at, by=by)
        return None
    done = found.stages_done + 1
    pause = conn.scalar(sa.select(table.c.stage_pause_seconds).where(table.c.draft_id == draft_id))
    last = done == found.stages
    _set(
        conn,
        draft_id,
        status="released" if last else "releasing",
        measured_against=version,
        version=version,
        stages_done=done,
        next_stage_at=None if last else at + timedelta(seconds=pause or 0.0),
        finished_at=at if last else None,
    )
    live_now = StageWentLive(draft=draft_id, version=version, stage=done)
    record(conn, live_now, at=at, actor=by)
    return version


def _refuse(
    conn: Connection, draft: Draft, error: PricesNotAllowed, *, at: datetime, by: str
) -> None:
    finish(conn, draft.draft_id, "rejected", at=at, by=by, reason=str(error))
    refused = DraftRefused(
        draft=draft.draft_id,
        run=draft.run_id,
        stages_done=draft.stages_done,
        count=error.count,
        prices=tuple(ForbiddenPrice(**row) for row in error.rows),
        why=str(error),
    )
    record(conn, refused, at=at, actor=by)


def due_drafts(conn: Connection, at: datetime) -> tuple[int, ...]:
    """Numbers of the drafts of which a stage is due, the oldest first."""
    query = (
        sa.select(table.c.draft_id)
        .where(table.c.status.in_(("approved", "releasing")), table.c.next_stage_at <= at)
        .order_by(table.c.draft_id)
    )
    return tuple(conn.scalars(query))


def _due(activate_at: datetime | None, at: datetime) -> datetime:
    return at if activate_at is None else max(activate_at, at)


def _set(conn: Connection, draft_id: int, **values: object) -> None:
    conn.execute(table.update().where(table.c.draft_id == draft_id).values(**values))


def _read(conn: Connection, which: sa.ColumnElement[bool], *, limit: int) -> tuple[Draft, ...]:
    query = sa.select(table).where(which).order_by(table.c.draft_id.desc()).limit(limit)
    rows = conn.execute(query).all()
    given: dict[int, list[Approval]] = {row.draft_id: [] for row in rows}
    consents = (
        sa.select(approvals)
        .where(approvals.c.draft_id.in_(given))
        .order_by(approvals.c.approved_at, approvals.c.approved_by)
    )
    for row in conn.execute(consents):
        given[row.draft_id].append(Approval(row.approved_by, row.approved_at, row.note))
    return tuple(
        Draft(
            draft_id=row.draft_id,
            run_id=row.run_id,
            status=row.status,
            measured_against=row.measured_against,
            restores=row.restores,
            version=row.version,
            created_at=row.created_at,
            created_by=row.created_by,
            note=row.note,
            review=row.review,
            approvals_needed=row.approvals_needed,
            approvals=tuple(given[row.draft_id]),
            activate_at=row.activate_at,
            stages=row.stages,
            stages_done=row.stages_done,
            next_stage_at=row.next_stage_at,
            reason=row.reason,
        )
        for row in rows
    )
