"""From what a person wrote to what the engine runs: checked, in integers, numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pricing.promotions import promotion as written
from pricing.promotions.amounts import Reader
from pricing.promotions.benefit_builders import (
    gift_benefit,
    group_prices,
    item_benefit,
    shipping_benefit,
    spend_benefit,
)
from pricing.promotions.codes import MAX_CODE, fold_code
from pricing.promotions.conditions import Admission
from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.field_checks import at_least_one
from pricing.promotions.item_benefits import ItemBenefit
from pricing.promotions.order_benefits import GiftBenefit, ShippingBenefit, SpendBenefit
from pricing.promotions.windows import Window, compile_window

LANES: Final = ("item", "order", "coupon", "shipping", "gift")
ITEM, ORDER, COUPON, SHIPPING, GIFT = range(5)

LaterBenefit = SpendBenefit | ShippingBenefit | GiftBenefit


@dataclass(slots=True)
class Rule:
    """A compiled promotion.

    Attributes:
        source: as written.
        lane: one of `ITEM` ... `GIFT`.
        item: what it gives in the item lane; None in other lanes and for a group buy.
        later: what it gives in the other lanes.
        group_prices: (size, benefit) of a group buy, rising.
        window, admission: when, and for whom.
        needs_scope, needs_quantity, needs_spend: what must be in the cart, not counting the lines
            of `needs_except`.
        codes: folded codes of which one is needed; empty for none.
        cap, budget: most that it takes off one cart, off all carts.
        most_units: most units of one cart.
        deposit: of a presale, per unit.
        restricted, limited: whether there is an audience to check, and limits.
        index: place in the canonical order: lane, terms of sale first, then priority, then id.
        clash: bits of the promotions that may not be on the same cart.
        shares: bits of the promotions that may lie on the same units.
        requires: bits of the promotions that must be applied.
    """

    source: written.AnyPromotion
    lane: int
    item: ItemBenefit | None
    later: LaterBenefit | None
    group_prices: tuple[tuple[int, ItemBenefit], ...]
    window: Window
    admission: Admission
    needs_scope: int
    needs_except: int | None
    needs_quantity: int
    needs_spend: int
    codes: frozenset[str]
    cap: int | None
    budget: int | None
    most_units: int | None
    deposit: int
    restricted: bool
    limited: bool
    index: int = 0
    clash: int = 0
    shares: int = 0
    requires: int = 0

    @property
    def is_term(self) -> bool:
        """True of a term of sale that the cart chose: presale, group buy; settled first."""
        return isinstance(self.source, written.Presale | written.GroupBuy)

    @property
    def rank(self) -> tuple[int, str]:
        """Lower goes first in its lane: by priority, then id."""
        return -self.source.priority, self.source.id

    @property
    def id(self) -> str:
        """The promotion's id."""
        return self.source.id


def compile_rule(promotion: written.AnyPromotion, read: Reader, time_zone: str, at: str) -> Rule:
    """A rule, not yet numbered.

    Args:
        promotion: as written.
        read: of its currency; learns its product sets.
        time_zone: IANA name for a window that names none.
        at: path of the promotion, for errors.

    Raises:
        InvalidPromotion: naming the field.
    """
    if not promotion.id:
        raise InvalidPromotion(f"{at}.id", "must not be empty")
    _check_funding(promotion, read, at)
    limits = promotion.limits
    for name in ("uses", "per_customer", "per_day", "units", "units_per_order"):
        at_least_one(getattr(limits, name), f"{at}.limits.{name}")
    window = compile_window(promotion.when, time_zone, f"{at}.when")
    needs = promotion.needs
    if needs.quantity < 0:
        raise InvalidPromotion(f"{at}.needs.quantity", "must be zero or more")
    lane = _lane(promotion)
    most_units = limits.units_per_order
    add_on = isinstance(promotion, written.AddOn)
    if isinstance(promotion, written.AddOn):
        most_units = min(promotion.at_most, most_units or promotion.at_most)
    cap = read.minor_or_none(promotion.max_discount, f"{at}.max_discount")
    return Rule(
        source=promotion,
        lane=lane,
        item=item_benefit(promotion, read, at) if lane == ITEM else None,
        later=_later(promotion, read, at),
        group_prices=group_prices(promotion, read, at),
        window=window,
        admission=Admission(promotion.for_, window.zone),
        needs_scope=read.scopes.add(needs.products),
        needs_except=read.scopes.add(promotion.products) if add_on else None,
        needs_quantity=needs.quantity,
        needs_spend=read.minor(needs.spend, f"{at}.needs.spend"),
        codes=_codes(promotion, at),
        cap=cap,
        budget=read.minor_or_none(limits.budget, f"{at}.limits.budget"),
        most_units=most_units,
        deposit=read.minor(promotion.deposit, f"{at}.deposit")
        if isinstance(promotion, written.Presale)
        else 0,
        restricted=promotion.for_ != written.Audience(),
        limited=limits != written.Limits() or cap is not None or most_units is not None,
    )


def _lane(promotion: written.AnyPromotion) -> int:
    match promotion:
        case written.SpendAndSave():
            if promotion.lane:
                return LANES.index(promotion.lane)
            return COUPON if promotion.code or promotion.codes else ORDER
        case written.ShippingOff():
            return SHIPPING
        case written.Gift():
            return GIFT
        case _:
            return ITEM


def _later(promotion: written.AnyPromotion, read: Reader, at: str) -> LaterBenefit | None:
    match promotion:
        case written.SpendAndSave():
            return spend_benefit(promotion, read, at)
        case written.ShippingOff():
            return shipping_benefit(promotion, read, at)
        case written.Gift():
            return gift_benefit(promotion, read, at)
        case _:
            return None


def _codes(promotion: written.Promotion, at: str) -> frozenset[str]:
    codes = (*((promotion.code,) if promotion.code else ()), *promotion.codes)
    for code in codes:
        if not 0 < len(fold_code(code)) <= MAX_CODE:
            raise InvalidPromotion(f"{at}.code", f"{code!r} needs 1 to {MAX_CODE} characters")
    return frozenset(fold_code(code) for code in codes)


def _check_funding(promotion: written.Promotion, read: Reader, at: str) -> None:
    if not promotion.funding:
        return
    for funder, percent in promotion.funding.items():
        read.rate(percent, f"{at}.funding.{funder}")
    if sum(promotion.funding.values()) != 100:
        raise InvalidPromotion(f"{at}.funding", "shares must add up to 100 percent")
