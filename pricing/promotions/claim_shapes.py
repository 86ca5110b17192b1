"""The best claim of one counting promotion by itself, when joining costs a price.

What a machine counts decides how its best claim is found: steps, groups and parts take the dearest
units there are, so sorting does it; a machine in which the order of units matters is walked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pricing.promotions.item_options import Number, Option, Step
from pricing.promotions.machines import NEVER, Groups, Parts, Ring, Steps

Picks = list[tuple[int, Option]]
"""Line and option of each unit of a claim."""

Row = tuple[int, list[tuple[Step, Option]]]
"""A line with what its units can do in one promotion."""

Gains = list[tuple[int, Number, Option]]
"""Line, gain and option of each unit."""


class Finder(Protocol):
    """Finds the best claim of one promotion."""

    def best(
        self, prices: Sequence[Number], left: Sequence[int] | None
    ) -> tuple[Number, Sequence[tuple[int, Option]]]:
        """What the best claim is worth after paying the prices, and the claim.

        Args:
            prices: of joining, per line.
            left: units that may be taken, per line; None for all that there are.
        """


@dataclass(frozen=True, slots=True)
class StepsFinder:
    """One of several steps, each with a least and a greatest number of units.

    Attributes:
        steps: (least units, most units, bonus, units) of every step.
    """

    steps: list[tuple[int, int, Number, Gains]]

    def best(self, prices: Sequence[Number], left: Sequence[int] | None) -> tuple[Number, Picks]:
        """As `Finder.best`."""
        top: Number = 0
        chosen: tuple[Gains, list[int]] = ([], [])
        for least, most, bonus, gains in self.steps:
            units = gains if left is None else _still(gains, left)
            if len(units) < least:
                continue
            values, order = _dear_first(units, prices)
            worth = bonus
            count = 0
            for place in order[:most]:
                value = values[place]
                if value <= 0 and count >= least:
                    break
                worth += value
                count += 1
            if worth > top:
                top, chosen = worth, (units, order[:count])
        return top, _picks(*chosen)


@dataclass(frozen=True, slots=True)
class GroupsFinder:
    """Groups of so many units, each group at a cost.

    Attributes:
        size: units of a group.
        most: most units.
        cost: of a group.
        units: all that may join.
    """

    size: int
    most: int
    cost: Number
    units: Gains

    def best(self, prices: Sequence[Number], left: Sequence[int] | None) -> tuple[Number, Picks]:
        """As `Finder.best`."""
        units = self.units if left is None else _still(self.units, left)
        values, order = _dear_first(units, prices)
        top: Number = 0
        size, count = self.size, 0
        for end in range(size, min(len(order), self.most) + 1, size):
            worth = -self.cost
            for place in order[count:end]:
                worth += values[place]
            if worth <= 0:
                break
            top += worth
            count = end
        return top, _picks(units, order[:count])


@dataclass(frozen=True, slots=True)
class PartsFinder:
    """Rounds of several parts, no line in two of them.

    Attributes:
        needs: units of each part in a round.
        most: most rounds.
        bonus: of a round.
        parts: the units that may join each.
    """

    needs: tuple[int, ...]
    most: int
    bonus: Number
    parts: list[Gains]

    def best(self, prices: Sequence[Number], left: Sequence[int] | None) -> tuple[Number, Picks]:
        """As `Finder.best`."""
        ordered = []
        rounds = self.most
        for need, gains in zip(self.needs, self.parts, strict=True):
            units = gains if left is None else _still(gains, left)
            rounds = min(rounds, len(units) // need)
            if not rounds:
                return 0, []
            ordered.append((need, units, *_dear_first(units, prices)))
        top: Number = 0
        count = 0
        for number in range(rounds):
            worth = self.bonus
            for need, _, values, order in ordered:
                for place in order[number * need : (number + 1) * need]:
                    worth += values[place]
            if worth <= 0:
                break
            top += worth
            count += 1
        picks: Picks = []
        for need, units, _, order in ordered:
            picks += _picks(units, order[: count * need])
        return top, picks


@dataclass(frozen=True, slots=True)
class WalkFinder:
    """Any machine, unit by unit in the order of the plan.

    Attributes:
        units: in that order.
        final: weighed final gain per digit.
    """

    units: list[Row]
    final: list[Number]

    def best(self, prices: Sequence[Number], left: Sequence[int] | None) -> tuple[Number, Picks]:
        """As `Finder.best`."""
        units = self.units
        if left is not None:
            room = list(left)
            units = []
            for row in self.units:
                if room[row[0]]:
                    room[row[0]] -= 1
                    units.append(row)
        ahead = look_ahead(units, self.final, prices)
        digit = 0
        picks: Picks = []
        for place, (line, moves) in enumerate(units):
            here, after = ahead[place][digit], ahead[place + 1]
            if here <= after[digit]:
                continue
            price = prices[line]
            for step, option in moves:
                there = step.follows[digit]
                if there >= 0 and step.gains[digit] - price + after[there] >= here:
                    picks.append((line, option))
                    digit = there
                    break
        return max(0, ahead[0][0]), picks


@dataclass(frozen=True, slots=True)
class RingFinder:
    """Rounds of three units, over and over, in the order of the plan.

    The same as a walk, written out: this one is met often and asked again and again.

    Attributes:
        units: last first: line, option, gains of the first, second and third unit of a round.
    """

    units: list[tuple[int, Option, Number, Number, Number]]

    def best(self, prices: Sequence[Number], left: Sequence[int] | None) -> tuple[Number, Picks]:
        """As `Finder.best`."""
        room = None if left is None else list(left)
        none: Number = 0
        one: Number = NEVER
        two: Number = NEVER
        joins: list[tuple[tuple[bool, bool, bool], int, Option]] = []
        for line, option, first, second, third in self.units:
            if room is not None:
                if not room[line]:
                    continue
                room[line] -= 1
            price = prices[line]
            from_none = first - price + one
            from_one = second - price + two
            from_two = third - price + none
            join_none, join_one, join_two = from_none > none, from_one > one, from_two > two
            if join_none:
                none = from_none
            if join_one:
                one = from_one
            if join_two:
                two = from_two
            joins.append(((join_none, join_one, join_two), line, option))
        picks: Picks = []
        if none > 0:
            digit = 0
            for join, line, option in reversed(joins):
                if join[digit]:
                    picks.append((line, option))
                    digit = (digit + 1) % 3
        return none, picks


def look_ahead(
    units: Sequence[Row], final: Sequence[Number], prices: Sequence[Number]
) -> list[list[Number]]:
    """Per unit and digit, the most that a machine can still gain when joining costs a price.

    One entry more than digits, `NEVER`, for the move that does not exist; one row more than units.
    """
    after: list[Number] = [*final, NEVER]
    ahead = [after]
    for line, moves in reversed(units):
        price = prices[line]
        best = after
        for step, _ in moves:
            best = [
                stay if stay >= (join := gain - price + after[there]) else join
                for stay, there, gain in zip(best, step.follows, step.gains, strict=False)
            ]
            best.append(NEVER)
        ahead.append(best)
        after = best
    ahead.reverse()
    return ahead


def finder(
    shape: Steps | Groups | Parts | Ring | None, units: list[Row], final: list[Number]
) -> Finder:
    """What finds the best claim of a machine.

    Args:
        shape: what the machine counts; None for one that has to be walked.
        units: that may join, in the order of the plan, steps weighed.
        final: weighed final gain per digit.
    """
    match shape:
        case Steps():
            steps = []
            for slot, (least, most, digit) in enumerate(shape.steps):
                own = _of_slot(units, slot)
                if own:
                    steps.append((least, most, final[digit], own))
            return StepsFinder(steps)
        case Groups():
            moves = [(line, step, option) for line, own in units for step, option in own]
            cost: Number = 0
            last = 0
            if shape.size > 1:
                last = 1
                cost = min([step.gains[1] - step.gains[0] for _, step, _ in moves])
            gains = [(line, step.gains[last], option) for line, step, option in moves]
            return GroupsFinder(shape.size, shape.most, cost, gains)
        case Parts() if all(len(own) == 1 for _, own in units):
            slots = [_of_slot(units, slot) for slot in range(len(shape.needs))]
            return PartsFinder(shape.needs, shape.most, _bonus(shape, units, final), slots)
        case Ring():
            return RingFinder(
                [(line, option, *step.gains) for line, ((step, option),) in reversed(units)]  # type: ignore[misc]
            )
        case _:
            return WalkFinder(units, final)


def _of_slot(units: list[Row], slot: int) -> Gains:
    return [
        (line, step.gains[0], option)
        for line, own in units
        for step, option in own
        if option.parts[0][1] == slot
    ]


def _bonus(shape: Parts, units: list[Row], final: list[Number]) -> Number:
    """Of a complete round: in the final gain, or in the gain of the unit that completes it."""
    if shape.digit is not None:
        return final[shape.digit]
    seen: list[Number] = []
    for _, own in units:
        for step, _ in own:
            first = step.gains[0]
            seen += [gain - first for gain in step.gains if gain != first]
    return max(seen, default=0)


def _dear_first(units: Gains, prices: Sequence[Number]) -> tuple[list[Number], list[int]]:
    """Value of each unit after paying, and places in the order of falling value."""
    values = [gain - prices[line] for line, gain, _ in units]
    return values, sorted(range(len(values)), key=values.__getitem__, reverse=True)


def _still(units: Gains, left: Sequence[int]) -> Gains:
    """Of each line so many units as are left."""
    room = list(left)
    found = []
    for unit in units:
        if room[unit[0]]:
            room[unit[0]] -= 1
            found.append(unit)
    return found


def _picks(units: Gains, places: list[int]) -> Picks:
    return [(units[place][0], units[place][2]) for place in places]
