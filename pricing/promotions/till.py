"""What a cart comes to at the till for a given saving in the item lane: bounds for the search."""

from __future__ import annotations

from math import ceil

from pricing.promotions.cart import MILLION
from pricing.promotions.combos import Combo, Variant
from pricing.promotions.item_benefits import Offer
from pricing.promotions.item_options import Number
from pricing.promotions.problem import Problem


class WholeCartTill:
    """The total as a function of what the item lane leaves, for promotions of the whole cart.

    It is exact, floors included: whole-cart discounts flow from line to line, so only the sum of
    all floors stops them.

    Attributes:
        least_left: the item lane must leave this much for every threshold to be reached; None if
            even the cart before promotions does not.
    """

    def __init__(self, problem: Problem, combo: Combo) -> None:
        self.combo = combo
        view = problem.view
        self.subtotal = view.subtotal
        self.floor = view.least
        self.charge = view.cart.shipping
        for variant in combo.shipping:
            self.charge -= min(self.charge, variant.off(0))
        # Two percentages rounded in one lane can make the total fall by a unit where it should
        # rise by one; bounds give that much away.
        self.slack = sum(
            max(0, sum(v.rate > 0 for v in lane) - 1) for lane in (combo.order, combo.coupon)
        )
        self.least_left = self._least_left()

    def total(self, left: int) -> int | None:
        """The total if the item lane leaves `left`; None if a threshold is missed."""
        for lane in (self.combo.order, self.combo.coupon):
            less = 0
            for variant in lane:
                if left < variant.threshold:
                    return None
                less += variant.off(left)
            if less:
                left = max(left - less, self.floor)
        for variant in self.combo.shipping:
            if left < variant.threshold:
                return None
        return left + self.charge

    def bound(self, left: int) -> int | None:
        """No total is below this if the item lane leaves at least `left`; None if none is."""
        if self.least_left is None:
            return None
        total = self.total(max(left, self.least_left))
        return None if total is None else total - self.slack

    def _least_left(self) -> int | None:
        if self.total(self.floor) is not None:
            return self.floor
        if self.total(self.subtotal) is None:
            return None
        low, high = self.floor, self.subtotal
        while high - low > 1:
            middle = (low + high) // 2
            if self.total(middle) is None:
                low = middle
            else:
                high = middle
        return high


class ScopedTill:
    """A lower bound on the total, additive over units, for promotions of parts of the cart.

    For each line the bound is `x - order * x - coupon * max(x * (1 - shared), floor)` of the unit
    price x that the item lane leaves: an order percentage takes its part; a coupon percentage takes
    its part of what the order lane surely leaves at most. It bends at the floor.
    """

    def __init__(self, problem: Problem, combo: Combo) -> None:
        view = problem.view
        lines = len(view.lines)
        self.price = view.price
        self.floor = view.floor
        self.order = [0.0] * lines
        self.shared = [0.0] * lines
        self.coupon = [0.0] * lines
        fixed = 0
        slack = 0.001
        for variant in combo.order:
            fixed, slack = self._add_order(variant, fixed, slack)
        for variant in combo.coupon:
            rate = _rate(variant)
            if rate:
                slack += 0.5 + rate * len(variant.later.lines) * len(combo.order)
                for line in variant.later.lines:
                    self.coupon[line] += rate
            else:
                fixed += variant.off(variant.scope_total)
        charge = view.cart.shipping
        for variant in combo.shipping:
            charge -= min(charge, variant.off(0))
        self.charge = charge
        self.least = view.least + charge
        goods = sum(self._at(line, view.price[line]) * view.quantity[line] for line in range(lines))
        self.start = goods - fixed - slack + charge

    def _add_order(self, variant: Variant, fixed: int, slack: float) -> tuple[int, float]:
        rate = _rate(variant)
        if rate:
            slack += 0.5
            part = rate
            for line in variant.later.lines:
                self.order[line] += rate
        else:
            amount = variant.off(variant.scope_total)
            fixed += amount
            part = amount / variant.scope_total if variant.scope_total else 0.0
            if variant.rate:
                part = min(part, variant.rate / MILLION)
        if not variant.later.full_price_only:
            for line in variant.later.lines:
                self.shared[line] += part
        return fixed, slack

    def _at(self, line: int, price: float) -> float:
        order = self.order[line]
        coupon = self.coupon[line]
        if not coupon:
            return price * (1 - order)
        kept = max(price * (1 - self.shared[line]), min(self.floor[line], price))
        return price * (1 - order) - coupon * kept

    def unit(self, line: int, gain: int) -> Number:
        """A saving on one unit of a line, as `item_options.Weighing`."""
        price = self.price[line]
        return self._at(line, price) - self._at(line, price - gain)

    def pooled(self, offer: Offer, gain: int) -> Number:
        """A saving that may land on any line of an offer, at most."""
        return gain * max((self._slope(line) for line in offer.gains), default=1.0)

    def _slope(self, line: int) -> float:
        coupon = self.coupon[line]
        if self.floor[line] and self.shared[line]:
            return 1 - self.order[line]
        return 1 - self.order[line] - coupon * (1 - self.shared[line])

    def bound(self, gain: Number) -> int:
        """No total is below this if the item lane saves at most `gain`, weighed."""
        return max(ceil(self.start - min(gain, self.start)), self.least)


def _rate(variant: Variant) -> float:
    """The percentage of a step as a fraction; 0 where its cap makes it an amount."""
    if not variant.rate:
        return 0.0
    uncapped = variant.scope_total * variant.rate // MILLION
    if variant.cap is not None and variant.cap < uncapped:
        return 0.0
    return variant.rate / MILLION
