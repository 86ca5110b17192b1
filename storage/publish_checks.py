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

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray, StrArray
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.errors import InvalidRulePack
from pricing.guardrails import GuardrailLimits, Limit, violations
from pricing.legal_bounds import LegalBounds
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.bulk import Kind, read_columns
from storage.catalogue import read_catalogue
from storage.errors import PricesNotAllowed
from storage.keys import market_codes_of, skus_of
from storage.legal_bounds import law_may_bind, stored_legal_bounds
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
    if len(found.rows):
        rows = found.plain(_NAMED)
        raise PricesNotAllowed(_told(rows, len(found.rows)), rows, len(found.rows))


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
    keys = list(zip(product[found.asked].tolist(), place[found.asked].tolist(), strict=True))
    return keys, found.plain(_NAMED)


@dataclass(frozen=True, slots=True, eq=False)
class _Refused:
    """What may not go live.

    Attributes:
        catalogue: what is known now of the prices that were judged.
        price: (n,) these prices.
        broken: (n,) `Limit` bits.
        legal: what the law leaves of them.
        rows: those with something broken, as rows of the catalogue.
        asked: the same as rows of the changes.
    """

    catalogue: Catalogue
    price: IntArray
    broken: IntArray
    legal: LegalBounds
    rows: IntArray
    asked: IntArray

    def plain(self, most: int) -> list[Mapping[str, Any]]:
        """The first rows as plain values."""
        return [
            _row(self.catalogue, self.price, self.broken, self.legal, row)
            for row in self.rows[:most].tolist()
        ]


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
    known, found = _current(conn, product, place, at)
    here = np.flatnonzero(found >= 0)
    catalogue, asked = known.take(found[here]), price[here]
    broken = np.zeros(len(here), dtype=np.int64)
    if limits is not None:
        nobody = CompetitorPrices.none(len(here))
        broken = violations(asked, catalogue, nobody, limits) & int(CHECKED)
        # Nothing can be said of a cost that is not known; the decision knew one.
        broken = np.where(catalogue.cost > 0, broken, broken & ~int(_OF_COST))
    legal = LegalBounds.none(len(here))
    if len(here) and law_may_bind(conn, at):
        try:
            bounds = stored_legal_bounds(conn, packs or load_rule_packs(), known, at=at)
        except InvalidRulePack as error:
            raise PricesNotAllowed(str(error)) from error
        legal = bounds.take(found[here])
        broken |= np.where((tier[here] == PUBLIC) & legal.broken(asked), int(Limit.LAW), 0)
    rows = np.flatnonzero(broken)
    return _Refused(catalogue, asked, broken, legal, rows, here[rows])


def _limits_of(conn: Connection, run_id: int) -> GuardrailLimits | None:
    """The limits that the run was given; None where it was given none."""
    query = sa.select(decision_runs.c.policy).where(decision_runs.c.run_id == run_id)
    policy = conn.scalar(query) or {}
    if "limits" not in policy:
        return None
    try:
        return msgspec.convert(dict(policy["limits"]), GuardrailLimits)
    except (msgspec.ValidationError, ValueError):
        return GuardrailLimits()  # recorded by another version of this program


def _current(
    conn: Connection, product: IntArray, place: IntArray, at: datetime
) -> tuple[Catalogue, IntArray]:
    """What is known now of these pairs, and the row of each; -1 where nothing is."""
    sku, market = skus_of(conn, product), market_codes_of(conn, place)
    names = np.unique(sku)
    few = names.tolist() if len(names) <= _BY_NAME else None
    known = read_catalogue(conn, at=at, skus=few)
    codes = {code: number for number, code in enumerate(known.market.names)}
    asked = np.array([codes.get(code, -1) for code in np.unique(market).tolist()])
    asked = asked[np.unique(market, return_inverse=True)[1]]
    rows = np.full(len(sku), -1, dtype=np.int64)
    for code in range(len(known.market.names)):
        there = np.flatnonzero(known.market.codes == code)  # by SKU, as the catalogue is
        mine = np.flatnonzero(asked == code)
        if len(there) and len(mine):
            found = np.minimum(np.searchsorted(known.sku[there], sku[mine]), len(there) - 1)
            same = known.sku[there][found] == sku[mine]
            rows[mine[same]] = there[found[same]]
    return known, rows


def _row(
    catalogue: Catalogue, price: IntArray, broken: IntArray, legal: LegalBounds, row: int
) -> Mapping[str, Any]:
    currency = catalogue.currency(row)
    found: dict[str, Any] = {
        "sku": str(catalogue.sku[row]),
        "market": catalogue.market[row],
        "price": str(Money(int(price[row]), currency)),
        "limits": list(Limit(int(broken[row])).names),
    }
    if broken[row] & int(_OF_COST):
        found["cost"] = str(Money(int(catalogue.cost[row]), currency))
    if broken[row] & int(Limit.LAW):
        found["article"] = legal.article[row]
        if price[row] > legal.upper[row]:
            found["at_most"] = str(Money(int(legal.upper[row]), currency))
        else:
            found["at_least"] = str(Money(int(legal.lower[row]), currency))
    return found


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
