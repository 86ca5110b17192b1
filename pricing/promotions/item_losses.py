"""Which savings the item lane can reach at all, as a set of bits.

A threshold in a later lane may want claims that save a little less than the most. How much less can
be reached is a subset-sum question, answered here for all amounts at once: with every state goes an
integer whose bit L says that some way to it loses L minor units against the best.
"""

from __future__ import annotations

from collections.abc import Iterator

from pricing.promotions.errors import StepsSpent
from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_options import Option, Plan
from pricing.promotions.item_search import to_claims
from pricing.promotions.machines import NEVER

_WIDEST = 1 << 22
"""More minor units than this are not looked into."""

_Arcs = dict[int, list[tuple[int, int, Option]]]


class Losses:
    """The amounts by which claims can fall short of the best, and claims for each.

    Attributes:
        most: the best gain.
        steps: transitions looked at.
    """

    def __init__(self, plan: Plan, required: int, steps: int) -> None:
        """Lay out all ways.

        Args:
            plan: laid out at par, with `every`.
            required: bits of promotions that must be used.
            steps: most transitions.

        Raises:
            StepsSpent: there are more.
        """
        self._plan = plan
        self._units: list[int] = []
        self._arcs: list[_Arcs] = []
        self.steps = 0
        self._limit = steps
        states = {0}
        for turn, stage in enumerate(plan.stages):
            units = stage.units
            for unit in units:
                arcs = self._ways(states, turn, last=unit == units[-1])
                self._units.append(unit)
                self._arcs.append(arcs)
                states = {there for ways in arcs.values() for there, _, _ in ways}
        needed = sum(bit for index, bit in plan.marks.items() if required >> index & 1)
        self._ahead = self._best_ahead({s: 0 for s in states if s & needed == needed})
        self.most = int(plan.settled_gain) + self._ahead[0].get(0, NEVER)
        self._window = -1
        self._bits: list[dict[int, int]] = []

    def _ways(self, states: set[int], turn: int, *, last: bool) -> _Arcs:
        """All transitions of one unit."""
        stage = self._plan.stages[turn]
        self.steps += len(states) * len(stage.options)
        if self.steps > self._limit:
            raise StepsSpent
        closing = stage.closing if last else ()
        arcs: _Arcs = {}
        for state in states:
            ways = arcs[state] = []
            for option in stage.options:
                gain, marks, barred, moves, _ = option
                if state & barred:
                    continue
                there = state | marks
                for base, size, follows, gains in moves:
                    digit = state // base % size
                    follow = follows[digit]
                    if follow < 0:
                        break
                    there += (follow - digit) * base
                    gain += gains[digit]
                else:
                    for base, size, final in closing:
                        digit = there // base % size
                        gain += final[digit]
                        there -= digit * base
                    if gain > NEVER // 2:
                        ways.append((there, int(gain), option))
        return arcs

    def _best_ahead(self, ends: dict[int, int]) -> list[dict[int, int]]:
        """Per depth and state, the most still to be gained; states without an end left out."""
        ahead = [ends]
        for arcs in reversed(self._arcs):
            after = ahead[-1]
            best = {}
            for state, ways in arcs.items():
                gains = [gain + after[there] for there, gain, _ in ways if there in after]
                if gains:
                    best[state] = max(gains)
            ahead.append(best)
        ahead.reverse()
        return ahead

    def reachable(self, least: int, most: int) -> Iterator[int]:
        """Losses from `least` to `most` that some claims have, rising.

        Raises:
            StepsSpent: the range is too wide.
        """
        if not self._ahead[0]:
            return
        if most > self._window:
            self._fill(most)
        bits = self._bits[-1] if self._bits else {0: 1}
        joined = 0
        for own in bits.values():
            joined |= own
        least = max(0, least)
        joined = joined >> least & ((1 << max(0, most - least + 1)) - 1)
        while joined:
            lowest = joined & -joined
            yield least + lowest.bit_length() - 1
            joined ^= lowest

    def _fill(self, window: int) -> None:
        """Find all losses up to `window`."""
        if window > _WIDEST:
            raise StepsSpent
        self._window = window
        mask = (1 << (window + 1)) - 1
        layer = {0: 1}
        self._bits = [layer]
        for depth, arcs in enumerate(self._arcs):
            here, after = self._ahead[depth], self._ahead[depth + 1]
            reached: dict[int, int] = {}
            for state, bits in layer.items():
                best = here[state]
                for there, gain, _ in arcs[state]:
                    ahead = after.get(there)
                    if ahead is None:
                        continue
                    loss = best - gain - ahead
                    if loss <= window:
                        moved = bits << loss & mask
                        if moved:
                            reached[there] = reached.get(there, 0) | moved
            self._bits.append(reached)
            layer = reached

    def claims(self, loss: int) -> dict[int, Claim]:
        """Claims with a loss that `reachable` gave."""
        state = min(s for s, bits in self._bits[-1].items() if bits >> loss & 1)
        taken: list[tuple[int, Option]] = []
        for depth in range(len(self._arcs) - 1, -1, -1):
            state, loss, option = self._back(depth, state, loss)
            taken.append((self._units[depth], option))
        taken.reverse()
        return to_claims(self._plan, taken)

    def _back(self, depth: int, state: int, loss: int) -> tuple[int, int, Option]:
        here, ahead = self._ahead[depth], self._ahead[depth + 1][state]
        arcs = self._arcs[depth]
        for before, bits in self._bits[depth].items():
            for there, gain, option in arcs[before]:
                if there == state:
                    rest = loss - (here[before] - gain - ahead)
                    if rest >= 0 and bits >> rest & 1:
                        return before, rest, option
        raise AssertionError(state)
