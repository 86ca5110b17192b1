"""The scheduled promotions in memory, compiled by market; refreshed when one changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec
import structlog

from pricing.money import Money, Rounding
from pricing.promotions.promotion import Gift, Limits, Used
from pricing.promotions.promotion_set import PromotionSet
from storage.database import reading
from storage.products.markets import list_markets
from storage.promotion_terms import Terms, engine_promotion, joined
from storage.promotions.usage import NO_LIMIT, Most, UsedUp
from storage.promotions.versions import StoredPromotion, change_mark, scheduled_promotions

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pricing.catalogue import Market
    from pricing.promotions.promotion import AnyPromotion

_log = structlog.get_logger(__name__)
_UNIQUE: Final = "\0unique:"
_HUNDRED: Final = Decimal(100)


def unique_code(promotion_id: int) -> str:
    """What stands in carts for any unique code of a promotion. Nobody can type it."""
    return f"{_UNIQUE}{promotion_id}"


@dataclass(frozen=True, slots=True)
class MarketPromotions:
    """The promotions that may run in one market.

    Attributes:
        market: where.
        by_name: the stored promotions.
        compiled: the same, as the engine evaluates them.
    """

    market: Market
    by_name: Mapping[str, StoredPromotion]
    compiled: PromotionSet

    @classmethod
    def of(cls, market: Market, promotions: Iterable[StoredPromotion]) -> MarketPromotions:
        """Compile what may run in a market: what is in its currency."""
        there = {p.name: p for p in promotions if p.terms.currency == market.currency}
        return cls(market, there, _compiled(market, there.values(), {}))

    def left_over(
        self, without: frozenset[str], gifts: Mapping[str, Mapping[str, int]]
    ) -> MarketPromotions:
        """The same without some promotions, and with other stocks of gifts.

        Args:
            without: names of promotions that are used up.
            gifts: units left by SKU, by promotion.
        """
        if not without and not gifts:
            return self
        there = {name: p for name, p in self.by_name.items() if name not in without}
        return MarketPromotions(self.market, there, _compiled(self.market, there.values(), gifts))


def _compiled(
    market: Market,
    promotions: Iterable[StoredPromotion],
    gifts: Mapping[str, Mapping[str, int]],
) -> PromotionSet:
    return compile_terms(market, ((p.promotion_id, p.terms) for p in promotions), gifts)


def compile_terms(
    market: Market,
    promotions: Iterable[tuple[int, Terms]],
    gifts: Mapping[str, Mapping[str, int]],
) -> PromotionSet:
    """Promotions as the engine evaluates them.

    Args:
        market: where they run.
        promotions: numbers and terms.
        gifts: units left by SKU, by promotion; stocks as written where nothing is said.
    """
    found: list[AnyPromotion] = []
    for number, terms in promotions:
        promotion = engine_promotion(terms, unique_code(number))
        budget = whole_budget(terms)
        if budget is not None:
            limits = msgspec.structs.replace(promotion.limits, budget=budget)
            promotion = msgspec.structs.replace(promotion, limits=limits)
        if isinstance(promotion, Gift) and terms.name in gifts:
            left = gifts[terms.name]
            choices = tuple(
                msgspec.structs.replace(gift, stock=left.get(gift.sku, gift.stock))
                for gift in promotion.gifts
            )
            promotion = msgspec.structs.replace(promotion, gifts=choices)
        found.append(promotion)
    return PromotionSet(joined(found), market.currency, market.time_zone)


def whole_budget(terms: Terms) -> Decimal | None:
    """All that may be given away: the budget, or less if a funder's is used up before it."""
    promotion = terms.promotion
    budgets = [promotion.limits.budget] if promotion.limits.budget is not None else []
    exponent = Money.zero(terms.currency).decimal.as_tuple().exponent
    cent = Decimal(1).scaleb(int(exponent))
    budgets += [
        (amount * _HUNDRED / promotion.funding[funder]).quantize(cent, ROUND_FLOOR)
        for funder, amount in terms.funder_budgets.items()
    ]
    return min(budgets, default=None)


def most_of(terms: Terms) -> Most:
    """The limits of a promotion, for the books."""
    promotion, limits = terms.promotion, terms.promotion.limits
    gifts: dict[str, int] = {}
    if isinstance(promotion, Gift):
        gifts = {g.sku: g.stock for g in promotion.gifts if g.stock is not None}
    return Most(
        uses=_or_no_limit(limits.uses),
        per_customer=_or_no_limit(limits.per_customer),
        per_day=_or_no_limit(limits.per_day),
        per_code=_or_no_limit(terms.most_by_code),
        units=_or_no_limit(limits.units),
        minor=NO_LIMIT if limits.budget is None else terms.minor(limits.budget),
        by_funder={funder: terms.minor(amount) for funder, amount in terms.funder_budgets.items()},
        gifts=gifts,
    )


def engine_used(terms: Terms, used: UsedUp, *, guest: bool) -> Used:
    """What was used up, as the engine wants to know it.

    Args:
        terms: of the promotion.
        used: of its books.
        guest: nobody to count uses by: a promotion that is limited by customer is not for guests.
    """
    per_customer = terms.promotion.limits.per_customer
    return Used(
        uses=used.uses,
        customer_uses=per_customer if guest and per_customer else used.customer_uses,
        day_uses=used.day_uses,
        units=used.units,
        budget=_budget_used(terms, used),
    )


def _budget_used(terms: Terms, used: UsedUp) -> Decimal:
    """So much of `whole_budget` that what is left is no more than any funder can still pay."""
    spent = Money(used.minor, terms.currency).decimal
    whole = whole_budget(terms)
    if whole is None or not terms.funder_budgets:
        return spent
    left = [whole - spent]
    for funder, amount in terms.funder_budgets.items():
        rest = amount - Money(used.by_funder.get(funder, 0), terms.currency).decimal
        left.append(rest * _HUNDRED / terms.promotion.funding[funder])
    least = Money.parse(max(min(left), Decimal(0)), terms.currency, Rounding.FLOOR).decimal
    return whole - least


def gifts_left(terms: Terms, used: UsedUp) -> dict[str, int]:
    """Units left of each gift whose stock is limited."""
    stocks = most_of(terms).gifts
    return {sku: max(0, stock - used.gifts.get(sku, 0)) for sku, stock in stocks.items()}


def is_limited(terms: Terms) -> bool:
    """Whether books must be read before it is evaluated."""
    return terms.promotion.limits != Limits() or bool(terms.funder_budgets or most_of(terms).gifts)


def local_day(terms: Terms, at: datetime) -> date:
    """The day of the promotion: in its own time zone."""
    return at.astimezone(ZoneInfo(terms.promotion.when.time_zone or terms.time_zone)).date()


def _or_no_limit(value: int | None) -> int:
    return NO_LIMIT if value is None else value


@dataclass(slots=True)
class PromotionBoard:
    """Keeps the promotions of all markets in memory; call `refresh` again and again."""

    engine: Engine
    _mark: tuple[int, tuple[Market, ...]] | None = None
    _markets: Mapping[str, MarketPromotions] = field(default_factory=dict)

    def of(self, market: str) -> MarketPromotions | None:
        """The promotions of a market; None if there is no such market."""
        return self._markets.get(market)

    @property
    def markets(self) -> tuple[str, ...]:
        """Codes of all markets."""
        return tuple(self._markets)

    def refresh(self) -> bool:
        """Load the promotions anew if one changed; True if so.

        Raises:
            StorageError, SQLAlchemyError, PricingError: what was in memory before still is.
        """
        with reading(self.engine) as conn:
            markets = list_markets(conn)
            mark = (change_mark(conn), markets)
            if mark == self._mark:
                return False
            promotions = scheduled_promotions(conn)
        self._markets = {m.code: MarketPromotions.of(m, promotions) for m in markets}
        self._mark = mark
        _log.info("promotions loaded", promotions=len(promotions), mark=mark[0])
        return True
