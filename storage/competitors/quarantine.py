"""Offers that are held back because their price can hardly be right."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.money import Money
from storage.bulk import listed
from storage.competitors.offers import ObservedOffer, append_offers
from storage.competitors.tables import quarantine as table
from storage.database import require_writer
from storage.errors import AlreadyDecided, HeldOfferNotFound, NotTakenBack
from storage.tables import crawls, decision_runs, offers, sites

_LATER = "a later observation"
"""Who dropped what a newer look has overtaken."""


@dataclass(frozen=True, slots=True)
class HeldOffer:
    """An offer in quarantine.

    Attributes:
        reason: why it is held.
        status: `held`, `released` (it counts as observed) or `dropped`.
        decided_at: when somebody said so, UTC; None while it is held.
        decided_by: who did.
    """

    quarantine_id: int
    site: str
    crawl_id: int
    url: str
    reason: str
    offer: ObservedOffer
    status: str
    held_at: datetime
    decided_at: datetime | None
    decided_by: str | None


def hold(conn: Connection, crawl_id: int, offer: ObservedOffer, reason: str) -> None:
    """Hold an offer back. An older one of the same page is dropped: it is no longer what is asked.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    site_id = conn.scalar(sa.select(crawls.c.site_id).where(crawls.c.crawl_id == crawl_id))
    conn.execute(
        table.update()
        .where(table.c.site_id == site_id, table.c.url == offer.url, table.c.status == "held")
        .values(status="dropped", decided_at=offer.observed_at, decided_by=_LATER)
    )
    conn.execute(
        table.insert().values(
            site_id=site_id,
            crawl_id=crawl_id,
            url=offer.url,
            reason=reason,
            offer=_plain(offer),
            status="held",
            held_at=offer.observed_at,
        )
    )


def drop_outdated(conn: Connection, site: str, urls: Collection[str], *, at: datetime) -> None:
    """Drop what is held of these pages: a later look gave a price that is believed.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    site_id = sa.select(sites.c.site_id).where(sites.c.name == site).scalar_subquery()
    conn.execute(
        table.update()
        .where(
            table.c.site_id == site_id,
            table.c.url.in_(listed(conn, urls)),
            table.c.status == "held",
        )
        .values(status="dropped", decided_at=at, decided_by=_LATER)
    )


def dropped_by_people(conn: Connection, site: str, urls: Collection[str]) -> dict[str, Money]:
    """The price that a person dropped last of each of these pages: not to be asked about again."""
    query = (
        _held()
        .where(
            sites.c.name == site,
            table.c.url.in_(listed(conn, urls)),
            table.c.status == "dropped",
            table.c.decided_by != _LATER,
        )
        .order_by(table.c.quarantine_id)
    )
    return {row.url: _offer(row.offer).price for row in conn.execute(query)}


def held_offers(
    conn: Connection,
    *,
    site: str | None = None,
    urls: Collection[str] | None = None,
    status: str = "held",
    limit: int | None = None,
) -> tuple[HeldOffer, ...]:
    """Offers in quarantine, the newest first."""
    query = _held().where(table.c.status == status).order_by(table.c.quarantine_id.desc())
    if site is not None:
        query = query.where(sites.c.name == site)
    if urls is not None:
        query = query.where(table.c.url.in_(listed(conn, urls)))
    return tuple(_held_offer(row) for row in conn.execute(query.limit(limit)))


def read_held(conn: Connection, quarantine_id: int) -> HeldOffer:
    """One offer in quarantine, settled or not.

    Raises:
        HeldOfferNotFound: no offer in quarantine has this number.
    """
    row = conn.execute(_held().where(table.c.quarantine_id == quarantine_id)).one_or_none()
    if row is None:
        raise HeldOfferNotFound(f"no offer in quarantine has the number {quarantine_id}")
    return _held_offer(row)


def held_beside(
    conn: Connection, beside: int | None = None, *, backwards: bool = False
) -> HeldOffer | None:
    """The held offer that comes after another one, or before it; the newest come first.

    Args:
        conn: a connection.
        beside: number of the other one; it need not be held any more. None for the newest of all.
        backwards: the one before.

    Returns:
        The offer; the first one where none comes after, the last one where none comes before; None
        where nothing is held.
    """
    number = table.c.quarantine_id
    held = _held().where(table.c.status == "held").limit(1)
    held = held.order_by(number if backwards else number.desc())
    rest = held
    if beside is not None:
        rest = held.where(number > beside if backwards else number < beside)
    row = conn.execute(rest).one_or_none()
    if row is None and beside is not None:
        row = conn.execute(held).one_or_none()
    return None if row is None else _held_offer(row)


def place_in_quarantine(conn: Connection, quarantine_id: int) -> tuple[int, int]:
    """Which of the held offers this one is, from 1, and how many there are."""
    newer = sa.func.count().filter(table.c.quarantine_id > quarantine_id)
    query = sa.select(newer, sa.func.count()).where(table.c.status == "held")
    ahead, total = conn.execute(query).one()
    return ahead + 1, total


def settled_by(conn: Connection, person: str, *, limit: int = 10) -> tuple[HeldOffer, ...]:
    """What somebody settled, the latest first."""
    query = (
        _held()
        .where(table.c.decided_by == person)
        .order_by(table.c.decided_at.desc(), table.c.quarantine_id.desc())
        .limit(limit)
    )
    return tuple(_held_offer(row) for row in conn.execute(query))


def keep_from_others(conn: Connection, quarantine_id: int) -> None:
    """Nobody else settles this offer before the end of the transaction.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    query = sa.select(table.c.quarantine_id).where(table.c.quarantine_id == quarantine_id)
    conn.execute(query.with_for_update())


def settle(
    conn: Connection, quarantine_id: int, *, release: bool, by: str, at: datetime
) -> HeldOffer:
    """Let an offer count as observed when it was, or drop it.

    Raises:
        HeldOfferNotFound: no offer in quarantine has this number.
        AlreadyDecided: it was settled otherwise.
    """
    keep_from_others(conn, quarantine_id)
    found = read_held(conn, quarantine_id)
    status = "released" if release else "dropped"
    if found.status == status:
        return found
    if found.status != "held":
        raise AlreadyDecided(
            f"offer {quarantine_id} in quarantine was {found.status} by {found.decided_by}"
        )
    conn.execute(
        table.update()
        .where(table.c.quarantine_id == quarantine_id)
        .values(status=status, decided_at=at, decided_by=by)
    )
    if release:
        append_offers(conn, found.crawl_id, [found.offer])
    return replace(found, status=status, decided_at=at, decided_by=by)


def hold_again(conn: Connection, quarantine_id: int, *, only_of: str | None = None) -> HeldOffer:
    """Take the word on an offer back: it is held as before, and counts nowhere.

    Of an offer that was released, the observation goes again; the quarantine keeps it.

    Args:
        conn: a transaction that writes.
        quarantine_id: its number.
        only_of: only if this person settled it; None for whoever did.

    Returns:
        The offer as it was settled.

    Raises:
        HeldOfferNotFound: no offer in quarantine has this number.
        NotTakenBack: it is held; somebody else settled it; a newer look at the page was stored or
            held since; or prices were decided since it counts.
    """
    keep_from_others(conn, quarantine_id)
    found = read_held(conn, quarantine_id)
    called = f"offer {quarantine_id} in quarantine"
    if found.status == "held":
        raise NotTakenBack(f"{called} is held; there is nothing to take back")
    if found.decided_by == _LATER or only_of not in {None, found.decided_by}:
        raise NotTakenBack(f"{called} was {found.status} by {found.decided_by}")
    if _seen_since(conn, found):
        raise NotTakenBack(f"{called}: a newer look at its page says what is asked now")
    if found.status == "released":
        _withdraw(conn, found, called)
    conn.execute(
        table.update()
        .where(table.c.quarantine_id == quarantine_id)
        .values(status="held", decided_at=None, decided_by=None)
    )
    return found


def _seen_since(conn: Connection, held: HeldOffer) -> bool:
    """Whether a newer observation of the page is stored, or a newer one was put into quarantine."""
    site_id = sa.select(sites.c.site_id).where(sites.c.name == held.site).scalar_subquery()
    stored = sa.exists().where(
        offers.c.site_id == site_id,
        offers.c.url == held.url,
        offers.c.observed_at > held.offer.observed_at,
    )
    newer = sa.exists().where(
        table.c.site_id == site_id,
        table.c.url == held.url,
        table.c.quarantine_id > held.quarantine_id,
    )
    return bool(conn.scalar(sa.select(stored | newer)))


def _withdraw(conn: Connection, released: HeldOffer, called: str) -> None:
    """Delete the observation that a release stored, unless a decision may rest on it."""
    run = conn.scalar(
        sa.select(sa.func.max(decision_runs.c.run_id)).where(
            decision_runs.c.created_at >= released.decided_at
        )
    )
    if run is not None:
        raise NotTakenBack(
            f"{called} counted in decision run {run}, whose record needs it; the next look at the "
            "page says what is asked now"
        )
    conn.execute(
        offers.delete().where(
            offers.c.crawl_id == released.crawl_id,
            offers.c.url == released.url,
            offers.c.observed_at == released.offer.observed_at,
            offers.c.price_minor == released.offer.price.minor,
        )
    )


def _held() -> sa.Select[Any]:
    return sa.select(
        table.c.quarantine_id,
        sites.c.name,
        table.c.crawl_id,
        table.c.url,
        table.c.reason,
        table.c.offer,
        table.c.status,
        table.c.held_at,
        table.c.decided_at,
        table.c.decided_by,
    ).join_from(table, sites, table.c.site_id == sites.c.site_id)


def _held_offer(row: sa.Row[Any]) -> HeldOffer:
    return HeldOffer(
        row.quarantine_id, row.name, row.crawl_id, row.url, row.reason, _offer(row.offer),
        row.status, row.held_at, row.decided_at, row.decided_by,
    )  # fmt: skip


def _plain(offer: ObservedOffer) -> dict[str, Any]:
    listed = offer.list_price
    return {
        **asdict(offer),
        "observed_at": offer.observed_at.isoformat(),
        "price": [offer.price.minor, offer.price.currency],
        "list_price": None if listed is None else [listed.minor, listed.currency],
        "details": dict(offer.details),
    }


def _offer(plain: Mapping[str, Any]) -> ObservedOffer:
    listed = plain["list_price"]
    values = {
        **plain,
        "observed_at": datetime.fromisoformat(plain["observed_at"]),
        "price": Money(*plain["price"]),
        "list_price": None if listed is None else Money(*listed),
    }
    return ObservedOffer(**values)
