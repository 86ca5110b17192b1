"""What each unit of a cart can do in the item lane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pricing.promotions.item_benefits import Offer
from pricing.promotions.machines import NEVER
from pricing.promotions.problem import Problem
from pricing.promotions.terms_of_sale import Segment
from pricing.promotions.turn_order import turn_order

Number = int | float


class Step(NamedTuple):
    """A move of one counting machine, placed in the joint state of the search.

    Attributes:
        base: what one step of this machine's digit is worth in the joint state.
        size: number of digits.
        follows, gains: as in `machines.Move`, gains weighed.
    """

    base: int
    size: int
    follows: tuple[int, ...]
    gains: tuple[Number, ...]


class Option(NamedTuple):
    """One thing that a unit can do.

    Attributes:
        gain: what it saves apart from what the machines say.
        marks: bits of the tracked promotions that it uses.
        barred: bits of the tracked promotions with which it can not be.
        steps: machine moves.
        parts: (promotion, slot) of each promotion that it joins; empty for none.
    """

    gain: Number
    marks: int
    barred: int
    steps: tuple[Step, ...]
    parts: tuple[tuple[int, int], ...]


class Stage(NamedTuple):
    """The turn of the units of one line that the terms of sale left alike.

    Attributes:
        line: which.
        units: their numbers.
        options: what each of its units can do.
        closing: (base, size, final gains) of the machines that no later line can join.
    """

    line: int
    units: Sequence[int]
    options: tuple[Option, ...]
    closing: tuple[tuple[int, int, tuple[Number, ...]], ...]


class Weighing(Protocol):
    """What a minor unit saved in the item lane is worth at the till."""

    def unit(self, line: int, gain: int) -> Number:
        """Of a saving on one unit of a line."""

    def pooled(self, offer: Offer, gain: int) -> Number:
        """Of a saving that is shared out over the claim of an offer, at most."""


class AtPar:
    """Every minor unit saved is worth one; `AT_PAR` is the only one needed."""

    def unit(self, line: int, gain: int) -> Number:  # noqa: ARG002
        """As `Weighing.unit`."""
        return gain

    def pooled(self, offer: Offer, gain: int) -> Number:  # noqa: ARG002
        """As `Weighing.pooled`."""
        return gain


AT_PAR = AtPar()


@dataclass(slots=True)
class Plan:
    """The turns of the search.

    Attributes:
        stages: units that need a decision, in order.
        settled: units where one option is best whatever else happens, with that option.
        settled_gain: what these and the terms of sale save.
        whole: False if a machine was cut.
        states: joint states that a search may meet, at most.
        alone: True if no unit can join two promotions at once, and each line has one turn.
        marks: bit of each tracked promotion.
    """

    stages: list[Stage]
    settled: list[tuple[Sequence[int], Option]]
    settled_gain: Number
    whole: bool
    marks: dict[int, int]
    states: int = 1
    alone: bool = True


_NOTHING = Option(0, 0, 0, (), ())
_MOST_OPTIONS = 48


class _Single(NamedTuple):
    """One promotion on one unit, before sharing."""

    rule: int
    slot: int
    gain: Number
    marks: int
    barred: int
    steps: tuple[Step, ...]


class _Turn(NamedTuple):
    """Units that are alike, with what each may join by itself."""

    segment: Segment
    singles: list[_Single]


def lay_out(
    problem: Problem, excluded: int, required: int, weighing: Weighing, *, every: bool
) -> Plan:
    """The turns for the discounts that are not excluded.

    Args:
        problem: the cart.
        excluded: bits of promotions to leave out.
        required: bits of promotions whose use matters outside the lane.
        weighing: what savings are worth.
        every: keep options that save less than another with the same effect; a threshold in a
            later lane may want them.
    """
    offers = {i: o for i, o in problem.discounts.items() if not excluded >> i & 1}
    marks = _marks(problem, offers, required)
    base = 1 << len(marks)
    bases: dict[int, int] = {}
    whole = True
    machines = {i: offer.machine for i, offer in offers.items() if offer.machine is not None}
    for index, machine in machines.items():
        bases[index] = base
        # A machine of one digit still gets a base of its own: bases name machines.
        base *= max(2, machine.size)
        whole = whole and machine.whole
    sharing = any(problem.rules[index].shares for index in offers)
    turns = [_Turn(segment, []) for own in problem.terms.segments(problem.view) for segment in own]
    by_line: list[list[_Turn]] = [[] for _ in problem.view.lines]
    for turn in turns:
        by_line[turn.segment.line].append(turn)
    for index, offer in offers.items():
        _add_singles(problem, offer, bases.get(index, 0), marks, weighing, by_line)
    plan = Plan([], [], _saved_by_terms(problem, weighing), whole, marks)
    undecided: dict[int, list[tuple[Sequence[int], tuple[Option, ...]]]] = {}
    for (line, units, _, off), own in turns:
        if not own:
            continue
        if len(own) > 1 and sharing:
            options, complete = _shared(problem, own, problem.view.room[line] - off)
            plan.whole = plan.whole and complete
            plan.alone = False
            options.append(_NOTHING)
            if not every:
                options = _undominated(options)
        else:
            options = _single(own, every=every)
        if len(options) == 1 and not every:
            plan.settled.append((units, options[0]))
            plan.settled_gain += options[0].gain * len(units)
            continue
        undecided.setdefault(line, []).append((units, tuple(options)))
        plan.alone = plan.alone and len(undecided[line]) == 1
    joins = {
        index: [line for line in machine.moves if line in undecided]
        for index, machine in machines.items()
    }
    closing: dict[int, list[tuple[int, int, tuple[Number, ...]]]] = {}
    ordered, last, plan.states = turn_order(problem.view, list(undecided), joins, machines)
    for index, line in last.items():
        final = tuple(
            gain if gain <= NEVER else weighing.pooled(offers[index], gain)
            for gain in machines[index].final
        )
        closing.setdefault(line, []).append((bases[index], machines[index].size, final))
    plan.states <<= len(marks)
    for line in ordered:
        for units, decided in undecided[line]:
            final_turn = units is undecided[line][-1][0]
            closes = tuple(closing.get(line, ())) if final_turn else ()
            plan.stages.append(Stage(line, units, decided, closes))
    return plan


def _saved_by_terms(problem: Problem, weighing: Weighing) -> Number:
    """What the terms of sale save, weighed."""
    saved: Number = 0
    for line, off in zip(problem.view.line_of, problem.terms.off, strict=False):
        if off:
            saved += weighing.unit(line, off)
    return saved


def _marks(problem: Problem, offers: Mapping[int, Offer], required: int) -> dict[int, int]:
    """Promotions whose use must be remembered: they clash with another, or are required."""
    present = sum(1 << index for index in offers)
    tracked = [
        index for index in offers if problem.rules[index].clash & present or required >> index & 1
    ]
    return {index: 1 << place for place, index in enumerate(tracked)}


def _add_singles(
    problem: Problem,
    offer: Offer,
    base: int,
    marks: Mapping[int, int],
    weighing: Weighing,
    by_line: list[list[_Turn]],
) -> None:
    index = offer.index
    clash, apart = problem.rules[index].clash, ~problem.rules[index].shares
    own = marks.get(index, 0)
    barred = sum(bit for other, bit in marks.items() if clash >> other & 1) if clash else 0
    machine = offer.machine
    if machine is None:
        for line, gain in offer.gains.items():
            for segment, singles in by_line[line]:
                if not segment.takers & apart:
                    worth = _worth(problem, weighing, segment, gain)
                    singles.append(_Single(index, 0, worth, own, barred, ()))
        return
    for line, moves in machine.moves.items():
        for segment, singles in by_line[line]:
            if segment.takers & apart:
                continue
            for move in moves:
                gains: tuple[Number, ...] = move.gains
                if offer.pooled and weighing is not AT_PAR:
                    gains = tuple(weighing.pooled(offer, gain) for gain in move.gains)
                elif not offer.pooled and (segment.off or weighing is not AT_PAR):
                    gains = tuple(_worth(problem, weighing, segment, g) for g in move.gains)
                step = Step(base, machine.size, move.follows, gains)
                singles.append(_Single(index, move.slot, 0, own, barred, (step,)))


def _worth(problem: Problem, weighing: Weighing, segment: Segment, gain: int) -> Number:
    """What a saving on one unit is worth beside what the terms of sale take off it."""
    off = segment.off
    if not off:
        return weighing.unit(segment.line, gain)
    both = min(off + gain, problem.view.room[segment.line])
    return weighing.unit(segment.line, both) - weighing.unit(segment.line, off)


def _single(singles: list[_Single], *, every: bool) -> list[Option]:
    """Options where no two promotions may share the unit."""
    counting = []
    plain = [_NOTHING]
    for single in singles:
        index, slot, gain, marks, barred, steps = single
        option = Option(gain, marks, barred, steps, ((index, slot),))
        if steps or marks or every:
            counting.append(option)
        elif gain > plain[0].gain:
            plain[0] = option
    return counting + plain


def _shared(problem: Problem, singles: list[_Single], room: int) -> tuple[list[Option], bool]:
    """All sets of promotions that may lie on one unit; False if there were too many to list."""
    options: list[Option] = []
    stack: list[tuple[int, int, tuple[_Single, ...]]] = [(0, -1, ())]
    while stack:
        start, allowed, chosen = stack.pop()
        for place in range(start, len(singles)):
            single = singles[place]
            if not allowed >> single.rule & 1:
                continue
            joined = (*chosen, single)
            gain = sum(s.gain for s in joined)
            plain = all(not s.steps for s in joined)
            options.append(
                Option(
                    min(gain, room) if plain else gain,
                    _union(s.marks for s in joined),
                    _union(s.barred for s in joined),
                    tuple(step for s in joined for step in s.steps),
                    tuple((s.rule, s.slot) for s in joined),
                )
            )
            if len(options) >= _MOST_OPTIONS:
                return options, False
            shares = problem.rules[single.rule].shares
            stack.append((place + 1, allowed & shares, joined))
    return options, True


def _union(bits: Iterable[int]) -> int:
    joined = 0
    for own in bits:
        joined |= own
    return joined


def _undominated(options: list[Option]) -> list[Option]:
    """The best option of each effect on the rest of the cart."""
    best: dict[object, Option] = {}
    for option in options:
        effect = (option.marks, option.steps) if option.steps else option.marks
        known = best.get(effect)
        if known is None or option.gain > known.gain:
            best[effect] = option
    return list(best.values())
