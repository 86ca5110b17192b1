"""Who may have a promotion, and what must be in the cart: one check per condition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pricing.money import Money
from pricing.promotions.cart import Cart
from pricing.promotions.promotion import Audience, Limits, Used
from pricing.promotions.reasons import Reason
from pricing.promotions.windows import Window

_UNUSED = Used()


@dataclass(frozen=True, slots=True)
class Admission:
    """The conditions on the customer and the place, in the order in which they are checked."""

    audience: Audience
    zone: ZoneInfo

    def refusal(self, cart: Cart) -> Reason | None:
        """Why this cart is not admitted; None if it is."""
        audience, customer = self.audience, cart.customer
        if audience.markets and cart.market not in audience.markets:
            return Reason("market", f"only in {_any_of(audience.markets)}")
        if audience.channels and cart.channel not in audience.channels:
            return Reason("channel", f"only through {_any_of(audience.channels)}")
        if audience.tiers and cart.tier not in audience.tiers:
            return Reason("tier", f"only for tier {_any_of(audience.tiers)}")
        if audience.payment and cart.payment not in audience.payment:
            return Reason("payment", f"only when paying by {_any_of(audience.payment)}")
        if audience.segments and not set(audience.segments) & set(customer.segments):
            return Reason("segment", f"only for segment {_any_of(audience.segments)}")
        if audience.lifecycle and customer.lifecycle not in audience.lifecycle:
            return Reason("lifecycle", f"only for customers who are {_any_of(audience.lifecycle)}")
        if audience.customers and (not customer.id or customer.id not in audience.customers):
            return Reason("customer", "assigned to another customer")
        if audience.first_order and not customer.first_order:
            return Reason("first_order", "only on a first order")
        if audience.birthday_within_days is not None:
            return self._birthday_refusal(cart, audience.birthday_within_days)
        return None

    def _birthday_refusal(self, cart: Cart, days: int) -> Reason | None:
        today = cart.at.astimezone(self.zone).date()
        birthday = cart.customer.birthday
        if birthday is not None and days_from_birthday(today, birthday) <= days:
            return None
        return Reason("birthday", f"only within {days} days of the birthday")


def days_from_birthday(today: date, birthday: date) -> int:
    """Days to the nearest birthday before or after; one of 29 February falls on 1 March."""
    nearest = 366
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            anniversary = birthday.replace(year=year)
        except ValueError:
            anniversary = date(year, 3, 1)
        nearest = min(nearest, abs((anniversary - today).days))
    return nearest


def limit_refusal(limits: Limits, used: Used | None) -> Reason | None:
    """Why a promotion is used up; None if something is left of every limit."""
    used = used or _UNUSED
    if limits.uses is not None and used.uses >= limits.uses:
        return Reason("limit_reached", f"all {limits.uses} uses are taken")
    if limits.per_customer is not None and used.customer_uses >= limits.per_customer:
        return Reason("customer_limit_reached", f"at most {limits.per_customer} per customer")
    if limits.per_day is not None and used.day_uses >= limits.per_day:
        return Reason("day_limit_reached", f"today's {limits.per_day} uses are taken")
    if limits.units is not None and used.units >= limits.units:
        return Reason("sold_out", f"all {limits.units} units are sold")
    if limits.budget is not None and used.budget >= limits.budget:
        return Reason("budget_spent", "the budget is spent")
    return None


def time_reason(phase: str, since: datetime, until: datetime, window: Window) -> Reason:
    """The reason for a phase that is not live, with the span in which it lasts."""
    if phase == "not_started":
        return Reason("not_started", f"starts {until.astimezone(window.zone):%Y-%m-%d %H:%M}")
    if phase == "expired":
        return Reason("expired", f"ended {since.astimezone(window.zone):%Y-%m-%d %H:%M}")
    if until == window.end:
        return Reason("outside_hours", "outside its hours, and there are no more")
    upcoming = until.astimezone(window.zone)
    return Reason("outside_hours", f"outside its hours; next from {upcoming:%Y-%m-%d %H:%M}")


def spend_short(missing: int, currency: str) -> Reason:
    """Not enough is spent, by `missing` minor units."""
    return Reason("spend_short", f"{Money(missing, currency).amount} short", missing)


def quantity_short(missing: int) -> Reason:
    """Not enough units are in the cart, by `missing`."""
    return Reason("quantity_short", f"{missing} more needed", missing)


def _any_of(values: tuple[str, ...]) -> str:
    return " or ".join(values)
