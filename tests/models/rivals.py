"""Markets whose competitors behave by a known law: the planted truth of the market analysis."""

from __future__ import annotations

import numpy as np

from models.arrays import FloatArray
from models.competitors.panel import RivalPanel

FIRST_DAY = np.datetime64("2026-01-05", "D")  # a Monday


def panel_of(
    rivals: dict[str, FloatArray],
    ours: FloatArray,
    *,
    list_price: dict[str, FloatArray] | None = None,
    in_stock: dict[str, FloatArray] | None = None,
    category: list[str] | None = None,
    cadence: dict[str, float] | None = None,
) -> RivalPanel:
    """A panel in which every rival has every product of ours; arrays are (products, days)."""
    n, days = ours.shape
    names = tuple(sorted(rivals))
    nothing = np.full(ours.shape, np.nan)
    return RivalPanel(
        sellers=names,
        sku=np.array([f"sku-{row:04d}" for row in range(n)]),
        category=np.array(category or ["tea"] * n),
        days=FIRST_DAY + np.arange(days),
        ours=ours,
        seller=np.repeat(np.arange(len(names)), n),
        product=np.tile(np.arange(n), len(names)),
        price=np.concatenate([rivals[name] for name in names]),
        list_price=np.concatenate([(list_price or {}).get(name, nothing) for name in names]),
        in_stock=np.concatenate([(in_stock or {}).get(name, nothing + 0.0) for name in names]),
        cadence=np.array([(cadence or {}).get(name, 1.0) for name in names]),
    )


def batch_prices(
    rng: np.random.Generator, products: int, days: int, *, weekday: int | None = None
) -> FloatArray:
    """Prices of a shop that changes many at once: on random days, or on one day of the week."""
    base = np.exp(rng.normal(3.0, 0.5, products))
    moves = np.zeros((products, days))
    changing = rng.random(days) < 0.12 if weekday is None else np.arange(days) % 7 == weekday
    for day in np.flatnonzero(changing):
        # Most changes of a day go the same way, as when a supplier or a budget moves.
        up = rng.random() < 0.5
        chosen = rng.random(products) < 0.3
        same = rng.random(products) < 0.8
        moves[chosen, day] = np.where(same[chosen] == up, 0.03, -0.03)
    prices: FloatArray = base[:, None] * np.exp(np.cumsum(moves, axis=1))
    return prices


def follower_of(
    leader: FloatArray, rng: np.random.Generator, *, chance: float, lags: tuple[int, ...]
) -> FloatArray:
    """Prices that repeat each move of a leader with a chance, some days later."""
    moves = np.diff(np.log(leader), axis=1, prepend=np.log(leader[:, :1]))
    copied = np.zeros_like(moves)
    days = leader.shape[1]
    for product, day in zip(*np.nonzero(np.abs(moves) > 1e-9), strict=True):
        later = day + int(rng.choice(lags))
        if rng.random() < chance and later < days:
            copied[product, later] = moves[product, day]
    follower: FloatArray = leader[:, :1] * 1.05 * np.exp(np.cumsum(copied, axis=1))
    return follower


def number(value: float | None) -> float:
    """A figure that must be there."""
    assert value is not None
    return value
