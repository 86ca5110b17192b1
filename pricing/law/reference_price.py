"""The earlier price that an announced reduction is measured from, and what may be announced.

`prior_prices` answers for n keys at once; `largest_reduction` and `price_for` turn the answer into
bounds that an optimiser can use, so that a plan never announces what the law forbids.
`check_reduction` judges one announcement and shows the rows that it judged by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidPriceHistory
from pricing.law.packs import (
    Evidence,
    Finding,
    NewGoods,
    Perishable,
    PriceRow,
    PriorBasis,
    PriorPriceRule,
    RulePack,
    Verdict,
)
from pricing.law.price_history import (
    NEVER,
    PriceHistory,
    TimeArray,
    days_before,
    instant,
    local_midnight,
    moment_of,
    seconds,
)

_EXACT: Final = 1e-9
_DAY: Final = 86_400


class PriorStatus(IntEnum):
    """How a prior price came about."""

    KNOWN = 1
    """the rule's window gave it"""
    SHORTENED = 2
    """goods new to the shop: the shorter time on sale gave it"""
    BEFORE_REDUCTION = 3
    """perishable goods: the price before the first reduction"""
    LAST_TRANSACTION = 4
    """nothing was sold in the window: the last price before it"""
    EXEMPT = 5
    """the rule does not cover these goods"""
    NONE = 6
    """there is no price to compare with: no reduction can be announced"""


@dataclass(frozen=True, slots=True, eq=False)
class PriorPrices:
    """Prior prices of n keys.

    Attributes:
        price: (n,) int, minor units; UNKNOWN where `status` is EXEMPT or NONE.
        status: (n,) `PriorStatus` codes.
        opens: (n,) start of the window that was read; NaT where none was.
        closes: (n,) its end.
    """

    price: IntArray
    status: IntArray
    opens: TimeArray
    closes: TimeArray

    def __len__(self) -> int:
        return len(self.price)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A reduction that somebody wants to announce.

    Attributes:
        starts: when the reduced price begins to apply, aware.
        price: the reduced price, minor units.
        shown_prior: the earlier price that would be shown, for example struck through; None where
            none is.
        shown_percent: the percentage that would be shown; None where none is.
        perishable: the goods spoil or expire soon and are reduced for that reason.
        steps_since: when the first step of this reduction began, if it is a later step of one that
            grows without interruption; None for a reduction of its own.
        states_basis: the announcement itself says with what it compares.
        announced: False for a price that merely changes, such as the end of a promotion.
    """

    starts: datetime
    price: int
    shown_prior: int | None = None
    shown_percent: float | None = None
    perishable: bool = False
    steps_since: datetime | None = None
    states_basis: bool = False
    announced: bool = True


def prior_prices(
    history: PriceHistory,
    starts: TimeArray,
    zone: ZoneInfo,
    rule: PriorPriceRule,
    *,
    perishable: BoolArray | None = None,
    steps_since: TimeArray | None = None,
) -> PriorPrices:
    """The price that each reduction must be compared with.

    The window is [local midnight `rule.days` calendar days before the day of the start, start): it
    has the price that was already in force when it opens, prices of earlier promotions, and never
    the promotion itself. Where the rule counts transactions, pass a history of transactions.

    Args:
        history: prices of n keys in one market, public tier.
        starts: (n,) when each reduction starts; NaT for none.
        zone: the market's time zone.
        rule: the jurisdiction's rule.
        perishable: (n,) goods reduced because they spoil; none where None.
        steps_since: (n,) when the first step of an uninterrupted growing reduction began, NaT for
            none. Heeded only where the rule has that option and the history shows no interruption.

    Raises:
        InvalidPriceHistory: a column of another length.
    """
    n = history.keys
    for name, column in (("starts", starts), ("perishable", perishable), ("steps", steps_since)):
        if column is not None and column.shape != (n,):
            raise InvalidPriceHistory(f"{name} must have {n} rows, one a key")
    closes = starts.astype("datetime64[s]")
    if rule.progressive and steps_since is not None:
        unbroken = ~np.isnat(steps_since) & (steps_since < closes)
        unbroken &= _never_rises(history, steps_since, closes)
        closes = np.where(unbroken, steps_since.astype("datetime64[s]"), closes)
    opens = days_before(closes, rule.days, zone)
    price = history.lowest(opens, closes)
    status = np.where(price == UNKNOWN, int(PriorStatus.NONE), int(PriorStatus.KNOWN))
    if rule.basis is PriorBasis.TRANSACTED:
        price, status = _or_last(history, closes, price, status)
    else:
        opens, price, status = _with_new_goods(history, opens, closes, price, status, rule, zone)
    if perishable is not None and rule.perishable is not Perishable.SAME:
        before = history.last_before(closes)
        known = np.where(before >= 0, history.price[before], UNKNOWN) if len(history) else price
        if rule.perishable is Perishable.EXEMPT:
            price = np.where(perishable, UNKNOWN, price)
            status = np.where(perishable, int(PriorStatus.EXEMPT), status)
        else:
            took = perishable & (known != UNKNOWN)
            price = np.where(took, known, price)
            status = np.where(took, int(PriorStatus.BEFORE_REDUCTION), status)
    return PriorPrices(price, status, opens, closes)


def largest_reduction(prior: PriorPrices, price: IntArray) -> FloatArray:
    """(n,) largest share that may lawfully be announced at a price; 0 where nothing may.

    Where the rule does not cover the goods it sets no bound: 1.
    """
    known = prior.price != UNKNOWN
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 1.0 - price / np.where(known, prior.price, np.nan)
    bound = np.where(known, np.maximum(share, 0.0), 0.0)
    return np.where(prior.status == PriorStatus.EXEMPT, 1.0, bound)


def whole_percent(share: FloatArray) -> IntArray:
    """(n,) the share as whole percent, rounded in the customer's favour: 23.67 % is 23."""
    return np.floor(share * 100.0 + _EXACT * 100.0).astype(np.int64)


def price_for(prior: PriorPrices, share: FloatArray | float) -> IntArray:
    """(n,) highest price at which a reduction by this share may be announced, minor units.

    0 where no reduction may be announced at all, so that a solver finds no price; without bound
    where the rule does not cover the goods.
    """
    cap = np.floor(prior.price * (1.0 - np.asarray(share)) * (1.0 + _EXACT)).astype(np.int64)
    cap = np.where(prior.price == UNKNOWN, 0, np.maximum(np.minimum(cap, prior.price - 1), 0))
    unbound = np.iinfo(np.int64).max
    return np.where(prior.status == PriorStatus.EXEMPT, unbound, cap)


def check_reduction(
    announced: Announcement,
    history: PriceHistory,
    zone: ZoneInfo,
    pack: RulePack,
) -> Verdict:
    """Whether a reduction may be announced, with the rows that say so.

    Args:
        announced: what would be shown.
        history: prices of the one key; transactions where the rule counts these.
        zone: the market's time zone.
        pack: the jurisdiction's rules; without a prior-price rule everything is lawful here.

    Raises:
        InvalidPriceHistory: the history has not exactly one key.
    """
    if history.keys != 1:
        raise InvalidPriceHistory("one announcement is judged by the history of one key")
    rule = pack.prior_price
    if not announced.announced:
        return Verdict(lawful=True, findings=(Finding.NOT_ANNOUNCED,))
    if rule is None or (announced.states_basis and rule.other_basis_if_stated):
        return Verdict(
            lawful=True,
            findings=(Finding.EXEMPT,),
            facts={},
            evidence=_evidence(pack, rule, None, history),
        )
    prior = prior_prices(
        history,
        np.array([instant(announced.starts)]),
        zone,
        rule,
        perishable=np.array([announced.perishable]),
        steps_since=np.array(
            [NEVER if announced.steps_since is None else instant(announced.steps_since)]
        ),
    )
    evidence = _evidence(pack, rule, prior, history)
    status = PriorStatus(int(prior.status[0]))
    if status is PriorStatus.EXEMPT:
        return Verdict(lawful=True, findings=(Finding.EXEMPT,), facts={}, evidence=evidence)
    if status is PriorStatus.NONE:
        facts = {
            "days_on_sale": _days_on_sale(history, announced.starts),
            "days_required": rule.days,
        }
        return Verdict(
            lawful=False, findings=(Finding.NO_PRIOR_PRICE,), facts=facts, evidence=evidence
        )
    facts = _facts(announced, prior, status)
    wrong = tuple(_wrong(announced, int(prior.price[0]), rule))
    return Verdict(not wrong, wrong or (Finding.LAWFUL,), facts, evidence)


def _never_rises(history: PriceHistory, since: TimeArray, until: TimeArray) -> BoolArray:
    """(n,) True where the price was on sale throughout [since, until) and never went up."""
    lasted = history.inside(since, until)
    rows = np.flatnonzero(lasted > 0)
    whole = np.bincount(
        history.key[rows], lasted[rows] * history.on_sale()[rows], minlength=history.keys
    )
    steady: BoolArray = whole >= np.where(np.isnat(since), 0, seconds(until) - seconds(since))
    same = history.key[rows][1:] == history.key[rows][:-1]
    rose = same & (history.price[rows][1:] > history.price[rows][:-1])
    steady[history.key[rows][1:][rose]] = False
    return steady


def _or_last(
    history: PriceHistory, closes: TimeArray, price: IntArray, status: IntArray
) -> tuple[IntArray, IntArray]:
    """The last transaction where there was none in the window."""
    last = history.last_before(closes)
    use = (price == UNKNOWN) & (last >= 0)
    if not use.any():
        return price, status
    found = np.where(use, history.price[np.maximum(last, 0)], price)
    return found, np.where(use, int(PriorStatus.LAST_TRANSACTION), status)


def _with_new_goods(
    history: PriceHistory,
    opens: TimeArray,
    closes: TimeArray,
    price: IntArray,
    status: IntArray,
    rule: PriorPriceRule,
    zone: ZoneInfo,
) -> tuple[TimeArray, IntArray, IntArray]:
    """Goods first sold inside the window: refused, or compared over the time that they had.

    Goods that went on sale at some hour of the window's first day were on sale that day.
    """
    first = history.first_sale()
    new = (price != UNKNOWN) & (first > opens)
    for row in np.flatnonzero(new):
        day = moment_of(first[row]).astimezone(zone).date()
        new[row] = instant(local_midnight(day, zone)) > opens[row]
    if rule.new_goods is NewGoods.REFUSE:
        allowed = np.zeros(len(new), dtype=np.bool_)
    else:
        lasted = seconds(closes) - seconds(first)
        allowed = new & (lasted >= rule.new_goods_days * _DAY)
    status = np.where(new, int(PriorStatus.NONE), status)
    status = np.where(allowed, int(PriorStatus.SHORTENED), status)
    price = np.where(new & ~allowed, UNKNOWN, price)
    return np.where(new, first, opens), price, status


def _wrong(announced: Announcement, prior: int, rule: PriorPriceRule) -> list[Finding]:
    wrong = []
    if announced.price >= prior:
        wrong.append(Finding.NO_REDUCTION)
    if announced.shown_prior is not None and announced.shown_prior > prior:
        wrong.append(Finding.SHOWN_PRIOR_TOO_HIGH)
    if rule.percentage_from_prior and announced.shown_percent is not None:
        share = max(1.0 - announced.price / prior, 0.0)
        if announced.shown_percent > 100.0 * share + 100.0 * _EXACT:
            wrong.append(Finding.PERCENTAGE_TOO_HIGH)
    return wrong


def _facts(announced: Announcement, prior: PriorPrices, status: PriorStatus) -> dict[str, Any]:
    at_most = largest_reduction(prior, np.array([announced.price]))
    return {
        "prior": int(prior.price[0]),
        "status": status.name.lower(),
        "price": announced.price,
        "shown": announced.shown_prior,
        "must_be": int(prior.price[0]),
        "shown_percent": announced.shown_percent,
        "percent_at_most": int(whole_percent(at_most)[0]),
    }


def _evidence(
    pack: RulePack, rule: PriorPriceRule | None, prior: PriorPrices | None, history: PriceHistory
) -> Evidence | None:
    if rule is None:
        return None
    if prior is None:
        return Evidence(
            pack.jurisdiction,
            rule.article,
            rule.source,
            confirmed=pack.confirmed,
            article_unverified=rule.article_unverified,
        )
    article = rule.article
    if prior.status[0] not in (PriorStatus.KNOWN, PriorStatus.NONE) and rule.options_article:
        article = f"{article}; {rule.options_article}"
    used = np.flatnonzero((history.inside(prior.opens, prior.closes) > 0) & history.on_sale())
    if prior.status[0] in (PriorStatus.LAST_TRANSACTION, PriorStatus.BEFORE_REDUCTION):
        used = history.last_before(prior.closes)
    return Evidence(
        jurisdiction=pack.jurisdiction,
        article=article,
        source=rule.source,
        opens=moment_of(prior.opens[0]),
        closes=moment_of(prior.closes[0]),
        rows=price_rows(history, used, decisive=int(prior.price[0])),
        confirmed=pack.confirmed,
        article_unverified=rule.article_unverified,
    )


def price_rows(history: PriceHistory, rows: IntArray, *, decisive: int) -> tuple[PriceRow, ...]:
    """Rows of a history as evidence; those at the decisive price are marked."""
    forever = np.iinfo(np.int64).max
    return tuple(
        PriceRow(
            since=moment_of(history.since[row]),
            until=None
            if history.until[row] == forever
            else moment_of(np.datetime64(int(history.until[row]), "s")),
            price=int(history.price[row]),
            source=str(history.source[row]),
            decisive=int(history.price[row]) == decisive,
        )
        for row in rows.tolist()
    )


def _days_on_sale(history: PriceHistory, until: datetime) -> int:
    first = history.first_sale()[0]
    if np.isnat(first):
        return 0
    return max(int((instant(until) - first) / np.timedelta64(1, "D")), 0)
