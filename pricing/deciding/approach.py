"""The next step of a price that does not stand where law, cost and its owner want it.

Limits have an order: the law at once, then the levels (cost and margin, minimum and maximum,
recommended and advertised price), and last the pace, which is how far a price may go in one
decision, a day or a week. Pace slows the way to a level and never bars it: where no price meets
both, the price goes as far toward the level as pace allows, run after run, until it is there. An
unlawful price goes to the law whatever its owner has set. Where levels exclude each other
otherwise, or the law and the cost, no step helps: somebody has to say which holds.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.catalogue import UNKNOWN, Catalogue
from pricing.deciding.candidates import Ladders
from pricing.deciding.guardrails import GuardrailLimits, PriceBounds
from pricing.deciding.levels import law_first, levels_and_pace
from pricing.law.legal_bounds import LegalBounds

_FAR: Final = 10
"""A level so many times beyond what pace allows has presentable prices about it for sure."""


def take_steps(
    rows: IntArray,
    catalogue: Catalogue,
    bounds: PriceBounds,
    limits: GuardrailLimits,
    legal: LegalBounds | None,
    ladders: Ladders,
) -> IntArray:
    """(n,) the one price that each of these rows may move to; UNKNOWN where there is none.

    Upward that is the lowest presentable price that meets law and levels or, where pace does not
    reach it, the highest that it does reach; downward likewise. The law is met at once: at the
    nearest presentable price that is lawful, and at the nearest lawful amount where none is.

    The bounds of a row that moves are set, in place, to what the step says: from the level aimed at
    to the price reached, where pace stops it short; else what law, levels and pace leave. Those of
    a row to which law and levels leave no presentable price are what law and levels say.

    Args:
        rows: rows to look at, with a cost and a price in force.
        catalogue: n rows.
        bounds: their limits.
        limits: hard limits.
        legal: what the law leaves of each price.
        ladders: presentable prices of the markets.
    """
    step = np.full(len(catalogue), UNKNOWN, dtype=np.int64)
    if len(rows) == 0:
        return step
    known = catalogue.take(rows)
    lawful = LegalBounds.none(len(rows)) if legal is None else legal.take(rows)
    level, pace = levels_and_pace(known, limits, lawful)
    against_owner, by_law = law_first(known, limits, lawful)
    aim = _where(against_owner, by_law, level)
    found = np.full(len(rows), UNKNOWN, dtype=np.int64)
    unpresentable = np.zeros(len(rows), dtype=np.bool_)
    for code, market in enumerate(known.markets):
        here = np.flatnonzero((known.market.codes == code) & (aim.lower <= aim.upper))
        if len(here) == 0:
            continue
        found[here], unpresentable[here] = _steps(
            known.price[here],
            _taken(aim, here),
            _taken(pace, here),
            lawful.take(here),
            ladders.upto(market, _height(known.price[here], aim.upper[here], aim.lower[here])),
        )
    moves = found != UNKNOWN
    step[rows[moves]] = found[moves]
    # Of levels that exclude each other, both are named, and not the pace between.
    _put(bounds, rows, moves | unpresentable | (level.lower > level.upper), level)
    moves &= ~against_owner
    # Pace closes a side on which no level does, and one on which it does not reach the level.
    short = moves & (found < level.lower)
    closes = moves & (found >= level.lower) & (np.maximum(pace.upper, found) < level.upper)
    bounds.upper[rows[closes]] = np.maximum(pace.upper, found)[closes]
    bounds.upper[rows[short]] = found[short]
    bounds.upper_limit[rows[short | closes]] = pace.upper_limit[short | closes]
    short = moves & (found > level.upper)
    closes = moves & (found <= level.upper) & (np.minimum(pace.lower, found) > level.lower)
    bounds.lower[rows[closes]] = np.minimum(pace.lower, found)[closes]
    bounds.lower[rows[short]] = found[short]
    bounds.lower_limit[rows[short | closes]] = pace.lower_limit[short | closes]
    return step


def _steps(
    old: IntArray, level: PriceBounds, pace: PriceBounds, legal: LegalBounds, ladder: IntArray
) -> tuple[IntArray, BoolArray]:
    """The step of each row, UNKNOWN for none, and where no presentable price meets the levels."""
    top = ladder[-1] if len(ladder) else 0
    target_up, target_down = _rung_above(ladder, level.lower), _rung_below(ladder, level.upper)
    # Beyond the ladder that was built there are prices, unless a cap is close to the floor.
    beyond = (level.lower > top) & (level.upper > level.lower * 2)
    meets = beyond | ((target_up != UNKNOWN) & (target_up <= level.upper))
    up, down = old < level.lower, old > level.upper
    furthest_up, furthest_down = _rung_below(ladder, pace.upper), _rung_above(ladder, pace.lower)
    rise = np.where(target_up == UNKNOWN, furthest_up, np.minimum(target_up, furthest_up))
    fall = np.where(furthest_down == UNKNOWN, UNKNOWN, np.maximum(target_down, furthest_down))
    step = np.where(up & (rise > old), rise, UNKNOWN)
    step = np.where(down & (fall < old) & (fall != UNKNOWN), fall, step)
    # The law does not wait for the pace: the nearest lawful rung, where pace leads to none.
    least = np.maximum(legal.lower, 1)
    law_up, law_down = old < least, old > legal.upper
    step = np.where(law_up & (step < least), _rung_above(ladder, least), step)
    lowest_lawful = (step == UNKNOWN) | (step > legal.upper)
    step = np.where(law_down & lowest_lawful, _rung_below(ladder, legal.upper), step)
    # Rungs may leave out what little the law leaves; the law needs no presentable price.
    unlawful = law_up | law_down
    exact = np.where(
        law_up,
        np.maximum(least, np.minimum(level.lower, pace.upper)),
        np.minimum(legal.upper, np.maximum(level.upper, pace.lower)),
    )
    misses = (step == UNKNOWN) | (law_up & (step > level.upper)) | (law_down & (step < level.lower))
    step = np.where(unlawful & misses, exact, step)
    return np.where(unlawful | meets, step, UNKNOWN), ~meets & ~unlawful


def _height(price: IntArray, level_upper: IntArray, level_lower: IntArray) -> int:
    """How far up the ladder is needed: beyond the prices, and to levels that are not far off."""
    reach = 2 * price
    about = np.minimum(level_upper, 2 * level_lower)
    return int(np.where(level_lower <= _FAR * price, np.maximum(about, reach), reach).max())


def _rung_below(ladder: IntArray, price: IntArray) -> IntArray:
    """The highest rung up to each price, UNKNOWN for none."""
    place = np.searchsorted(ladder, price, side="right") - 1
    return _rungs(ladder, place)


def _rung_above(ladder: IntArray, price: IntArray) -> IntArray:
    """The lowest rung from each price on, UNKNOWN for none."""
    return _rungs(ladder, np.searchsorted(ladder, price, side="left"))


def _rungs(ladder: IntArray, place: IntArray) -> IntArray:
    inside = (place >= 0) & (place < len(ladder))
    if len(ladder) == 0:
        return np.full(len(place), UNKNOWN, dtype=np.int64)
    return np.where(inside, ladder[np.clip(place, 0, len(ladder) - 1)], UNKNOWN)


def _taken(bounds: PriceBounds, rows: IntArray) -> PriceBounds:
    return PriceBounds(
        bounds.lower[rows],
        bounds.upper[rows],
        bounds.lower_limit[rows],
        bounds.upper_limit[rows],
        bounds.hold[rows],
    )


def _where(which: BoolArray, ours: PriceBounds, others: PriceBounds) -> PriceBounds:
    columns = (
        np.where(which, getattr(ours, item.name), getattr(others, item.name))
        for item in fields(PriceBounds)
    )
    return PriceBounds(*columns)


def _put(bounds: PriceBounds, rows: IntArray, where: BoolArray, level: PriceBounds) -> None:
    """Set the bounds of some rows to what law and levels leave, in place."""
    for name in ("lower", "upper", "lower_limit", "upper_limit"):
        getattr(bounds, name)[rows[where]] = getattr(level, name)[where]
