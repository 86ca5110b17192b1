"""How a run decides: limits, objective, price endings, what must hold of all prices together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from models.arrays import FloatArray
from pricing.catalogue import Catalogue
from pricing.deciding.guardrails import GuardrailLimits
from pricing.deciding.objective import Objective
from pricing.deciding.strategies import Strategy
from pricing.errors import InvalidLimits
from pricing.price_points import EndingRule
from pricing.solving.joint_limits import JointTargets
from pricing.solving.relations import Relation


@dataclass(frozen=True, slots=True)
class PricingPolicy:
    """How a run decides.

    Attributes:
        limits: hard limits on every price.
        objective: what is maximised.
        endings: price endings by market code; other markets get `EndingRule.usual`.
        max_changes: most price changes in the run; None for any number.
        candidates: prices tried a row, beside the price in force.
        exchange_rates: value of one major unit of each currency in a currency of reference;
            needed only where a joint limit spans several currencies.
        time_limit: seconds that the joint problem may take.
        joint: other limits on all prices together.
        relations: what must hold between prices.
        strategies: which rule aims at which price; rows that none claims are optimised.
        gap: share of the objective's bound below which a better answer is not searched for.
    """

    limits: GuardrailLimits = field(default_factory=GuardrailLimits)
    objective: Objective = field(default_factory=Objective)
    endings: Mapping[str, EndingRule] = field(default_factory=dict)
    max_changes: int | None = None
    candidates: int = 24
    exchange_rates: Mapping[str, float] = field(default_factory=dict)
    time_limit: float = 30.0
    joint: JointTargets = field(default_factory=JointTargets)
    gap: float = 1e-4
    relations: tuple[Relation, ...] = ()
    strategies: tuple[Strategy, ...] = ()

    def __post_init__(self) -> None:
        if self.max_changes is not None and self.max_changes < 0:
            raise InvalidLimits(
                f"max_changes {self.max_changes} must not be negative", ("max_changes",)
            )
        if not 2 <= self.candidates <= 1000:
            raise InvalidLimits(
                f"candidates {self.candidates} must be from 2 to 1000", ("candidates",)
            )
        if self.time_limit <= 0:
            raise InvalidLimits(
                f"time_limit {self.time_limit} must be above zero seconds", ("time_limit",)
            )
        if not 0.0 <= self.gap < 1.0:
            raise InvalidLimits(f"gap {self.gap} must be a share from 0 to below 1", ("gap",))
        if any(rate <= 0 for rate in self.exchange_rates.values()):
            raise InvalidLimits("exchange_rates must be above zero", ("exchange_rates",))

    def document(self) -> dict[str, Any]:
        """The policy as plain values, for storage: times as ISO text, kinds by name."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @property
    def couples_rows(self) -> bool:
        """True where one row is weighed against another."""
        return self.max_changes is not None or self.joint.any or bool(self.relations)

    def rate_of(self, catalogue: Catalogue) -> FloatArray:
        """(n,) worth of each row's major unit in the currency of reference.

        1 where nothing weighs two currencies against each other.

        Raises:
            InvalidLimits: a joint limit spans currencies and a rate is missing.
        """
        currencies = [market.currency for market in catalogue.markets]
        if not self.couples_rows or len(set(currencies)) <= 1:
            return np.ones(len(catalogue))
        missing = sorted(set(currencies) - set(self.exchange_rates))
        if missing:
            setting = "max_changes" if self.max_changes is not None else "a joint limit or relation"
            raise InvalidLimits(
                f"{setting} couples markets in {sorted(set(currencies))}; "
                f"exchange_rates lacks {missing}"
            )
        by_market = np.array([self.exchange_rates[currency] for currency in currencies])
        return by_market[catalogue.market.codes]


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
