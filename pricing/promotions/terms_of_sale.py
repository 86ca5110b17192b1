"""Terms of sale that a cart chose, settled before any discount is looked at.

A presale and a group buy are not offers to weigh against others: whoever buys during a presale, or
in the name of a group, has agreed to its deposit or its deadline. So they take their units first,
in either mode, whatever would come cheaper; discounts take what is left, or join where they may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pricing.promotions.allocation import spread
from pricing.promotions.item_benefits import Claim, Offer
from pricing.promotions.rules import Rule
from pricing.promotions.view import CartView


class Segment(NamedTuple):
    """Units of one line that the terms of sale left alike.

    Attributes:
        line: which.
        units: their numbers.
        takers: bits of the terms that hold them.
        off: minor units that these take off each.
    """

    line: int
    units: Sequence[int]
    takers: int
    off: int


@dataclass(slots=True)
class Terms:
    """The terms of sale of one cart.

    Attributes:
        claims: of each, by index; in canonical order.
        members: bits of them.
        clash: bits of the promotions that can not be on a cart with them.
        takers: per unit, bits of the terms that hold it; empty if there are none.
        off: per unit, what they take off it; empty if there are none.
    """

    claims: dict[int, Claim] = field(default_factory=dict)
    members: int = 0
    clash: int = 0
    takers: list[int] = field(default_factory=list)
    off: list[int] = field(default_factory=list)

    def segments(self, view: CartView) -> list[list[Segment]]:
        """The units of each line, those alike together."""
        if not self.claims:
            return [[Segment(line, view.units_of(line), 0, 0)] for line in range(len(view.lines))]
        found = []
        for line in range(len(view.lines)):
            alike: dict[tuple[int, int], list[int]] = {}
            for unit in view.units_of(line):
                alike.setdefault((self.takers[unit], self.off[unit]), []).append(unit)
            found.append([Segment(line, units, *key) for key, units in alike.items()])
        return found


def settle_terms(
    view: CartView, rules: Sequence[Rule], offers: Mapping[int, Offer], caps: Mapping[int, int]
) -> Terms:
    """Give the terms of sale their units, by priority, then id.

    Each takes the free units from which it takes most; one that takes nothing off, or may not be on
    a cart with an earlier one, is left out.

    Args:
        view: the cart.
        rules: all rules of the set.
        offers: of the item lane, in canonical order.
        caps: most that a promotion may take off this cart, where that is limited.
    """
    terms = Terms()
    chosen = [index for index in offers if rules[index].is_term]
    if not chosen:
        return terms
    takers = [0] * len(view.line_of)
    rooms = [view.room[line] for line in view.line_of]
    for index in chosen:
        if rules[index].clash & terms.members:
            continue
        claim, off = _claim(view, rules[index], offers[index], takers, rooms)
        cap = caps.get(index)
        if cap is not None and sum(off) > cap:
            off = spread(cap, off, off)
        if not any(off):
            continue
        terms.claims[index] = claim
        terms.members |= 1 << index
        terms.clash |= rules[index].clash
        for (unit, _), less in zip(claim, off, strict=True):
            takers[unit] |= 1 << index
            rooms[unit] -= less
    if terms.claims:
        terms.takers = takers
        terms.off = [view.room[line] - left for line, left in zip(view.line_of, rooms, strict=True)]
    return terms


def _claim(
    view: CartView, rule: Rule, offer: Offer, takers: Sequence[int], rooms: Sequence[int]
) -> tuple[Claim, list[int]]:
    free = [
        (unit, 0)
        for line in sorted(offer.gains)
        for unit in view.units_of(line)
        if not takers[unit] & ~rule.shares
    ]
    wanted = offer.worth.discounts(view, free)
    off = [min(less, rooms[unit]) for (unit, _), less in zip(free, wanted, strict=True)]
    ranked = sorted((-less, part) for part, less in zip(free, off, strict=True) if less)
    ranked = sorted(ranked[: offer.most_units], key=lambda entry: entry[1])
    return [part for _, part in ranked], [-less for less, _ in ranked]
