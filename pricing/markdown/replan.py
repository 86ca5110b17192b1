"""Plan the rest of a clearance from what was sold, without tearing up what was announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
from scipy import sparse

from models.arrays import BoolArray, FloatArray, IntArray, StrArray
from pricing.catalogue import UNKNOWN
from pricing.markdown.errors import InfeasibleClearance, InvalidClearance
from pricing.markdown.items import ClearanceItems
from pricing.markdown.learning import Belief, ClearanceHistory, Prior, learn, rungs_of
from pricing.markdown.limits import LimitRows, MarkdownLimits, SoFar
from pricing.markdown.oracle import PathOracle
from pricing.markdown.plan import Effort, MarkdownPlan, Watch, plan
from pricing.markdown.rivals import plan_with_rivals, rival_factor
from pricing.markdown.scenarios import Scenarios
from pricing.solving.certificate import SolveReport, proven
from pricing.solving.columns import Charges
from pricing.solving.risk import Risk

_LEARNT: Final = 0.5
"""How much of what is not known is taken to be known a week later, where prices may wait."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanInForce:
    """The prices that were announced.

    Attributes:
        sku, market: (n,) keys.
        price: (n, t) int, minor units, of all weeks or of the last ones.
    """

    sku: StrArray
    market: StrArray
    price: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ClearanceState:
    """A clearance and where it stands.

    Attributes:
        items: n items as they were before the first week, with all weeks.
        stock: (n,) units on hand now; None, or a NaN, takes the first stock, arrivals and sales.
        prior: what may be wrong with the demand expected.
        earlier: the plan in force, over all weeks or over the last ones; deviations from it are
            what `MarkdownLimits.deviations` counts.
        cross: (n, n) effects between items, as in `pricing.markdown.rivals`; None for none.
    """

    items: ClearanceItems
    stock: FloatArray | None = None
    prior: Prior = field(default_factory=Prior)
    earlier: MarkdownPlan | PlanInForce | None = None
    cross: sparse.csr_array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Replan:
    """The rest of a clearance.

    Attributes:
        week: first week planned; 0 is the first of the season.
        open_items: (n,) True for the items that still have stock and weeks to sell it.
        price: (n, t - week) int, what to ask; an item that is not open keeps its price.
        plan: the plan of the open items; None where there are none.
        remaining: the open items as they are now, with the demand that is now expected; None
            where there are none.
        belief: what is now thought of demand.
        relaxed: limits that had to give, by name, with the setting used.
        deviations: weeks and items, counted together, that differ from the plan before.
    """

    week: int
    open_items: BoolArray
    price: IntArray
    plan: MarkdownPlan | None
    remaining: ClearanceItems | None
    belief: Belief
    relaxed: dict[str, float]
    deviations: int


def replan(
    state: ClearanceState,
    history: ClearanceHistory,
    limits: MarkdownLimits | None = None,
    *,
    risk: Risk | None = None,
    draws: int = 0,
    rng: np.random.Generator | None = None,
    effort: Effort | None = None,
    relax: bool = False,
    look_ahead: int = 0,
    watch: Watch | None = None,
) -> Replan:
    """Learn from what was sold and plan the weeks that are left.

    Args:
        state: the clearance and where it stands.
        history: what happened in the weeks that have passed.
        limits: joint limits of the whole clearance; what is used already is taken off.
        risk: how much bad futures count; needs `draws`.
        draws: futures drawn from what is still unknown; 0 plans for expected demand.
        rng: their source; needed where `draws` or `look_ahead` is above 0.
        effort: how closely to search.
        relax: where the limits can no longer be held, let one give as little as it can, instead
            of raising; a season under way must have prices.
        look_ahead: futures in which each price of the coming week is tried, the later ones chosen
            as if demand were known by then; 0 takes the coming week's price of the plan. A price
            can be lowered next week as well, but never raised: what is still to be learned is
            worth waiting for, and a plan at expected demand does not see that.
        watch: told of each better plan of the open items, as in `pricing.markdown.plan`.

    Raises:
        InfeasibleClearance: the limits conflict, and `relax` is False or one alone cannot help.
        InvalidClearance: state and history do not fit together, or no week is left.
    """
    items, week = state.items, history.weeks
    if week >= items.weeks:
        raise InvalidClearance(f"the clearance of {items.weeks} weeks is over; nothing to plan")
    rungs = rungs_of(items, history.price)
    items = _beside_rivals(state, rungs)
    belief = learn(items, history, state.prior)
    stock = _stock_now(state, history)
    now = rungs[:, -1] if week else np.zeros(len(items), np.int64)
    rest = _rest(items, rungs, stock, week)
    still_open = (rest.exit_week > 0) & (rest.supply > 1e-9)
    price = np.repeat(np.take_along_axis(items.ladder, now[:, None], 1), items.weeks - week, axis=1)
    members = np.flatnonzero(still_open)
    if not len(members):
        return Replan(week, still_open, price, None, None, belief, {}, 0)
    moved = belief.taken(members)
    remaining = moved.updated(rest.take(members), week)
    futures = None
    if draws:
        if rng is None:
            raise InvalidClearance("draws need a source of chance; pass rng")
        futures = moved.scenarios(remaining, week, rng, draws)
    earlier = _earlier(state, remaining, members, week)
    wanted = limits or MarkdownLimits()
    if earlier is None:
        wanted = replace(wanted, deviations=None)
    relaxed: dict[str, float] = {}
    so_far = _so_far(items, history, rungs)

    def attempt(held: MarkdownLimits, of: ClearanceItems = remaining) -> MarkdownPlan:
        given: dict[str, Any] = {
            "scenarios": futures, "risk": risk, "effort": effort, "so_far": so_far,
            "earlier": earlier, "watch": watch,
        }  # fmt: skip
        if state.cross is None:
            return plan(of, held, **given)
        among = sparse.csr_array(state.cross[members][:, members])
        return plan_with_rivals(of, among, held, **given)

    try:
        found = attempt(wanted)
    except InfeasibleClearance as conflict:
        if not relax or not conflict.relaxations:
            raise
        name, setting = next(iter(conflict.relaxations.items()))
        relaxed[name] = setting
        exact: Any = setting if name == "average_discount" else round(setting)
        wanted = replace(wanted, **{name: exact})
        found = attempt(wanted)
    if look_ahead and remaining.weeks > 1:
        if rng is None:
            raise InvalidClearance("look_ahead needs a source of chance; pass rng")
        tried = moved.scenarios(remaining, week, rng, look_ahead)
        rows = LimitRows.of(remaining, wanted, so_far, earlier)
        found = _waiting(remaining, rows, tried, found, partial(attempt, wanted))
    price[members] = found.price
    away = (
        0
        if earlier is None
        else int(((found.course.rungs != earlier) & remaining.open_weeks).sum())
    )
    return Replan(week, still_open, price, found, remaining, belief, relaxed, away)


def _waiting(
    items: ClearanceItems,
    rows: LimitRows,
    futures: Scenarios,
    found: MarkdownPlan,
    attempt: Callable[[ClearanceItems], MarkdownPlan],
) -> MarkdownPlan:
    """The plan whose first prices are best when later ones can still be chosen."""
    oracle = PathOracle(items, rows, futures)
    worth = oracle.by_first_price(Charges(found.duals, np.ones(len(futures))), _LEARNT)
    planned = found.course.rungs[:, 0]
    known = np.isfinite(worth).any(axis=1)
    first = np.where(known, np.where(np.isfinite(worth), worth, -np.inf).argmax(axis=1), planned)
    if (first == planned).all():
        return found
    pins = items.pins.copy()
    pins[:, 0] = first
    try:
        waits = attempt(items.replaced(np.arange(len(items)), {"pins": pins}))
    except (InfeasibleClearance, InvalidClearance):
        return found
    report = SolveReport(
        proven(waits.report.objective, found.report.bound),
        method="look_ahead",
        seconds=found.report.seconds + waits.report.seconds,
    )
    return replace(waits, report=report)


def _stock_now(state: ClearanceState, history: ClearanceHistory) -> FloatArray:
    items = state.items
    if state.stock is not None:
        if state.stock.shape != (len(items),):
            raise InvalidClearance(
                f"stock has shape {state.stock.shape}, not {(len(items),)}", ("stock",)
            )
        if np.isinf(state.stock).any() or (state.stock < 0).any():
            raise InvalidClearance(
                "stock must be a number from 0 up, or NaN where not counted", ("stock",)
            )
    arrived = items.arrivals[:, : history.weeks].sum(axis=1)
    left: FloatArray = np.maximum(items.stock + arrived - history.units.sum(axis=1), 0.0)
    if state.stock is None:
        return left
    return np.where(np.isnan(state.stock), left, state.stock)


def _beside_rivals(state: ClearanceState, rungs: IntArray) -> ClearanceItems:
    """The items with the demand that their rivals left them, and leave them at present prices."""
    items, week = state.items, rungs.shape[1]
    if state.cross is None or not week:
        return items
    now = np.repeat(rungs[:, -1:], items.weeks - week, axis=1)
    factor = rival_factor(items, state.cross, np.concatenate([rungs, now], axis=1))
    return items.replaced(np.arange(len(items)), {"demand": items.demand * factor})


def _rest(items: ClearanceItems, rungs: IntArray, stock: FloatArray, week: int) -> ClearanceItems:
    """The items from `week` on, their ladders beginning at the price in force."""
    n, rows = len(items), np.arange(len(items))
    changed = np.diff(rungs, axis=1, prepend=0) != 0
    count = changed.sum(axis=1)
    last = np.where(changed, np.arange(week), -1).max(axis=1, initial=-1)
    now = rungs[:, -1] if week else np.zeros(n, np.int64)
    below = now[:, None] + np.arange(items.ladder.shape[1])
    inside = below < items.ladder.shape[1]
    below = np.where(inside, below, 0)
    at_now = np.take_along_axis(items.response, now[:, None], axis=1)
    ahead = (items.arrivals * items.open_weeks)[:, week:].sum(axis=1)
    supply = stock + ahead
    aim = items.target * items.supply - (items.supply - ahead - stock)
    return items.replaced(
        rows,
        {
            "ladder": np.where(inside, np.take_along_axis(items.ladder, below, 1), UNKNOWN),
            "response": np.take_along_axis(items.response, below, 1) / at_now,
            "demand": items.demand[:, week:] * at_now,
            "arrivals": items.arrivals[:, week:],
            "stock": stock,
            "exit_week": items.exit_week - week,
            "max_changes": np.maximum(items.max_changes - count, 0),
            "since_change": np.where(last >= 0, week - last, items.since_change + week),
            "first_week": np.maximum(items.first_week - week, 0),
            "last_week": items.last_week - week,
            "reference": _remembered(items, rungs),
            "pins": _pins_left(items, now, week),
            "target": np.clip(aim / np.maximum(supply, 1e-9), 0.0, 1.0),
        },
    )


def _remembered(items: ClearanceItems, rungs: IntArray) -> FloatArray:
    """(n,) the price that customers remember after the weeks that have passed."""
    reference = items.reference
    for week in range(rungs.shape[1]):
        asked = np.take_along_axis(items.price, rungs[:, week : week + 1], axis=1)[:, 0]
        memory = items.reference_memory
        reference = memory * reference + (1.0 - memory) * asked
    return reference


def _pins_left(items: ClearanceItems, now: IntArray, week: int) -> IntArray:
    """(n, t) pins of the weeks that are left, on ladders that begin at the price in force."""
    ahead = items.pins[:, week:]
    pinned = (ahead != UNKNOWN) & items.open_weeks[:, week:]
    above = pinned & (ahead < now[:, None])
    if above.any():
        row = int(np.argmax(above.any(axis=1)))
        raise InvalidClearance(
            f"{str(items.sku[row])!r} in {str(items.market[row])!r}: a pinned price lies above the "
            "price in force, and prices never rise; take the pin away"
        )
    return np.where(pinned, ahead - now[:, None], UNKNOWN)


def _earlier(
    state: ClearanceState, remaining: ClearanceItems, members: IntArray, week: int
) -> IntArray | None:
    """(n, t) rungs of the plan in force, on the ladders that are left."""
    if state.earlier is None:
        return None
    before = state.earlier
    keys = {key: row for row, key in enumerate(zip(before.sku, before.market, strict=True))}
    weeks = state.items.weeks - week
    chosen = list(zip(state.items.sku[members], state.items.market[members], strict=True))
    lost = [key for key in chosen if key not in keys]
    if lost:
        raise InvalidClearance(f"the plan in force does not know {lost[0][0]!r} in {lost[0][1]!r}")
    rows = np.array([keys[key] for key in chosen])
    price = before.price[rows][:, -weeks:]
    hit = remaining.ladder[:, None, :] == price[:, :, None]
    # A price that is no longer possible, because it would rise, counts as the one in force.
    return np.where(hit.any(axis=2), hit.argmax(axis=2), 0).astype(np.int64)


def _so_far(items: ClearanceItems, history: ClearanceHistory, rungs: IntArray) -> SoFar:
    net = np.take_along_axis(items.net_price, rungs, axis=1)
    full = items.full_price[:, None]
    return SoFar(
        given_away=float(((full - history.price) * history.units).sum()),
        at_full_price=float((full * history.units).sum()),
        revenue=float((net * history.units).sum()),
    )
