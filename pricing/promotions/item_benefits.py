"""Item promotions as small values: what each offers to the units of one cart.

A *claim* is the units that a promotion takes, each with a slot. Every benefit answers three
questions about the cart at hand: how may units join (a gain per line, or a counting machine), what
is a given claim worth exactly, and which claim does it take when it goes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pricing.promotions import machines
from pricing.promotions.effects import Effect
from pricing.promotions.machines import Machine
from pricing.promotions.view import CartView

Claim = list[tuple[int, int]]
"""Units (by number) with the slot that each fills."""


@dataclass(slots=True)
class Offer:
    """What one promotion offers to one cart.

    Attributes:
        index: number of the promotion.
        gains: per line that may join, what one unit saves at most (floor respected).
        machine: how units join, if the promotion counts; None if any unit may.
        pooled: True if its discount belongs to the claim as a whole and is shared out over it.
        exact: True if the gains along a path are what the claim saves, floors and caps included.
        worth: the benefit that this is an offer of.
        most_units: most units that it may take; None for any number.
    """

    index: int
    gains: dict[int, int]
    machine: Machine | None
    pooled: bool
    exact: bool
    worth: ItemBenefit
    most_units: int | None = None


class ItemBenefit(Protocol):
    """A compiled item promotion."""

    def offer(self, view: CartView, index: int, most_units: int | None) -> Offer | None:
        """What it offers; None if the cart holds nothing for it."""

    def discounts(self, view: CartView, claim: Claim) -> list[int]:
        """Minor units off each unit of a claim; for a pooled benefit a single total."""

    def greedy(self, view: CartView, offer: Offer, free: Sequence[bool]) -> Claim:
        """The claim it makes on the units that are free when it goes first; may be empty."""

    def missing(self, view: CartView) -> int:
        """Units that the cart lacks for the next step; 0 if there is none, or no saying."""


@dataclass(frozen=True, slots=True)
class UnitBenefit:
    """Each unit on its own."""

    scope: int
    effect: Effect

    def offer(self, view: CartView, index: int, most_units: int | None) -> Offer | None:
        """As `ItemBenefit.offer`."""
        gains = unit_gains(view, view.scope_lines(self.scope), self.effect)
        if not gains:
            return None
        machine = None
        if most_units is not None and most_units < sum(view.quantity[line] for line in gains):
            machine = machines.counter(most_units, gains)
        return Offer(index, gains, machine, pooled=False, exact=True, worth=self,
                     most_units=most_units)  # fmt: skip

    def discounts(self, view: CartView, claim: Claim) -> list[int]:
        """As `ItemBenefit.discounts`."""
        return [unit_off(view, view.line_of[unit], self.effect) for unit, _ in claim]

    def missing(self, view: CartView) -> int:
        """As `ItemBenefit.missing`."""
        return 0 if view.scope_lines(self.scope) else 1

    def greedy(self, view: CartView, offer: Offer, free: Sequence[bool]) -> Claim:
        """As `ItemBenefit.greedy`."""
        lines = sorted(offer.gains, key=lambda line: (-offer.gains[line], line))
        claim = [(unit, 0) for line in lines for unit in view.units_of(line) if free[unit]]
        return claim[: offer.most_units] if offer.machine else claim


@dataclass(frozen=True, slots=True)
class TierBenefit:
    """More units, better terms for each; or an amount off all of them (pooled).

    Attributes:
        quantities: units from which each step counts, rising.
        effects: per step, what happens to each unit; empty if amounts are given.
        amounts: per step, what comes off all together; empty if effects are given.
    """

    scope: int
    quantities: tuple[int, ...]
    effects: tuple[Effect, ...]
    amounts: tuple[int, ...]

    def offer(self, view: CartView, index: int, most_units: int | None) -> Offer | None:
        """As `ItemBenefit.offer`."""
        lines = view.scope_lines(self.scope)
        eligible = sum(view.quantity[line] for line in lines)
        limit = None if most_units is None or most_units >= eligible else most_units
        usable = eligible if limit is None else limit
        steps = sum(quantity <= usable for quantity in self.quantities)
        if not steps:
            return None
        if self.amounts:
            no_gains = dict.fromkeys(lines, (0,) * steps)
            machine = machines.tiers(self.quantities[:steps], self.amounts[:steps], limit, no_gains)
            return Offer(index, {line: view.room[line] for line in lines}, machine, pooled=True,
                         exact=no_floors(view, lines), worth=self, most_units=limit)  # fmt: skip
        by_step = [unit_gains(view, lines, effect) for effect in self.effects[:steps]]
        per_step = {line: tuple(gains.get(line, 0) for gains in by_step) for line in lines}
        machine = machines.tiers(self.quantities[:steps], (0,) * steps, limit, per_step)
        most = {line: max(gains) for line, gains in per_step.items()}
        return Offer(index, most, machine, pooled=False, exact=True, worth=self, most_units=limit)

    def discounts(self, view: CartView, claim: Claim) -> list[int]:
        """As `ItemBenefit.discounts`."""
        step = sum(quantity <= len(claim) for quantity in self.quantities) - 1
        if step < 0:
            return [0] if self.amounts else [0] * len(claim)
        if self.amounts:
            return [self.amounts[step]]
        return [unit_off(view, view.line_of[unit], self.effects[step]) for unit, _ in claim]

    def greedy(self, view: CartView, offer: Offer, free: Sequence[bool]) -> Claim:
        """As `ItemBenefit.greedy`."""
        claim = [(unit, 0) for unit in dear_first(view, offer, free)][: offer.most_units]
        return claim if len(claim) >= self.quantities[0] else []

    def missing(self, view: CartView) -> int:
        """As `ItemBenefit.missing`."""
        units = view.scope_quantity(self.scope)
        return next((quantity - units for quantity in self.quantities if quantity > units), 0)


def raw_off(view: CartView, line: int, effect: Effect) -> int:
    """What an effect takes off a unit of a line, at most its price."""
    price = view.price[line]
    return min(price, effect.off(price, view.regular[line], view.lines[line].sku))


def unit_off(view: CartView, line: int, effect: Effect) -> int:
    """What an effect takes off a unit of a line, floor respected."""
    return min(
        view.room[line],
        effect.off(view.price[line], view.regular[line], view.lines[line].sku),
    )


def unit_gains(view: CartView, lines: Sequence[int], effect: Effect) -> dict[int, int]:
    """Per line on which an effect has any, what it takes off a unit, floor respected."""
    room, price, regular, cart_lines = view.room, view.price, view.regular, view.lines
    gains = {}
    for line in lines:
        off = effect.off(price[line], regular[line], cart_lines[line].sku)
        gain = min(room[line], off)
        if gain > 0:
            gains[line] = gain
    return gains


def no_floors(view: CartView, lines: Sequence[int]) -> bool:
    """True if no floor can stand in the way on these lines."""
    return not any(view.floor[line] for line in lines)


def dear_first(view: CartView, offer: Offer, free: Sequence[bool]) -> list[int]:
    """Free units that may join, dear ones first."""
    lines = sorted(offer.gains, key=view.dear_rank.__getitem__)
    return [unit for line in lines for unit in view.units_of(line) if free[unit]]
