"""The check of prices before they go live: by the law, and by what they cost now.

Whatever way a price takes to a price book, it passes here. A run may be days old when somebody
approves it, or when its scheduled hour comes; since then a cost may have risen, an emergency may
have been declared, a reduction may have been announced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray, StrArray
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.decisions import Action
from pricing.deciding.guardrails import (
    LEVEL_CAPS,
    LEVEL_FLOORS,
    PACE,
    SET_BY_OWNER,
    GuardrailLimits,
    Limit,
    violations,
)
from pricing.errors import InvalidRulePack
from pricing.law.legal_bounds import LegalBounds
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.bulk import read_columns
from storage.errors import PricesNotAllowed
from storage.law.legal_bounds import law_may_bind, stored_legal_bounds
from storage.law.rule_packs import RulePacks, load_rule_packs
from storage.prices.price_books import KEY
from storage.products.markets import market_id
from storage.products.products import product_id
from storage.releases.known_now import known_now, numbered_markets
from storage.tables import costs, decision_runs, decisions, markets, price_limits
from storage.tables import price_book_entries as entries

CHECKED: Final = (
    Limit.COST_FLOOR
    | Limit.MINIMUM_MARGIN
    | Limit.MINIMUM_PRICE
    | Limit.MAXIMUM_PRICE
    | Limit.RRP_CAP
    | Limit.MAP_FLOOR
)
"""Limits that what is known now can break, though what was known then did not. How far a price
moves is the business of the change budget, which measures against the live book. A price that the
run sent only as far toward such a limit as pace allows may go live, while it still comes nearer."""

_OF_COST: Final = Limit.COST_FLOOR | Limit.MINIMUM_MARGIN
_NAMED: Final = 20
_SLACK: Final = 1e-6
"""Relative room for the database's fractions; what it lets through is judged exactly."""


def require_allowed(
    conn: Connection, version: int, run_id: int, *, at: datetime, packs: RulePacks | None = None
) -> None:
    """Refuse a price book of which a price is unlawful, or breaks a limit by now.

    Call it in the transaction that writes the book, and undo what was written if it raises.

    Args:
        conn: an open transaction.
        version: the price book.
        run_id: the run that it carries out; its own limits are checked. A run that was given none
            meets the law only.
        at: when the book goes live.
        packs: the rules of law; those that are shipped where None.

    Raises:
        PricesNotAllowed: with the rows, the limits and the articles.
    """
    limits = _limits_of(conn, run_id)
    changes = _changes_of(version).where(
        sa.not_(_was_in_force(version, run_id)), sa.not_(_stands_with_public(run_id))
    )
    if not _law_may_bind(conn, at, packs):
        if limits is None:
            return
        changes = _suspects(conn, changes, limits, at)
    found = _judged(conn, changes, limits, at=at, packs=packs, run_id=run_id)
    if found is not None and len(found.changes):
        found.tolerate(_steps_of(conn, version, run_id))
    if found is not None and len(found.changes):
        rows, count = found.plain(_NAMED), len(found.changes)
        raise PricesNotAllowed(_told(rows, count), rows, count)


def require_price_allowed(
    conn: Connection,
    run_id: int,
    sku: str,
    market: str,
    price: Money,
    *,
    at: datetime,
    packs: RulePacks | None = None,
) -> None:
    """Refuse a public price that somebody wants in the place of a decided one.

    It is held against the law and the levels of now, as all prices are before they go live, and
    against the bounds within which the run decided, pace and competitors' band among them.

    Args:
        conn: an open transaction.
        run_id: the run; one that was given no limits leaves the law only.
        sku: the product.
        market: the market.
        price: what is wanted.
        at: now.
        packs: the rules of law; those that are shipped where None.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
        PricesNotAllowed: with the limits, the articles and the bounds.
    """
    product, place = product_id(conn, sku), market_id(conn, market)
    key = (product, place, PUBLIC, price.minor)
    columns: list[sa.ColumnElement[Any]] = [sa.literal(value) for value in key]
    wanted: sa.Select[Any] = sa.select(*columns)
    limits = _limits_of(conn, run_id)
    found = _judged(conn, wanted, limits, at=at, packs=packs, run_id=run_id)
    if found is not None and len(found.changes):
        rows = found.plain(_NAMED)
        raise PricesNotAllowed(_told(rows, 1), rows, 1)
    bounds = conn.execute(
        sa.select(
            decisions.c.lower_minor,
            decisions.c.upper_minor,
            decisions.c.lower_limit,
            decisions.c.upper_limit,
        ).where(
            decisions.c.run_id == run_id,
            decisions.c.product_id == product,
            decisions.c.market_id == place,
            decisions.c.tier == PUBLIC,
        )
    ).one_or_none()
    if limits is None or bounds is None or bounds.upper_minor < bounds.lower_minor:
        return  # where limits exclude each other the levels have spoken above
    if bounds.lower_minor <= price.minor <= bounds.upper_minor:
        return
    low = price.minor < bounds.lower_minor
    bound = Money(bounds.lower_minor if low else bounds.upper_minor, price.currency)
    row: dict[str, Any] = {
        "sku": sku,
        "market": market,
        "price": str(price),
        "limits": list(Limit(bounds.lower_limit if low else bounds.upper_limit).names),
        "at_least" if low else "at_most": str(bound),
    }
    raise PricesNotAllowed(_told([row], 1), [row], 1)


def unlawful(
    conn: Connection, version: int, *, at: datetime, packs: RulePacks | None = None
) -> tuple[list[tuple[int, int]], list[Mapping[str, Any]]]:
    """Which public prices of a price book the law forbids: their keys, the first as plain rows.

    Args and errors are those of `require_allowed`.
    """
    if not _law_may_bind(conn, at, packs):
        return [], []
    found = _judged(conn, _changes_of(version), None, at=at, packs=packs)
    return ([], []) if found is None else (found.keys, found.plain(_NAMED))


def _changes_of(version: int) -> sa.Select[Any]:
    return sa.select(
        entries.c.product_id, entries.c.market_id, entries.c.tier, entries.c.price_minor
    ).where(entries.c.version == version, entries.c.price_minor.is_not(None))


def _was_in_force(version: int, run_id: int) -> sa.ColumnElement[bool]:
    """True of a price that the run held as it was before any book named it: nothing changes."""
    earlier = entries.alias("earlier")
    named = sa.exists().where(
        *(earlier.c[name] == entries.c[name] for name in KEY), earlier.c.version < version
    )
    held = sa.exists().where(
        *(decisions.c[name] == entries.c[name] for name in KEY),
        decisions.c.run_id == run_id,
        decisions.c.previous_minor == entries.c.price_minor,
    )
    return sa.and_(sa.not_(named), held)


def _stands_with_public(run_id: int) -> sa.ColumnElement[bool]:
    """True of a member price not below the public one, which the run left as it stood.

    Nobody pays less by it than is paid already, however wrong the public price stands.
    """
    public = sa.exists().where(
        decisions.c.run_id == run_id,
        decisions.c.product_id == entries.c.product_id,
        decisions.c.market_id == entries.c.market_id,
        decisions.c.tier == PUBLIC,
        decisions.c.action != int(Action.CHANGE),
        decisions.c.price_minor <= entries.c.price_minor,
    )
    return sa.and_(entries.c.tier != PUBLIC, public)


def _suspects(
    conn: Connection, changes: sa.Select[Any], limits: GuardrailLimits, at: datetime
) -> sa.Select[Any]:
    """Only those changes that may break a limit: the database leaves out what certainly does not.

    Of a million changes hardly any is broken, and to read all of them takes half a minute.
    """
    days = {
        number: at.astimezone(ZoneInfo(market.time_zone)).date()
        for number, market in numbered_markets(conn).items()
    }
    day = sa.case(days, value=entries.c.market_id)
    price = entries.c.price_minor
    newest = (
        sa.select(costs.c.cost_minor, costs.c.currency)
        .where(*_here(costs), costs.c.valid_from <= day)
        .order_by(costs.c.valid_from.desc())
        .limit(1)
        .correlate(entries)
    )
    cost = newest.with_only_columns(costs.c.cost_minor).scalar_subquery()
    stated = newest.with_only_columns(costs.c.currency).scalar_subquery()
    least = cost * (1.0 + markets.c.tax_rate) / (1.0 - limits.minimum_margin)
    limited = sa.exists().where(
        *_here(price_limits),
        price_limits.c.valid_from <= day,
        sa.or_(
            price_limits.c.minimum_minor > price,
            price_limits.c.maximum_minor < price,
            price_limits.c.rrp_minor < price,
            price_limits.c.map_minor > price,
        ),
    )
    return changes.join(markets, markets.c.market_id == entries.c.market_id).where(
        sa.or_(price < least * (1.0 + _SLACK), stated.is_not(None), limited)
    )


def _here(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(table.c[name] == entries.c[name] for name in ("product_id", "market_id"))


_Key: TypeAlias = tuple[int, int, str]
"""Product number, market number and tier."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What a run decided of a price that pace stopped short of a level.

    Attributes:
        old: the price that the book replaces.
        price: how far the public price goes, minor units.
        up: True where the level is above it.
        to_law: True where it goes to the law, against what its owner has set.
    """

    old: int
    price: int
    up: bool
    to_law: bool

    def may_break(self, price: int) -> int:
        """The `Limit` bits that a price may break as it goes this way, as far as it goes."""
        if self.to_law:
            return int(SET_BY_OWNER) if price == self.price else 0
        if self.up and self.old < price == self.price:
            return int(LEVEL_FLOORS)
        if not self.up and price < self.old and price <= self.price:
            return int(LEVEL_CAPS)
        return 0


def _steps_of(conn: Connection, version: int, run_id: int) -> dict[_Key, _Step]:
    """The prices of a book that its run sent on their way; members go with the public price."""
    earlier = entries.alias("earlier")
    replaced = (
        sa.select(earlier.c.price_minor)
        .where(
            *(earlier.c[name] == entries.c[name] for name in KEY),
            earlier.c.version < version,
            earlier.c.price_minor.is_not(None),
        )
        .order_by(earlier.c.version.desc())
        .limit(1)
        .correlate(entries)
        .scalar_subquery()
    )
    # A step is recorded with its price as the bound on the near side, the level on the other.
    up = sa.and_(
        decisions.c.price_minor < decisions.c.lower_minor,
        decisions.c.upper_minor < decisions.c.lower_minor,
    )
    down = sa.and_(
        decisions.c.price_minor > decisions.c.upper_minor,
        decisions.c.upper_minor < decisions.c.lower_minor,
    )
    paced = (decisions.c.lower_limit.bitwise_or(decisions.c.upper_limit)).bitwise_and(
        int(PACE)
    ) != 0
    to_law = sa.and_(
        decisions.c.broken_before.bitwise_and(int(Limit.LAW)) != 0,
        decisions.c.upper_minor < decisions.c.lower_minor,
        sa.not_(paced),
    )
    query = (
        sa.select(
            *(entries.c[name] for name in KEY),
            sa.func.coalesce(replaced, decisions.c.previous_minor),
            sa.case(
                (to_law, decisions.c.price_minor),
                (up, decisions.c.upper_minor),
                else_=decisions.c.lower_minor,
            ),
            sa.case((up, True), else_=False),
            sa.case((to_law, True), else_=False),
        )
        .join(
            decisions,
            sa.and_(
                decisions.c.product_id == entries.c.product_id,
                decisions.c.market_id == entries.c.market_id,
                decisions.c.run_id == run_id,
                decisions.c.tier == PUBLIC,
                decisions.c.action == int(Action.CHANGE),
            ),
        )
        .where(entries.c.version == version, sa.or_(up, down, to_law))
    )
    return {
        (row[0], row[1], row[2]): _Step(int(row[3] or 0), int(row[4]), bool(row[5]), bool(row[6]))
        for row in conn.execute(query)
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Refused:
    """What may not go live, of n changes.

    Attributes:
        known: what is known now, a row for each pair of product and market.
        legal: what the law leaves of these.
        pairs: (2, n) product and market number of each change.
        tier: (n,) whose price it is.
        row: (n,) its row.
        price: (n,) the price that it would bring.
        broken: (n,) `Limit` bits.
    """

    known: Catalogue
    legal: LegalBounds
    pairs: IntArray
    tier: StrArray
    row: IntArray
    price: IntArray
    broken: IntArray

    def tolerate(self, steps: Mapping[_Key, _Step]) -> None:
        """Let prices pass that come nearer to a level as their run sent them, in place."""
        for change in np.flatnonzero(self.broken & int(LEVEL_FLOORS | LEVEL_CAPS)).tolist():
            product, place = self.pairs[:, change].tolist()
            step = steps.get((product, place, str(self.tier[change])))
            if step is not None:
                self.broken[change] &= ~step.may_break(int(self.price[change]))

    @property
    def changes(self) -> IntArray:
        """The changes with something broken."""
        return np.flatnonzero(self.broken)

    @property
    def keys(self) -> list[tuple[int, int]]:
        """Product and market number of each of them."""
        return [(product, place) for product, place in self.pairs[:, self.changes].T.tolist()]

    def plain(self, most: int) -> list[Mapping[str, Any]]:
        """The first of them as plain values."""
        return [self._plain(change) for change in self.changes[:most].tolist()]

    def _plain(self, change: int) -> Mapping[str, Any]:
        row = int(self.row[change])
        broken, price = Limit(int(self.broken[change])), int(self.price[change])
        currency = self.known.currency(row)
        found: dict[str, Any] = {
            "sku": str(self.known.sku[row]),
            "market": self.known.market[row],
            "price": str(Money(price, currency)),
            "limits": list(broken.names),
        }
        if broken & _OF_COST:
            found["cost"] = str(Money(int(self.known.cost[row]), currency))
        if broken & Limit.LAW:
            found["article"] = self.legal.article[row]
            if price > self.legal.upper[row]:
                found["at_most"] = str(Money(int(self.legal.upper[row]), currency))
            else:
                found["at_least"] = str(Money(int(self.legal.lower[row]), currency))
        return found


def _judged(
    conn: Connection,
    changes: sa.Select[Any],
    limits: GuardrailLimits | None,
    *,
    at: datetime,
    packs: RulePacks | None,
    run_id: int | None = None,
) -> _Refused | None:
    """The changes with what they break; None where there is none.

    Member prices over a public price that the run held for an unconfirmed cost are judged as the
    run made them: by the cost that is trusted.
    """
    product, place, tier, price = read_columns(conn, changes, ("int", "int", "str", "int"))
    if not len(price):
        return None
    known, row = known_now(conn, product, place, at, run_id if (tier != PUBLIC).any() else None)
    broken = np.zeros(len(price), dtype=np.int64)
    legal = LegalBounds.none(len(known))
    if _law_may_bind(conn, at, packs):
        legal = _bounds(conn, known, at, packs)
    # A row of the catalogue once for each tier that changes.
    for name in np.unique(tier).tolist():
        mine = np.flatnonzero(tier == name)
        here, asked = known.take(row[mine]), price[mine]
        if name != PUBLIC:
            trusted = here.trusted_cost != UNKNOWN
            here = replace(here, cost=np.where(trusted, here.trusted_cost, here.cost))
        if limits is not None:
            found = violations(asked, here, CompetitorPrices.none(len(mine)), limits)
            # Nothing can be said of a cost that is not known; the decision knew one.
            checked = np.where(here.cost > 0, int(CHECKED), int(CHECKED & ~_OF_COST))
            broken[mine] |= found & checked
            # A cost in the market's own currency is stated without one.
            other = here.money_currency != ""
            broken[mine] |= np.where(other, int(Limit.CURRENCY_MISMATCH), 0)
        if name == PUBLIC:
            broken[mine] |= np.where(legal.take(row[mine]).broken(asked), int(Limit.LAW), 0)
    return _Refused(known, legal, np.stack([product, place]), tier, row, price, broken)


def _limits_of(conn: Connection, run_id: int) -> GuardrailLimits | None:
    """The limits that the run was given; None where it was given none."""
    query = sa.select(decision_runs.c.policy).where(decision_runs.c.run_id == run_id)
    policy = conn.scalar(query) or {}
    if "limits" not in policy:
        return None
    try:
        return msgspec.convert(policy["limits"], GuardrailLimits)
    except (msgspec.ValidationError, ValueError):
        return GuardrailLimits()  # recorded by another version of this program


def _law_may_bind(conn: Connection, at: datetime, packs: RulePacks | None) -> bool:
    try:
        return law_may_bind(conn, at, packs)
    except InvalidRulePack as error:
        raise PricesNotAllowed(str(error)) from error


def _bounds(
    conn: Connection, known: Catalogue, at: datetime, packs: RulePacks | None
) -> LegalBounds:
    try:
        return stored_legal_bounds(conn, packs or load_rule_packs(), known, at=at)
    except InvalidRulePack as error:
        raise PricesNotAllowed(str(error)) from error


def _told(refused: list[Mapping[str, Any]], count: int) -> str:
    lines = []
    for row in refused[:5]:
        why = ", ".join(name.replace("_", " ") for name in row["limits"])
        facts = [
            f"{name.replace('_', ' ')} {row[name]}"
            for name in ("cost", "at_most", "at_least", "article")
            if name in row
        ]
        lines.append(
            f"{row['sku']} in {row['market']} at {row['price']}: {why} ({', '.join(facts)})"
        )
    more = f"; and {count - len(lines)} more" if count > len(lines) else ""
    return f"{count} prices may not go live: {'; '.join(lines)}{more}"
