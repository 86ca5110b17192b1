"""Priority mode: promotions in order of priority, each taking what it can; fast, never undone."""

from __future__ import annotations

from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_lane import lay_items
from pricing.promotions.later_lanes import (
    Settlement,
    lines_of,
    settle,
    shipping_less,
    spend_off,
)
from pricing.promotions.order_benefits import ShippingBenefit
from pricing.promotions.problem import Later, Problem
from pricing.promotions.rules import COUPON, ORDER, SHIPPING


def settle_by_priority(problem: Problem) -> Settlement:
    """Lane by lane, highest priority first, ties by id; terms of sale before all.

    An item promotion claims its best units among those still free; an order, coupon or shipping
    promotion is taken if it takes something off and may meet those taken before. `stop` ends its
    lane.
    """
    rules = problem.rules
    items = lay_items(problem, _claims_in_turn(problem))
    chosen: list[Later] = []
    settlement = settle(problem, items, chosen)
    for lane in (ORDER, COUPON, SHIPPING):
        entry = settlement.goods
        for later in problem.later:
            if later.lane != lane or rules[later.index].clash & settlement.applied:
                continue
            if not _takes_something_off(problem, later, settlement, entry):
                continue
            tried = settle(problem, items, [*chosen, later])
            if tried.total < settlement.total:
                chosen, settlement = [*chosen, later], tried
                if rules[later.index].source.stop:
                    break
    return settlement


def _takes_something_off(
    problem: Problem, later: Later, settlement: Settlement, entry: list[int]
) -> bool:
    """False if a promotion surely takes nothing off; `entry` is what its lane began with."""
    if isinstance(later.benefit, ShippingBenefit):
        goods, charge = settlement.goods, settlement.shipping
        return shipping_less(problem, later, later.benefit, goods, charge) > 0
    return spend_off(problem, later, lines_of(later, settlement.items), entry) > 0


def _claims_in_turn(problem: Problem) -> dict[int, Claim]:
    """Discounts in canonical order, each with its best claim on what is free for it."""
    claims: dict[int, Claim] = {}
    terms = problem.terms
    taken = terms.members
    takers = terms.takers.copy() or [0] * len(problem.view.unit_price)
    # A term of sale that ends the lane ends it for what has less priority than itself.
    ends = [problem.rules[i].rank for i in terms.claims if problem.rules[i].source.stop]
    for index, offer in problem.discounts.items():
        rule = problem.rules[index]
        if ends and rule.rank > min(ends):
            break
        if rule.clash & taken:
            continue
        barred = ~rule.shares
        claim = offer.worth.greedy(problem.view, offer, [not own & barred for own in takers])
        if any(offer.worth.discounts(problem.view, claim)):
            claims[index] = claim
            taken |= 1 << index
            for unit, _ in claim:
                takers[unit] |= 1 << index
            if rule.source.stop:
                break
    return claims
