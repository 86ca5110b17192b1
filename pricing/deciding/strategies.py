"""Strategies as data: which rule sets the price of which products, by priority, and its aim.

A strategy never sets a price: it gives a row a target, the search comes as near to it as limits,
relations and joint limits allow, and the guardrails have the last word. A strategy that cannot
speak (no offer to follow, no cost to add to) passes the row to the next one. Rows that none claims
are optimised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.demand import DemandContext, DemandModel
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels
from pricing.deciding.objective import overstock
from pricing.errors import InvalidStrategy

OPTIMISED: Final = "optimise"
"""The path of a row that no strategy claims."""


class StrategyKind(StrEnum):
    """What a strategy does with the rows in its scope."""

    OPTIMISE = "optimise"
    """The best price by the objective."""
    FOLLOW = "follow_competitor"
    """`index` times the lowest confirmed, in-stock, plausible, fresh offer, less `undercut`; of one
    `competitor`, where it is named."""
    COST_PLUS = "cost_plus"
    """Cost plus `markup`, plus tax."""
    INVENTORY = "inventory"
    """Up by `strength` when no stock is left, down by it at twice `target_cover` or more."""
    VELOCITY = "velocity"
    """Up by `strength` when twice as much sells as expected, down by it when nothing does."""
    EXPIRING = "expiring"
    """Down by `strength`, in full on the last day, from `days` before goods expire."""
    FREEZE = "freeze"
    """The price in force stays."""
    OVERRIDE = "override"
    """A price set by hand, up to `until`."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One rule.

    Attributes:
        name: what reasons call it.
        kind: what it does.
        priority: the greatest speaks first; of equals, the first in the list.
        categories: in these only; empty for all.
        markets: in these only; empty for all.
        skus: these only; empty for all.
        competitor: follow this one's offer, by the name of its site; `""` for the lowest of all.
        index: multiple of the offer (1 matches, 0.98 stays 2 % below, 1.05 keeps 5 % above).
        undercut: major units below that.
        markup: share of the cost to add (0.4 for 40 %).
        target_cover: periods that stock should last.
        strength: greatest change of the price in force that stock, speed or age may ask, a share.
        days: from how many days before expiry prices fall.
        price: the price of an override, major units.
        until: when it ends, aware; None for no end (an override must have one).

    Raises:
        InvalidStrategy: a value outside its range, by strategy and field.
    """

    name: str
    kind: StrategyKind
    priority: int = 0
    categories: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    competitor: str = ""
    index: float = 1.0
    undercut: float = 0.0
    markup: float = 0.0
    target_cover: float = 4.0
    strength: float = 0.1
    days: float = 7.0
    price: float | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise InvalidStrategy("a strategy has no name; reasons need one", ("name",))
        for field_name, low, high in (
            ("index", 0.3, 3.0),
            ("undercut", 0.0, 1e9),
            ("markup", 0.0, 50.0),
            ("target_cover", 0.01, 1000.0),
            ("strength", 0.0, 0.5),
            ("days", 0.0, 366.0),
        ):
            value = getattr(self, field_name)
            if not low <= value <= high:
                raise InvalidStrategy(
                    f"strategy {self.name!r}: {field_name} {value} must be from "
                    f"{low:g} to {high:g}",
                    (field_name,),
                )
        if self.until is not None and self.until.tzinfo is None:
            raise InvalidStrategy(
                f"strategy {self.name!r}: until {self.until} has no time zone", ("until",)
            )
        if self.competitor and self.kind is not StrategyKind.FOLLOW:
            raise InvalidStrategy(
                f"strategy {self.name!r}: only {StrategyKind.FOLLOW} follows a competitor",
                ("competitor",),
            )
        if self.kind is StrategyKind.OVERRIDE:
            self._check_override()
        elif self.price is not None:
            raise InvalidStrategy(
                f"strategy {self.name!r}: only an override has a price", ("price",)
            )

    def _check_override(self) -> None:
        if self.price is None or not 0.0 < self.price < 1e12:
            raise InvalidStrategy(
                f"strategy {self.name!r}: an override needs a price above zero", ("price",)
            )
        if self.until is None:
            raise InvalidStrategy(
                f"strategy {self.name!r}: an override needs an end (until): a price set by hand "
                "and forgotten is nobody's price",
                ("until",),
            )
        if not self.skus:
            raise InvalidStrategy(
                f"strategy {self.name!r}: an override must name its skus", ("skus",)
            )


@dataclass(frozen=True, slots=True, eq=False)
class StrategyPlan:
    """What strategies ask of n rows.

    Attributes:
        target: (n,) price to come near to, minor units; NaN where the objective decides.
        exact: (n,) True where the target may be any amount, presentable or not (override).
        frozen: (n,) True where the price in force stays.
        path: (n,) which strategies spoke, such as `follow tea (no offer) > cost plus`.
    """

    target: FloatArray
    exact: BoolArray
    frozen: BoolArray
    path: Labels

    @property
    def aims(self) -> BoolArray:
        """(n,) True where there is a target."""
        return ~np.isnan(self.target)

    def part(self, rows: slice) -> StrategyPlan:
        """What is asked of a run of rows."""
        return StrategyPlan(
            self.target[rows], self.exact[rows], self.frozen[rows], self.path.part(rows)
        )


def plan_strategies(
    strategies: Sequence[Strategy],
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    *,
    at: datetime,
    context: DemandContext | None = None,
) -> StrategyPlan:
    """Let strategies speak in order of priority until each row has been claimed.

    Args:
        strategies: rules in any order.
        catalogue: n rows.
        demand: their curves.
        competitors: plausible offers for them.
        at: time of the decision; rules whose `until` has passed are silent.
        context: season and other effects in force.
    """
    n = len(catalogue)
    target = np.full(n, np.nan)
    frozen, exact = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    open_ = np.ones(n, dtype=np.bool_)
    paths = _Paths(n)
    for rule in sorted(strategies, key=lambda rule: -rule.priority):
        if rule.until is not None and at >= rule.until:
            continue
        mine = open_ & in_scope(rule.categories, rule.markets, rule.skus, catalogue)
        if not mine.any():
            continue
        wanted, silence = _target(rule, catalogue, demand, competitors, at, context)
        if rule.kind is StrategyKind.FREEZE:
            frozen |= mine
        elif rule.kind is not StrategyKind.OPTIMISE:
            speaks = mine & np.isfinite(wanted) & (catalogue.price != UNKNOWN)
            paths.add(mine & ~speaks, f"{rule.name} ({silence})")
            mine = speaks
            target[mine] = wanted[mine]
            exact[mine] = rule.kind is StrategyKind.OVERRIDE
        paths.add(mine, rule.name)
        open_ &= ~mine
    paths.add(open_, OPTIMISED)
    return StrategyPlan(target, exact, frozen, paths.labels())


class _Paths:
    """The words that lead to each row's price, kept as numbers into a short list."""

    def __init__(self, n: int) -> None:
        self._codes = np.zeros(n, dtype=np.int64)
        self._texts: list[str] = [""]
        self._known: dict[tuple[int, str], int] = {}

    def add(self, where: BoolArray, words: str) -> None:
        """Lengthen the path of these rows."""
        rows = np.flatnonzero(where)
        for before in np.unique(self._codes[rows]).tolist():
            code = self._known.get((before, words))
            if code is None:
                code = self._known[before, words] = len(self._texts)
                so_far = self._texts[before]
                self._texts.append(f"{so_far} > {words}" if so_far else words)
            self._codes[rows[self._codes[rows] == before]] = code

    def labels(self) -> Labels:
        """The paths of all rows."""
        return Labels(self._codes, tuple(self._texts))


def in_scope(
    categories: Sequence[str], markets: Sequence[str], skus: Sequence[str], catalogue: Catalogue
) -> BoolArray:
    """(n,) True for rows of these categories, markets and products; empty means all of a kind."""
    inside = np.ones(len(catalogue), dtype=np.bool_)
    for wanted, column in ((categories, catalogue.category), (markets, catalogue.market)):
        if wanted:
            codes = [code for code, name in enumerate(column.names) if name in wanted]
            inside &= np.isin(column.codes, codes)
    if skus:
        inside &= np.isin(catalogue.sku, np.asarray(skus, dtype=np.str_))
    return inside


def _target(
    rule: Strategy,
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    at: datetime,
    context: DemandContext | None,
) -> tuple[FloatArray, str]:
    """(n,) price that the rule aims at, NaN where it cannot say, and why it then cannot."""
    n = len(catalogue)
    price = np.where(catalogue.price > 0, catalogue.price, np.nan).astype(np.float64)
    if rule.kind is StrategyKind.FOLLOW:
        theirs = competitors.of(rule.competitor)
        offer = np.where(theirs != UNKNOWN, theirs, np.nan)
        silence = f"no offer of {rule.competitor}" if rule.competitor else "no offer"
        return offer * rule.index - rule.undercut * catalogue.scale, silence
    if rule.kind is StrategyKind.COST_PLUS:
        cost = np.where(catalogue.cost != UNKNOWN, catalogue.cost, np.nan)
        return cost * (1.0 + rule.markup) * (1.0 + catalogue.tax_rate), "no cost"
    if rule.kind is StrategyKind.INVENTORY:
        excess = overstock(catalogue, demand, rule.target_cover, context)
        known = np.isfinite(catalogue.stock) & demand.known
        return np.where(known, price * (1.0 - rule.strength * excess), np.nan), "no stock count"
    if rule.kind is StrategyKind.VELOCITY:
        speed = catalogue.recent_units / demand.units(price / catalogue.scale, context) - 1.0
        return price * (1.0 + rule.strength * np.clip(speed, -1.0, 1.0)), "no recent sales"
    if rule.kind is StrategyKind.EXPIRING:
        now = np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "s")
        left = (catalogue.expires_at - now) / np.timedelta64(1, "D")
        aged = np.clip(1.0 - left / max(rule.days, 1e-9), 0.0, 1.0)
        return np.where(aged > 0, price * (1.0 - rule.strength * aged), np.nan), "not expiring"
    if rule.kind is StrategyKind.OVERRIDE and rule.price is not None:
        return np.rint(rule.price * catalogue.scale), "no price"
    return np.full(n, np.nan), "no target"
