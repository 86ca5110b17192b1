"""The terms of a stored promotion: the document that people write, and what storage adds to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from pricing.currencies import decimals
from pricing.documents import record_of
from pricing.errors import MoneyError, UnknownCurrency
from pricing.money import Money
from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.promotion import AnyPromotion, Record
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.windows import ALWAYS_FROM, ALWAYS_UNTIL, Window, compile_window

MAX_NAME: Final = 100


class PlanPoint(Record, frozen=True, kw_only=True):
    """By a moment, this share of the budget and of the units is meant to be used.

    Attributes:
        at: a time with its UTC offset.
        percent: 0 to 100, never falling.
    """

    at: datetime
    percent: Decimal


class Terms(Record, frozen=True, kw_only=True):
    """All that is versioned of a promotion.

    Attributes:
        promotion: as the promotion engine reads it.
        currency: of its amounts.
        time_zone: IANA name, for windows that name none and for the days of daily limits.
        unique_codes: it also needs a code, out of those generated or imported for it.
        uses_per_code: orders by each code; None: one for a unique code, any number for another.
        funder_budgets: most that each funder pays, in major units; a name as in `funding`.
        plan: how budget and units are meant to be used up; evenly over its window if not given.
    """

    promotion: AnyPromotion
    currency: str
    time_zone: str = "UTC"
    unique_codes: bool = False
    uses_per_code: int | None = None
    funder_budgets: dict[str, Decimal] = {}  # noqa: RUF012  (msgspec copies it)
    plan: tuple[PlanPoint, ...] = ()

    @property
    def name(self) -> str:
        """The promotion's id."""
        return self.promotion.id

    def window(self) -> Window:
        """When it runs."""
        return compile_window(self.promotion.when, self.time_zone, "promotion.when")

    def minor(self, amount: Decimal) -> int:
        """An amount of these terms in minor units."""
        return Money.parse(amount, self.currency).minor

    @property
    def most_by_code(self) -> int | None:
        """Orders that one code is good for."""
        if self.uses_per_code is None and self.unique_codes:
            return 1
        return self.uses_per_code

    def document(self) -> dict[str, Any]:
        """The JSON form, amounts as decimal strings."""
        found: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """First moment, and first moment after the end; None where there is none."""

    starts_at: datetime | None
    ends_at: datetime | None


def span_of(terms: Terms) -> Span:
    """From the first to the last moment of a promotion, pauses between recurrences included."""
    window = terms.window()
    return Span(
        None if window.start == ALWAYS_FROM else window.start,
        None if window.end == ALWAYS_UNTIL else window.end,
    )


def terms_from(document: object) -> Terms:
    """Terms from their JSON form.

    Raises:
        InvalidPromotion: a field is missing, unknown or of another type; names it.
    """
    return record_of(document, Terms, error=InvalidPromotion)


def check_terms(terms: Terms, others: Iterable[Terms] = ()) -> None:
    """Refuse terms that make no sense, alone or beside the others.

    Args:
        terms: to be stored.
        others: all that are stored and have not ended, without an older version of these.

    Raises:
        InvalidPromotion: names the field, with `promotion.` in front for the engine's part.
    """
    try:
        decimals(terms.currency)
    except UnknownCurrency as error:
        raise InvalidPromotion("currency", str(error)) from None
    if not 0 < len(terms.name) <= MAX_NAME or not _plain(terms.name):
        raise InvalidPromotion(
            "promotion.id", f"give 1 to {MAX_NAME} letters, digits, dots, dashes, underscores"
        )
    if terms.uses_per_code is not None and terms.uses_per_code < 1:
        raise InvalidPromotion("uses_per_code", f"{terms.uses_per_code} must be 1 or more")
    if terms.unique_codes and (terms.promotion.code or terms.promotion.codes):
        raise InvalidPromotion("unique_codes", "leave out code and codes, or leave this out")
    _check_budgets(terms)
    _check_plan(terms)
    beside = [other for other in others if other.currency == terms.currency]
    # Our own comes first, so that its place in errors is known.
    promotions = [engine_promotion(terms), *(engine_promotion(other) for other in beside)]
    try:
        PromotionSet(promotions, terms.currency, terms.time_zone)
    except InvalidPromotion as error:
        field, other = error.field, ""
        if field.startswith("promotions[0]"):
            field = "promotion" + field.removeprefix("promotions[0]")
        elif field.startswith("promotions["):
            number = int(field.removeprefix("promotions[").partition("]")[0])
            other = f" (found at {promotions[number].id!r})"
            field = "promotion"
        raise InvalidPromotion(field, error.sentence + other) from None


def engine_promotion(terms: Terms, unique_code: str = "") -> AnyPromotion:
    """The promotion as the engine compiles it: its time zone written out.

    Args:
        terms: as stored.
        unique_code: stands for any of the unique codes, where it needs one.
    """
    promotion = terms.promotion
    if not promotion.when.time_zone:
        when = msgspec.structs.replace(promotion.when, time_zone=terms.time_zone)
        promotion = msgspec.structs.replace(promotion, when=when)
    if terms.unique_codes and unique_code:
        promotion = msgspec.structs.replace(promotion, code=unique_code)
    return promotion


def joined(promotions: Iterable[AnyPromotion]) -> tuple[AnyPromotion, ...]:
    """Those that can run, without what they say of promotions that are not there any more.

    One that requires an absent one cannot apply and is left out; to combine, or not, with an
    absent one means nothing and is struck out.
    """
    there = {promotion.id: promotion for promotion in promotions}
    while True:
        short = [p.id for p in there.values() if not _all_there(p.requires, there)]
        if not short:
            break
        for name in short:
            del there[name]
    return tuple(
        msgspec.structs.replace(
            promotion,
            combines_with=tuple(n for n in promotion.combines_with if _named(n, there)),
            not_with=tuple(n for n in promotion.not_with if _named(n, there)),
        )
        for promotion in there.values()
    )


def _all_there(names: Iterable[str], there: dict[str, AnyPromotion]) -> bool:
    return all(_named(name, there) for name in names)


def _named(name: str, there: dict[str, AnyPromotion]) -> bool:
    kind, _, value = name.partition(":")
    if kind == "group":
        return any(promotion.group == value for promotion in there.values())
    return name == "all" or kind == "lane" or name in there


def _plain(name: str) -> bool:
    return all(c.isalnum() or c in "._-" for c in name) and name.strip(".") != ""


def _check_budgets(terms: Terms) -> None:
    for funder, amount in terms.funder_budgets.items():
        field = f"funder_budgets.{funder}"
        if funder not in terms.promotion.funding:
            raise InvalidPromotion(field, "is no funder of promotion.funding")
        try:
            minor = terms.minor(amount)
        except MoneyError as error:
            raise InvalidPromotion(field, str(error)) from None
        if minor < 1:
            raise InvalidPromotion(field, "must be more than zero")


def _check_plan(terms: Terms) -> None:
    before: PlanPoint | None = None
    for number, point in enumerate(terms.plan):
        field = f"plan[{number}]"
        if point.at.tzinfo is None:
            raise InvalidPromotion(f"{field}.at", "needs a UTC offset")
        if not (point.percent.is_finite() and 0 <= point.percent <= 100):
            raise InvalidPromotion(f"{field}.percent", f"{point.percent} must be from 0 to 100")
        if before is not None and point.at <= before.at:
            raise InvalidPromotion(f"{field}.at", "must be after the point before")
        if before is not None and point.percent < before.percent:
            raise InvalidPromotion(f"{field}.percent", "must not fall")
        before = point
