"""A joint search over units that follows the way which loses least against a bound.

With prices on the units and, per counting promotion, the most that it can still gain, every option
of a unit has a loss of zero or more against the bound. The first way that is complete has lost the
least: it is the best there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

from pricing.promotions.item_options import Number, Option
from pricing.promotions.machines import NEVER

_HOPELESS = NEVER // 2

Way = tuple[Number, int, Option | None]
"""Loss so far, state before, option taken."""


@dataclass(frozen=True, slots=True)
class LeastLoss:
    """What the search found.

    Attributes:
        loss: of the best way if `complete`, else no way loses less; None if every way loses more
            than the gap.
        options: per unit, of the best way found; None if there is none.
        complete: True if nothing loses less than these options.
        steps: options looked at.
    """

    loss: Number | None
    options: list[Option | None] | None
    complete: bool
    steps: int


@dataclass(slots=True)
class Turn:
    """One unit in the joint search.

    Attributes:
        options: what it can do.
        around: of every machine that it may join, (base, size, ahead now, ahead after).
        price: of the unit.
        closing: (base, size) of the machines that no later unit can join.
    """

    unit: int
    options: tuple[Option, ...]
    around: list[tuple[int, int, list[Number], list[Number]]]
    price: Number
    closing: tuple[tuple[int, int], ...]

    def ways(self, state: int, lost: Number, gap: Number) -> dict[int, Way]:
        """Where the unit can lead: loss so far, state before and option, by state."""
        after = _join({state: (lost, 0, None)}, self.options, self.around, self.price, gap)
        if not self.closing:
            return after
        closed: dict[int, Way] = {}
        for there, way in after.items():
            clear = there
            for base, size in self.closing:
                clear -= clear // base % size * base
            if clear not in closed or way[0] < closed[clear][0]:
                closed[clear] = way
        return closed


def least_loss(turns: list[Turn], gap: Number, steps: int) -> LeastLoss:
    """The way through all turns that loses least.

    Args:
        turns: unit by unit.
        gap: what loses more is of no interest.
        steps: options after which to stop; then the way that got farthest is completed as well as
            it goes.
    """
    came: list[dict[int, Way]] = [{} for _ in range(len(turns) + 1)]
    came[0][0] = (0.0, 0, None)
    heap: list[tuple[Number, int, int]] = [(0.0, 0, 0)]
    farthest, at, looked = 0, 0, 0
    while heap:
        loss, behind, state = heappop(heap)
        depth = -behind
        if loss > came[depth][state][0]:
            continue
        if depth == len(turns):
            return LeastLoss(loss, _options(came, depth, state), complete=True, steps=looked)
        looked += len(turns[depth].options) + 2
        if looked > steps:
            options = _complete(turns, came, farthest, at)
            return LeastLoss(loss, options, complete=False, steps=looked)
        if depth >= farthest:
            farthest, at = depth, state
        for there, way in turns[depth].ways(state, loss, gap).items():
            known = came[depth + 1].get(there)
            if known is None or way[0] < known[0]:
                came[depth + 1][there] = way
                heappush(heap, (way[0], -depth - 1, there))
    return LeastLoss(None, None, complete=True, steps=looked)


def _complete(
    turns: list[Turn], came: list[dict[int, Way]], depth: int, state: int
) -> list[Option | None] | None:
    """The rest of a way by the least loss at each step."""
    loss = came[depth][state][0]
    for place in range(depth, len(turns)):
        ways = turns[place].ways(state, loss, inf)
        if not ways:
            return None
        there = min(ways, key=lambda s: (ways[s][0], s))
        came[place + 1][there] = ways[there]
        loss, state = ways[there][0], there
    return _options(came, len(turns), state)


def _options(came: list[dict[int, Way]], depth: int, state: int) -> list[Option | None]:
    options = []
    while depth:
        _, state, option = came[depth][state]
        depth -= 1
        options.append(option)
    options.reverse()
    return options


def _join(
    layer: dict[int, Way],
    options: tuple[Option, ...],
    around: list[tuple[int, int, list[Number], list[Number]]],
    price: Number,
    gap: Number,
) -> dict[int, Way]:
    """One more unit: what each option loses against the bound.

    Args:
        layer: loss, state before and option by state.
        options: what the unit can do.
        around: of every machine that it may join, (base, size, ahead now, ahead after).
        price: of the unit.
        gap: a state that loses more is dropped.
    """
    after: dict[int, Way] = {}
    for state, (lost, _, _) in layer.items():
        # A machine that the unit does not join loses what it hoped for from it; one that needs
        # every unit that is left must be joined.
        passed = lost + price
        pressing = 0
        hopes: dict[int, tuple[Number, Number, list[Number], int, int]] = {}
        for base, size, now, later in around:
            digit = state // base % size
            if later[digit] <= _HOPELESS:
                pressing += 1
                hopes[base] = (0, now[digit], later, digit, 1)
            else:
                hope = now[digit] - later[digit]
                passed += hope
                hopes[base] = (hope, now[digit], later, digit, 0)
        for option in options:
            gain, marks, barred, moves, _ = option
            if state & barred:
                continue
            loss = passed - gain
            there = state | marks
            pressed = pressing
            for base, _, follows, gains in moves:
                hope, best, later, digit, presses = hopes[base]
                follow = follows[digit]
                if later[follow] <= _HOPELESS:
                    pressed = -1
                    break
                loss += best - hope - gains[digit] - later[follow]
                pressed -= presses
                there += (follow - digit) * base
            if pressed == 0 and loss <= gap:
                known = after.get(there)
                if known is None or loss < known[0]:
                    after[there] = (loss, state, option)
    return after
