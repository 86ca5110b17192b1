"""All claims in the item lane that might still be better, best first.

The dynamic programme finds the claims that save most; a threshold in a later lane may want claims
that save less, and a floor or a cap may make a claim worth less than its gains. Then the claims are
walked one by one, depth first, with the exact best gain of the rest as bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pricing.promotions.errors import StepsSpent
from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_options import Number, Option, Plan
from pricing.promotions.item_search import to_claims
from pricing.promotions.machines import NEVER

_DEEPEST = 300


class Walk:
    """A walk over the claims of a plan.

    Attributes:
        steps_left: transitions that may still be looked at.
    """

    def __init__(self, plan: Plan, required: int, steps_left: int) -> None:
        """Prepare.

        Args:
            plan: laid out with `every`.
            required: bits of promotions that must be used.
            steps_left: after so many transitions the walk gives up.
        """
        self.plan = plan
        self.steps_left = steps_left
        self._needed = sum(bit for index, bit in plan.marks.items() if required >> index & 1)
        self._units: list[tuple[int, int, bool]] = []
        for turn, stage in enumerate(plan.stages):
            units = stage.units
            self._units += [(turn, unit, unit == units[-1]) for unit in units]
        self._known: dict[tuple[int, int], Number] = {}

    def claims(
        self,
        hopeless: Callable[[Number], bool],
    ) -> Iterator[dict[int, Claim]]:
        """Claims, so long as they are not hopeless.

        Args:
            hopeless: told the most that claims which begin alike can gain, says whether to leave
                them out. It may grow stricter during the walk.

        Raises:
            StepsSpent: gave up.
        """
        if len(self._units) > _DEEPEST:
            raise StepsSpent
        path: list[Option] = []
        settled = self.plan.settled_gain

        def descend(depth: int, state: int, gain: Number, first: int) -> Iterator[dict[int, Claim]]:
            if depth == len(self._units):
                units = [unit for _, unit, _ in self._units]
                taken = list(zip(units, path, strict=True))
                yield to_claims(self.plan, taken)
                return
            turn, _, last = self._units[depth]
            options = self.plan.stages[turn].options
            ahead = []
            for place in range(first, len(options)):
                move = self._move(depth, state, options[place])
                if move is None:
                    continue
                there, more = move
                most = self._most(depth + 1, there)
                if most > NEVER:
                    ahead.append((-(more + most), place, there, more))
            ahead.sort()
            for negative, place, there, more in ahead:
                if hopeless(gain - negative):
                    continue
                path.append(options[place])
                yield from descend(depth + 1, there, gain + more, 0 if last else place)
                path.pop()

        most = self._most(0, 0)
        if most > NEVER and not hopeless(settled + most):
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

    def _most(self, depth: int, state: int) -> Number:
        """Most that can be gained from here on; `NEVER` if it can not be completed."""
        if depth == len(self._units):
            return 0 if state & self._needed == self._needed else NEVER
        key = (depth, state)
        known = self._known.get(key)
        if known is not None:
            return known
        most: Number = NEVER
        for option in self.plan.stages[self._units[depth][0]].options:
            move = self._move(depth, state, option)
            if move is None:
                continue
            there, gain = move
            above = self._most(depth + 1, there)
            if above > NEVER:
                most = max(most, gain + above)
        self._known[key] = most
        return most
