"""A plan's announcements judged one after the other: the reference for plans that obey the law."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from pricing.law.packs import RulePack, Verdict
from pricing.law.price_history import PriceHistory, instant
from pricing.law.reference_price import Announcement, check_reduction


def check_plan(
    steps: Sequence[Announcement], history: PriceHistory, zone: ZoneInfo, pack: RulePack
) -> tuple[Verdict, ...]:
    """A verdict a step, each judged as if the steps before it had been carried out.

    Args:
        steps: in the order in which they start.
        history: prices of the one key up to now.
        zone: the market's time zone.
        pack: the jurisdiction's rules.
    """
    verdicts = []
    for step in steps:
        verdicts.append(check_reduction(step, history, zone, pack))
        history = PriceHistory.of(
            1,
            key=np.append(history.key, 0),
            since=np.append(history.since, instant(step.starts)),
            price=np.append(history.price, step.price),
            source=np.append(history.source, "planned"),
        )
    return tuple(verdicts)
