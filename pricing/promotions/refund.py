"""Refunds: what goes back when some of an order comes back; and when a group is not reached."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from pricing.promotions.allocation import largest_remainder
from pricing.promotions.cart import Cart
from pricing.promotions.errors import InvalidReturn
from pricing.promotions.evaluate import NOTHING_USED, evaluate
from pricing.promotions.evaluation import Evaluation, GiftResult, UnitRun
from pricing.promotions.promotion import GroupBuy, Used
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.receipt import tax_of

Policy = Literal["never_bought", "pro_rata"]
"""`never_bought`: the customer ends where he would be had he never bought what comes back, so lost
thresholds are taken off the refund. `pro_rata`: he gets the shares that he paid for it."""


_NO_FLOORS: Mapping[str, int] = MappingProxyType({})


class Refund(msgspec.Struct, frozen=True):
    """What goes back for a return. Amounts are minor units, tax included.

    `refunded + amount - owed` is what one return of all that came back so far would give, so any
    order and any split of returns ends alike.

    Attributes:
        amount: goes back to the customer, never below zero.
        owed: what the customer owes after it, since more went back before than is due now, or what
            he keeps costs more than he paid; the next refund is less by it.
        lines: the part of it that stands against each line that comes back.
        withheld: what the paid shares of the returned units exceed `amount` by.
        gifts_due: gifts whose condition does not hold any more; to come back too.
        gifts_kept_value: value of those that stay with the customer, taken off `amount`.
        kept: evaluation of what stays, under `never_bought`; None if nothing stays or `pro_rata`.
    """

    amount: int
    owed: int
    lines: dict[str, int]
    withheld: int
    gifts_due: tuple[GiftResult, ...]
    gifts_kept_value: int
    kept: Evaluation | None


def refund(
    cart: Cart,
    promotions: PromotionSet,
    order: Evaluation,
    returned: Mapping[str, int],
    *,
    policy: Policy,
    refunded: int = 0,
    gifts_back: Mapping[str, int] | None = None,
    used: Mapping[str, Used] = NOTHING_USED,
) -> Refund:
    """What goes back when units of an order come back.

    The returns of one order are one account: give everything returned so far and what was refunded
    before; what is due in all less that goes back, or is owed. Shipping is not refunded. Of the
    units of a line, those paid least come back first.

    Args:
        cart: as ordered, at its moment.
        promotions: the set it was ordered under.
        order: its evaluation.
        returned: units that come back, by line id.
        policy: the market's.
        refunded: what went back before, minor units.
        gifts_back: units of gifts that have come back so far, by promotion; None for all that are
            due. The value of those that are due and do not come back is withheld.
        used: what was used up before the order, as when it was evaluated.

    Raises:
        InvalidReturn: a line that the order does not have, or more units than it has.
    """
    _check(order, returned)
    paid = _paid_shares(cart, order, returned)
    kept_lines = []
    for line in cart.lines:
        left = line.quantity - returned.get(line.id, 0)
        if left:
            kept_lines.append(msgspec.structs.replace(line, quantity=left))
    kept = None
    if kept_lines:
        smaller = msgspec.structs.replace(cart, lines=tuple(kept_lines))
        kept = evaluate(smaller, promotions, mode=order.mode, used=used)
    still = {gift.promotion: gift for gift in (kept.gifts if kept else ())}
    due = tuple(
        gift
        for gift in order.gifts
        if gift.promotion not in still or still[gift.promotion].quantity < gift.quantity
    )
    withheld_gifts = 0
    for gift in due:
        missing = gift.quantity
        if gift.promotion in still:
            missing -= still[gift.promotion].quantity
        if gifts_back is not None:
            missing -= min(missing, gifts_back.get(gift.promotion, 0))
            withheld_gifts += gift.value * missing // gift.quantity
    full = sum(paid.values())
    amount = full
    if policy == "never_bought":
        goods_paid = order.total - _with_tax(cart, order.shipping)
        goods_kept = kept.total - _with_tax(cart, kept.shipping) if kept else 0
        amount = min(goods_paid - goods_kept, goods_paid)
    balance = amount - withheld_gifts - refunded
    amount = max(0, balance)
    return Refund(
        amount=amount,
        owed=max(0, -balance),
        lines=_stand_against(amount, paid),
        withheld=max(0, full - refunded - amount),
        gifts_due=due,
        gifts_kept_value=withheld_gifts,
        kept=kept if policy == "never_bought" else None,
    )


def _check(order: Evaluation, returned: Mapping[str, int]) -> None:
    quantities = {line.id: line.quantity for line in order.lines}
    for line_id, units in returned.items():
        if line_id not in quantities:
            raise InvalidReturn(f"returned.{line_id}", "the order has no such line")
        if not 0 < units <= quantities[line_id]:
            raise InvalidReturn(
                f"returned.{line_id}", f"{units} must be from 1 to {quantities[line_id]}"
            )


def _paid_shares(cart: Cart, order: Evaluation, returned: Mapping[str, int]) -> dict[str, int]:
    """What was paid for the returned units, tax included, by line; cheap units come back first."""
    rates = {line.id: line.tax_rate for line in cart.lines}
    shares = {}
    for line in order.lines:
        units = returned.get(line.id, 0)
        if not units:
            continue
        paid = sorted(run.paid for run in line.units for _ in range(run.count))[:units]
        share = sum(paid)
        if not order.prices_include_tax:
            share += (
                line.tax
                if units == line.quantity
                else tax_of(share, rates[line.id], included=False)
            )
        shares[line.id] = share
    return shares


def _with_tax(cart: Cart, shipping: int) -> int:
    if cart.prices_include_tax:
        return shipping
    return shipping + tax_of(shipping, cart.shipping_tax_rate, included=False)


def _stand_against(amount: int, paid: Mapping[str, int]) -> dict[str, int]:
    """Share a refund over the returned lines by what was paid for them."""
    return dict(zip(paid, largest_remainder(amount, list(paid.values())), strict=True))


class GroupSettlement(msgspec.Struct, frozen=True):
    """What goes back to one member of a group buy when it closes.

    Attributes:
        reached: whether the group came about.
        price: unit price that it reached; None if it did not.
        units: units of the group buy in the member's order, by line.
        amount: minor units: everything paid for its units if not; the difference if a better
            price than the one paid was reached.
    """

    reached: bool
    price: int | None
    units: dict[str, int]
    amount: int


def settle_group(
    promotions: PromotionSet,
    promotion_id: str,
    order: Evaluation,
    size: int,
    floors: Mapping[str, int] = _NO_FLOORS,
) -> GroupSettlement:
    """What a member of a group buy gets back at the deadline.

    Args:
        promotions: the set it was ordered under.
        promotion_id: the group buy.
        order: the member's order.
        size: members at the deadline.
        floors: by line, below which no unit goes, minor units.

    Raises:
        InvalidReturn: the order has no units of this group buy.
    """
    rule = promotions.rule_of(promotion_id)
    if rule is None or not isinstance(rule.source, GroupBuy):
        raise InvalidReturn("promotion", f"{promotion_id!r} is no group buy of this set")
    paid = []
    units: dict[str, int] = {}
    for line in order.lines:
        for run in line.units:
            if any(name == promotion_id for name, _ in run.discounts):
                paid.append((run.paid, run.count, floors.get(line.id, 0)))
                units[line.id] = units.get(line.id, 0) + run.count
    if not paid:
        raise InvalidReturn("order", f"holds no units of {promotion_id!r}")
    prices = [(tier.size, promotions.minor(tier.price)) for tier in rule.source.tiers]
    reached = [price for least, price in prices if least <= size]
    if not reached:
        amount = sum(each * count for each, count, _ in paid)
        return GroupSettlement(reached=False, price=None, units=units, amount=amount)
    price = reached[-1]
    amount = sum(max(0, each - max(price, floor)) * count for each, count, floor in paid)
    return GroupSettlement(reached=True, price=price, units=units, amount=amount)


def at_group_price(
    order: Evaluation, promotion_id: str, price: int, floors: Mapping[str, int] = _NO_FLOORS
) -> Evaluation:
    """An order as if it had been placed at the better price that its group reached.

    Args:
        order: prices include tax.
        promotion_id: the group buy.
        price: unit price that the group reached, minor units.
        floors: by line, below which no unit goes, minor units.
    """
    lines = []
    saved = 0
    for line in order.lines:
        units = []
        less_here = 0
        reached = max(price, floors.get(line.id, 0))
        for run in line.units:
            less = 0
            if any(name == promotion_id for name, _ in run.discounts):
                less = max(0, run.paid - reached)
            discounts = tuple(
                (name, off + less if name == promotion_id else off) for name, off in run.discounts
            )
            units.append(UnitRun(run.count, run.paid - less, discounts))
            less_here += less * run.count
        lines.append(
            msgspec.structs.replace(line, units=tuple(units), after=line.after - less_here)
        )
        saved += less_here
    return msgspec.structs.replace(
        order, lines=tuple(lines), goods=order.goods - saved, total=order.total - saved
    )
