"""Promotions: versions that are never overwritten, their lifecycle, and who did what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.promotions.codes import fold_code
from pricing.promotions.errors import InvalidPromotion
from storage.audit.chain import Act, Principal, append_audit, digest_of
from storage.bulk import listed
from storage.database import require_writer, take_turns
from storage.errors import NameTaken, PromotionNotFound, StepNotAllowed, VersionMoved
from storage.promotion_terms import Terms, check_terms, span_of, terms_from
from storage.promotions.tables import (
    promotion_audit,
    promotion_codes,
    promotion_usage,
    promotion_versions,
)
from storage.promotions.tables import promotions as table

Phase = Literal["draft", "scheduled", "live", "ended"]


@dataclass(frozen=True, slots=True)
class StoredPromotion:
    """A promotion at its newest version.

    Attributes:
        promotion_id: the database's number.
        status: `draft`, `scheduled` or `ended`, as decided by people; see `phase`.
        version: number of the terms, from 1.
        starts_at, ends_at: first moment, and first after the end; None for none.
        terms: what it says.
    """

    promotion_id: int
    status: str
    version: int
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime
    terms: Terms

    @property
    def name(self) -> str:
        """Its id in documents and addresses."""
        return self.terms.name

    def phase(self, now: datetime) -> Phase:
        """Where it is in its life: `draft`, `scheduled`, `live` or `ended`.

        Once scheduled, the clock alone makes it live and ends it; nothing has to run for that.
        """
        if self.status == "draft":
            return "draft"
        if self.status == "ended" or (self.ends_at is not None and now >= self.ends_at):
            return "ended"
        if self.starts_at is not None and now < self.starts_at:
            return "scheduled"
        return "live"


@dataclass(frozen=True, slots=True)
class PromotionVersion:
    """One version of the terms, and who wrote it."""

    version: int
    created_at: datetime
    author: str
    note: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that somebody did to a promotion."""

    at: datetime
    actor: str
    action: str
    version: int
    detail: Mapping[str, Any]


def create_promotion(
    conn: Connection, terms: Terms, *, actor: str, at: datetime
) -> StoredPromotion:
    """Store a new promotion as a draft.

    Raises:
        InvalidPromotion: the terms make no sense, alone or beside those that have not ended.
        NameTaken: there is, or was, a promotion with this id.
    """
    take_turns(conn, "promotions")
    if conn.scalar(sa.select(table.c.promotion_id).where(table.c.name == terms.name)) is not None:
        raise NameTaken(f"there is already a promotion {terms.name!r}; choose another id")
    _check(conn, terms)
    number: int = conn.execute(
        table.insert()
        .values(name=terms.name, status="draft", created_at=at, **_columns(terms, 1, at))
        .returning(table.c.promotion_id)
    ).scalar_one()
    _add_version(conn, number, 1, terms, actor=actor, at=at, note="")
    record(conn, number, "created", actor=actor, at=at, version=1)
    return read_promotion(conn, terms.name)


def revise_promotion(
    conn: Connection,
    terms: Terms,
    *,
    actor: str,
    at: datetime,
    note: str = "",
    from_version: int | None = None,
) -> StoredPromotion:
    """Add a version of the terms; it holds from now on, for quotes made from now on.

    Args:
        conn: a transaction that writes.
        terms: with the id of the promotion.
        actor: who does it.
        at: now.
        note: why.
        from_version: the version that was read before the change; None does not mind.

    Raises:
        PromotionNotFound: there is no such promotion.
        StepNotAllowed: it has ended, or its currency would change after it was used.
        VersionMoved: it is not at `from_version`.
        InvalidPromotion: as for `create_promotion`.
    """
    old = _held(conn, terms.name)
    if old.status == "ended":
        raise StepNotAllowed(f"promotion {old.name!r} has ended; create another one")
    if from_version is not None and from_version != old.version:
        raise VersionMoved(
            f"promotion {old.name!r} is at version {old.version}, not {from_version}; read it again"
        )
    if terms.currency != old.terms.currency and _was_used(conn, old.promotion_id):
        raise StepNotAllowed(
            f"promotion {old.name!r} was used in {old.terms.currency} and keeps its currency"
        )
    _check(conn, terms)
    version = old.version + 1
    where = table.c.promotion_id == old.promotion_id
    conn.execute(table.update().where(where).values(_columns(terms, version, at)))
    _add_version(conn, old.promotion_id, version, terms, actor=actor, at=at, note=note)
    record(conn, old.promotion_id, "revised", actor=actor, at=at, version=version, note=note)
    return read_promotion(conn, terms.name)


def schedule_promotion(
    conn: Connection,
    name: str,
    *,
    actor: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> StoredPromotion:
    """Let it run: it is live from its first moment on.

    Raises:
        PromotionNotFound: there is no such promotion.
        StepNotAllowed: it is no draft, or its last moment has passed.
    """
    old = _held(conn, name)
    if old.status != "draft":
        raise StepNotAllowed(f"promotion {name!r} is {old.phase(at)}; only a draft is scheduled")
    if old.ends_at is not None and old.ends_at <= at:
        raise StepNotAllowed(
            f"the window of promotion {name!r} ended at {old.ends_at:%Y-%m-%d %H:%M} UTC; "
            "revise promotion.when first"
        )
    return _step(conn, old, "scheduled", "scheduled", actor=actor, at=at, detail=detail)


def withdraw_promotion(conn: Connection, name: str, *, actor: str, at: datetime) -> StoredPromotion:
    """Make it a draft again, before its first moment.

    Raises:
        PromotionNotFound: there is no such promotion.
        StepNotAllowed: it is not waiting for its first moment.
    """
    old = _held(conn, name)
    if old.phase(at) != "scheduled":
        raise StepNotAllowed(
            f"promotion {name!r} is {old.phase(at)}; one is withdrawn only before it is live"
        )
    return _step(conn, old, "draft", "withdrawn", actor=actor, at=at)


def end_promotion(conn: Connection, name: str, *, actor: str, at: datetime) -> StoredPromotion:
    """End it now, for good. Quotes that were made before stay good until they expire.

    Raises:
        PromotionNotFound: there is no such promotion.
        StepNotAllowed: it has ended.
    """
    old = _held(conn, name)
    if old.phase(at) == "ended":
        raise StepNotAllowed(f"promotion {name!r} has ended already")
    action = "discarded" if old.status == "draft" else "ended"
    return _step(conn, old, "ended", action, actor=actor, at=at)


def read_promotion(conn: Connection, name: str) -> StoredPromotion:
    """One promotion.

    Raises:
        PromotionNotFound: there is no such promotion.
    """
    row = conn.execute(_newest().where(table.c.name == name)).one_or_none()
    if row is None:
        raise PromotionNotFound(f"there is no promotion {name!r}")
    return _stored(row)


def list_promotions(
    conn: Connection, *, ended: bool = True, after: str = "", limit: int | None = None
) -> tuple[StoredPromotion, ...]:
    """Promotions by id.

    Args:
        conn: an open transaction.
        ended: whether those that somebody ended are among them.
        after: only ids that come after this one.
        limit: most to list.
    """
    query = _newest().where(table.c.name > after).order_by(table.c.name)
    if not ended:
        query = query.where(table.c.status != "ended")
    return tuple(_stored(row) for row in conn.execute(query.limit(limit)))


def scheduled_promotions(conn: Connection) -> tuple[StoredPromotion, ...]:
    """Those that are live, or will be, or were until their window ended."""
    return tuple(
        _stored(row) for row in conn.execute(_newest().where(table.c.status == "scheduled"))
    )


def change_mark(conn: Connection) -> int:
    """A number that grows with every change to any promotion."""
    return conn.scalar(sa.select(sa.func.max(promotion_audit.c.audit_id))) or 0


def versions_of(conn: Connection, name: str) -> tuple[PromotionVersion, ...]:
    """Every version of the terms, the oldest first.

    Raises:
        PromotionNotFound: there is no such promotion.
    """
    t = promotion_versions
    query = (
        sa.select(t.c.version, t.c.created_at, t.c.author, t.c.note, t.c.document)
        .where(t.c.promotion_id == read_promotion(conn, name).promotion_id)
        .order_by(t.c.version)
    )
    return tuple(PromotionVersion(*row[:4], terms_from(row[4])) for row in conn.execute(query))


def audit_of(conn: Connection, name: str) -> tuple[AuditRow, ...]:
    """What was done to a promotion, the oldest first.

    Raises:
        PromotionNotFound: there is no such promotion.
    """
    t = promotion_audit
    query = (
        sa.select(t.c.at, t.c.actor, t.c.action, t.c.version, t.c.detail)
        .where(t.c.promotion_id == read_promotion(conn, name).promotion_id)
        .order_by(t.c.audit_id)
    )
    return tuple(AuditRow(*row) for row in conn.execute(query))


def record(
    conn: Connection,
    promotion_id: int,
    action: str,
    *,
    actor: str,
    at: datetime,
    version: int,
    **detail: object,
) -> None:
    """Add a row to the audit of a promotion, and to that of everything."""
    require_writer(conn)
    conn.execute(
        promotion_audit.insert().values(
            promotion_id=promotion_id,
            at=at,
            actor=actor,
            action=action,
            version=version,
            detail=detail,
        )
    )
    before: str | None = None
    after: str | None = digest_of({"version": version, **detail})
    if action in {"created", "revised"}:
        before = _digest(conn, promotion_id, version - 1)
        after = _digest(conn, promotion_id, version)
    by = Principal.named(actor)
    append_audit(conn, Act(by, action, "promotion", str(promotion_id), before, after), at=at)


def _digest(conn: Connection, promotion_id: int, version: int) -> str | None:
    t = promotion_versions.c
    document = conn.scalar(
        sa.select(t.document).where(t.promotion_id == promotion_id, t.version == version)
    )
    return None if document is None else digest_of(document)


def _newest() -> sa.Select[Any]:
    t = promotion_versions
    return sa.select(table, t.c.document).join_from(
        table,
        t,
        sa.and_(t.c.promotion_id == table.c.promotion_id, t.c.version == table.c.version),
    )


def _stored(row: sa.Row[Any]) -> StoredPromotion:
    return StoredPromotion(
        promotion_id=row.promotion_id,
        status=row.status,
        version=row.version,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        terms=terms_from(row.document),
    )


def _held(conn: Connection, name: str) -> StoredPromotion:
    """One promotion, while nobody else changes any."""
    take_turns(conn, "promotions")
    return read_promotion(conn, name)


def _check(conn: Connection, terms: Terms) -> None:
    others = (stored.terms for stored in list_promotions(conn, ended=False))
    check_terms(terms, (other for other in others if other.name != terms.name))
    written = (terms.promotion.code, *terms.promotion.codes)
    taken = codes_in_use(conn, (code for code in written if code))
    if taken:
        raise InvalidPromotion(
            "promotion.code", f"{taken[0]!r} is one of the unique codes of another promotion"
        )


def codes_in_use(conn: Connection, codes: Iterable[str]) -> tuple[str, ...]:
    """Those of these codes that are unique codes of some promotion."""
    folded = {fold_code(code): code for code in codes}
    t = promotion_codes
    query = sa.select(t.c.code).where(t.c.code.in_(listed(conn, folded)))
    return tuple(folded[row.code] for row in conn.execute(query)) if folded else ()


def _was_used(conn: Connection, promotion_id: int) -> bool:
    t = promotion_usage
    return (
        conn.scalar(sa.select(t.c.key).where(t.c.promotion_id == promotion_id).limit(1)) is not None
    )


def _columns(terms: Terms, version: int, at: datetime) -> dict[str, Any]:
    span = span_of(terms)
    return {
        "currency": terms.currency,
        "version": version,
        "starts_at": span.starts_at,
        "ends_at": span.ends_at,
        "updated_at": at,
    }


def _add_version(
    conn: Connection,
    number: int,
    version: int,
    terms: Terms,
    *,
    actor: str,
    at: datetime,
    note: str,
) -> None:
    conn.execute(
        promotion_versions.insert().values(
            promotion_id=number,
            version=version,
            document=terms.document(),
            created_at=at,
            author=actor,
            note=note,
        )
    )


def _step(
    conn: Connection,
    old: StoredPromotion,
    status: str,
    action: str,
    *,
    actor: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> StoredPromotion:
    where = table.c.promotion_id == old.promotion_id
    conn.execute(table.update().where(where).values(status=status, updated_at=at))
    record(
        conn, old.promotion_id, action, actor=actor, at=at, version=old.version, **(detail or {})
    )
    return read_promotion(conn, old.name)
