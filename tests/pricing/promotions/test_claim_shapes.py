"""The best claim of one promotion, found by what it counts, against walking its machine."""

from __future__ import annotations

from random import Random

import pytest

from pricing.promotions import machines
from pricing.promotions.claim_shapes import (
    GroupsFinder,
    PartsFinder,
    RingFinder,
    Row,
    StepsFinder,
    WalkFinder,
    finder,
)
from pricing.promotions.item_options import Number, Option, Step
from pricing.promotions.machines import Machine

LINES = 5


def _machine(kind: str, rng: Random) -> Machine:
    gains = {line: rng.randrange(0, 40) for line in range(LINES)}
    match kind:
        case "counter":
            return machines.counter(rng.randint(1, 6), gains)
        case "steps":
            per_step = {line: (gain, gain + rng.randrange(20)) for line, gain in gains.items()}
            return machines.tiers((2, 4), (0, 0), rng.choice([None, 5]), per_step)
        case "amounts":
            none = dict.fromkeys(gains, (0, 0))
            return machines.tiers((2, 4), (30, 80), rng.choice([None, 5]), none)
        case "groups":
            price, size = rng.randrange(10, 60), rng.choice([1, 2, 3])
            full = {line: (gain + 20 - price, gain + 20, gain + 20) for line, gain in gains.items()}
            return machines.rounds(size, size, rng.choice([None, size, 2 * size]), full,
                                   ordered=False)  # fmt: skip
        case "cheapest":
            got = {line: (0, 0, gain) for line, gain in gains.items()}
            return machines.rounds(3, 3, rng.choice([None, None, 6]), got, ordered=True)
        case "parts":
            parts = {line: ((line % 2, gain),) for line, gain in gains.items()}
            needs, bonus = rng.choice([(1, 1), (1, 2)]), rng.choice([-40, 0, 15])
            return machines.open_slots(needs, 9, bonus, parts)
        case _:
            parts = {line: ((line % 2, gain),) for line, gain in gains.items()}
            return machines.slots((1, 2), 2, 6, rng.choice([-40, 15]), parts, optional_last=False)


def _units(machine: Machine, counts: list[int]) -> list[Row]:
    units: list[Row] = []
    for line, moves in machine.moves.items():
        row = [
            (step, Option(0, 0, 0, (step,), ((0, move.slot),)))
            for move in moves
            for step in (Step(1, machine.size, move.follows, move.gains),)
        ]
        units += [(line, row)] * counts[line]
    return units


KINDS = {
    "counter": StepsFinder,
    "steps": StepsFinder,
    "amounts": StepsFinder,
    "groups": GroupsFinder,
    "cheapest": RingFinder,
    "parts": PartsFinder,
    "rounds of parts": PartsFinder,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(40))
def test_what_a_machine_counts_finds_the_claim_that_a_walk_finds(kind: str, seed: int) -> None:
    rng = Random(f"{kind}{seed}")
    machine = _machine(kind, rng)
    counts = [rng.randint(1, 3) for _ in range(LINES)]
    units = _units(machine, counts)
    final: list[Number] = list(machine.final)
    walk = WalkFinder(units, final)
    found = finder(machine.shape, units, final)
    assert isinstance(found, (KINDS[kind], WalkFinder))
    for left in (None, [rng.randint(0, count) for count in counts]):
        prices: list[Number] = [rng.randrange(0, 25) / 16 * rng.choice([1, 16]) for _ in counts]
        value, picks = found.best(prices, left)
        assert value == pytest.approx(walk.best(prices, left)[0])
        for line in range(LINES):
            room = counts[line] if left is None else left[line]
            assert sum(at == line for at, _ in picks) <= room
        if machine.ordered:
            picks = sorted(picks, key=lambda pick: pick[0])
        assert value == pytest.approx(_worth(machine, picks, prices))


def _worth(machine: Machine, picks: object, prices: list[Number]) -> float:
    """What a claim is worth, its units joining one after another."""
    assert isinstance(picks, list)
    digit, worth = 0, 0.0
    for line, option in picks:
        (step,) = option.steps
        worth += step.gains[digit] - prices[line]
        digit = step.follows[digit]
        assert digit >= 0
    return worth + machine.final[digit]
