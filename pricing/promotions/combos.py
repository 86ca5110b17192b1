"""Combinations of order, coupon and shipping promotions, and what they can bring at best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pricing.promotions.effects import share
from pricing.promotions.order_benefits import ShippingBenefit, SpendBenefit
from pricing.promotions.problem import Later, Problem
from pricing.promotions.rules import COUPON, ORDER, SHIPPING

MOST_COMBOS = 2_000
_MOST_TIMES = 40


@dataclass(slots=True)
class Variant:
    """A later promotion at one of its steps.

    Attributes:
        threshold: what must be left to spend when its lane begins; 0 if it is surely reached.
        rate, amount: what comes off; a rate is of what is left.
        cap: most that comes off.
        scope_total: what its lines cost before promotions.
    """

    later: Later
    threshold: int
    amount: int
    rate: int
    cap: int | None
    scope_total: int

    def off(self, base: int) -> int:
        """Off `base`, threshold reached."""
        less = share(base, self.rate) if self.rate else self.amount
        return less if self.cap is None else min(less, self.cap)


@dataclass(slots=True)
class Combo:
    """Promotions that may meet in the later lanes.

    Attributes:
        order, coupon, shipping: chosen steps by lane.
        members: bits of the promotions.
        clash: bits of the promotions that can not be on the cart with them.
        requires: bits of the promotions that they require.
        whole: True if every one of them looks at the whole cart and nothing else.
    """

    order: tuple[Variant, ...]
    coupon: tuple[Variant, ...]
    shipping: tuple[Variant, ...]
    members: int = 0
    clash: int = 0
    requires: int = 0
    whole: bool = True

    @property
    def chosen(self) -> list[Later]:
        """The promotions, in canonical order."""
        return [v.later for lane in (self.order, self.coupon, self.shipping) for v in lane]


def combos(problem: Problem, most_saved: int) -> tuple[list[Combo], bool]:
    """All combinations, and whether none was left out.

    Args:
        problem: the cart.
        most_saved: most that the item lane can take off, so that steps which are surely passed
            can be skipped.
    """
    by_lane: dict[int, list[Variant]] = {ORDER: [], COUPON: [], SHIPPING: []}
    whole = True
    for later in problem.later:
        variants, complete = _variants(problem, later, most_saved)
        whole = whole and complete
        by_lane[later.lane] += variants
    orders, whole_orders = _lane_sets(problem, by_lane[ORDER])
    coupons, whole_coupons = _lane_sets(problem, by_lane[COUPON])
    shippings, whole_shippings = _lane_sets(problem, by_lane[SHIPPING])
    whole = whole and whole_orders and whole_coupons and whole_shippings
    offered = sum(1 << index for index in problem.discounts) | problem.terms.members
    found: list[Combo] = []
    for order in orders:
        for coupon in coupons:
            if order[2] & coupon[1]:
                continue
            members = order[1] | coupon[1]
            clash = order[2] | coupon[2]
            for shipping in shippings:
                if clash & shipping[1]:
                    continue
                combo = Combo(
                    order[0],
                    coupon[0],
                    shipping[0],
                    members | shipping[1],
                    clash | shipping[2],
                    order[3] | coupon[3] | shipping[3],
                    order[4] and coupon[4] and shipping[4],
                )
                if combo.requires & ~(combo.members | offered):
                    continue
                if combo.requires & combo.clash:
                    continue
                if len(found) >= MOST_COMBOS:
                    return found, False
                found.append(combo)
    return found, whole


def _variants(problem: Problem, later: Later, most_saved: int) -> tuple[list[Variant], bool]:
    view = problem.view
    total = sum(view.line_total[line] for line in later.lines)
    benefit = later.benefit
    if isinstance(benefit, ShippingBenefit):
        if total < benefit.spend or not view.cart.shipping:
            return [], True
        off = benefit.off(benefit.spend, view.cart.shipping)
        threshold = 0 if benefit.before_items else benefit.spend
        return [Variant(later, threshold, off, 0, later.cap, total)], True
    steps: list[tuple[int, int, int]] = []
    complete = True
    if benefit.before_items:
        steps = _reached(benefit, total)
    elif benefit.every:
        step = benefit.steps[0]
        least = benefit.times(max(0, total - most_saved))
        most = benefit.times(total)
        if most - least > _MOST_TIMES:
            least, complete = most - _MOST_TIMES, False
        steps = [(k * step.spend, k * step.amount, 0) for k in range(max(1, least), most + 1)]
    else:
        # Of the steps that are surely passed only the highest counts.
        sure = [s for s in benefit.steps if s.spend <= total - most_saved][:-1]
        reachable = [s for s in benefit.steps if s.spend <= total and s not in sure]
        steps = [(s.spend, s.amount, s.rate) for s in reachable]
    variants = []
    for threshold, step_amount, step_rate in steps:
        amount, rate = step_amount, step_rate
        if rate and benefit.of_regular:
            regular = sum(view.regular[line] * view.quantity[line] for line in later.lines)
            amount, rate = share(regular, rate), 0
        variants.append(Variant(later, threshold, amount, rate, later.cap, total))
    return variants, complete


def _reached(benefit: SpendBenefit, total: int) -> list[tuple[int, int, int]]:
    """The step that the cart before promotions reaches, without a threshold any more."""
    if benefit.every:
        times = benefit.times(total)
        return [(0, benefit.steps[0].amount * times, 0)] if times else []
    reached = [step for step in benefit.steps if step.spend <= total]
    return [(0, reached[-1].amount, reached[-1].rate)] if reached else []


_LaneSet = tuple[tuple[Variant, ...], int, int, int, bool]


def _lane_sets(problem: Problem, variants: Sequence[Variant]) -> tuple[list[_LaneSet], bool]:
    """Sets of promotions that may meet in one lane, one step of each."""
    sets: list[_LaneSet] = [((), 0, 0, 0, True)]
    for variant in variants:
        rule = problem.rules[variant.later.index]
        if rule.clash & problem.terms.members:
            continue
        bit = 1 << rule.index
        simple = variant.later.whole and not variant.later.full_price_only
        for chosen, members, clash, requires, whole in list(sets):
            if members & bit or clash & bit:
                continue
            sets.append(
                (
                    (*chosen, variant),
                    members | bit,
                    clash | rule.clash,
                    requires | rule.requires,
                    whole and simple,
                )
            )
            if len(sets) > MOST_COMBOS:
                return sets, False
    return sets, True
