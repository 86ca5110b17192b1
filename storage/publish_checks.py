"""The check of prices before they go live: by the law, and by what they cost now.

Whatever way a price takes to a price book, it passes here. A run may be days old when somebody
approves it, or when its scheduled hour comes; since then a cost may have risen, an emergency may
have been declared, a reduction may have been announced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray, StrArray
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels
from pricing.errors import InvalidRulePack
from pricing.guardrails import GuardrailLimits, Limit, violations
from pricing.legal_bounds import LegalBounds
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.bulk import Kind, read_columns
from storage.decision_inputs import Keys, costs_in_force, limits_in_force
from storage.errors import PricesNotAllowed
from storage.keys import skus_of
from storage.legal_bounds import law_may_bind, stored_legal_bounds
from storage.markets import list_markets, market_ids
from storage.products import chosen_products, product_frame
from storage.rule_packs import RulePacks, load_rule_packs
from storage.tables import decision_runs

CHECKED: Final = (
    Limit.COST_FLOOR
    | Limit.MINIMUM_MARGIN
    | Limit.MINIMUM_PRICE
    | Limit.MAXIMUM_PRICE
    | Limit.RRP_CAP
    | Limit.MAP_FLOOR
)
"""Limits that what is known now can break, though what was known then did not. How far a price
moves is the business of the change budget, which measures against the live book."""

_OF_COST: Final = Limit.COST_FLOOR | Limit.MINIMUM_MARGIN
_CHANGES: Final[tuple[Kind, ...]] = ("int", "int", "str", "int")
_BY_NAME: Final = 20_000
_NAMED: Final = 20


def require_allowed(
    conn: Connection,
    changes: sa.Select[Any],
    run_id: int,
    *,
    at: datetime,
    packs: RulePacks | None = None,
) -> None:
    """Refuse to publish while one of the changed prices is unlawful, or breaks a limit by now.

    Args:
        conn: an open transaction.
        changes: product_id, market_id, tier and price_minor of the prices that would change.
        run_id: the run; its own limits are checked. A run that was given none meets the law only.
        at: when they go live.
        packs: the rules of law; those that are shipped where None.

    Raises:
        PricesNotAllowed: with the rows, the limits and the articles.
    """
    limits = _limits_of(conn, run_id)
    if limits is None and not law_may_bind(conn, at):
        return
    product, place, tier, price = read_columns(conn, changes, _CHANGES)
    found = _judged(conn, product, place, tier, price, limits, at=at, packs=packs)
    if len(found.changes):
        rows, count = found.plain(_NAMED), len(found.changes)
        raise PricesNotAllowed(_told(rows, count), rows, count)


def unlawful(
    conn: Connection, changes: sa.Select[Any], *, at: datetime, packs: RulePacks | None = None
) -> tuple[list[tuple[int, int]], list[Mapping[str, Any]]]:
    """Which of the changed public prices the law forbids: their keys, and the first as plain rows.

    Args and errors are those of `require_allowed`.
    """
    if not law_may_bind(conn, at):
        return [], []
    product, place, tier, price = read_columns(conn, changes, _CHANGES)
    found = _judged(conn, product, place, tier, price, None, at=at, packs=packs)
    wrong = found.changes
    keys = list(zip(product[wrong].tolist(), place[wrong].tolist(), strict=True))
    return keys, found.plain(_NAMED)


@dataclass(frozen=True, slots=True, eq=False)
class _Refused:
    """What may not go live, of n changes.

    Attributes:
        known: what is known now, a row for each pair of product and market.
        legal: what the law leaves of these.
        row: (n,) the row of each change.
        price: (n,) the price that it would bring.
        broken: (n,) `Limit` bits.
    """

    known: Catalogue
    legal: LegalBounds
    row: IntArray
    price: IntArray
    broken: IntArray

    @property
    def changes(self) -> IntArray:
        """The changes with something broken."""
        return np.flatnonzero(self.broken)

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
    product: IntArray,
    place: IntArray,
    tier: StrArray,
    price: IntArray,
    limits: GuardrailLimits | None,
    *,
    at: datetime,
    packs: RulePacks | None,
) -> _Refused:
    known, row = _current(conn, product, place, at)
    broken = np.zeros(len(price), dtype=np.int64)
    legal = LegalBounds.none(len(known))
    if len(price) and law_may_bind(conn, at):
        try:
            legal = stored_legal_bounds(conn, packs or load_rule_packs(), known, at=at)
        except InvalidRulePack as error:
            raise PricesNotAllowed(str(error)) from error
    # A row of the catalogue once for each tier that changes.
    for name in np.unique(tier).tolist():
        mine = np.flatnonzero(tier == name)
        here, asked = known.take(row[mine]), price[mine]
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
    return _Refused(known, legal, row, price, broken)


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


def _current(
    conn: Connection, product: IntArray, place: IntArray, at: datetime
) -> tuple[Catalogue, IntArray]:
    """Costs and set limits of now of the pairs of product and market, and the row of each change.

    Less than `read_catalogue` reads: what a price was does not matter here.
    """
    pairs, rows = np.unique(np.stack([place, product]), axis=1, return_inverse=True)
    place, product = pairs
    sku = skus_of(conn, product)
    names = np.unique(sku)
    chosen = chosen_products(conn, skus=names.tolist()) if len(names) <= _BY_NAME else None
    frame = product_frame(conn, chosen).loc[product]
    codes = {number: code for code, number in market_ids(conn).items()}
    places = {market.code: market for market in list_markets(conn)}
    numbers, of = np.unique(place, return_inverse=True)
    markets = [places[codes[number]] for number in numbers.tolist()]
    days = [np.datetime64(at.astimezone(ZoneInfo(m.time_zone)).date(), "D") for m in markets]
    day = np.array(days, dtype="datetime64[D]")[of]
    keys = Keys(product, place, of, markets, day, chosen)
    n = len(product)
    costs = costs_in_force(conn, keys)
    known = Catalogue(
        sku=sku,
        market=Labels(of, tuple(market.code for market in markets)),
        markets=tuple(markets),
        category=Labels.of(frame["category"].to_numpy(dtype=np.str_)),
        brand=Labels(np.zeros(n, dtype=np.int64), ("",)),
        price=np.full(n, UNKNOWN),
        cost=costs.cost,
        stock=np.full(n, np.nan),
        money_currency=costs.currency,
        **limits_in_force(conn, keys),
    )
    return known, rows.reshape(-1)


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
