"""Item promotions that count rounds: any N for a price, buy some get some, bundles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from pricing.promotions import machines
from pricing.promotions.effects import Effect
from pricing.promotions.item_benefits import (
    Claim,
    Offer,
    dear_first,
    no_floors,
    raw_off,
    unit_off,
)
from pricing.promotions.view import CartView


@dataclass(frozen=True, slots=True)
class GroupPriceBenefit:
    """Any `size` units of a set for one price."""

    scope: int
    size: int
    price: int
    at_most: int | None

    def offer(self, view: CartView, index: int, most_units: int | None) -> Offer | None:
        """As `ItemBenefit.offer`."""
        lines = view.scope_lines(self.scope)
        eligible = sum(view.quantity[line] for line in lines)
        limit = _unit_limit(eligible, self.at_most, most_units, self.size)
        if limit < self.size:
            return None
        gains = {}
        for line in lines:
            price = view.price[line]
            gains[line] = (price - self.price, price, price)
        machine = machines.rounds(
            self.size, self.size, limit if limit < eligible else None, gains, ordered=False
        )
        # A unit's fair share of the price; where no floor is above it, no floor can bind.
        fair = self.price // self.size
        exact = all(view.floor[line] <= fair for line in lines)
        return Offer(index, {line: view.price[line] for line in lines}, machine, pooled=True,
                     exact=exact, worth=self, most_units=most_units)  # fmt: skip

    def discounts(self, view: CartView, claim: Claim) -> list[int]:
        """As `ItemBenefit.discounts`."""
        total = sum(view.unit_price[unit] for unit, _ in claim)
        return [max(0, total - len(claim) // self.size * self.price)]

    def greedy(self, view: CartView, offer: Offer, free: Sequence[bool]) -> Claim:
        """As `ItemBenefit.greedy`."""
        units = dear_first(view, offer, free)
        claim: Claim = []
        most = _unit_limit(len(units), self.at_most, offer.most_units, self.size)
        for start in range(0, most // self.size * self.size, self.size):
            group = units[start : start + self.size]
            if sum(view.unit_price[unit] for unit in group) <= self.price:
                break
            claim += [(unit, 0) for unit in group]
        return claim

    def missing(self, view: CartView) -> int:
        """As `ItemBenefit.missing`."""
        return _to_round(view.scope_quantity(self.scope), self.size, self.size, self.at_most)


@dataclass(frozen=True, slots=True)
class CheapestBenefit:
    """Buy some, get the cheapest of each round free or reduced; one set.

    Claimed units are sorted by price and cut into rounds of `buy + get`, dear ones first; the last
    `get` of each round are the ones got. The last round may have fewer of them.
    """

    scope: int
    buy: int
    get: int
    effect: Effect
    at_most: int | None

    def offer(self, view: CartView, index: int, most_units: int | None) -> Offer | None:
        """As `ItemBenefit.offer`."""
        lines = view.scope_lines(self.scope)
        size = self.buy + self.get
        eligible = sum(view.quantity[line] for line in lines)
        limit = _unit_limit(eligible, self.at_most, most_units, size)
        if limit <= self.buy:
            return None
        got = {line: raw_off(view, line, self.effect) for line in lines}
        machine = machines.rounds(
            size,
            self.buy + 1,
            limit if limit < eligible else None,
            {line: (0, 0, gain) for line, gain in got.items()},
            ordered=True,
        )
        # Those got are the cheapest, so they are at most this share of what the round costs.
        exact = all(view.room[line] * size >= gain * self.get for line, gain in got.items())
        return Offer(index, got, machine, pooled=True, exact=exact, worth=self,
                     most_units=most_units)  # fmt: skip

    def discounts(self, view: CartView, claim: Claim) -> list[int]:
        """As `ItemBenefit.discounts`."""
        size = self.buy + self.get
        lines = sorted((view.line_of[unit] for unit, _ in claim), key=lambda i: -view.price[i])
        return [
            sum(
                raw_off(view, line, self.effect)
                for place, line in enumerate(lines)
                if place % size >= self.buy
            )
        ]

    def greedy(self, view: CartView, offer: Offer, free: Sequence[bool]) -> Claim:
        """As `ItemBenefit.greedy`."""
        units = dear_first(view, offer, free)
        size = self.buy + self.get
        most = _unit_limit(len(units), self.at_most, offer.most_units, size)
        if 0 < most % size <= self.buy:
            most -= most % size
        return [(unit, 0) for unit in units[:most]]

    def missing(self, view: CartView) -> int:
        """As `ItemBenefit.missing`."""
        units = view.scope_quantity(self.scope)
        return _to_round(units, self.buy + self.get, self.buy + 1, self.at_most)


@dataclass(frozen=True, slots=True)
class PartsBenefit:
    """Rounds of several parts, each from a set of its own: bundles, and buy this, get that.

    Attributes:
        parts: (scope, units) of each part.
        price: what a round costs, or None.
        amount: what comes off a round.
        effect: what happens to each unit, or only to those of the last part if `gets`.
        gets: True for buy-this-get-that, whose last round may be got in part.
    """

    parts: tuple[tuple[int, int], ...]
    price: int | None = None
    amount: int = 0
    effect: Effect | None = None
    gets: bool = False
    at_most: int | None = None

    def offer(self, view: CartView, index: int, most_units: int | None) -> Offer | None:
        """As `ItemBenefit.offer`."""
        most = None
        for part, (scope, need) in enumerate(self.parts):
            available = view.scope_quantity(scope)
            if self.gets and part == len(self.parts) - 1:
                available += need - 1
            most = available // need if most is None else min(most, available // need)
        natural = most or 0
        most = natural if self.at_most is None else min(natural, self.at_most)
        needs = [need for _, need in self.parts]
        units = len(view.line_of) if most_units is None else most_units
        if not most or units < (needs[0] + 1 if self.gets else sum(needs)):
            return None
        joins: dict[int, list[tuple[int, int]]] = {}
        for part, (scope, _) in enumerate(self.parts):
            for line in view.scope_lines(scope):
                joins.setdefault(line, []).append((part, self._gain(view, line, part)))
        bonus = self.amount if self.price is None else -self.price
        per_line = {line: tuple(parts) for line, parts in joins.items()}
        if most == natural and units >= len(view.line_of) and not self.gets:
            machine = machines.open_slots(needs, most, bonus, per_line)
        else:
            machine = machines.slots(needs, most, units, bonus, per_line, optional_last=self.gets)
        gains = {
            line: max(gain for _, gain in parts) if not self.amount else view.room[line]
            for line, parts in joins.items()
        }
        return Offer(index, gains, machine, pooled=self._pooled, exact=self._exact(view, joins),
                     worth=self, most_units=most_units)  # fmt: skip

    @property
    def _pooled(self) -> bool:
        return self.gets or self.effect is None

    def _exact(self, view: CartView, lines: dict[int, list[tuple[int, int]]]) -> bool:
        return not self._pooled or no_floors(view, tuple(lines))

    def _gain(self, view: CartView, line: int, part: int) -> int:
        if self.gets:
            last = part == len(self.parts) - 1
            return raw_off(view, line, self.effect) if last and self.effect else 0
        if self.effect is not None:
            return unit_off(view, line, self.effect)
        return view.price[line] if self.price is not None else 0

    def discounts(self, view: CartView, claim: Claim) -> list[int]:
        """As `ItemBenefit.discounts`."""
        last = len(self.parts) - 1
        if self.gets:
            lines = [view.line_of[unit] for unit, part in claim if part == last]
            return [sum(raw_off(view, line, self.effect) for line in lines if self.effect)]
        if self.effect is not None:
            return [unit_off(view, view.line_of[unit], self.effect) for unit, _ in claim]
        rounds = len(claim) // sum(need for _, need in self.parts)
        if self.price is None:
            return [rounds * self.amount]
        return [max(0, sum(view.unit_price[unit] for unit, _ in claim) - rounds * self.price)]

    def greedy(self, view: CartView, offer: Offer, free: Sequence[bool]) -> Claim:
        """As `ItemBenefit.greedy`."""
        left = list(free)
        claim: Claim = []
        size = sum(need for _, need in self.parts)
        units_left = len(free) if offer.most_units is None else offer.most_units
        for _ in range(len(free) if self.at_most is None else self.at_most):
            fresh = sorted(self._one_round(view, left), key=itemgetter(1))[:units_left]
            units_left -= len(fresh)
            if len(fresh) < (self.parts[0][1] + 1 if self.gets else size):
                break
            worth = self.discounts(view, fresh)
            if sum(worth) <= 0:
                break
            for unit, _ in fresh:
                left[unit] = False
            claim += fresh
            if len(fresh) < size:
                break
        return claim

    def missing(self, view: CartView) -> int:
        """As `ItemBenefit.missing`."""
        short = [max(0, need - view.scope_quantity(scope)) for scope, need in self.parts]
        return sum(short)

    def _one_round(self, view: CartView, left: Sequence[bool]) -> Claim:
        """The dearest free units for each part, scarce parts first; empty if a part is missing."""
        taken: set[int] = set()
        fresh: Claim = []
        order = sorted(
            range(len(self.parts)), key=lambda part: len(view.scope_lines(self.parts[part][0]))
        )
        for part in order:
            scope, need = self.parts[part]
            lines = sorted(view.scope_lines(scope), key=view.dear_rank.__getitem__)
            units = [
                unit
                for line in lines
                for unit in view.units_of(line)
                if left[unit] and unit not in taken
            ][:need]
            enough = 1 if self.gets and part == len(self.parts) - 1 else need
            if len(units) < enough:
                return []
            taken.update(units)
            fresh += [(unit, part) for unit in units]
        return fresh


def _unit_limit(eligible: int, at_most: int | None, most_units: int | None, size: int) -> int:
    """Most units that rounds of `size` can take."""
    most = eligible if at_most is None else min(eligible, at_most * size)
    return most if most_units is None else min(most, most_units)


def _to_round(units: int, size: int, counts_from: int, at_most: int | None) -> int:
    """Units short of one more round."""
    if at_most is not None and units // size >= at_most:
        return 0
    return max(0, counts_from - units % size)
