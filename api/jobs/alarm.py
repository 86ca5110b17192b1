"""The alert of a run whose inputs were not to be believed, or whose prices the law held."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from sqlalchemy.engine import Connection

from models.arrays import BoolArray
from pricing.deciding.decisions import Decisions
from pricing.deciding.guardrails import GuardrailLimits, Limit
from pricing.deciding.sanity import plausible_offers
from pricing.deciding.stuck import freed_by
from pricing.events.prices import HeldPrice, PricesHeld, Stuck
from storage.events.store import record

ALARMING: Final = (
    Limit.IMPLAUSIBLE_COST
    | Limit.UNCONFIRMED_COST
    | Limit.IMPLAUSIBLE_DEMAND
    | Limit.IMPLAUSIBLE_LEVEL
    | Limit.CURRENCY_MISMATCH
    | Limit.CLOCK_BEHIND
    | Limit.STALE_INPUTS
    | Limit.LAW
)
"""What holds a price because something is wrong. Limits that merely do their daily work, and inputs
that were never there, are left to the summary of the run, unless the price that they hold stands
outside a limit itself."""

_EXAMPLES: Final = 10

_WORDS: Final = {
    Limit.IMPLAUSIBLE_COST: "costs far from the price",
    Limit.UNCONFIRMED_COST: "costs more than twice, or less than half, the last trusted ones; they "
    "wait for `pricewright costs confirm`",
    Limit.IMPLAUSIBLE_DEMAND: "demand that does not fall as it should when the price rises",
    Limit.IMPLAUSIBLE_LEVEL: "demand curves whose level no sales carry",
    Limit.CURRENCY_MISMATCH: "amounts in another currency than the market's",
    Limit.CLOCK_BEHIND: "prices or inputs from the future: a clock is wrong",
    Limit.STALE_INPUTS: "inputs that are too old",
    Limit.LAW: "no lawful price within the other limits",
}


def alarm(
    conn: Connection, run_id: int, run: Decisions, limits: GuardrailLimits, *, at: datetime
) -> bool:
    """Record one alert that says what a run held, and why; True if there was something to say.

    Args:
        conn: the transaction that stores the run: the run and its alert stand or fall together.
        run_id: its number.
        run: its decisions.
        limits: what the run took for plausible.
        at: when it was stored, UTC.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    stuck = run.stuck
    alarming = ((run.held_by & int(ALARMING)) != 0) | stuck
    ignored = _ignored_offers(run, limits)
    if not alarming.any() and not ignored.any():
        return False
    held = {
        limit: int(((run.held_by & int(limit)) != 0).sum())
        for limit in _WORDS
        if ((run.held_by & int(limit)) != 0).any()
    }
    texts = [f"{count} x {_WORDS[limit]}" for limit, count in held.items()]
    if stuck.any():
        texts.append(f"{int(stuck.sum())} x prices that stand outside a limit and cannot move")
    if ignored.any():
        texts.append(f"{int(ignored.sum())} x offers too far from the price were ignored")
    event = PricesHeld(
        run=run_id,
        rows=len(run),
        held={_name(limit): count for limit, count in held.items()},
        stuck=int(stuck.sum()),
        stuck_by=_freed(run, stuck),
        offers_ignored=int(ignored.sum()),
        why="; ".join(texts),
        examples=_examples(run, np.flatnonzero(alarming | ignored)[:_EXAMPLES].tolist()),
    )
    record(conn, event, at=at)
    return True


def _freed(run: Decisions, stuck: BoolArray) -> dict[str, Stuck]:
    """Of stuck prices, how many each limit holds, and what frees them."""
    held_by = run.held_by[stuck]
    found: dict[str, Stuck] = {}
    for bits in np.unique(held_by).tolist():
        rows = int((held_by == bits).sum())
        for limit, cure in freed_by(bits).items():
            known = found.get(_name(limit), Stuck(count=0, freed_by=cure))
            found[_name(limit)] = msgspec.structs.replace(known, count=known.count + rows)
    return found


def _ignored_offers(run: Decisions, limits: GuardrailLimits) -> BoolArray:
    """(n,) offers that no decision used, since they can hardly be of the same product."""
    used = plausible_offers(run.catalogue, run.competitors, limits)
    ignored: BoolArray = (run.competitors.offers > 0) & (used.offers == 0)
    return ignored


def _examples(run: Decisions, rows: list[int]) -> tuple[HeldPrice, ...]:
    found = (run.record(row) for row in rows)
    return tuple(
        HeldPrice(
            sku=one.sku,
            market=one.market,
            price_in_force=None if one.previous is None else str(one.previous),
            price_decided=None if one.price is None else str(one.price),
            reasons=tuple(reason.wire() for reason in one.reasons),
        )
        for one in found
    )


def _name(limit: Limit) -> str:
    return limit.names[0]
