"""All claims in the item lane that might still be better, best first.

The dynamic programme finds the claims that save most; a threshold in a later lane may want claims
that save less, and a floor or a cap may make a claim worth less than its gains. Then the claims are
walked one by one, depth first, with the exact best and least gain of the rest as bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pricing.promotions.errors import StepsSpent
from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_options import Number, Option, Plan
from pricing.promotions.item_search import to_claims
from pricing.promotions.machines import NEVER
from pricing.promotions.view import CartView

Bounds = tuple[Number, Number]
"""Most and least gain of what is still to come; (NEVER, ...) if it can not be completed."""

_IMPOSSIBLE: Bounds = (NEVER, -NEVER)
_DEEPEST = 300


class Walk:
    """A walk over the claims of a plan.

    Attributes:
        steps_left: transitions that may still be looked at.
    """

    def __init__(self, plan: Plan, view: CartView, required: int, steps_left: int) -> None:
        """Prepare.

        Args:
            plan: laid out with `every`.
            view: the cart.
            required: bits of promotions that must be used.
            steps_left: after so many transitions the walk gives up.
        """
        self.plan = plan
        self.view = view
        self.steps_left = steps_left
        self._needed = sum(bit for index, bit in plan.marks.items() if required >> index & 1)
        self._units: list[tuple[int, int, bool]] = []
        for turn, stage in enumerate(plan.stages):
            units = view.units_of(stage.line)
            self._units += [(turn, unit, unit == units[-1]) for unit in units]
        self._known: dict[tuple[int, int], Bounds] = {}

    def claims(
        self,
        hopeless: Callable[[Number, Number], bool],
        *,
        merge: bool,
    ) -> Iterator[tuple[Number, dict[int, Claim]]]:
        """Claims with their gain, so long as they are not hopeless.

        Args:
            hopeless: told the most and the least gain of claims that begin alike, says whether to
                leave them out. It may grow stricter during the walk.
            merge: claims with the same gain and the same open digits are alike; see only one.

        Raises:
            StepsSpent: gave up.
        """
        if len(self._units) > _DEEPEST:
            raise StepsSpent
        seen: set[tuple[int, int, int, Number]] = set()
        path: list[Option] = []
        settled = self.plan.settled_gain

        def descend(
            depth: int, state: int, gain: Number, first: int
        ) -> Iterator[tuple[Number, dict[int, Claim]]]:
            if depth == len(self._units):
                units = [unit for _, unit, _ in self._units]
                taken = list(zip(units, path, strict=True))
                yield gain, to_claims(self.plan, self.view, taken)
                return
            turn, _, last = self._units[depth]
            options = self.plan.stages[turn].options
            ahead = []
            for place in range(first, len(options)):
                move = self._move(depth, state, options[place])
                if move is None:
                    continue
                there, more = move
                most, least = self._bounds(depth + 1, there)
                if most > NEVER:
                    ahead.append((-(more + most), place, there, more, least))
            ahead.sort()
            for negative, place, there, more, least in ahead:
                if hopeless(gain - negative, gain + more + least):
                    continue
                if merge:
                    key = (depth, there, -1 if last else place, gain + more)
                    if key in seen:
                        continue
                    seen.add(key)
                path.append(options[place])
                yield from descend(depth + 1, there, gain + more, 0 if last else place)
                path.pop()

        most, least = self._bounds(0, 0)
        if most > NEVER and not hopeless(settled + most, settled + least):
            yield from descend(0, 0, settled, 0)

    def _move(self, depth: int, state: int, option: Option) -> tuple[int, Number] | None:
        """Where an option leads, closing machines after the last unit of a line."""
        self.steps_left -= 1
        if self.steps_left < 0:
            raise StepsSpent
        if state & option.barred:
            return None
        there = state | option.marks
        gain = option.gain
        for base, size, follows, gains in option.steps:
            digit = state // base % size
            follow = follows[digit]
            if follow < 0:
                return None
            there += (follow - digit) * base
            gain += gains[digit]
        turn, _, last = self._units[depth]
        if last:
            for base, size, final in self.plan.stages[turn].closing:
                digit = there // base % size
                if final[digit] <= NEVER:
                    return None
                gain += final[digit]
                there -= digit * base
        return there, gain

    def _bounds(self, depth: int, state: int) -> Bounds:
        """Most and least gain from here on."""
        if depth == len(self._units):
            return (0, 0) if state & self._needed == self._needed else _IMPOSSIBLE
        key = (depth, state)
        known = self._known.get(key)
        if known is not None:
            return known
        most: Number = NEVER
        least: Number = -NEVER
        for option in self.plan.stages[self._units[depth][0]].options:
            move = self._move(depth, state, option)
            if move is None:
                continue
            there, gain = move
            above, below = self._bounds(depth + 1, there)
            if above > NEVER:
                most = max(most, gain + above)
                least = min(least, gain + below)
        self._known[key] = (most, least)
        return most, least
