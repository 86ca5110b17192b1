"""Checks that many promotion types share; each names the field."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from pricing.promotions.errors import InvalidPromotion

_T = TypeVar("_T")


def one_of(field: str, **values: object) -> None:
    """Refuse unless exactly one of the named values is given."""
    given = [name for name, value in values.items() if value is not None]
    if len(given) != 1:
        names = " and ".join([", ".join(list(values)[:-1]), list(values)[-1]])
        at = f"{field}.{given[1] if given else next(iter(values))}"
        raise InvalidPromotion(at, f"give one of {names}")


def at_least_one(value: int | None, field: str) -> None:
    """Refuse zero and less; None is fine."""
    if value is not None and value < 1:
        raise InvalidPromotion(field, f"{value} must be 1 or more")


def rising(values: Sequence[int], least: int, field: str, name: str) -> None:
    """Refuse an empty list, a first value under `least`, and values that do not rise."""
    if not values:
        raise InvalidPromotion(field, "give at least one step")
    if values[0] < least:
        raise InvalidPromotion(f"{field}[0].{name}", f"must be {least} or more")
    for i, (before, after) in enumerate(pairwise(values), start=1):
        if after <= before:
            raise InvalidPromotion(f"{field}[{i}].{name}", "must be more than in the step before")


def places(records: Sequence[_T], field: str) -> list[tuple[str, _T]]:
    """Each record with its path."""
    return [(f"{field}[{i}]", record) for i, record in enumerate(records)]
