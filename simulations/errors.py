"""Errors of the `simulations` package.

SimulationError
├── InvalidMarket      a market asked for with settings that no market can have
└── InvalidScenario    a what-if question that cannot be answered: names the scenario and the fix
"""

from __future__ import annotations

from models.refusals import Invalid, Refusal


class SimulationError(Refusal):
    """Anything that `simulations` refuses."""


class InvalidMarket(SimulationError, Invalid):
    """The settings of a simulated market are out of range or contradict each other."""


class InvalidScenario(SimulationError, Invalid):
    """Scenario prices of the wrong shape, unknown base, or nothing to simulate."""
