"""The highest price that a declared emergency leaves, for n keys at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidPriceHistory
from pricing.law.packs import (
    CapBasis,
    Emergency,
    EmergencyCapRule,
    Evidence,
    Finding,
    RulePack,
    Verdict,
)
from pricing.law.price_history import PriceHistory, TimeArray, days_before, instant, moment_of
from pricing.law.reference_price import price_rows

NO_CAP: Final = int(np.iinfo(np.int64).max)
_SLACK: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class EmergencyCaps:
    """Caps of n keys.

    Attributes:
        cap: (n,) int, highest lawful price in minor units; NO_CAP where none holds.
        basis: (n,) int, the price that the cap is measured from, rounded down; UNKNOWN for none.
        opens: (n,) start of the window that was read; NaT where no cap holds.
        closes: (n,) its end, the declaration.
    """

    cap: IntArray
    basis: IntArray
    opens: TimeArray
    closes: TimeArray


def in_force(emergency: Emergency, rule: EmergencyCapRule, at: datetime) -> bool:
    """Whether the emergency caps prices at a time."""
    ends = emergency.ends_at or emergency.declared_at + timedelta(days=rule.lasts_days)
    return emergency.declared_at <= at < ends


def emergency_caps(
    history: PriceHistory,
    emergency: Emergency,
    rule: EmergencyCapRule,
    zone: ZoneInfo,
    *,
    covered: BoolArray,
    cost: IntArray | None = None,
) -> EmergencyCaps:
    """What each key may cost at most while the emergency lasts.

    Costs that rise during an emergency may justify more under most statutes; that is for counsel to
    say and not assumed here.

    Args:
        history: prices of n keys in one market, public tier.
        emergency: what was declared, and when.
        rule: how far prices may rise.
        zone: the market's time zone.
        covered: (n,) keys whose goods the emergency covers.
        cost: (n,) unit cost in minor units, for goods without an earlier price; UNKNOWN for none.

    Raises:
        InvalidPriceHistory: a column of another length.
    """
    n = history.keys
    if covered.shape != (n,) or (cost is not None and cost.shape != (n,)):
        raise InvalidPriceHistory(f"covered and cost must have {n} rows, one a key")
    closes = np.full(n, instant(emergency.declared_at))
    opens = days_before(closes, rule.days, zone)
    if rule.basis is CapBasis.AVERAGE:
        basis = history.average(opens, closes)
    elif rule.basis is CapBasis.HIGHEST:
        basis = _known(history.highest(opens, closes))
    else:
        last = history.last_before(closes)
        rows = np.maximum(last, 0)
        there = last >= 0
        price = history.price[rows] if len(history) else np.full(n, UNKNOWN)
        basis = _known(np.where(there, price, UNKNOWN))
        opens = np.where(there, history.since[rows], closes) if len(history) else closes
    most = basis * (1.0 + rule.share)
    if cost is not None and rule.new_goods_over_cost is not None:
        over = _known(cost) * (1.0 + rule.new_goods_over_cost)
        most = np.where(np.isnan(most), over, most)
    bound = covered & ~np.isnan(most)
    return EmergencyCaps(
        cap=np.where(bound, _down(np.where(bound, most, 0.0)), NO_CAP),
        basis=np.where(covered & ~np.isnan(basis), _down(np.nan_to_num(basis)), UNKNOWN),
        opens=np.where(covered, opens, np.datetime64("NaT", "s")),
        closes=np.where(covered, closes, np.datetime64("NaT", "s")),
    )


def check_emergency_price(
    price: int,
    history: PriceHistory,
    emergency: Emergency,
    zone: ZoneInfo,
    pack: RulePack,
    *,
    at: datetime,
    category: str = "",
    cost: int = UNKNOWN,
) -> Verdict:
    """Whether one price keeps within the cap, with the rows that the cap comes from.

    Args:
        price: the price, minor units.
        history: prices of the one key.
        emergency: what was declared.
        zone: the market's time zone.
        pack: the jurisdiction's rules.
        at: when the price would apply.
        category: the product's category.
        cost: unit cost, minor units.
    """
    rule = pack.emergency_cap
    covers = not emergency.categories or category in emergency.categories
    if rule is None or not covers or not in_force(emergency, rule, at):
        return Verdict(lawful=True, findings=(Finding.EXEMPT,))
    found = emergency_caps(
        history,
        emergency,
        rule,
        zone,
        covered=np.ones(history.keys, dtype=np.bool_),
        cost=np.full(history.keys, cost),
    )
    cap = int(found.cap[0])
    used = np.flatnonzero((history.inside(found.opens, found.closes) > 0) & history.on_sale())
    evidence = Evidence(
        jurisdiction=pack.jurisdiction,
        article=rule.article,
        source=rule.source,
        opens=moment_of(found.opens[0]),
        closes=moment_of(found.closes[0]),
        rows=price_rows(history, used, decisive=int(found.basis[0])),
        confirmed=pack.confirmed,
        article_unverified=rule.article_unverified,
    )
    if cap == NO_CAP:
        return Verdict(
            lawful=True, findings=(Finding.EXEMPT,), facts={"price": price}, evidence=evidence
        )
    facts = {"price": price, "cap": cap, "basis": int(found.basis[0])}
    lawful = price <= cap
    finding = Finding.LAWFUL if lawful else Finding.ABOVE_EMERGENCY_CAP
    return Verdict(lawful, (finding,), facts, evidence)


def _known(minor: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.where(minor == UNKNOWN, np.nan, minor.astype(np.float64))


def _down(amount: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> IntArray:
    return np.floor(amount * (1.0 + _SLACK)).astype(np.int64)
