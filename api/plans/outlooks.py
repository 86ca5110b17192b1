"""What to expect of a plan beside its alternatives, as JSON values: one shape for every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from simulations.scenarios.outlook import Estimate, Outlook


def sides(
    view: Outlook, plan: str, others: Iterable[str], shown: Callable[[float, str], object]
) -> dict[str, Any]:
    """Every plan's figures, then by how much one plan exceeds some others.

    Args:
        view: the futures.
        plan: the plan that is compared.
        others: what it is compared with; those that were not simulated are left out.
        shown: how a value of a measure goes on the wire.

    Returns:
        by side and measure, `mean`, `low` and `high`; None for a figure that is not known.
    """

    def figures(of: Callable[[str], Estimate]) -> dict[str, dict[str, object] | None]:
        return {measure: _interval(of(measure), measure, shown) for measure in view.measures}

    return {name: figures(partial(view.of, name)) for name in view.plans} | {
        f"{plan} less {other}": figures(partial(view.difference, plan, other))
        for other in others
        if other in view.plans
    }


def _interval(
    estimate: Estimate, measure: str, shown: Callable[[float, str], object]
) -> dict[str, object] | None:
    if np.isnan(estimate.mean):
        return None
    values = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
    return {name: shown(value, measure) for name, value in values.items()}
