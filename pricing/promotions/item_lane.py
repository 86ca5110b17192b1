"""The item lane, exactly: claims in, amounts per unit out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pricing.promotions.allocation import spread
from pricing.promotions.item_benefits import Claim
from pricing.promotions.problem import Problem

Shares = list[tuple[int, int]]
"""Units (by number) with the minor units that come off each."""


@dataclass(slots=True)
class ItemResult:
    """What the item lane leaves.

    Attributes:
        claims: as given, and those of the terms of sale.
        shares: per promotion that takes something off, its shares.
        units: price of each unit after it.
        totals: per line.
        rooms: per line, what later lanes may still take off.
        untouched: per line, True if nothing came off.
        applied: bits of the promotions in `shares`.
        total: sum of `totals`.
    """

    claims: Mapping[int, Claim]
    shares: dict[int, Shares]
    units: list[int]
    totals: list[int]
    rooms: list[int]
    untouched: list[bool]
    applied: int
    total: int


def lay_items(problem: Problem, claims: Mapping[int, Claim]) -> ItemResult:
    """Take the terms of sale, then all claims off the units, promotions in canonical order.

    A discount never takes a unit below its floor; what a pooled discount can not take off one
    unit of its claim flows on to the others.
    """
    view = problem.view
    if problem.terms.claims:
        claims = {**problem.terms.claims, **claims}
    floor, line_of = view.floor, view.line_of
    units = view.unit_price.copy()
    shares: dict[int, Shares] = {}
    applied = 0
    totals = view.line_total.copy()
    untouched = [True] * len(totals)
    for index in sorted(claims):
        claim = claims[index]
        offer = problem.offers[index]
        raw = offer.worth.discounts(view, claim)
        rooms = [max(0, units[unit] - floor[line_of[unit]]) for unit, _ in claim]
        cap = problem.caps.get(index)
        if offer.pooled:
            amount = raw[0] if cap is None else min(raw[0], cap)
            off = spread(amount, [view.unit_price[unit] for unit, _ in claim], rooms)
        else:
            off = [min(pair) for pair in zip(raw, rooms, strict=True)]
            if cap is not None and sum(off) > cap:
                off = spread(cap, off, off)
        share = [(unit, less) for (unit, _), less in zip(claim, off, strict=True) if less]
        if not share:
            continue
        shares[index] = share
        applied |= 1 << index
        for unit, less in share:
            units[unit] -= less
            line = line_of[unit]
            totals[line] -= less
            untouched[line] = False
    return ItemResult(
        claims,
        shares,
        units,
        totals,
        _rooms(problem, units, totals),
        untouched,
        applied,
        sum(totals),
    )


def _rooms(problem: Problem, units: list[int], totals: list[int]) -> list[int]:
    view = problem.view
    rooms = []
    for line, total in enumerate(totals):
        floor = view.floor[line]
        if not floor:
            rooms.append(total)
        elif total == view.line_total[line]:
            rooms.append(view.room[line] * view.quantity[line])
        else:
            first = view.first_unit[line]
            own = units[first : first + view.quantity[line]]
            rooms.append(sum(unit - floor for unit in own if unit > floor))
    return rooms
