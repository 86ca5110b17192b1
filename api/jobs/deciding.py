"""Decision runs and what-if questions as jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from api.jobs.surroundings import map_floor_in, offer_max_age, rule_packs
from api.work.context import Context
from api.work.kinds import Kind

if TYPE_CHECKING:
    from api.jobs.reprice import RepriceRequest

DECIDING: Final = "decision run"
"""The scope: two runs would decide from the same prices and know nothing of each other."""

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Seed = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class DecideAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to price, and under which rules; `rules` is what a rules file says, as JSON.

    Attributes:
        rules: a rules document; empty for the defaults.
        market, category, skus: what to price; all where nothing is said.
        at: decide as of this time.
        seed: of the chance that price tests are drawn by.
    """

    rules: dict[str, Any] = {}
    market: str | None = None
    category: str | None = None
    skus: list[str] | None = None
    at: _Moment | None = None
    seed: _Seed = 0


class WhatIfAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which other prices to simulate.

    Attributes:
        category, market: whose prices change, and where; all where nothing is said.
        changes: as shares of the price in force.
        optimal: try the prices that the optimiser would choose, too.
        rules: of the optimal prices, as a rules file says them.
        at: ask as of this time.
        draws: futures to simulate.
        weeks: weeks to add up.
        seed: of the simulated chance.
    """

    category: str | None = None
    market: str | None = None
    changes: tuple[float, ...] = (-0.05, 0.0, 0.05)
    optimal: bool = True
    rules: dict[str, Any] = {}
    at: _Moment | None = None
    draws: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 2000
    weeks: Annotated[int, msgspec.Meta(ge=1, le=104)] = 4
    seed: _Seed = 1


# The solver and the simulator are imported by the process that works: a service that only queues
# jobs, and every price server, starts without them.


def _request(asked: DecideAsked | WhatIfAsked, context: Context) -> RepriceRequest:
    """What is asked, from what is known now or was at the time that is named."""
    from api.jobs.reprice import RepriceRequest

    return RepriceRequest(
        now=context.now(),
        offer_max_age=offer_max_age(context),
        market=asked.market,
        category=asked.category,
        skus=asked.skus if isinstance(asked, DecideAsked) else None,
        packs=rule_packs(context),
        at=asked.at,
        map_floor_in=map_floor_in(context),
    )


def _decide(asked: DecideAsked, context: Context) -> Mapping[str, Any]:
    from api.jobs.reprice import reprice
    from pricing.rulebook.document import rules_of

    outcome = reprice(
        context.engine,
        rules_of(asked.rules),
        _request(asked, context),
        progress=context.progress,
        seed=asked.seed,
        stored=lambda conn, run: context.end(conn, {"run": run}),
    )
    return {"run": outcome.run_id}


def _what_if(asked: WhatIfAsked, context: Context) -> Mapping[str, Any]:
    import numpy as np

    from api.jobs.what_if import WhatIfQuestion, ask_what_if
    from pricing.rulebook.document import rules_of

    context.progress("simulate", 0, 1)
    answer = ask_what_if(
        context.engine,
        WhatIfQuestion(
            changes=asked.changes, optimal=asked.optimal, draws=asked.draws, periods=asked.weeks
        ),
        rules_of(asked.rules),
        _request(asked, context),
        rng=np.random.default_rng(asked.seed),
    )
    context.progress("simulate", 1, 1)
    return {
        "currency": answer.currency,
        "prices": answer.rows,
        "weeks": answer.periods,
        "level": answer.level,
        "left_out": dict(answer.left_out),
        "figures": answer.to_frame().to_dict("records"),
    }


DECIDE: Final = Kind(
    "decide",
    "Decide prices under rules, and store the run; nothing goes live.",
    DecideAsked,
    _decide,
    scope=lambda _: DECIDING,
)
WHAT_IF: Final = Kind(
    "what-if",
    "Simulate other prices: units, revenue, profit, with intervals.",
    WhatIfAsked,
    _what_if,
)
