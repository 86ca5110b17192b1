"""What would happen if a category's prices were different: asked of what is stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Engine

from api.jobs.reprice import RepriceRequest, decide_known, read_known
from models.arrays import IntArray
from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidLimits
from pricing.rulebook.document import PricingRules
from simulations.scenarios.what_if import WhatIf, what_if
from storage.database import reading

OPTIMAL = "optimal"


@dataclass(frozen=True, slots=True)
class WhatIfQuestion:
    """What to ask.

    Attributes:
        changes: price changes to try, as shares of the price in force (-0.05 is five per cent
            less); each above -1.
        optimal: try the prices that the optimiser would choose, too.
        draws: futures to simulate.
        periods: weeks to add up.
    """

    changes: tuple[float, ...] = (-0.05, 0.0, 0.05)
    optimal: bool = True
    draws: int = 2000
    periods: int = 4

    def __post_init__(self) -> None:
        wrong = [change for change in self.changes if not -1.0 < change <= 10.0]
        if wrong:
            raise InvalidLimits(
                f"price change {wrong[0]:+.0%} must lie above -100 % and at most at +1000 %"
            )


def ask_what_if(
    engine: Engine,
    question: WhatIfQuestion,
    rules: PricingRules,
    request: RepriceRequest,
    *,
    rng: np.random.Generator,
) -> WhatIf:
    """Simulate the prices in force changed by each share, and the optimal ones.

    Args:
        engine: the database.
        question: what to try.
        rules: limits, objective and strategies of the optimal prices, as `reprice` takes them; the
            other scenarios ignore them.
        request: whose prices change, and from what was known when.
        rng: source of chance; the same state gives the same answer.

    Raises:
        FitNotFound: nothing was ever fitted.
        NothingToPrice: no (sku, market) has a price under these conditions.
        InvalidScenario: several currencies, or no row that can be simulated.
    """
    with reading(engine) as conn:
        known = read_known(conn, rules, request)
    price = known.catalogue.price
    scenarios: dict[str, IntArray] = {
        f"{change:+.0%}": np.where(
            price == UNKNOWN, UNKNOWN, np.maximum(np.rint(price * (1.0 + change)), 1)
        ).astype(np.int64)
        for change in question.changes
    }
    if question.optimal:
        scenarios[OPTIMAL] = decide_known(known).price
    return what_if(
        known.catalogue,
        known.demand,
        scenarios,
        rng=rng,
        draws=question.draws,
        periods=question.periods,
    )
