"""Rules of law as records: what a jurisdiction demands, since when, by which article.

A rule pack is data, one dated file a jurisdiction. This module makes records of the data and
refuses what is incomplete; it knows no country. Nothing here is legal advice: counsel must confirm
a pack before it is relied on, and `confirmed_by` says who did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pricing.documents import record_of
from pricing.errors import InvalidRulePack


class PriorBasis(StrEnum):
    """Which prices of the window count."""

    APPLIED = "applied"
    """every price that was in force, sold or not"""
    TRANSACTED = "transacted"
    """prices at which something was sold; where nothing was, the last such price"""


class Perishable(StrEnum):
    """What the rule says of goods that spoil or expire soon."""

    SAME = "same"
    EXEMPT = "exempt"
    BEFORE_REDUCTION = "before_reduction"
    """the price before the first reduction, however short its time"""


class NewGoods(StrEnum):
    """What the rule says of goods that are on sale for less time than the window."""

    REFUSE = "refuse"
    """no reduction can be announced yet"""
    SINCE_FIRST_SALE = "since_first_sale"
    """the window is the shorter time that they were on sale"""


class TierRule(StrEnum):
    """What the rule says of prices for members."""

    ALLOWED = "allowed"
    NOTICE = "notice"
    FORBIDDEN = "forbidden"


class CapBasis(StrEnum):
    """What an emergency cap is measured from."""

    LAST = "last"
    """the price immediately before the declaration"""
    AVERAGE = "average"
    """the mean over the days before, weighted by time"""
    HIGHEST = "highest"
    """the highest over the days before"""


@dataclass(frozen=True, slots=True)
class PriorPriceRule:
    """With which earlier price an announced reduction is compared.

    Attributes:
        article: the provision.
        source: where to read it.
        days: length of the window before the reduction starts, in calendar days.
        basis: which prices of the window count.
        percentage_from_prior: an announced percentage must be computed from the prior price.
        other_basis_if_stated: another basis may be used where the announcement states it.
        perishable: the option for goods that spoil.
        new_goods: the option for goods new to the shop.
        new_goods_days: least days on sale before a shortened window may be used.
        progressive: a reduction that grows without interruption keeps the prior price that its
            first step had.
        options_article: the provision that the options rest on.
        article_unverified: the number of an article was not found in a text that could be read
            when the pack was made; the rule's content was. Every verdict says so.
    """

    article: str
    source: str
    days: int
    basis: PriorBasis = PriorBasis.APPLIED
    percentage_from_prior: bool = True
    other_basis_if_stated: bool = False
    perishable: Perishable = Perishable.SAME
    new_goods: NewGoods = NewGoods.REFUSE
    new_goods_days: int = 0
    progressive: bool = False
    options_article: str = ""
    article_unverified: bool = False

    def __post_init__(self) -> None:
        _require(1 <= self.days <= 366, "days", "from 1 to 366")
        _require(0 <= self.new_goods_days <= self.days, "new_goods_days", "from 0 to days")
        _named(self)


@dataclass(frozen=True, slots=True)
class PersonalPriceRule:
    """What the market demands of prices that are not the same for everybody.

    That only membership tiers and public conditions may lower a price, and that none may exceed
    the public price, holds everywhere and is no option.

    Attributes:
        article: the provision.
        source: where to read it.
        tiers: whether prices for members are allowed, need a notice, or are forbidden.
        notice: the text of the notice, word for word; blank where none is needed.
        article_unverified: as in `PriorPriceRule`.
    """

    article: str
    source: str
    tiers: TierRule = TierRule.ALLOWED
    notice: str = ""
    article_unverified: bool = False

    def __post_init__(self) -> None:
        _named(self)
        if (self.tiers is TierRule.NOTICE) != bool(self.notice):
            raise InvalidRulePack("must be given exactly where tiers is 'notice'", ("notice",))


@dataclass(frozen=True, slots=True)
class EmergencyCapRule:
    """How far a price may rise once an emergency is declared.

    Attributes:
        article: the provision.
        source: where to read it.
        share: most increase over the basis (0.1 is 10 %).
        basis: what it is measured from.
        days: length of the window before the declaration, calendar days; unused for `last`.
        lasts_days: how long the cap holds where the declaration names no end.
        new_goods_over_cost: most price of goods without an earlier price, as a share over unit
            cost; None where the rule says nothing.
        article_unverified: as in `PriorPriceRule`.
    """

    article: str
    source: str
    share: float
    basis: CapBasis
    days: int = 30
    lasts_days: int = 30
    new_goods_over_cost: float | None = None
    article_unverified: bool = False

    def __post_init__(self) -> None:
        _named(self)
        _require(0.0 <= self.share <= 1.0, "share", "a share from 0 to 1")
        _require(1 <= self.days <= 366, "days", "from 1 to 366")
        _require(1 <= self.lasts_days <= 3660, "lasts_days", "from 1 to 3660")
        over = self.new_goods_over_cost
        _require(over is None or 0.0 <= over <= 5.0, "new_goods_over_cost", "0 to 5")


@dataclass(frozen=True, slots=True)
class RulePack:
    """The rules of one jurisdiction from one day on.

    Attributes:
        jurisdiction: short code, such as `DE` or `US-NY`.
        name: what a person reads.
        in_force_from: first day on which these rules hold.
        checked_on: day on which the texts were last read for this pack.
        prior_price: None where the jurisdiction has no such rule here.
        personal_price: None where it has none here.
        emergency_cap: None where it has none here.
        confirmed_by: who of counsel confirmed the pack; blank while nobody has.
        notes: what the rules cannot say, for a lawyer to read.
    """

    jurisdiction: str
    name: str
    in_force_from: date
    checked_on: date
    prior_price: PriorPriceRule | None = None
    personal_price: PersonalPriceRule | None = None
    emergency_cap: EmergencyCapRule | None = None
    confirmed_by: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.prior_price or self.personal_price or self.emergency_cap):
            raise InvalidRulePack(f"rule pack {self.jurisdiction!r} has no rule")

    @property
    def confirmed(self) -> bool:
        """True if counsel confirmed the pack."""
        return bool(self.confirmed_by)


@dataclass(frozen=True, slots=True)
class Emergency:
    """A declared emergency.

    Attributes:
        jurisdiction: where it holds.
        declared_at: from when on, aware.
        ends_at: until when; None for as long as the rule says.
        categories: categories that it covers; empty for all.
    """

    jurisdiction: str
    declared_at: datetime
    ends_at: datetime | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price that a verdict rests on.

    Attributes:
        since: from when it applied, UTC.
        until: until when; None where it still did.
        price: minor units.
        source: where it is recorded.
        decisive: True for the row that set the result.
    """

    since: datetime
    until: datetime | None
    price: int
    source: str
    decisive: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on.

    Attributes:
        jurisdiction: whose rule.
        article: the provision.
        source: where to read it.
        opens: start of the window, UTC; None where the rule needs none.
        closes: its end, UTC.
        rows: the prices in the window, the oldest first.
        confirmed: counsel confirmed the pack.
        article_unverified: the article's number could not be checked against the text.
    """

    jurisdiction: str
    article: str
    source: str
    opens: datetime | None = None
    closes: datetime | None = None
    rows: tuple[PriceRow, ...] = ()
    confirmed: bool = False
    article_unverified: bool = False


class Finding(StrEnum):
    """What a check found. The facts that go with each are listed beside it."""

    LAWFUL = "lawful"
    EXEMPT = "exempt"
    """the rule does not cover these goods"""
    NOT_ANNOUNCED = "not_announced"
    """a price that changes without a word about it"""
    NO_PRIOR_PRICE = "no_prior_price"
    """days_on_sale, days_required"""
    NO_REDUCTION = "no_reduction"
    """price, prior: the price is not below the prior price"""
    SHOWN_PRIOR_TOO_HIGH = "shown_prior_too_high"
    """shown, must_be"""
    PERCENTAGE_TOO_HIGH = "percentage_too_high"
    """shown, at_most"""
    ABOVE_PUBLIC_PRICE = "above_public_price"
    """price, public"""
    PERSONAL_INPUT = "personal_input"
    """inputs: those that no public condition explains"""
    TIERS_FORBIDDEN = "tiers_forbidden"
    NOTICE_MISSING = "notice_missing"
    """notice: the text that must be shown"""
    ABOVE_EMERGENCY_CAP = "above_emergency_cap"
    """price, cap"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a check with what it rests on.

    Attributes:
        lawful: True if the pack's rule is kept.
        findings: what is wrong, or why nothing is; never empty.
        facts: the numbers that go with the findings; money in minor units.
        evidence: window, rows, article.
    """

    lawful: bool
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None


def rule_pack(data: object) -> RulePack:
    """A rule pack from plain data, as a YAML file gives it.

    Raises:
        InvalidRulePack: a field is missing, unknown or of the wrong kind; the message names it.
    """
    return record_of(data, RulePack, error=InvalidRulePack)


def _named(rule: PriorPriceRule | PersonalPriceRule | EmergencyCapRule) -> None:
    for name in ("article", "source"):
        if not getattr(rule, name).strip():
            raise InvalidRulePack("is blank; every rule cites its text", (name,))


def _require(holds: bool, name: str, what: str) -> None:  # noqa: FBT001
    if not holds:
        raise InvalidRulePack(f"must be {what}", (name,))
