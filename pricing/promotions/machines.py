"""Counting machines: how units join a promotion that counts them.

The search for the best cart walks over the units, dear ones first, and lets each join a promotion.
A promotion that counts (any 3 for 25, buy 2 get 1, a bundle) is a small finite automaton: its digit
is what it has counted so far; a move says which digit a unit leads to and what it saves on the way;
a digit at which the promotion is complete has a final gain, the others must not be the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, product
from math import prod
from typing import Final, NamedTuple

NEVER: Final = -(1 << 60)
"""The final gain of a digit at which the promotion is not complete."""

MAX_DIGITS: Final = 256
"""A machine with more digits is cut to fewer rounds, and the answer is then not called proven."""

_ALL: Final = 1 << 30
"""More units than any cart has."""


class Move(NamedTuple):
    """What one unit can do.

    Attributes:
        slot: which part of the promotion it joins.
        follows: per digit, the digit that it leads to, or -1 if it can not join.
        gains: per digit, minor units that it saves.
    """

    slot: int
    follows: tuple[int, ...]
    gains: tuple[int, ...]


class Steps(NamedTuple):
    """A machine whose best claim is the dearest units of one of its steps.

    Attributes:
        steps: per slot, (least units, most units, digit with the final gain).
    """

    steps: tuple[tuple[int, int, int], ...]


class Groups(NamedTuple):
    """A machine whose best claim is groups of the dearest units, `most` units in all."""

    size: int
    most: int


class Parts(NamedTuple):
    """A machine whose best claim is rounds of the dearest units of each part.

    Attributes:
        needs: units of each part in one round.
        most: most rounds.
        digit: whose final gain is that of one round; None if the unit that completes it gains it.
    """

    needs: tuple[int, ...]
    most: int
    digit: int | None


class Ring(NamedTuple):
    """A machine of rounds of three units whose order matters."""


class Machine(NamedTuple):
    """A promotion as an automaton.

    Attributes:
        size: number of digits; 0 is the start and complete.
        final: per digit, the gain when it is the last, or `NEVER`.
        moves: per line that may join, its moves.
        whole: False if rounds were cut to keep `size` small.
        ordered: True if dear units must join before cheap ones.
        shape: what it counts, where that says how to find its best claim without a walk.
    """

    size: int
    final: Sequence[int]
    moves: Mapping[int, tuple[Move, ...]]
    whole: bool = True
    ordered: bool = False
    shape: Steps | Groups | Parts | Ring | None = None


def counter(limit: int, gains: Mapping[int, int]) -> Machine:
    """At most `limit` units, each with the gain of its line."""
    whole = limit < MAX_DIGITS
    limit = min(limit, MAX_DIGITS - 1)
    follows = (*range(1, limit + 1), -1)
    moves = {line: (Move(0, follows, (gain,) * (limit + 1)),) for line, gain in gains.items()}
    return Machine(limit + 1, [0] * (limit + 1), moves, whole, shape=Steps(((0, limit, 0),)))


def rounds(
    group: int,
    must: int,
    limit: int | None,
    gains: Mapping[int, tuple[int, int, int]],
    *,
    ordered: bool,
) -> Machine:
    """Rounds of `group` units from one set.

    Args:
        group: units in a full round.
        must: a round counts from this many units on.
        limit: most units; None if the cart has no more anyway.
        gains: per line what a unit saves as the first of a round, as another one before `must`,
            and from `must` on.
        ordered: True if the last of a round must be its cheapest.
    """
    whole = limit is None or limit < MAX_DIGITS
    size = group if limit is None else min(limit, MAX_DIGITS - 1) + 1
    follows = (*range(1, size), 0 if limit is None else -1)
    final = [0 if d % group == 0 or d % group >= must else NEVER for d in range(size)]
    roles = [0 if d % group == 0 else 1 if d % group < must - 1 else 2 for d in range(size)]
    moves = {
        line: (Move(0, follows, tuple([gain[role] for role in roles])),)
        for line, gain in gains.items()
    }
    shape: Groups | Ring | None = None
    if not ordered:
        # A round must be full: one that counts earlier is only met where the order matters.
        shape = Groups(group, _ALL if limit is None else size - 1)
    elif limit is None and group == must == 3:
        shape = Ring()
    return Machine(size, final, moves, whole, ordered=ordered, shape=shape)


def tiers(
    quantities: Sequence[int],
    bonuses: Sequence[int],
    limit: int | None,
    gains: Mapping[int, Sequence[int]],
) -> Machine:
    """One of several steps, each complete from its quantity on.

    Args:
        quantities: units from which each step counts, rising.
        bonuses: final gain of each step.
        limit: most units; None if the cart has no more anyway.
        gains: per line, what a unit saves in each step.
    """
    whole = True
    final: list[int] = [0]
    runs: list[range] = []
    counted: list[tuple[int, int, int]] = []
    for step, (quantity, bonus) in enumerate(zip(quantities, bonuses, strict=True)):
        last = step == len(quantities) - 1
        top = quantity if last else quantities[step + 1] - 1
        if limit is not None:
            top = limit if last else min(top, limit)
        if top >= MAX_DIGITS:
            top, whole = MAX_DIGITS - 1, False
        runs.append(range(len(final), len(final) + top))
        endless = last and limit is None
        counted.append((quantity, _ALL if endless else top, len(final) + top - 1))
        final += [bonus if count >= quantity else NEVER for count in range(1, top + 1)]
    size = len(final)
    follow = [[-1] * size for _ in runs]
    for step, digits in enumerate(runs):
        if not digits:
            continue
        follow[step][0] = digits[0]
        for here, there in pairwise(digits):
            follow[step][here] = there
        if limit is None and step == len(runs) - 1:
            follow[step][digits[-1]] = digits[-1]
    tuples = [tuple(own) for own in follow]
    moves = {
        line: tuple(
            Move(step, tuples[step], (gain[step],) * size)
            for step in range(len(quantities))
            if runs[step]
        )
        for line, gain in gains.items()
    }
    return Machine(size, final, moves, whole, shape=Steps(tuple(counted)))


def slots(
    needs: Sequence[int],
    most: int,
    most_units: int,
    bonus: int,
    gains: Mapping[int, tuple[tuple[int, int], ...]],
    *,
    optional_last: bool,
) -> Machine:
    """Rounds of several parts, each with units of its own.

    Args:
        needs: units of each part in one round.
        most: most rounds.
        most_units: most units in all of them.
        bonus: final gain of each round.
        gains: per line, (part, gain) for each part that a unit may join.
        optional_last: True if the last part of the last round may be incomplete, but not empty.
    """
    whole = True
    while most > 1 and prod(most * need + 1 for need in needs) > MAX_DIGITS:
        most, whole = most - 1, False
    every = product(*(range(most * need + 1) for need in needs))
    counts = [count for count in every if sum(count) <= most_units]
    digit = {count: d for d, count in enumerate(counts)}
    final = [_slots_final(count, needs, bonus, optional_last=optional_last) for count in counts]
    follows = [
        tuple([digit.get(_one_more(count, part), -1) for count in counts]) for part in _parts(needs)
    ]
    size = len(counts)
    moves = {
        line: tuple(Move(part, follows[part], (gain,) * size) for part, gain in parts)
        for line, parts in gains.items()
    }
    one_round = digit.get(tuple(needs))
    shape = None
    if not optional_last and one_round is not None:
        shape = Parts(tuple(needs), min(most, most_units // sum(needs)), one_round)
    return Machine(size, final, moves, whole, shape=shape)


def open_slots(
    needs: Sequence[int],
    most: int,
    bonus: int,
    gains: Mapping[int, tuple[tuple[int, int], ...]],
) -> Machine:
    """The same where nothing limits the rounds but the cart: complete rounds are forgotten.

    Args:
        needs: units of each part in one round.
        most: rounds that the cart has units for.
        bonus: gain of each complete round.
        gains: per line, (part, gain) for each part that a unit may join.
    """
    size, follows, complete, whole = _open_counts(tuple(needs), most)
    final = [0] + [NEVER] * (size - 1)
    moves = {
        line: tuple(
            Move(
                part,
                follows[part],
                tuple([gain + bonus if done else gain for done in complete[part]]),
            )
            for part, gain in parts
        )
        for line, parts in gains.items()
    }
    return Machine(size, final, moves, whole, shape=Parts(tuple(needs), most, None))


@lru_cache(maxsize=1024)
def _open_counts(
    needs: tuple[int, ...], most: int
) -> tuple[int, tuple[tuple[int, ...], ...], tuple[tuple[bool, ...], ...], bool]:
    """Digits, where each part leads from each, whether that completes a round, and all kept."""
    counts = [(0,) * len(needs)]
    digit = {counts[0]: 0}
    follows: list[list[int]] = [[] for _ in needs]
    complete: list[list[bool]] = [[] for _ in needs]
    whole = True
    for count in counts:
        for part in _parts(needs):
            more = _one_more(count, part)
            done = all(have >= need for have, need in zip(more, needs, strict=True))
            if done:
                more = tuple(have - need for have, need in zip(more, needs, strict=True))
            if more not in digit:
                if any(have > most * need for have, need in zip(more, needs, strict=True)):
                    more = ()
                elif len(counts) >= MAX_DIGITS:
                    more, whole = (), False
                else:
                    digit[more] = len(counts)
                    counts.append(more)
            follows[part].append(digit.get(more, -1))
            complete[part].append(done)
    return len(counts), tuple(map(tuple, follows)), tuple(map(tuple, complete)), whole


def _parts(needs: Sequence[int]) -> range:
    return range(len(needs))


def _one_more(count: tuple[int, ...], part: int) -> tuple[int, ...]:
    return (*count[:part], count[part] + 1, *count[part + 1 :])


def _slots_final(
    count: tuple[int, ...], needs: Sequence[int], bonus: int, *, optional_last: bool
) -> int:
    done, rest = divmod(count[0], needs[0])
    if rest:
        return NEVER
    firm = len(needs) - 1 if optional_last else len(needs)
    if any(count[part] != done * needs[part] for part in range(1, firm)):
        return NEVER
    if optional_last and not (done - 1) * needs[-1] < count[-1] <= done * needs[-1]:
        return 0 if not any(count) else NEVER
    return done * bonus
