"""Kinds of fields that the documents of several plans have."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from api.plans.files import Strict


def _existing(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not an IANA time zone like Europe/Berlin") from None
    return name


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    return value


def _split_many(value: object) -> object:
    return _split(value) if isinstance(value, str) and ";" in value else value


def _paired(value: object) -> object:
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split(";") if part.strip()]
        return {name.strip(): amount.strip() for name, _, amount in pairs}
    return value


TimeZone = Annotated[str, AfterValidator(_existing)]
"""The name of an IANA time zone."""
Share = Annotated[float, Field(ge=0, le=1)]

LIST_CELL = BeforeValidator(_split)
"""A CSV cell with semicolons is a list."""
LIST_CELL_IF_MANY = BeforeValidator(_split_many)
"""A CSV cell is a list if it has semicolons, else one value."""
TABLE_CELL = BeforeValidator(_paired)
"""A CSV cell such as `north=0.4;south=0.6` is a table."""


class PriorPriceIn(Strict):
    """The law on prior prices, for reductions that are announced."""

    days: int = Field(ge=1, le=366)
    progressive: bool = False
