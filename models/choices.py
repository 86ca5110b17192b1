"""Settings that are one of a few."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from models.errors import InvalidSpec

_Kind = TypeVar("_Kind", bound=StrEnum)


def chosen(kind: type[_Kind], value: str, name: str) -> _Kind:
    """The member of an enumeration that has this value.

    Args:
        kind: the enumeration.
        value: a member, or its value.
        name: of the setting, for the message.

    Raises:
        InvalidSpec: there is none; the message lists those that are.
    """
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(item.value) for item in kind)
        raise InvalidSpec(f"{name} {value!r} must be one of {known}") from None
