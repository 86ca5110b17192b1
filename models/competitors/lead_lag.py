"""Who moves first and who comes after: price changes followed by changes the same way.

For every ordered pair of sellers: of the changes that the first makes, how many does the second
follow, on the same product and in the same direction, within some days? By chance some always are.
How many, is told by placebos: the first seller's calendar is cut into blocks of whole weeks that
are shuffled and turned around a circle, all products together. That keeps what may look like
following without being it (how often each changes, changes of many products on one day, fixed
weekdays, trends within a block) and breaks only the tie between the two. A pair is called only if
its share is beyond the placebos' with the false discovery rate over all pairs held.

It tells an order in time, not a cause: two sellers that answer the same supplier at different
speeds look the same as a leader with a follower.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import sparse, stats

from models.arrays import BoolArray, FloatArray, IntArray
from models.competitors.figures import LEVEL, Figure, too_few
from models.competitors.panel import RivalPanel
from models.errors import InvalidSpec

OURSELVES: Final = "(we)"
"""Our own shop, among the sellers."""

LEAST_CHANGES: Final = 20
LEAST_DAYS: Final = 8
"""Changes, and distinct days with one, that a leader must show while the other was watched."""

_BLOCKS: Final = (28, 14, 7)  # days
_LEAST_BLOCKS: Final = 8
_SMALLEST: Final = 0.001  # relative move that is a change
_RESAMPLES: Final = 400


@dataclass(frozen=True, slots=True)
class Following:
    """How one seller's changes are followed by another's.

    Attributes:
        leader, follower: the pair in this order.
        followed: share of the leader's changes that the follower repeated in the window; `n` counts
            the changes. The interval resamples weeks.
        by_chance: the mean share of the placebos, with the range that 95 % of them fall in.
        window: first and last day after a change that count as following. It begins with the
            follower's cadence: a sooner sighting may show a change that came first.
        p_value: chance of such a share without any tie, from the placebos.
        q_value: the same held for all pairs together (Benjamini and Hochberg).
        leads: whether the pair is called at the rate asked for.
        lags: share of the changes followed after that many days for the first time, by day of the
            window; they add up to `followed`.
        lags_by_chance: the same of the placebos.
    """

    leader: str
    follower: str
    followed: Figure
    by_chance: Figure
    window: tuple[int, int]
    p_value: float | None = None
    q_value: float | None = None
    leads: bool = False
    lags: tuple[float, ...] = ()
    lags_by_chance: tuple[float, ...] = ()


def lead_lag(
    panel: RivalPanel,
    *,
    within: int = 7,
    placebos: int = 999,
    false_discovery_rate: float = 0.05,
    seed: int = 0,
    category: str | None = None,
) -> tuple[Following, ...]:
    """Every ordered pair of sellers, we among them; the clearest followers first.

    Args:
        panel: prices by the day.
        within: days of the window.
        placebos: how many; the least p-value is one over one more.
        false_discovery_rate: share of wrong calls allowed among the pairs that are called.
        seed: of the placebos and intervals.
        category: only our products of this one.

    Raises:
        InvalidSpec: a window outside 1..28 days, fewer than 99 placebos, or a rate outside 0..1.
    """
    _refuse(within, placebos, false_discovery_rate)
    rows = panel.products(category)
    cadence = dict(zip(panel.sellers, panel.cadence.tolist(), strict=True))
    moves = {OURSELVES: _Moves.of(panel.ours[rows])}
    moves |= {name: _Moves.of(panel.by_product(name)[rows]) for name in panel.sellers}
    days = len(panel.days)
    block = next((size for size in _BLOCKS if days // size >= _LEAST_BLOCKS), None)
    found: list[Following] = []
    rng = np.random.default_rng(seed)
    shuffles = None if block is None else _placebo_days(days, block, placebos, rng)
    for leader, first in moves.items():
        for follower, second in moves.items():
            if leader == follower:
                continue
            begin = max(1, int(np.ceil(cadence.get(follower, 1.0))))
            window = (begin, begin + within - 1)
            if shuffles is None or block is None:
                least = _LEAST_BLOCKS * _BLOCKS[-1]
                nothing = too_few(days, least, "days on record")
                found.append(Following(leader, follower, nothing, nothing, window))
            else:
                found.append(_pair(leader, follower, first, second, window, shuffles, rng))
    return _called(found, false_discovery_rate)


@dataclass(frozen=True, slots=True, eq=False)
class _Moves:
    """Changes of one seller, (p, d): `up` and `down` on the day first seen, `known` days."""

    up: BoolArray
    down: BoolArray
    known: BoolArray

    @classmethod
    def of(cls, price: FloatArray) -> _Moves:
        """A change across days that are not known has no date, and is none here."""
        moved = np.zeros_like(price)
        moved[:, 1:] = np.diff(np.log(price), axis=1)
        moved = np.nan_to_num(moved, nan=0.0)
        return cls(moved > _SMALLEST, moved < -_SMALLEST, np.isfinite(price))


def _refuse(within: int, placebos: int, rate: float) -> None:
    if not 1 <= within <= 28:
        raise InvalidSpec(f"a window of {within} days: give 1 to 28")
    if placebos < 99:
        raise InvalidSpec(f"{placebos} placebos tell too little: give 99 or more")
    if not 0.0 < rate < 1.0:
        raise InvalidSpec(f"a false discovery rate of {rate}: give a share between 0 and 1")


def _placebo_days(days: int, block: int, count: int, rng: np.random.Generator) -> IntArray:
    """(count, d') where each day is moved to: blocks of whole weeks shuffled, then turned."""
    blocks = days // block
    first = days - blocks * block  # the oldest days do not fill a block and take no part
    order = np.argsort(rng.random((count, blocks)), axis=1)
    moved = (order[:, :, None] * block + np.arange(block)).reshape(count, blocks * block)
    turned = 7 * rng.integers(0, blocks * block // 7, count)
    return first + (moved + turned[:, None]) % (blocks * block)


def _pair(
    leader: str,
    follower: str,
    first: _Moves,
    second: _Moves,
    window: tuple[int, int],
    shuffles: IntArray,
    rng: np.random.Generator,
) -> Following:
    oldest = int(shuffles.min())
    watched = _watched(second.known, window[1])
    after_up, after_down = (_days_until(moves, window) for moves in (second.up, second.down))
    # [i, j]: over the leader's changes of day i, what stands in the follower's record at day j.
    seen = _meeting((first.up | first.down)[:, oldest:], watched[:, oldest:])
    lags = [
        _meeting(first.up[:, oldest:], (watched & (after_up == lag))[:, oldest:])
        + _meeting(first.down[:, oldest:], (watched & (after_down == lag))[:, oldest:])
        for lag in range(window[0], window[1] + 1)
    ]
    hits: FloatArray = np.sum(lags, axis=0)
    by_day, seen_by_day = np.diagonal(hits), np.diagonal(seen)
    n = round(float(seen_by_day.sum()))
    if n < LEAST_CHANGES or int((seen_by_day > 0).sum()) < LEAST_DAYS:
        nothing = (
            too_few(n, LEAST_CHANGES, "changes while the other was watched")
            if n < LEAST_CHANGES
            else too_few(int((seen_by_day > 0).sum()), LEAST_DAYS, "days with a change")
        )
        return Following(leader, follower, nothing, nothing, window)
    place = np.arange(hits.shape[0])
    moved = shuffles - oldest
    chance_n = np.maximum(seen[place, moved].sum(axis=1), 1.0)
    chance = hits[place, moved].sum(axis=1) / chance_n
    share = float(by_day.sum()) / n
    low, high = _interval(by_day, seen_by_day, rng)
    band = np.quantile(chance, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    # Equal shares differ in their last digits after sums in another order.
    beyond = int((chance >= share - 1e-9).sum())
    return Following(
        leader,
        follower,
        Figure(share, n, low, high),
        Figure(float(chance.mean()), len(chance), float(band[0]), float(band[1])),
        window,
        p_value=(1 + beyond) / (1 + len(chance)),
        lags=tuple(float(np.trace(lag)) / n for lag in lags),
        lags_by_chance=tuple(
            float((lag[place, moved].sum(axis=1) / chance_n).mean()) for lag in lags
        ),
    )


def _meeting(moves: BoolArray, there: BoolArray) -> FloatArray:
    """[i, j]: in how many products one moves on day i and the other has this on day j."""
    left = sparse.csr_array(moves.T, dtype=np.float64)
    right = sparse.csr_array(there, dtype=np.float64)
    together: FloatArray = sparse.csr_array(left @ right).toarray()
    return together


def _watched(known: BoolArray, last: int) -> BoolArray:
    """Days from which on every day up to the window's last is known, (p, d)."""
    run = np.cumsum(np.pad(known.astype(np.int64), ((0, 0), (1, 0))), axis=1)
    whole = np.zeros_like(known)
    whole[:, : known.shape[1] - last] = run[:, last + 1 :] - run[:, : -(last + 1)] == last + 1
    return whole


def _days_until(moves: BoolArray, window: tuple[int, int]) -> IntArray:
    """Days from each day to the first move at or past the window's begin; -1 for none in it."""
    n_days = moves.shape[1]
    ahead = np.full(moves.shape, -1, dtype=np.int64)
    for lag in range(min(window[1], n_days - 1), window[0] - 1, -1):
        there = moves[:, lag:]
        ahead[:, : n_days - lag] = np.where(there, lag, ahead[:, : n_days - lag])
    return ahead


def _interval(hits: FloatArray, seen: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    """Of the share, by resampling weeks: changes of one day or week are no independent ones."""
    weeks = np.arange(len(hits)) // 7
    hit = np.bincount(weeks, hits)
    total = np.bincount(weeks, seen)
    drawn = rng.integers(0, len(total), (_RESAMPLES, len(total)))
    shares = hit[drawn].sum(axis=1) / np.maximum(total[drawn].sum(axis=1), 1.0)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _called(found: list[Following], rate: float) -> tuple[Following, ...]:
    """With the false discovery rate over all pairs that were tested; the clearest first."""
    tested = [pair for pair in found if pair.p_value is not None]
    untested = [pair for pair in found if pair.p_value is None]
    if not tested:
        return tuple(untested)
    q = stats.false_discovery_control([pair.p_value for pair in tested])
    named = [
        replace(pair, q_value=float(value), leads=bool(value <= rate))
        for pair, value in zip(tested, q, strict=True)
    ]
    named.sort(key=lambda pair: (pair.p_value or 0.0, -_lift(pair)))
    return (*named, *untested)


def _lift(pair: Following) -> float:
    return (pair.followed.value or 0.0) - (pair.by_chance.value or 0.0)
