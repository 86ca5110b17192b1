"""How long a search has run: the watch of the solver library itself.

Time decides only when a search stops, never what a price is made from, so the pure core may look at
this watch and at no clock.
"""

from __future__ import annotations

from ortools.linear_solver import pywraplp


class Stopwatch:
    """Runs from its making."""

    def __init__(self) -> None:
        self._solver = pywraplp.Solver.CreateSolver("GLOP")

    @property
    def seconds(self) -> float:
        """Seconds since it was made, to the millisecond."""
        return float(self._solver.wall_time()) / 1000.0
