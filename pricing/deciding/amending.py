"""Decisions as people change them by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pricing.catalogue import UNKNOWN
from pricing.deciding.actions import Action
from pricing.deciding.decisions import Decisions
from pricing.money import Money


def amended(run: Decisions, changes: Mapping[tuple[str, str], Money | None]) -> Decisions:
    """Public decisions with other prices, by SKU and market; None proposes no price.

    What they expect is that of the price decided: nothing was computed for another one.
    """
    if not changes:
        return run
    price, action = np.array(run.price), np.array(run.action)
    for (sku, market), money in changes.items():
        row = run.catalogue.where(skus=[sku], market=market)
        price[row] = UNKNOWN if money is None else money.minor
        action[row] = Action.KEEP if money is None else Action.CHANGE
    return replace(run, price=price, action=action)
