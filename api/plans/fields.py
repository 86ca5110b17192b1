"""What the documents of several plans are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, get_args, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from api.plans.errors import PlanInputInvalid
from models.refusals import Place
from pricing.currencies import decimals
from pricing.errors import UnknownCurrency

MOST_NUMBER: Final = 10**15
"""Largest amount in major units, or whole number, of a document."""
_ABOVE: Final = "above"
Number = int | float | Decimal

Name = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Amount = Annotated[
    Decimal, Meta(extra={_ABOVE: False}, extra_json_schema={"minimum": 0})
]  # fmt: skip
"""Money that is not negative; the bounds that msgspec knows are of other numbers."""
Price = Annotated[
    Decimal, Meta(extra={_ABOVE: True}, extra_json_schema={"exclusiveMinimum": 0})
]  # fmt: skip
"""Money above nothing."""


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a plan document; refuses fields that it does not know, and numbers beyond reason.

    Whole numbers of 64 bits are what planners reckon with.
    """

    def __post_init__(self) -> None:
        """Check what the types of the fields cannot say.

        Raises:
            PlanInputInvalid: names the field and the fix.
        """
        bounds = _bounds(type(self))
        for name in self.__struct_fields__:
            for place, number in numbers_in(getattr(self, name)):
                told = ""
                if not math.isfinite(number):
                    told = "must be a number"
                elif not isinstance(number, float) and not -MOST_NUMBER <= number <= MOST_NUMBER:
                    told = f"must lie within {MOST_NUMBER:,}"
                elif isinstance(number, Decimal) and name in bounds and number <= 0:
                    if bounds[name]:
                        told = "must be above 0"
                    elif number < 0:
                        told = "must be 0 or more"
                if told:
                    raise PlanInputInvalid(f"{told}, not {number}", (name, *place))


class PlanIn(Strict, frozen=True, kw_only=True):
    """What every plan says."""

    currency: str
    time_zone: str = "UTC"
    market: str | None = None

    def __post_init__(self) -> None:
        """Check that the currency and the IANA time zone exist.

        Raises:
            PlanInputInvalid: names the field and the fix.
        """
        super().__post_init__()
        try:
            decimals(self.currency)
        except UnknownCurrency as error:
            raise PlanInputInvalid(str(error), ("currency",)) from error
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise PlanInputInvalid(
                f"{self.time_zone!r} is not an IANA time zone like Europe/Berlin", ("time_zone",)
            ) from None


class SearchIn(Strict, frozen=True, kw_only=True):
    """How closely to search, and how much to simulate."""

    gap: Annotated[Share | None, Meta(description="gap to stop at")] = None
    time_limit: Annotated[
        float, Meta(gt=0, le=86_400, description="seconds of the solver")
    ] = 20.0  # fmt: skip
    threads: Annotated[int, Meta(ge=1, le=256)] = 1
    draws: Annotated[int, Meta(ge=10, le=100_000, description="futures to simulate")] = 500
    seed: Annotated[int, Meta(ge=0, description="of the simulated chance")] = 1


class PriorPriceIn(Strict, frozen=True, kw_only=True):
    """The law on prior prices, for reductions that are announced."""

    days: Annotated[int, Meta(ge=1, le=366)]
    progressive: bool = False


def numbers_in(value: object) -> Iterator[tuple[Place, Number]]:
    """The numbers of a field with their places; those of records inside it are left to them."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield (), value
    elif isinstance(value, list | dict):
        steps: Iterable[tuple[str | int, object]] = enumerate(value)
        if isinstance(value, dict):
            steps = ((str(key), part) for key, part in value.items())
        for step, part in steps:
            for place, number in numbers_in(part):
                yield (step, *place), number


@cache
def _bounds(record: type[Strict]) -> dict[str, bool]:
    """By field, whether its amounts must lie above 0, or may be 0."""
    hints = get_type_hints(record, include_extras=True)
    found = {name: _above(hint) for name, hint in hints.items()}
    return {name: above for name, above in found.items() if above is not None}


def _above(hint: Any) -> bool | None:  # noqa: ANN401
    """What the annotations of an amount say, wherever it stands in a type."""
    for part in get_args(hint):
        if isinstance(part, Meta) and part.extra and _ABOVE in part.extra:
            return bool(part.extra[_ABOVE])
        if (inner := _above(part)) is not None:
            return inner
    return None
