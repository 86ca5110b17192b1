"""A decision and its reasons: one record to a person, columns to a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray, frozen
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels
from pricing.currencies import estimate_text
from pricing.deciding.actions import Action as Action  # noqa: PLC0414  (part of this module)
from pricing.deciding.guardrails import MISSING_INPUT, NO_CHANGE_NOW, PACE, Limit
from pricing.deciding.level_doubts import LevelDoubts
from pricing.deciding.strategies import OPTIMISED
from pricing.deciding.stuck import freed_by, stuck
from pricing.errors import InvalidCatalogue
from pricing.law.legal_bounds import LegalBounds
from pricing.money import Money
from pricing.solving.certificate import SolveReport


class ReasonCode(StrEnum):
    """Why a price is what it is. The facts that go with each code are listed beside it."""

    EXPECTED_GAIN = "expected_gain"
    """profit_before, profit_after (amounts a period), currency; left out where nobody knows"""
    BEST_PRICE_KEPT = "best_price_kept"
    """profit (amount a period), currency; without them where there is no demand curve"""
    LIMIT_BINDS = "limit_binds"
    """limit, bound (amount): the objective would go further if this limit did not stop it. Here and
    below, where the limit is the law: article, the provisions"""
    HELD = "held"
    """limit: the limit or the missing input that forbids a change; where it is a cost far from the
    trusted one: cost, trusted_cost (amounts); where it is `implausible_level`: level, best and
    usual, the units a period of the curve and of sales"""
    LIMITS_EXCLUDE_EACH_OTHER = "limits_exclude_each_other"
    """at_least, at_most (amounts), floor_limit, cap_limit: the price stays; or it goes to the law,
    which waits for nobody's word"""
    DEMAND = "demand"
    """elasticity, std_error: the curve that the decision rests on"""
    COMPETITOR = "competitor"
    """lowest (amount), offers: what the competition asks"""
    ON_THE_WAY = "on_the_way"
    """limit, level (amount): where the price is going; paced_by, step (amount): the limit that lets
    it go only so far in this decision"""
    FREED_BY = "freed_by"
    """limit, cure (a sentence): the price stands outside a limit and is held; this frees it"""
    PRICE_IN_FORCE_BREAKS = "price_in_force_breaks"
    """limit: a hard limit that the price in force does not meet"""
    STRATEGY = "strategy"
    """path: the strategies that spoke, the last one being that which claimed the row"""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason as data: a code and the facts that a text or a screen is made from."""

    code: ReasonCode
    facts: Mapping[str, str | float | int] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """The JSON form."""
        return {"code": self.code.value, **self.facts}


@dataclass(frozen=True, slots=True)
class PriceDecision:
    """The decision for one (sku, market): what, instead of what, why, and what it should bring.

    Expected figures are per period of the demand model, money in major units of `currency`.
    """

    sku: str
    market: str
    action: Action
    price: Money | None
    previous: Money | None
    units: float
    units_low: float
    units_high: float
    revenue: float
    profit: float
    profit_before: float
    reasons: tuple[Reason, ...]
    decided_at: datetime
    currency: str


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """The decisions of one run, row i for row i of the catalogue.

    Money columns are int minor units (UNKNOWN = none); expected figures are floats a period, money
    among them in major units of the row's currency, NaN where there is no demand curve.

    Attributes:
        catalogue: what the run knew.
        competitors: the offers that it saw.
        decided_at: when, in UTC.
        price: (n,) the price decided; the price in force where nothing changes.
        action: (n,) `Action` codes.
        held_by: (n,) `Limit` bits that forbid a change; 0 unless `action` is HOLD.
        broken_before: (n,) `Limit` bits that the price in force does not meet.
        lower: (n,) lowest price that the limits allow, minor units.
        upper: (n,) highest price that they allow; below `lower` where they exclude each other, and
            where a price on its way to a level is stopped short by pace: then the bound on the far
            side is the level, and the other one the price reached.
        lower_limit: (n,) `Limit` bit that sets `lower`.
        upper_limit: (n,) `Limit` bit that sets `upper`.
        at_lower: (n,) True where a lower price would be better and `lower_limit` forbids it.
        at_upper: (n,) True where a higher price would be better and `upper_limit` forbids it.
        units: (n,) expected units at `price`.
        units_low: (n,) low end of their 95 % confidence interval.
        units_high: (n,) high end.
        revenue: (n,) expected revenue net of tax at `price`.
        profit: (n,) expected profit at `price`.
        revenue_before: (n,) expected revenue at the price in force.
        profit_before: (n,) expected profit at the price in force.
        elasticity: (n,) own-price elasticity at the price in force.
        elasticity_std_error: (n,) its standard error; NaN where the model gives none.
        solve: how the joint problem was solved, and how good the answer is.
        path: (n,) which strategies spoke and which claimed the row; None where nobody noted it.
        legal: what the law left of each row's price; None where it was not asked.
        doubts: curves that were not believed for their level; None where nobody noted any.
    """

    catalogue: Catalogue
    competitors: CompetitorPrices
    decided_at: datetime
    price: IntArray
    action: IntArray
    held_by: IntArray
    broken_before: IntArray
    lower: IntArray
    upper: IntArray
    lower_limit: IntArray
    upper_limit: IntArray
    at_lower: BoolArray
    at_upper: BoolArray
    units: FloatArray
    units_low: FloatArray
    units_high: FloatArray
    revenue: FloatArray
    profit: FloatArray
    revenue_before: FloatArray
    profit_before: FloatArray
    elasticity: FloatArray
    elasticity_std_error: FloatArray
    solve: SolveReport
    path: Labels | None = None
    legal: LegalBounds | None = None
    doubts: LevelDoubts | None = None

    def __post_init__(self) -> None:
        if self.decided_at.tzinfo is None:
            raise InvalidCatalogue("decided_at has no time zone; pass an aware UTC datetime")
        n = len(self.catalogue)
        for item in fields(self):
            column = getattr(self, item.name)
            if not isinstance(column, np.ndarray):
                continue
            if column.shape != (n,):
                raise InvalidCatalogue(f"{item.name} has shape {column.shape}, not {(n,)}")
            object.__setattr__(self, item.name, frozen(column))

    def __len__(self) -> int:
        return len(self.catalogue)

    @property
    def changes(self) -> int:
        """How many prices change."""
        return int((self.action == Action.CHANGE).sum())

    @property
    def stuck(self) -> BoolArray:
        """(n,) True where a price is held outside a limit; see `pricing.deciding.stuck`."""
        return stuck(self.held_by, self.broken_before, self.lower, self.upper)

    def held_by_limit(self) -> dict[str, int]:
        """How many rows each limit or missing input holds, the most frequent first."""
        counts = {
            limit.name.lower(): int(((self.held_by & int(limit)) != 0).sum())
            for limit in Limit
            if limit.name
        }
        return dict(sorted(((n, c) for n, c in counts.items() if c), key=lambda item: -item[1]))

    def columns(self) -> dict[str, NDArray[Any]]:
        """The (n,) arrays by name, for storage and for tables."""
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if isinstance(getattr(self, item.name), np.ndarray)
        }

    def take(self, rows: IntArray) -> Decisions:
        """The decisions on these rows only, in this order."""
        columns: dict[str, Any] = {name: column[rows] for name, column in self.columns().items()}
        return replace(
            self,
            catalogue=self.catalogue.take(rows),
            competitors=self.competitors.take(rows),
            path=None if self.path is None else self.path.take(rows),
            legal=None if self.legal is None else self.legal.take(rows),
            doubts=None if self.doubts is None else self.doubts.take(rows),
            **columns,
        )

    def record(self, row: int) -> PriceDecision:
        """One row as a record with its reasons."""
        currency = self.catalogue.currency(row)
        return PriceDecision(
            sku=str(self.catalogue.sku[row]),
            market=self.catalogue.market[row],
            action=Action(int(self.action[row])),
            price=_money(self.price[row], currency),
            previous=_money(self.catalogue.price[row], currency),
            units=float(self.units[row]),
            units_low=float(self.units_low[row]),
            units_high=float(self.units_high[row]),
            revenue=float(self.revenue[row]),
            profit=float(self.profit[row]),
            profit_before=float(self.profit_before[row]),
            reasons=tuple(self._reasons(row)),
            decided_at=self.decided_at,
            currency=currency,
        )

    def __iter__(self) -> Iterator[PriceDecision]:
        return (self.record(row) for row in range(len(self)))

    def _reasons(self, row: int) -> Iterator[Reason]:
        """The reasons of one row, the deciding one first."""
        currency = self.catalogue.currency(row)
        action = self.action[row]
        now, before = float(self.profit[row]), float(self.profit_before[row])
        if action == Action.CHANGE and np.isfinite(now - before):
            facts: dict[str, str | float | int] = {
                "profit_before": estimate_text(before, currency),
                "profit_after": estimate_text(now, currency),
                "currency": currency,
            }
            yield Reason(ReasonCode.EXPECTED_GAIN, facts)
        elif action == Action.KEEP:
            facts = {"profit": estimate_text(now, currency), "currency": currency}
            yield Reason(ReasonCode.BEST_PRICE_KEPT, facts if np.isfinite(now) else {})
        yield from self._standing(row)
        if self.path is not None and self.path[row] not in ("", OPTIMISED):
            yield Reason(ReasonCode.STRATEGY, {"path": self.path[row]})
        for limit in Limit(int(self.broken_before[row])).names:
            yield Reason(ReasonCode.PRICE_IN_FORCE_BREAKS, self._named(row, limit))
        for binds, which, bound in (
            (self.at_lower, self.lower_limit, self.lower),
            (self.at_upper, self.upper_limit, self.upper),
        ):
            if binds[row]:
                yield Reason(
                    ReasonCode.LIMIT_BINDS,
                    {
                        "limit": Limit(int(which[row])).names[0],
                        "bound": str(Money(int(bound[row]), currency)),
                        **self._article(row, which[row]),
                    },
                )
        if np.isfinite(self.elasticity[row]):
            facts = {"elasticity": round(float(self.elasticity[row]), 4)}
            if np.isfinite(self.elasticity_std_error[row]):
                facts["std_error"] = round(float(self.elasticity_std_error[row]), 4)
            yield Reason(ReasonCode.DEMAND, facts)
        if self.competitors.offers[row] > 0:
            yield Reason(
                ReasonCode.COMPETITOR,
                {
                    "lowest": str(Money(int(self.competitors.lowest[row]), currency)),
                    "offers": int(self.competitors.offers[row]),
                },
            )

    def _standing(self, row: int) -> Iterator[Reason]:
        """Where a price is going, or why it stays and what would free it."""
        currency = self.catalogue.currency(row)
        if self._paced(row) and (found := self._way(row)) is not None:
            yield Reason(ReasonCode.ON_THE_WAY, found)
        for limit in Limit(int(self.held_by[row])).names:
            yield Reason(ReasonCode.HELD, {**self._named(row, limit), **self._doubt(row, limit)})
        if (
            not self._paced(row)
            and self.upper[row] < self.lower[row]
            and not self.held_by[row] & (MISSING_INPUT | NO_CHANGE_NOW)
        ):
            yield Reason(
                ReasonCode.LIMITS_EXCLUDE_EACH_OTHER,
                {
                    "at_least": str(Money(int(self.lower[row]), currency)),
                    "at_most": str(Money(int(self.upper[row]), currency)),
                    "floor_limit": Limit(int(self.lower_limit[row])).names[0],
                    "cap_limit": Limit(int(self.upper_limit[row])).names[0],
                    **self._article(row, self.lower_limit[row] | self.upper_limit[row]),
                },
            )
        if self.stuck[row]:
            for freed, cure in freed_by(int(self.held_by[row])).items():
                yield Reason(ReasonCode.FREED_BY, {"limit": freed.names[0], "cure": cure})

    def _paced(self, row: int) -> bool:
        """Whether a price moves, and pace alone keeps it from going further."""
        sides = int(self.lower_limit[row] | self.upper_limit[row])
        return bool(self.action[row] == Action.CHANGE and sides & int(PACE))

    def _way(self, row: int) -> dict[str, str] | None:
        """The level that a price is going to, and what stops it short of that; None if nothing."""
        price, currency = self.price[row], self.catalogue.currency(row)
        ends = (self.lower, self.lower_limit), (self.upper, self.upper_limit)
        if price < self.lower[row]:
            (level, aim), (step, pace) = ends
        elif price > self.upper[row]:
            (step, pace), (level, aim) = ends
        else:
            return None
        return {
            "limit": Limit(int(aim[row])).names[0],
            "level": str(Money(int(level[row]), currency)),
            "paced_by": Limit(int(pace[row])).names[0],
            "step": str(Money(int(step[row]), currency)),
            **self._article(row, aim[row]),
        }

    def _named(self, row: int, limit: str) -> dict[str, str]:
        named = {"limit": limit, **self._article(row, Limit[limit.upper()])}
        if Limit[limit.upper()] is Limit.UNCONFIRMED_COST:
            currency = self.catalogue.currency(row)
            for fact in ("cost", "trusted_cost"):
                named[fact] = str(Money(int(getattr(self.catalogue, fact)[row]), currency))
        return named

    def _doubt(self, row: int, limit: str) -> dict[str, float]:
        """The figures behind an implausible level, where they are known."""
        if limit != Limit.IMPLAUSIBLE_LEVEL.names[0] or self.doubts is None:
            return {}
        return self.doubts.facts(row) if self.doubts.there[row] else {}

    def _article(self, row: int, limits: int | np.int64) -> dict[str, str]:
        """The provisions, where the law is one of these limits and it is known which they are."""
        if self.legal is None or not int(limits) & int(Limit.LAW):
            return {}
        return {"article": self.legal.article[row]}


def _money(minor: np.int64, currency: str) -> Money | None:
    return None if minor == UNKNOWN else Money(int(minor), currency)
