"""The best claims in the item lane by dynamic programming over units.

The joint state is the digit of every counting machine that is still open, and the marks of the
promotions whose use must be remembered. Per state only the best way to it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest

from pricing.promotions.errors import StepsSpent
from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_options import Number, Option, Plan
from pricing.promotions.machines import NEVER


@dataclass(slots=True)
class ItemBest:
    """The best claims, as far as gains add up.

    Attributes:
        gain: what they save by the weighing of the plan.
        bound: nothing saves more.
        claims: of each promotion.
        steps: how many transitions were looked at.
    """

    gain: Number
    bound: Number
    claims: dict[int, Claim]
    steps: int


_Way = tuple[Number, int, Option | None]


def search(plan: Plan, required: int, width: int, most_steps: int | None = None) -> ItemBest | None:
    """The best claims of a plan.

    Args:
        plan: the turns.
        required: bits of promotions that must be used.
        width: most states kept at a time.
        most_steps: transitions after which to give up; None for no limit.

    Returns:
        None if the required promotions can not all be used.

    Raises:
        StepsSpent: gave up.
    """
    layer: dict[int, _Way] = {0: (plan.settled_gain, 0, None)}
    layers: list[dict[int, _Way]] = []
    whole, steps = plan.whole, 0
    for stage in plan.stages:
        for _ in stage.units:
            layer = _join(layer, stage.options)
            steps += len(layer) * len(stage.options)
            if most_steps is not None and steps > most_steps:
                raise StepsSpent
            if len(layer) > width:
                idle = layer.get(0)
                kept = nlargest(width, layer.items(), key=lambda item: (item[1][0], -item[0]))
                layer, whole = dict(kept), False
                if idle is not None:
                    layer[0] = idle
            layers.append(layer)
        for base, size, final in stage.closing:
            layer = _close(layer, base, size, final)
            layers.append(layer)
    needed = sum(bit for index, bit in plan.marks.items() if required >> index & 1)
    ends = [(way[0], -state) for state, way in layer.items() if state & needed == needed]
    if not ends:
        return None if whole else ItemBest(0, float("inf"), {}, steps)
    gain, end = max(ends)
    bound = gain if whole else float("inf")
    return ItemBest(gain, bound, _claims(plan, layers, -end), steps)


def _join(layer: dict[int, _Way], options: tuple[Option, ...]) -> dict[int, _Way]:
    """One more unit."""
    after: dict[int, _Way] = {}
    known = after.get
    for state, (value, _, _) in layer.items():
        for option in options:
            gain, marks, barred, moves, _ = option
            if state & barred:
                continue
            there = state | marks
            worth = value + gain
            for base, size, follows, gains in moves:
                digit = state // base % size
                follow = follows[digit]
                if follow < 0:
                    break
                there += (follow - digit) * base
                worth += gains[digit]
            else:
                best = known(there)
                if best is None or worth > best[0]:
                    after[there] = (worth, state, option)
    return after


def _close(
    layer: dict[int, _Way], base: int, size: int, final: tuple[Number, ...]
) -> dict[int, _Way]:
    """A machine that nothing can join any more: incomplete states go, its digit is cleared."""
    after: dict[int, _Way] = {}
    for state, (value, _, _) in layer.items():
        digit = state // base % size
        gain = final[digit]
        if gain <= NEVER:
            continue
        there = state - digit * base
        best = after.get(there)
        if best is None or value + gain > best[0]:
            after[there] = (value + gain, state, None)
    return after


def _claims(plan: Plan, layers: list[dict[int, _Way]], state: int) -> dict[int, Claim]:
    """Walk back from the end."""
    taken: list[tuple[int, Option]] = []
    at = len(layers)
    for stage in reversed(plan.stages):
        for _ in stage.closing:
            at -= 1
            state = layers[at][state][1]
        for unit in reversed(stage.units):
            at -= 1
            _, state, option = layers[at][state]
            if option is not None:
                taken.append((unit, option))
    taken.reverse()
    return to_claims(plan, taken)


def to_claims(plan: Plan, taken: list[tuple[int, Option]]) -> dict[int, Claim]:
    """Claims from what each unit does, with the units that were settled beforehand."""
    claims: dict[int, Claim] = {}
    for units, option in plan.settled:
        for index, slot in option.parts:
            claims.setdefault(index, []).extend((unit, slot) for unit in units)
    for unit, option in taken:
        for index, slot in option.parts:
            claims.setdefault(index, []).append((unit, slot))
    return claims
