"""The order, coupon and shipping lanes, exactly.

Inside a lane every promotion looks at what the lanes before it left, so the order in which they
come inside a lane has no effect on thresholds and percentages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pricing.promotions.allocation import spread
from pricing.promotions.item_lane import ItemResult
from pricing.promotions.order_benefits import ShippingBenefit, SpendBenefit
from pricing.promotions.problem import GiftOffer, Later, Problem
from pricing.promotions.rules import COUPON, ORDER


@dataclass(slots=True)
class Settlement:
    """What the later lanes make of an item result.

    Attributes:
        items: what they started from.
        shares: per promotion, (line, minor units off).
        shipping_off: per promotion, minor units off the charge.
        goods: per line after all lanes.
        shipping: the charge that is left.
        total: goods and shipping.
        applied: bits of all promotions that take something off, item lane included.
    """

    items: ItemResult
    shares: dict[int, list[tuple[int, int]]]
    shipping_off: dict[int, int]
    goods: list[int]
    shipping: int
    total: int
    applied: int


def settle(problem: Problem, items: ItemResult, chosen: Sequence[Later]) -> Settlement:
    """Apply the chosen promotions; one that turns out to take nothing off is not applied.

    Args:
        problem: the cart.
        items: what the item lane left.
        chosen: in canonical order.
    """
    goods, rooms = items.totals, items.rooms
    applied = items.applied
    shares: dict[int, list[tuple[int, int]]] = {}
    for lane in (ORDER, COUPON):
        members = [later for later in chosen if later.lane == lane]
        if not members:
            continue
        entry, goods, rooms = goods, goods.copy(), rooms.copy()
        earlier = applied
        for later in members:
            if problem.rules[later.index].requires & ~earlier:
                continue
            lines = lines_of(later, items)
            amount = spend_off(problem, later, lines, entry)
            if not amount:
                continue
            off = spread(amount, [entry[i] for i in lines], [rooms[i] for i in lines])
            share = [pair for pair in zip(lines, off, strict=True) if pair[1]]
            if share:
                shares[later.index] = share
                applied |= 1 << later.index
                for line, less in share:
                    goods[line] -= less
                    rooms[line] -= less
    charge = problem.view.cart.shipping
    shipping_off: dict[int, int] = {}
    earlier = applied
    for later in chosen:
        benefit = later.benefit
        if not isinstance(benefit, ShippingBenefit):
            continue
        if problem.rules[later.index].requires & ~earlier:
            continue
        less = shipping_less(problem, later, benefit, goods, charge)
        if less:
            shipping_off[later.index] = less
            charge -= less
            applied |= 1 << later.index
    return Settlement(items, shares, shipping_off, goods, charge, sum(goods) + charge, applied)


def lines_of(later: Later, items: ItemResult) -> tuple[int, ...]:
    """Lines that count, after the item lane."""
    if not later.full_price_only:
        return later.lines
    return tuple(line for line in later.lines if items.untouched[line])


def spend_off(problem: Problem, later: Later, lines: Sequence[int], entry: Sequence[int]) -> int:
    """What an order or coupon promotion takes off, before floors; `entry` is per line."""
    benefit = later.benefit
    if not isinstance(benefit, SpendBenefit) or not lines:
        return 0
    view = problem.view
    base = sum(entry[line] for line in lines)
    spent = sum(view.line_total[line] for line in later.lines) if benefit.before_items else base
    if benefit.of_regular:
        base = sum(view.regular[line] * view.quantity[line] for line in lines)
    amount = benefit.off(spent, base)
    return amount if later.cap is None else min(amount, later.cap)


def shipping_less(
    problem: Problem, later: Later, benefit: ShippingBenefit, goods: Sequence[int], charge: int
) -> int:
    """What a shipping promotion takes off what is left of the charge."""
    amounts = problem.view.line_total if benefit.before_items else goods
    spent = sum(amounts[line] for line in later.lines)
    less = min(charge, benefit.off(spent, problem.view.cart.shipping))
    return less if later.cap is None else min(less, later.cap)


def gift_spend(problem: Problem, gift: GiftOffer, goods: Sequence[int]) -> int:
    """What counts toward a gift's threshold: what is paid in the end, or the cart before all."""
    amounts = problem.view.line_total if gift.benefit.before_items else goods
    return sum(amounts[line] for line in gift.lines)
