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


Around = tuple[int, int, list[Number], list[Number]]
"""A machine that a unit may join: base and size of its digit in the joint state; per digit, the
most that it can still gain before and after this unit."""


_Joining = tuple[int, list[Number], list[int], Option]
"""Place of the machine that an option joins among those around; per digit, what it loses against
the bound (infinite where it can not join) and what is added to the state; the option."""


class Turn:
    """One unit in the joint search.

    Attributes:
        unit: which.
    """

    __slots__ = ("_around", "_closing", "_free", "_joining", "_laid", "_options", "_price", "unit")

    def __init__(
        self,
        unit: int,
        options: tuple[Option, ...],
        around: list[Around],
        price: Number,
        closing: tuple[tuple[int, int], ...],
    ) -> None:
        """A turn.

        Args:
            unit: which.
            options: what it can do; each joins one machine at most.
            around: every machine that it may join.
            price: of the unit.
            closing: (base, size) of the machines that no later unit can join.
        """
        self.unit = unit
        self._options = options
        self._around = around
        self._price = price
        self._closing = closing
        self._laid: list[tuple[int, int, list[Number]]] | None = None
        self._free: list[tuple[Number, Option]] = []
        self._joining: list[_Joining] = []

    def _lay_out(self, gap: Number) -> list[tuple[int, int, list[Number]]]:
        """Losses by digit, so that a step of the search only adds; what loses too much is out."""
        laid = []
        places = {}
        for place, (base, size, now, after) in enumerate(self._around):
            places[base] = place
            laid.append(
                (base, size, [
                    inf if later <= _HOPELESS else here - later
                    for here, later in zip(now[:-1], after, strict=False)
                ])
            )  # fmt: skip
        price = self._price
        for option in self._options:
            if not option.steps:
                if price - option.gain <= gap:
                    self._free.append((price - option.gain, option))
                continue
            (step,) = option.steps
            place = places[step.base]
            base, _, now, after = self._around[place]
            losses = [
                inf
                if here <= _HOPELESS or (later := after[follow]) <= _HOPELESS
                else here - gain - later + price - option.gain
                for here, follow, gain in zip(now[:-1], step.follows, step.gains, strict=True)
            ]
            if min(losses) <= gap:
                shifts = [(follow - digit) * base for digit, follow in enumerate(step.follows)]
                self._joining.append((place, losses, shifts, option))
        self._laid = laid
        return laid

    def ways(self, state: int, lost: Number, gap: Number) -> dict[int, Way]:
        """Where the unit can lead: loss so far, state before and option, by state.

        Args:
            state: before.
            lost: before.
            gap: what loses more is left out; the first call decides for all.
        """
        laid = self._laid
        if laid is None:
            laid = self._lay_out(gap)
        digits = [state // base % size for base, size, _ in laid]
        hopes = [entry[2][digit] for entry, digit in zip(laid, digits, strict=True)]
        passed = lost + sum(hopes)
        after: dict[int, Way] = {}
        if passed == inf:
            # A machine needs every unit that is left: no other can be joined, nor none.
            pressing = hopes.index(inf)
            hopes[pressing] = 0
            passed = lost + sum(hopes)
            hopes = [0 if place == pressing else -inf for place in range(len(hopes))]
        elif passed <= gap:
            for less, option in self._free:
                loss = passed + less
                if loss <= gap and not state & option.barred:
                    there = state | option.marks
                    known = after.get(there)
                    if known is None or loss < known[0]:
                        after[there] = (loss, state, option)
        for place, losses, shifts, option in self._joining:
            digit = digits[place]
            loss = passed - hopes[place] + losses[digit]
            if loss > gap or state & option.barred:
                continue
            there = (state | option.marks) + shifts[digit]
            known = after.get(there)
            if known is None or loss < known[0]:
                after[there] = (loss, state, option)
        return _closed(after, self._closing) if self._closing else after


def least_loss(turns: list[Turn], gap: Number, steps: int) -> LeastLoss:
    """The way through all turns that loses least.

    Args:
        turns: unit by unit.
        gap: what loses more is of no interest.
        steps: ways after which to stop; then the way that got farthest is completed as well as it
            goes.
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
        if looked > steps:
            options = _complete(turns, came, farthest, at, gap)
            return LeastLoss(loss, options, complete=False, steps=looked)
        if depth >= farthest:
            farthest, at = depth, state
        ways = turns[depth].ways(state, loss, gap)
        looked += len(ways) + 3
        beyond = came[depth + 1]
        for there, way in ways.items():
            known = beyond.get(there)
            if known is None or way[0] < known[0]:
                beyond[there] = way
                heappush(heap, (way[0], -depth - 1, there))
    return LeastLoss(None, None, complete=True, steps=looked)


def _closed(ways: dict[int, Way], closing: tuple[tuple[int, int], ...]) -> dict[int, Way]:
    """Digits that no later unit can change are cleared."""
    closed: dict[int, Way] = {}
    for there, way in ways.items():
        clear = there
        for base, size in closing:
            clear -= clear // base % size * base
        if clear not in closed or way[0] < closed[clear][0]:
            closed[clear] = way
    return closed


def _complete(
    turns: list[Turn], came: list[dict[int, Way]], depth: int, state: int, gap: Number
) -> list[Option | None] | None:
    """The rest of a way by the least loss at each step; None where it leads nowhere."""
    loss = came[depth][state][0]
    for place in range(depth, len(turns)):
        ways = turns[place].ways(state, loss, gap)
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
