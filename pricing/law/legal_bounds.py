"""What the law leaves of a price, as one interval a row: the form in which a solver obeys it.

`legal_bounds` is for whoever plans prices of n products in one market: list prices, markdown paths,
promotion calendars. It joins two rules: the cap of a declared emergency, and announced reductions.

An announcement binds twice. From its start the price must be low enough to make true what was shown
and, where the jurisdiction knows no progressive reductions, may not be lowered under the same
announcement, for that would be a reduction of its own. Before its start every price that is set
enters the window of 30 days or so, so none may be so low that the announcement becomes untrue.

A plan asks the same way: pass its own steps as `Announcements`, with `at` the time at which the
price in question begins to apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray, frozen
from pricing.catalogue import UNKNOWN, Labels
from pricing.errors import InvalidPriceHistory
from pricing.law.emergency_cap import NO_CAP, emergency_caps, in_force
from pricing.law.packs import Emergency, EmergencyCapRule, PriorBasis, PriorPriceRule, RulePack
from pricing.law.price_history import PriceHistory, TimeArray, instant
from pricing.law.reference_price import PriorPrices, PriorStatus, price_for, prior_prices

NO_FLOOR: Final = 0
"""`LegalBounds.lower` where the law sets no lowest price; `NO_CAP` is its counterpart above."""

_SLACK: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class LegalBounds:
    """The prices that the law leaves to each of n rows.

    Attributes:
        lower: (n,) int, lowest lawful price in minor units; NO_FLOOR where there is none.
        upper: (n,) int, highest lawful price; NO_CAP where there is none, below `lower` where the
            law leaves no price.
        article: (n,) the provisions behind the bounds, with their jurisdiction; `""` for none.

    Raises:
        InvalidPriceHistory: columns of unequal length.
    """

    lower: IntArray
    upper: IntArray
    article: Labels

    def __post_init__(self) -> None:
        if not len(self.lower) == len(self.upper) == len(self.article):
            raise InvalidPriceHistory("lower, upper and article must have the same number of rows")
        for name in ("lower", "upper"):
            column = np.asarray(getattr(self, name), dtype=np.int64)
            object.__setattr__(self, name, frozen(column))

    @classmethod
    def none(cls, n: int) -> LegalBounds:
        """No bound on any of n rows."""
        return cls(
            np.full(n, NO_FLOOR, dtype=np.int64),
            np.full(n, NO_CAP, dtype=np.int64),
            Labels(np.zeros(n, dtype=np.int64), ("",)),
        )

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def any(self) -> bool:
        """True where a row has a bound."""
        return bool(((self.lower > NO_FLOOR) | (self.upper < NO_CAP)).any())

    def broken(self, price: IntArray) -> BoolArray:
        """(n,) True where a price is not lawful; where there is no price, nothing is."""
        return (price > 0) & ((price < self.lower) | (price > self.upper))

    def take(self, rows: IntArray) -> LegalBounds:
        """The bounds of these rows, in this order."""
        return LegalBounds(self.lower[rows], self.upper[rows], self.article.take(rows))

    def part(self, rows: slice) -> LegalBounds:
        """The bounds of a run of rows."""
        return LegalBounds(self.lower[rows], self.upper[rows], self.article.part(rows))

    def put(self, rows: IntArray, found: LegalBounds) -> LegalBounds:
        """These bounds with those of some rows narrowed by `found`, row i of it for `rows[i]`.

        Where both bind, the tighter bound of each side counts and both articles are named.
        """
        lower, upper = self.lower.copy(), self.upper.copy()
        lower[rows] = np.maximum(lower[rows], found.lower)
        upper[rows] = np.minimum(upper[rows], found.upper)
        ours, theirs = self.article.codes[rows], found.article.codes
        pairs = ours * len(found.article.names) + theirs
        codes = self.article.codes.copy()
        names = list(self.article.names)
        for pair in np.unique(pairs).tolist():
            text = _both(
                self.article.names[pair // len(found.article.names)],
                found.article.names[pair % len(found.article.names)],
            )
            if text not in names:
                names.append(text)
            codes[rows[pairs == pair]] = names.index(text)
        return LegalBounds(lower, upper, Labels(codes, tuple(names)))


@dataclass(frozen=True, slots=True, eq=False)
class Announcements:
    """Announced, or planned, reductions as m columns; a key may have several.

    Attributes:
        key: (m,) which key of the history.
        starts: (m,) when the reduced price begins to apply.
        price: (m,) int, the reduced price, minor units.
        shown_prior: (m,) int, the earlier price that is shown; UNKNOWN where none is.
        shown_share: (m,) the reduction that is shown, as a share; 0 where none is, or a NaN.
        steps_since: (m,) when the first step of this uninterrupted reduction began; NaT for none.
        perishable: (m,) reduced because the goods spoil.

    Raises:
        InvalidPriceHistory: columns of unequal length.
    """

    key: IntArray
    starts: TimeArray
    price: IntArray
    shown_prior: IntArray
    shown_share: FloatArray
    steps_since: TimeArray
    perishable: BoolArray

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, item.name)) for item in fields(self)}
        if len(lengths) != 1:
            raise InvalidPriceHistory("all columns of announcements must have the same rows")

    def __len__(self) -> int:
        return len(self.key)

    def take(self, rows: IntArray | BoolArray) -> Announcements:
        """These rows only."""
        return Announcements(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


def legal_bounds(
    applied: PriceHistory,
    pack: RulePack,
    zone: ZoneInfo,
    *,
    at: datetime,
    announcements: Announcements | None = None,
    emergencies: Sequence[Emergency] = (),
    category: Labels | None = None,
    cost: IntArray | None = None,
    charged: PriceHistory | None = None,
    listed: PriceHistory | None = None,
) -> LegalBounds:
    """The lawful prices of n keys in one market at a time.

    Args:
        applied: the prices that everybody was asked, one key a row; public tier.
        pack: the jurisdiction's rules of the day.
        zone: the market's time zone.
        at: when the price in question begins to apply, aware.
        announcements: reductions that were announced or are planned, past and future; leave out
            those that rest on another stated basis, and those that are over.
        emergencies: declared in the jurisdiction; those not in force at `at` are passed over.
        category: (n,) categories, which an emergency may be limited to; None where all are covered.
        cost: (n,) unit cost in minor units, for goods without an earlier price.
        charged: the transactions, where the rule counts these; `applied` where None.
        listed: the list prices alone, where promotions made `applied` differ from them; a list
            price that may not rise is compared with these.

    Raises:
        InvalidPriceHistory: a column of another length.
    """
    n = applied.keys
    bounds = LegalBounds.none(n)
    every = np.arange(n)
    if pack.emergency_cap is not None:
        for emergency in emergencies:
            if in_force(emergency, pack.emergency_cap, at):
                found = _emergency(applied, emergency, pack, zone, category, cost)
                bounds = bounds.put(every, found)
    rule = pack.prior_price
    if rule is None or announcements is None or len(announcements) == 0:
        return bounds
    counted = charged if charged is not None and rule.basis is PriorBasis.TRANSACTED else applied
    if counted.keys != n:
        raise InvalidPriceHistory(f"the transactions must have {n} keys, like the prices")
    started = announcements.starts <= instant(at)
    for which, bind in ((started, _running), (~started, _ahead)):
        some = announcements.take(which)
        if len(some) == 0:
            continue
        history = counted.take(some.key)
        prior = prior_prices(
            history,
            some.starts,
            zone,
            rule,
            perishable=some.perishable,
            steps_since=some.steps_since,
        )
        before = history if listed is None or counted is not applied else listed.take(some.key)
        lower, upper = bind(some, prior, rule, before, at)
        bounds = _put_repeated(bounds, some.key, lower, upper, _provision(pack, rule))
    return bounds


def _emergency(
    applied: PriceHistory,
    emergency: Emergency,
    pack: RulePack,
    zone: ZoneInfo,
    category: Labels | None,
    cost: IntArray | None,
) -> LegalBounds:
    rule = pack.emergency_cap
    assert isinstance(rule, EmergencyCapRule)  # noqa: S101 - for the type checker
    covered = np.ones(applied.keys, dtype=np.bool_)
    if emergency.categories and category is not None:
        named = np.array([name in emergency.categories for name in category.names], dtype=np.bool_)
        covered = named[category.codes] if len(category) else covered
    caps = emergency_caps(applied, emergency, rule, zone, covered=covered, cost=cost)
    return _bounds(np.full(applied.keys, NO_FLOOR), caps.cap, _provision(pack, rule))


def _provision(pack: RulePack, rule: PriorPriceRule | EmergencyCapRule) -> str:
    """The article with its jurisdiction, as a reason names it."""
    unsure = " (article number not verified)" if rule.article_unverified else ""
    return f"{pack.jurisdiction}: {rule.article}{unsure}"


def _running(
    some: Announcements,
    prior: PriorPrices,
    rule: PriorPriceRule,
    history: PriceHistory,
    at: datetime,
) -> tuple[IntArray, IntArray]:
    """Bounds while the announcement stands: what was shown must be true of the price."""
    del history, at
    upper = price_for(prior, _share(some, rule))
    untrue = (some.shown_prior != UNKNOWN) & (some.shown_prior > prior.price)
    exempt = prior.status == PriorStatus.EXEMPT
    upper = np.where(untrue & ~exempt, 0, upper)
    # Perishables are measured from the price before the first step, however many follow.
    may_fall = exempt | (prior.status == PriorStatus.BEFORE_REDUCTION) | rule.progressive
    return np.where(may_fall, NO_FLOOR, some.price), upper


def _ahead(
    some: Announcements,
    prior: PriorPrices,
    rule: PriorPriceRule,
    history: PriceHistory,
    at: datetime,
) -> tuple[IntArray, IntArray]:
    """Bounds before the announcement starts: this price will be one of those it is measured from.

    A later step of a reduction that has begun is measured from the price before its first step; it
    keeps that only if the price never rises in between.
    """
    exempt = prior.status == PriorStatus.EXEMPT
    least = np.ceil(some.price / (1.0 - _share(some, rule)) * (1.0 - _SLACK)).astype(np.int64)
    least = np.maximum(np.maximum(least, some.shown_prior), some.price + 1)
    upper = np.full(len(some), NO_CAP)
    if not rule.progressive:
        return np.where(exempt, NO_FLOOR, least), upper
    now = np.full(len(some), instant(at))
    step = ~np.isnat(some.steps_since) & (some.steps_since <= now) & ~exempt
    last = history.last_before(now)
    rows = np.flatnonzero(step & (last >= 0))
    upper[rows] = history.price[last[rows]]
    return np.where(exempt | step, NO_FLOOR, least), upper


def _share(some: Announcements, rule: PriorPriceRule) -> FloatArray:
    """(m,) the share that must be true; none where the percentage need not rest on the prior."""
    if not rule.percentage_from_prior:
        return np.zeros(len(some))
    return np.clip(np.nan_to_num(some.shown_share), 0.0, 0.99)


def _put_repeated(
    bounds: LegalBounds, key: IntArray, lower: IntArray, upper: IntArray, article: str
) -> LegalBounds:
    """The bounds narrowed by announcements of which a key may have several."""
    order = np.argsort(key, kind="stable")
    rows, first = np.unique(key[order], return_index=True)
    floors = np.maximum.reduceat(lower[order], first)
    caps = np.minimum.reduceat(upper[order], first)
    return bounds.put(rows, _bounds(floors, caps, article))


def _bounds(lower: IntArray, upper: IntArray, article: str) -> LegalBounds:
    binds = (lower > NO_FLOOR) | (upper < NO_CAP)
    return LegalBounds(lower, upper, Labels(binds.astype(np.int64), ("", article)))


def _both(one: str, other: str) -> str:
    """Two texts of provisions as one, each provision once."""
    parts = dict.fromkeys(part for text in (one, other) for part in text.split("; ") if part)
    return "; ".join(parts)
