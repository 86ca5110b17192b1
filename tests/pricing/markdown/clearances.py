"""Small clearances, and a second, plain reading of the rules to judge plans by."""

from __future__ import annotations

from itertools import product

import numpy as np

from models.arrays import FloatArray
from pricing.catalogue import UNKNOWN
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import MarkdownLimits


def random_items(rng: np.random.Generator, n: int, weeks: int, rungs: int) -> ClearanceItems:
    """Items that use every column: arrivals, early exits, broken assortments, references, taxes."""
    start = rng.integers(500, 5_000, n)
    ladder = np.rint(start[:, None] * (1 - 0.12 * np.arange(rungs))).astype(np.int64)
    short = rng.random(n) < 0.3
    if rungs > 2:
        ladder[short, -1] = UNKNOWN
    base = rng.uniform(2, 20, n)
    return ClearanceItems.of(
        [f"P{i}" for i in range(n)],
        ladder,
        base[:, None] * rng.uniform(0.6, 1.4, (n, weeks)),
        np.rint(base * weeks * rng.uniform(1, 4, n)) + 1,
        currency="EUR",
        elasticity=rng.uniform(-5, -1.2, n),
        market=rng.choice(["a", "b"], n),
        arrivals=rng.integers(0, 5, (n, weeks)) * (rng.random((n, weeks)) < 0.3),
        exit_week=rng.integers(max(1, weeks - 1), weeks + 1, n),
        salvage=(start * rng.uniform(0, 0.2, n)).astype(np.int64),
        holding=rng.uniform(0, 20, n) * (rng.random(n) < 0.5),
        tax_rate=rng.choice([0.0, 0.19], n),
        max_changes=rng.integers(1, 3, n),
        weeks_between=rng.integers(1, 3, n),
        since_change=rng.integers(0, 3, n),
        first_week=(rng.random(n) < 0.2).astype(np.int64),
        last_week=rng.integers(1, weeks, n),
        labels=rng.integers(1, 4, n),
        label_cost=rng.uniform(0, 50, n),
        target=rng.uniform(0, 0.6, n) * (rng.random(n) < 0.4),
        shortfall=rng.uniform(0, 2000, n),
        broken_at=rng.uniform(0, 30, n) * (rng.random(n) < 0.5),
        broken_power=rng.uniform(0.2, 1, n),
        reference_effect=rng.uniform(0, 1, n) * (rng.random(n) < 0.4),
        reference_memory=rng.uniform(0.3, 0.9, n),
    )


def allowed_paths(items: ClearanceItems, i: int) -> list[tuple[int, ...]]:
    """Every path of rungs that the rules of item i allow, found by trying all."""
    found = []
    for path in product(range(int(items.rungs[i])), repeat=int(items.exit_week[i])):
        before, last, changes, ok = 0, -int(items.since_change[i]), 0, True
        for week, rung in enumerate(path):
            if rung != before:
                ok &= rung > before and week - last >= items.weeks_between[i]
                ok &= bool(items.first_week[i] <= week <= items.last_week[i])
                changes, last, before = changes + 1, week, rung
        pins = items.pins[i, : len(path)].tolist()
        ok &= all(pin in (UNKNOWN, rung) for pin, rung in zip(pins, path, strict=True))
        if ok and changes <= items.max_changes[i]:
            found.append(path)
    return found


def outcome(
    items: ClearanceItems, i: int, path: tuple[int, ...], scale: float = 1.0, shift: float = 0.0
) -> tuple[float, dict[str, float]]:
    """Value of one path of item i, and what it uses of each joint limit, by key."""
    price = [float(p) for p in items.ladder[i] if p != UNKNOWN]
    stock, reference, before = float(items.stock[i]), float(items.reference[i]), 0
    sold = revenue = value = 0.0
    supply = stock + float(sum(items.arrivals[i, : len(path)]))
    used: dict[str, float] = {"given_away": 0.0, "full": 0.0}
    for week, rung in enumerate(path):
        stock += float(items.arrivals[i, week])
        wanted = float(items.demand[i, week] * items.response[i, rung]) * scale
        wanted *= (price[rung] / price[0]) ** shift
        if items.broken_at[i] > 0:
            wanted *= min(1.0, stock / items.broken_at[i]) ** items.broken_power[i]
        wanted *= float(np.exp(items.reference_effect[i] * (reference - price[rung]) / reference))
        memory = float(items.reference_memory[i])
        reference = memory * reference + (1 - memory) * price[rung]
        units = min(wanted, stock)
        stock -= units
        sold += units
        revenue += units * price[rung] / (1 + items.tax_rate[i])
        value -= items.holding[i] * stock
        if rung != before:
            value -= items.labels[i] * items.label_cost[i]
            used[f"labels {items.market[i]} {week}"] = float(items.labels[i])
        if rung:
            used[f"down {week}"] = 1.0
        used["given_away"] += units * (price[0] - price[rung])
        used["full"] += units * price[0]
        before = rung
    used["revenue"] = revenue
    short = max(items.target[i] * supply - sold, 0.0)
    penalty = 0.0 if short < 1e-9 * supply else items.shortfall[i] * short
    return float(value + revenue + items.salvage[i] * stock - penalty), used


def within(limits: MarkdownLimits, used: list[dict[str, float]]) -> bool:
    """Whether the usages of all items together keep every limit."""
    total: dict[str, float] = {}
    for one in used:
        for key, amount in one.items():
            total[key] = total.get(key, 0.0) + amount
    eps = 1e-7
    if limits.budget is not None and total["given_away"] > limits.budget + eps:
        return False
    if limits.average_discount is not None and (
        total["given_away"] > limits.average_discount * total["full"] + eps
    ):
        return False
    if limits.revenue_floor is not None and total["revenue"] < limits.revenue_floor - eps:
        return False
    most, down = limits.labels_per_week, limits.marked_down_at_once
    for key, amount in total.items():
        if key.startswith("labels") and most is not None:
            market = key.split()[1]
            top = most if isinstance(most, int) else most.get(market)
            if top is not None and amount > top:
                return False
        if key.startswith("down") and down is not None and amount > down:
            return False
    return True


def best_by_trying_all(items: ClearanceItems, limits: MarkdownLimits) -> float | None:
    """Value of the best plan, None where no plan holds the limits."""
    options = [
        [outcome(items, i, path) for path in allowed_paths(items, i)] for i in range(len(items))
    ]
    values = [
        sum(value for value, _ in choice)
        for choice in product(*options)
        if within(limits, [used for _, used in choice])
    ]
    return max(values) if values else None


def path_of(items: ClearanceItems, i: int, price: FloatArray) -> tuple[int, ...]:
    """The rungs of a row of planned prices."""
    ladder = items.ladder[i].tolist()
    return tuple(ladder.index(p) for p in price[: int(items.exit_week[i])].tolist())
