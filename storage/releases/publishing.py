"""Making price books: publishing a decision run, and going back to an earlier version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.events.price_books import ForbiddenPrice, LawKeptPrices
from pricing.price_book import PUBLIC
from storage.bulk import refresh_statistics
from storage.database import take_turns
from storage.errors import ClockBehind, PriceBookNotFound, RunNotFound
from storage.events.store import newest_events, record
from storage.law.rule_packs import RulePacks
from storage.prices.price_books import KEY, entry_at, state_of
from storage.releases.amendments import proposed_decisions
from storage.releases.freezes import frozen_markets, require_unfrozen
from storage.releases.proposals import changes_what_is_asked
from storage.releases.publish_checks import require_allowed, unlawful
from storage.releases.tables import draft_parts
from storage.tables import decision_runs
from storage.tables import price_book_entries as entries
from storage.tables import price_books as books


@dataclass(frozen=True, slots=True)
class Part:
    """Those prices of a draft that go live in one stage."""

    draft_id: int
    stage: int


def publish(
    conn: Connection,
    run_id: int,
    *,
    at: datetime,
    note: str = "",
    part: Part | None = None,
    amended_by: int | None = None,
    packs: RulePacks | None = None,
) -> int:
    """Make the prices of a decision run live; returns the new version.

    Only what differs from the live book is written. Prices that the run says nothing about, or left
    as it found them, stay, and so do those of frozen markets. Publishing the run that is live
    already changes nothing and returns its version. A tier price above the public one is lowered to
    it, always.

    Every price that would change is checked once more, by the law and by its cost of now.

    Args:
        conn: a transaction that may write.
        run_id: the run.
        at: when it goes live.
        note: kept with the version.
        part: only these of its prices; all where None.
        amended_by: with what people made of single prices of this draft. Such a price is of no run.
        packs: the rules of law; those that are shipped where None.

    Raises:
        RunNotFound: no run has this number.
        PricesFrozen: somebody pulled the kill switch.
        PricesNotAllowed: the law or a limit forbids some of the prices; nothing was written.
        ClockBehind: `at` lies before the last publication.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    require_unfrozen(conn)
    if (
        conn.scalar(sa.select(decision_runs.c.run_id).where(decision_runs.c.run_id == run_id))
        is None
    ):
        raise RunNotFound(f"there is no decision run {run_id}")
    live = conn.execute(
        sa.select(books.c.version, books.c.run_id).where(books.c.status == "live")
    ).one_or_none()
    if live is not None and live.run_id == run_id and part is None and amended_by is None:
        number: int = live.version
        return number
    version_now = 0 if live is None else live.version
    changed = _changes(conn, run_id, version_now, part, amended_by).subquery()
    with conn.begin_nested():  # undone as a whole where a price is refused
        version = _new_live_version(conn, run_id=run_id, at=at, note=note)
        rows = sa.select(
            *(changed.c[name] for name in (*KEY, "price_minor")),
            sa.literal(version),
            sa.case((changed.c.amended, None), else_=sa.literal(run_id)),
        )
        names = (*KEY, "price_minor", "version", "run_id")
        conn.execute(entries.insert().from_select(names, rows))
        _cap_tiers(conn, version)
        refresh_statistics(conn, entries)
        require_allowed(conn, version, run_id, at=at, packs=packs)
    return version


def _changes(
    conn: Connection, run_id: int, live: int, part: Part | None, amended_by: int | None
) -> sa.Select[*tuple[Any, ...]]:
    """Key, price and `amended` of what a run, or a part of it, changes of a version."""
    rows = proposed_decisions(run_id, amended_by)
    now = entry_at(rows, live, entries.c.price_minor)
    changed = sa.select(*(rows.c[name] for name in (*KEY, "price_minor", "amended"))).where(
        rows.c.price_minor.is_not(None), changes_what_is_asked(rows, now, live)
    )
    frozen = frozen_markets(conn)
    if frozen:
        changed = changed.where(rows.c.market_id.not_in(frozen))
    if part is None:
        return changed
    return changed.join(
        draft_parts,
        sa.and_(
            draft_parts.c.product_id == rows.c.product_id,
            draft_parts.c.market_id == rows.c.market_id,
        ),
    ).where(draft_parts.c.draft_id == part.draft_id, draft_parts.c.stage == part.stage)


def roll_back(
    conn: Connection,
    to: int,
    *,
    at: datetime,
    note: str = "",
    packs: RulePacks | None = None,
) -> int:
    """Bring every price back to what it was in a version; returns the new version that does so.

    Prices that did not exist then are taken off. Nothing is deleted: the version rolled back from
    stays on record. A price that the law forbids by now does not come back: the one in force stays,
    and an alert names it.

    Args:
        conn: a transaction that may write.
        to: the version whose prices come back.
        at: when they do.
        note: kept with the new version.
        packs: the rules of law; those that are shipped where None.

    Raises:
        PriceBookNotFound: there is no such version.
        PricesNotAllowed: there are no rules for the jurisdiction that a market was put under.
        ClockBehind: `at` lies before the last publication.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    if conn.scalar(sa.select(books.c.version).where(books.c.version == to)) is None:
        raise PriceBookNotFound(f"there is no price book {to}")
    version = _new_live_version(conn, run_id=None, at=at, note=note)
    # Only keys with an entry after that version can differ from it. For each of them the index
    # finds the entry that counted then and the one that counts now.
    key = (
        sa.select(*(entries.c[name] for name in KEY))
        .where(entries.c.version > to)
        .distinct()
        .subquery("moved")
    )
    then = entry_at(key, to, entries.c.price_minor)
    restored = sa.select(
        *(key.c[name] for name in KEY),
        sa.literal(version),
        then,
        entry_at(key, to, entries.c.run_id),
    ).where(then.is_distinct_from(entry_at(key, version, entries.c.price_minor)))
    names = (*KEY, "version", "price_minor", "run_id")
    conn.execute(entries.insert().from_select(names, restored))
    _keep_lawful(conn, version, at=at, packs=packs)
    refresh_statistics(conn, entries)
    return version


def _keep_lawful(conn: Connection, version: int, *, at: datetime, packs: RulePacks | None) -> None:
    """Leave the price in force where the one that a rollback would bring back is unlawful."""
    keys, rows = unlawful(conn, version, at=at, packs=packs)
    if not keys:
        return
    conn.execute(
        entries.delete().where(
            entries.c.version == version,
            entries.c.tier == PUBLIC,
            entries.c.product_id == sa.bindparam("product"),
            entries.c.market_id == sa.bindparam("market"),
        ),
        [{"product": product, "market": market} for product, market in keys],
    )
    _cap_tiers(conn, version)
    named = tuple(ForbiddenPrice(**row) for row in rows)
    record(conn, LawKeptPrices(version=version, count=len(keys), prices=named), at=at)


def kept_by_law(conn: Connection, version: int) -> int:
    """How many prices a rollback left as they were, since the law forbids the older ones by now."""
    found = newest_events(conn, [LawKeptPrices], key=str(version), limit=1)
    return sum(int(stored.facts["count"]) for stored in found)


def _new_live_version(conn: Connection, *, run_id: int | None, at: datetime, note: str) -> int:
    """A further version in place of the live one, without prices yet."""
    newest = conn.execute(
        sa.select(books.c.version, books.c.published_at).order_by(books.c.version.desc()).limit(1)
    ).one_or_none()
    if newest is not None and at < newest.published_at:
        raise ClockBehind(
            f"price book {newest.version} went live at {newest.published_at}, which is later than "
            f"{at}; check this computer's clock"
        )
    conn.execute(books.update().where(books.c.status == "live").values(status="superseded"))
    version = 1 if newest is None else int(newest.version) + 1
    conn.execute(
        books.insert().values(
            version=version, published_at=at, run_id=run_id, status="live", note=note
        )
    )
    return version


def _cap_tiers(conn: Connection, version: int) -> None:
    """Lower every tier price of the live book that exceeds the public price to that price."""
    if conn.scalar(sa.select(entries.c.tier).where(entries.c.tier != PUBLIC).limit(1)) is None:
        return
    tiers, public = state_of(version).subquery("tiers"), state_of(version).subquery("public")
    above = (
        sa.select(tiers.c.product_id, tiers.c.market_id, tiers.c.tier, public.c.price_minor)
        .join(
            public,
            sa.and_(
                public.c.product_id == tiers.c.product_id,
                public.c.market_id == tiers.c.market_id,
                public.c.tier == PUBLIC,
            ),
        )
        .where(tiers.c.tier != PUBLIC, tiers.c.price_minor > public.c.price_minor)
    )
    for row in conn.execute(above).all():
        key = {"product_id": row[0], "market_id": row[1], "tier": row[2], "version": version}
        this = sa.and_(*(entries.c[name] == value for name, value in key.items()))
        conn.execute(entries.delete().where(this))
        conn.execute(entries.insert().values(**key, price_minor=row[3], run_id=None))
