"""What the layers below refuse, as a problem: for callers that pass every refusal on alike."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError

from api.errors import DatabaseAway, InvalidRequest, NotPossibleNow, Problem, UnknownResource
from pricing.errors import PricingError
from storage import errors as stored


def problem_of(error: Exception) -> Problem | None:
    """The refusal that an error stands for; None for a defect."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error)
        case stored.DatabaseUnavailable() | OperationalError() | InterfaceError():
            return DatabaseAway(
                "the database does not answer; try again in some seconds",
                headers={"retry-after": "5"},
            )
        case stored.NotStored():
            return UnknownResource(str(error))
        case stored.NotPossibleNow() | stored.AlreadyDecided():
            return NotPossibleNow(str(error))
        case stored.StorageError() | PricingError():
            return InvalidRequest(str(error))
    return None


def _invalid(error: RequestValidationError) -> InvalidRequest:
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"][1:]), "message": str(fault["msg"])}
        for fault in error.errors()
    ]
    told = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return InvalidRequest(told, errors=faults)
