"""How much of each limit is taken: by promotion, day, customer, code, funder, gift and product.

All limits that a cart touches are taken by one statement which takes nothing past a limit, so two
processes can not both have the last use. What open quotes hold is loose: all holds together take no
more than a share of what orders have left, and the rest stays free for whoever commits. A limit of
one customer, or of one use of a code, is shared with nobody and may be held whole. On PostgreSQL
rows are always locked in the order of their keys, so no two wait for each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.bulk import listed
from storage.database import require_writer
from storage.errors import HoldRefused, LimitReached
from storage.promotions.tables import promotion_usage as table

NO_LIMIT: Final = 2**62
_KEY: Final = ("promotion_id", "scope", "key")
_ROWS_A_STATEMENT: Final = 2_000  # SQLite binds at most 32,766 values
_AMOUNTS_AND_MOST: Final = (
    ("uses", "most_uses"),
    ("units", "most_units"),
    ("amount_minor", "most_minor"),
)
_TAKEN: Final = (("uses", "uses"), ("units", "units"), ("amount_minor", "amount_minor"))
_LOOSE: Final = (("loose_uses", "uses"), ("loose_units", "units"), ("loose_minor", "amount_minor"))
"""Columns, with the amount of a take that goes into each."""


class HoldShare(NamedTuple):
    """The share of what orders have left of a limit that all holds together may take.

    Attributes:
        parts, of: such as 9 of 10.
    """

    parts: int
    of: int


NAMED: Final = HoldShare(9, 10)
"""For a hold of somebody: so many of one shopper are refused that others find room."""
UNNAMED: Final = HoldShare(1, 2)
"""For a hold of which nobody knows whose it is."""
_ALL: Final = HoldShare(1, 1)

UsageKey = tuple[int, str, str]
"""Promotion, scope, key."""


@dataclass(frozen=True, slots=True)
class Most:
    """How much may be taken in all; NO_LIMIT where nothing is said.

    Attributes:
        uses, per_customer, per_day, per_code: orders.
        units: discounted units.
        minor: money given away.
        by_funder: of which each funder pays.
        gifts: of each gift, by SKU.
    """

    uses: int = NO_LIMIT
    per_customer: int = NO_LIMIT
    per_day: int = NO_LIMIT
    per_code: int = NO_LIMIT
    units: int = NO_LIMIT
    minor: int = NO_LIMIT
    by_funder: Mapping[str, int] = field(default_factory=dict)
    gifts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Take:
    """What one order takes of one promotion.

    Attributes:
        promotion_id: the database's number.
        version: of its terms.
        day: local date of the promotion.
        units: that it discounts.
        minor: that it gives away.
        customer, code: None where there is none; the code is folded.
        by_funder: minor units that each funder pays.
        by_sku: units discounted.
        gifts: units given, by SKU.
        most: the limits.
    """

    promotion_id: int
    version: int
    day: date
    units: int
    minor: int
    customer: str | None = None
    code: str | None = None
    by_funder: Mapping[str, int] = field(default_factory=dict)
    by_sku: Mapping[str, int] = field(default_factory=dict)
    gifts: Mapping[str, int] = field(default_factory=dict)
    most: Most = Most()

    @property
    def is_limited(self) -> bool:
        """True if there is a limit that it counts toward."""
        return any(
            row[name] < NO_LIMIT
            for row in _rows(self)
            for name in ("most_uses", "most_units", "most_minor")
        )

    @property
    def is_nothing(self) -> bool:
        """True if nothing is given, so that nothing is taken of any limit."""
        return not self.minor and not any(self.gifts.values())


@dataclass(frozen=True, slots=True)
class UsedUp:
    """How much of one promotion is taken: reserved or redeemed, and not given back.

    Attributes:
        uses, customer_uses, day_uses: orders in all, by the customer, on the day asked for.
        units: discounted.
        minor: given away.
        by_funder, gifts, by_sku: the same by funder (minor units), gift and product (units).
    """

    uses: int = 0
    customer_uses: int = 0
    day_uses: int = 0
    units: int = 0
    minor: int = 0
    by_funder: Mapping[str, int] = field(default_factory=dict)
    gifts: Mapping[str, int] = field(default_factory=dict)
    by_sku: Mapping[str, int] = field(default_factory=dict)


def take(conn: Connection, takes: Iterable[Take], *, share: HoldShare | None = None) -> None:
    """Take all of it. On a refusal something may be taken already: roll back.

    Args:
        conn: a transaction that writes.
        takes: what is taken.
        share: as a hold: all holds together take at most so much of what orders have left. None
            for an order, which may take all that is left.

    Raises:
        LimitReached: of one limit there is not so much left.
        HoldRefused: the hold would take more than its share.
    """
    require_writer(conn)
    rows = sorted(
        (row for each in takes for row in _rows(each)), key=lambda row: [row[k] for k in _KEY]
    )
    for row in rows:
        for what, most in _AMOUNTS_AND_MOST:
            # What is more than the whole limit would be inserted where no row exists yet.
            parts, of = _share_of(row, share)
            if row[what] * of > row[most] * parts:
                raise _refusal(row, share)
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        _take_rows(conn, rows[start : start + _ROWS_A_STATEMENT], share)


def give_back(conn: Connection, takes: Iterable[Take], *, loose: Iterable[Take] = ()) -> None:
    """Undo `take` of the same.

    Args:
        conn: a transaction that writes.
        takes: that were taken, or held by a version that did not count holds apart.
        loose: that were held.
    """
    amounts: dict[UsageKey, Counter[str]] = {}
    _add_up(amounts, takes, *_TAKEN)
    _add_up(amounts, loose, *_TAKEN, *_LOOSE)
    _subtract(conn, amounts)


def keep(conn: Connection, takes: Iterable[Take]) -> None:
    """Turn what was held into what an order has taken."""
    amounts: dict[UsageKey, Counter[str]] = {}
    _add_up(amounts, takes, *_LOOSE)
    _subtract(conn, amounts)


def _add_up(
    amounts: dict[UsageKey, Counter[str]], takes: Iterable[Take], *columns: tuple[str, str]
) -> None:
    """Sum what takes have in each row; columns with the amount that goes into each."""
    for each in takes:
        for row in _rows(each):
            summed = amounts.setdefault((row["promotion_id"], row["scope"], row["key"]), Counter())
            for column, what in columns:
                summed[column] += row[what]


def _subtract(conn: Connection, amounts: Mapping[UsageKey, Counter[str]]) -> None:
    require_writer(conn)
    if not amounts:
        return
    statement = (
        table.update()
        .where(
            table.c.promotion_id == sa.bindparam("p"),
            table.c.scope == sa.bindparam("s"),
            table.c.key == sa.bindparam("k"),
        )
        .values({name: table.c[name] - sa.bindparam(f"n_{name}") for name, _ in (*_TAKEN, *_LOOSE)})
    )
    conn.execute(
        statement,
        [
            {
                "p": key[0],
                "s": key[1],
                "k": key[2],
                **{f"n_{name}": summed[name] for name, _ in (*_TAKEN, *_LOOSE)},
            }
            for key, summed in sorted(amounts.items())
        ],
    )


def used_up(
    conn: Connection,
    days: Mapping[int, date],
    customer: str | None = None,
    *,
    by_sku: bool = False,
) -> dict[int, UsedUp]:
    """How much is taken, by promotion number.

    Args:
        conn: an open transaction.
        days: the local date of each promotion asked for.
        customer: whose uses are counted.
        by_sku: whether to tell by product, too.
    """
    if not days:
        return {}
    wanted: list[sa.ColumnElement[bool]] = [
        table.c.scope.in_(("all", "funder", "gift", *(("sku",) if by_sku else ())))
    ]
    wanted.append(
        sa.and_(
            table.c.scope == "day",
            table.c.key.in_(sorted({day.isoformat() for day in days.values()})),
        )
    )
    if customer is not None:
        wanted.append(sa.and_(table.c.scope == "customer", table.c.key == customer))
    query = sa.select(*(table.c[k] for k in _KEY), *_amounts()).where(
        table.c.promotion_id.in_(sorted(days)), sa.or_(*wanted)
    )
    rows: dict[int, list[sa.Row[Any]]] = {}
    for row in conn.execute(query):
        rows.setdefault(row.promotion_id, []).append(row)
    return {number: _used(found, days[number]) for number, found in rows.items()}


def code_uses(conn: Connection, promotion_id: int, codes: Iterable[str]) -> dict[str, int]:
    """How often each folded code of a promotion was taken; those never taken are left out."""
    query = sa.select(table.c.key, table.c.uses).where(
        table.c.promotion_id == promotion_id,
        table.c.scope == "code",
        table.c.key.in_(listed(conn, codes)),
        table.c.uses > 0,
    )
    return {row.key: row.uses for row in conn.execute(query)}


def _used(rows: Sequence[sa.Row[Any]], day: date) -> UsedUp:
    whole = {row.scope: row for row in rows if row.scope in ("all", "customer")}
    everything, customer = whole.get("all"), whole.get("customer")
    return UsedUp(
        uses=everything.uses if everything else 0,
        units=everything.units if everything else 0,
        minor=everything.amount_minor if everything else 0,
        customer_uses=customer.uses if customer else 0,
        day_uses=sum(r.uses for r in rows if r.scope == "day" and r.key == day.isoformat()),
        by_funder={row.key: row.amount_minor for row in rows if row.scope == "funder"},
        gifts={row.key: row.units for row in rows if row.scope == "gift"},
        by_sku={row.key: row.units for row in rows if row.scope == "sku"},
    )


def _amounts() -> tuple[sa.Column[int], ...]:
    return (table.c.uses, table.c.units, table.c.amount_minor)


def _rows(each: Take) -> list[dict[str, Any]]:
    """The rows that a take adds to, with the most that each may hold."""
    most = each.most
    rows = [
        _row(each, "all", "", 1, each.units, each.minor, most.uses, most.units, most.minor),
        _row(each, "day", each.day.isoformat(), 1, each.units, each.minor, most.per_day),
    ]
    if each.customer is not None:
        rows.append(_row(each, "customer", each.customer, 1, 0, 0, most.per_customer))
    if each.code is not None:
        rows.append(_row(each, "code", each.code, 1, 0, 0, most.per_code))
    for funder, minor in each.by_funder.items():
        limit = most.by_funder.get(funder, NO_LIMIT)
        rows.append(_row(each, "funder", funder, 1, 0, minor, most_minor=limit))
    for sku, units in each.gifts.items():
        limit = most.gifts.get(sku, NO_LIMIT)
        rows.append(_row(each, "gift", sku, 1, units, 0, most_units=limit))
    rows += [_row(each, "sku", sku, 1, units, 0) for sku, units in each.by_sku.items()]
    return rows


def _row(
    each: Take,
    scope: str,
    key: str,
    uses: int,
    units: int,
    minor: int,
    most_uses: int = NO_LIMIT,
    most_units: int = NO_LIMIT,
    most_minor: int = NO_LIMIT,
) -> dict[str, Any]:
    return {
        "promotion_id": each.promotion_id,
        "scope": scope,
        "key": key,
        "uses": uses,
        "units": units,
        "amount_minor": minor,
        "most_uses": most_uses,
        "most_units": most_units,
        "most_minor": most_minor,
    }


def _share_of(row: Mapping[str, Any], share: HoldShare | None) -> HoldShare:
    """The share that binds in a row; all of it where nobody else could want any."""
    own = row["scope"] == "customer" or (row["scope"] == "code" and row["most_uses"] == 1)
    return _ALL if share is None or own else share


def _refusal(row: Mapping[str, Any], share: HoldShare | None) -> LimitReached | HoldRefused:
    which = LimitReached if share is None else HoldRefused
    return which(row["promotion_id"], row["scope"], row["key"])


def _take_rows(
    conn: Connection, rows: Sequence[Mapping[str, Any]], share: HoldShare | None
) -> None:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    holds = share is not None
    held = [{**row, **{name: row[what] if holds else 0 for name, what in _LOOSE}} for row in rows]
    statement = insert(table).values(held)
    new = statement.excluded
    fits = [table.c[what] + new[what] <= new[most] for what, most in _AMOUNTS_AND_MOST]
    if share is not None:
        own = sa.or_(
            new.scope == "customer", sa.and_(new.scope == "code", new.most_uses == sa.literal(1))
        )
        fits.append(sa.or_(own, sa.and_(*_within(share, new))))
    taking = statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "uses": table.c.uses + new.uses,
            "units": table.c.units + new.units,
            "amount_minor": table.c.amount_minor + new.amount_minor,
            **{name: table.c[name] + new[name] for name, _ in _LOOSE},
            "most_uses": new.most_uses,
            "most_units": new.most_units,
            "most_minor": new.most_minor,
        },
        where=sa.and_(*fits),
    ).returning(*(table.c[k] for k in _KEY))
    taken = {tuple(row) for row in conn.execute(taking)}
    for row in rows:
        if tuple(row[k] for k in _KEY) not in taken:
            raise _refusal(row, share)


def _within(share: HoldShare, new: Any) -> list[sa.ColumnElement[bool]]:  # noqa: ANN401
    """That holds keep to their share of every limit.

    Orders have left most - (taken - held), of which holds may have parts / of:
    of * (held + new) <= parts * (most - taken + held). As most may be the largest number that the
    database knows, it is not multiplied.
    """
    parts, of = share
    return [
        ((of - parts) * table.c[name] + of * new[what] + parts * table.c[what] + parts - 1)
        // sa.literal(parts)
        <= new[most]
        for (what, most), (name, _) in zip(_AMOUNTS_AND_MOST, _LOOSE, strict=True)
    ]
