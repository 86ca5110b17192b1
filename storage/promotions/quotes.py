"""Quotes: what a cart was promised to cost, and what was redeemed because of it.

    open ──commit──▶ committed ──cancel──▶ cancelled
      ├───cancel──────────────────────────▶ cancelled
      └───its time runs out──▶ expired

A quote that reserves takes its share of every limit when it is made; cancelling and expiry give it
back. One that does not takes it when it is committed, and may find too little left. A customer's
newest quotes hold; where they are too many, the oldest lets go and stays open, holding nothing. Of
one address so many hold and no more. Every step is written to `redemptions` in its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.errors import HoldRefused, QuoteNotFound, QuoteSettled, ReturnRefused
from storage.products.markets import market_id
from storage.promotions.groups import leave_group
from storage.promotions.returns import returns_of
from storage.promotions.tables import quotes as table
from storage.promotions.tables import redemptions
from storage.promotions.usage import UNNAMED, HoldShare, Most, Take, give_back, keep, take

_MADE: Final = ("reserved", "offered")
"""What is written when a quote is made: the one or the other."""

_COPIED: Final = (
    "quote_id",
    "promotion_id",
    "version",
    "day",
    "customer",
    "code",
    "units",
    "amount_minor",
    "detail",
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a hold is, and how much of that is borne.

    Attributes:
        shopper: digest of the address that the shopper asks from; None where nobody said.
        most_of_shopper: open quotes of one shopper's address that hold something.
        most_of_customer: the same of one customer.
        share: of what orders have left, for all holds together.
    """

    shopper: str | None
    most_of_shopper: int
    most_of_customer: int
    share: HoldShare


@dataclass(frozen=True, slots=True)
class NewQuote:
    """A quote to store.

    Attributes:
        quote_id: not to be guessed.
        expires_at: first moment at which it is not good any more.
        market: code of the market.
        customer: None for a guest.
        total_minor: all that the customer pays.
        goods_minor: of which for goods, tax included.
        net_minor: the same without tax.
        cost_minor: what the goods cost; None where that is not known of every line.
        document: the answer that the client got.
        takes: what it redeems, those that take nothing left out.
        reserve: whether to take it now.
        basis: JSON text of what it was evaluated from, for returns; None keeps none.
        held_until: first moment at which it holds nothing any more, if it reserves.
        holder: whose hold it is; as of nobody known, and without number, if None.
    """

    quote_id: str
    created_at: datetime
    expires_at: datetime
    market: str
    customer: str | None
    total_minor: int
    goods_minor: int
    net_minor: int
    cost_minor: int | None
    document: Mapping[str, Any]
    takes: Sequence[Take]
    reserve: bool
    basis: str | None = None
    held_until: datetime | None = None
    holder: Holder | None = None


@dataclass(frozen=True, slots=True)
class StoredQuote:
    """A quote and where it stands.

    Attributes:
        status: `open`, `committed`, `cancelled` or `expired`.
        settled_at: since when it is not open; None while it is.
        reserved: whether it holds, or held until it was settled, its share of every limit.
        held_until: end of its hold; None for one of a version before, or none.
        order_reference: as the shop named the order.
    """

    quote_id: str
    created_at: datetime
    expires_at: datetime
    status: str
    settled_at: datetime | None
    reserved: bool
    held_until: datetime | None
    customer: str | None
    order_reference: str | None
    total_minor: int
    document: Mapping[str, Any]


def add_quote(conn: Connection, quote: NewQuote) -> None:
    """Store a quote and take what it reserves.

    Raises:
        LimitReached: not so much is left; roll back, for some of it may be taken already.
        HoldRefused: holds, or those of this shopper, have all that they may have; roll back.
        UnknownMarket: there is no such market.
    """
    require_writer(conn)
    takes = [each for each in quote.takes if not each.is_nothing]
    held_until = quote.held_until if takes else None
    if quote.reserve and takes:
        if quote.holder is not None:
            _make_room(conn, quote, quote.holder)
        share = quote.holder.share if quote.holder is not None else UNNAMED
        take(conn, takes, share=share if held_until is not None else None)
    conn.execute(
        table.insert().values(
            quote_id=quote.quote_id,
            created_at=quote.created_at,
            expires_at=quote.expires_at,
            status="open",
            reserved=quote.reserve,
            held_until=held_until,
            shopper=quote.holder.shopper if quote.holder and quote.reserve and takes else None,
            market_id=market_id(conn, quote.market),
            customer=quote.customer,
            total_minor=quote.total_minor,
            goods_minor=quote.goods_minor,
            net_minor=quote.net_minor,
            cost_minor=quote.cost_minor,
            document=quote.document,
            basis=quote.basis,
        )
    )
    event = "reserved" if quote.reserve else "offered"
    rows = [_event_row(quote.quote_id, each, event, quote.created_at) for each in takes]
    if rows:
        conn.execute(redemptions.insert(), rows)


def _make_room(conn: Connection, quote: NewQuote, holder: Holder) -> None:
    """Let a customer's oldest holds go where they are too many.

    Raises:
        HoldRefused: the shopper's address has as many as it may have.
    """
    if conn.dialect.name == "postgresql":  # with SQLite there is one writer at a time anyway
        for who in sorted(filter(None, (quote.customer, holder.shopper))):
            number = sa.func.hashtextextended(who, 0)
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
    holding = sa.and_(table.c.status == "open", table.c.reserved, table.c.held_until.is_not(None))
    if quote.customer is not None:
        oldest = (
            sa.select(table.c.quote_id, table.c.held_until)
            .where(holding, table.c.customer == quote.customer)
            .order_by(table.c.created_at.desc(), table.c.quote_id)
            .offset(holder.most_of_customer - 1)
            .with_for_update(skip_locked=True)  # one that is settled just now goes anyway
        )
        over = [(row.quote_id, row.held_until) for row in conn.execute(oldest)]
        if over:
            ids = [quote_id for quote_id, _ in over]
            letting_go = table.update().where(table.c.quote_id.in_(ids))
            conn.execute(letting_go.values(reserved=False, shopper=None))
            _release(conn, over, quote.created_at)
    if holder.shopper is not None:
        same = sa.select(sa.func.count()).where(holding, table.c.shopper == holder.shopper)
        if conn.execute(same).scalar_one() >= holder.most_of_shopper:
            raise HoldRefused(quote.takes[0].promotion_id, "address", "")


def commit_quote(
    conn: Connection, quote_id: str, *, at: datetime, order_reference: str | None = None
) -> StoredQuote:
    """Redeem a quote: from now on its promotions are used.

    Raises:
        QuoteNotFound: there is no such quote.
        QuoteSettled: it was committed or cancelled already, or its time has run out.
        LimitReached: it holds nothing, and not so much is left; roll back.
    """
    held = _held(conn, quote_id)
    if held.status != "open":
        raise QuoteSettled(quote_id, held.status)
    if at >= held.expires_at:
        raise QuoteSettled(quote_id, "expired")
    if not held.reserved:
        take(conn, _takes(conn, [quote_id], *_MADE))
    elif held.held_until is not None:
        keep(conn, _takes(conn, [quote_id], "reserved"))
    values = {
        "status": "committed",
        "settled_at": at,
        "order_reference": order_reference,
        "shopper": None,
    }
    conn.execute(table.update().where(table.c.quote_id == quote_id).values(values))
    _follow(conn, [quote_id], _MADE, "committed", at)
    return read_quote(conn, quote_id)


def cancel_quote(conn: Connection, quote_id: str, *, at: datetime) -> StoredQuote:
    """Give back what a quote holds, committed or not; nothing to do if it is cancelled already.

    Raises:
        QuoteNotFound: there is no such quote.
        QuoteSettled: its time has run out, so it holds nothing.
        ReturnRefused: money went back for some of it; what is left comes back as a return, too.
    """
    held = _held(conn, quote_id)
    if held.status == "cancelled":
        return held
    if held.status == "expired" or (held.status == "open" and at >= held.expires_at):
        raise QuoteSettled(quote_id, "expired")
    if returns_of(conn, quote_id):
        raise ReturnRefused(
            f"money went back for a part of quote {quote_id}; let the rest come back, too"
        )
    leave_group(conn, quote_id)
    values = {"status": "cancelled", "settled_at": at, "shopper": None}
    conn.execute(table.update().where(table.c.quote_id == quote_id).values(values))
    if held.status == "committed":
        give_back(conn, _takes(conn, [quote_id], "committed"))
        _follow(conn, [quote_id], ("committed",), "reversed", at)
    elif held.reserved:
        _release(conn, [(quote_id, held.held_until)], at)
    return read_quote(conn, quote_id)


def expire_quotes(conn: Connection, *, now: datetime, limit: int = 500) -> int:
    """Give back what quotes hold whose time has run out; returns how many there were.

    Several processes may do so at once: each takes others.
    """
    require_writer(conn)
    due = (
        sa.select(table.c.quote_id)
        .where(table.c.status == "open", table.c.expires_at <= now)
        .order_by(table.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    expired = conn.execute(
        table.update()
        .where(table.c.quote_id.in_(sa.select(due.c.quote_id)))
        .values(status="expired", settled_at=now, shopper=None)
        .returning(table.c.quote_id, table.c.held_until, table.c.reserved)
    ).all()
    _release(conn, [(row.quote_id, row.held_until) for row in expired if row.reserved], now)
    return len(expired)


def lapse_holds(conn: Connection, *, now: datetime, limit: int = 500) -> int:
    """Give back what open quotes hold whose hold has ended; returns how many there were.

    They stay open: who commits one later takes its share then. Several processes may do so at once.
    """
    require_writer(conn)
    due = (
        sa.select(table.c.quote_id)
        .where(table.c.status == "open", table.c.reserved, table.c.held_until <= now)
        .order_by(table.c.held_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    lapsed = conn.execute(
        table.update()
        .where(table.c.quote_id.in_(sa.select(due.c.quote_id)))
        .values(reserved=False, shopper=None)
        .returning(table.c.quote_id, table.c.held_until)
    ).all()
    _release(conn, [(row.quote_id, row.held_until) for row in lapsed], now)
    return len(lapsed)


def _release(conn: Connection, held: Sequence[tuple[str, datetime | None]], at: datetime) -> None:
    """Give back what open quotes hold; each with the end of its hold if that is loose."""
    if not held:
        return
    loose = [quote_id for quote_id, until in held if until is not None]
    firm = [quote_id for quote_id, until in held if until is None]
    give_back(conn, _takes(conn, firm, "reserved"), loose=_takes(conn, loose, "reserved"))
    _follow(conn, [quote_id for quote_id, _ in held], ("reserved",), "released", at)


def hold_order(conn: Connection, quote_id: str) -> tuple[StoredQuote, str]:
    """A committed quote with its basis, while nobody else settles it or takes some of it back.

    Raises:
        QuoteNotFound: there is no such quote.
        ReturnRefused: it is not committed, or was made before orders kept what returns need.
    """
    held = _held(conn, quote_id)
    if held.status != "committed":
        raise ReturnRefused(f"quote {quote_id} is {held.status}; only what was ordered comes back")
    basis = basis_of(conn, quote_id)
    if basis is None:
        raise ReturnRefused(f"quote {quote_id} was made before returns were known; refund by hand")
    return held, basis


def basis_of(conn: Connection, quote_id: str) -> str | None:
    """JSON text of what a quote was evaluated from; None where none was kept."""
    return conn.scalar(sa.select(table.c.basis).where(table.c.quote_id == quote_id))


def reverse_promotion(conn: Connection, quote_id: str, promotion_id: int, *, at: datetime) -> None:
    """Give back what a committed quote took of one promotion that did not come about."""
    require_writer(conn)
    own = [t for t in _takes(conn, [quote_id], "committed") if t.promotion_id == promotion_id]
    give_back(conn, own)
    rows = [_event_row(quote_id, each, "reversed", at) for each in own]
    if rows:
        conn.execute(redemptions.insert(), rows)


def read_quote(conn: Connection, quote_id: str) -> StoredQuote:
    """One quote.

    Raises:
        QuoteNotFound: there is no such quote.
    """
    return _read(conn, _columns().where(table.c.quote_id == quote_id), quote_id)


def _held(conn: Connection, quote_id: str) -> StoredQuote:
    """One quote, while nobody else settles it."""
    require_writer(conn)
    return _read(conn, _columns().where(table.c.quote_id == quote_id).with_for_update(), quote_id)


def _columns() -> sa.Select[Any]:
    return sa.select(*(table.c[name] for name in StoredQuote.__dataclass_fields__))


def _read(conn: Connection, query: sa.Select[Any], quote_id: str) -> StoredQuote:
    row = conn.execute(query).one_or_none()
    if row is None:
        raise QuoteNotFound(f"there is no quote {quote_id!r}")
    return StoredQuote(*row)


def _event_row(quote_id: str, each: Take, event: str, at: datetime) -> dict[str, Any]:
    return {
        "quote_id": quote_id,
        "promotion_id": each.promotion_id,
        "version": each.version,
        "event": event,
        "at": at,
        "day": each.day,
        "customer": each.customer,
        "code": each.code,
        "units": each.units,
        "amount_minor": each.minor,
        "detail": {
            "by_funder": each.by_funder,
            "by_sku": each.by_sku,
            "gifts": each.gifts,
            "most": asdict(each.most),
        },
    }


def _takes(conn: Connection, quote_ids: Sequence[str], *events: str) -> list[Take]:
    """What these quotes took, or are going to take, as it was written down."""
    if not quote_ids:
        return []
    query = sa.select(redemptions).where(
        redemptions.c.quote_id.in_(quote_ids), redemptions.c.event.in_(events)
    )
    return [
        Take(
            promotion_id=row.promotion_id,
            version=row.version,
            day=row.day,
            units=row.units,
            minor=row.amount_minor,
            customer=row.customer,
            code=row.code,
            by_funder=row.detail["by_funder"],
            by_sku=row.detail["by_sku"],
            gifts=row.detail["gifts"],
            most=Most(**row.detail["most"]),
        )
        for row in conn.execute(query)
    ]


def _follow(
    conn: Connection, quote_ids: Sequence[str], before: Sequence[str], event: str, at: datetime
) -> None:
    """Write down that what had happened to these quotes was followed by something else."""
    copied = [redemptions.c[name] for name in _COPIED]
    source = sa.select(*copied, sa.literal(event), sa.literal(at, redemptions.c.at.type)).where(
        redemptions.c.quote_id.in_(quote_ids), redemptions.c.event.in_(before)
    )
    conn.execute(redemptions.insert().from_select([*_COPIED, "event", "at"], source))
