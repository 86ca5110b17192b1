"""What a job says where it was refused: the errors that a person can mend, as JSON."""

from __future__ import annotations

from typing import Any, Final

from api.errors import ApiError
from models.errors import ModelError
from pricing.errors import InfeasibleLimits, PricingError
from scrapers.errors import ScraperError
from simulations.errors import SimulationError
from storage.errors import StorageError

EXPECTED: Final = (
    ApiError, ModelError, PricingError, ScraperError, SimulationError, StorageError,
)  # fmt: skip


def refused(error: Exception) -> dict[str, Any] | None:
    """Why nothing came of it: the sentence, the place, the limits that conflict; None: a defect."""
    if not isinstance(error, EXPECTED):
        return None
    said: dict[str, Any] = {"message": str(error), "kind": type(error).__name__}
    place = getattr(error, "place", ())
    if place:
        said["place"] = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in place)
    if isinstance(error, InfeasibleLimits):
        said["conflicting"] = list(error.conflicting)
        said["relaxations"] = dict(getattr(error, "relaxations", {}))
    return said
