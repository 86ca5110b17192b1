"""Entries of a parsed rules document that know their place, so that a refusal can name it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, TypeVar

from models.refusals import Refusal
from pricing.decimal_text import parse_number
from pricing.documents import not_known
from pricing.errors import InvalidStrategy

Kind = TypeVar("Kind", bound=StrEnum)
Record = TypeVar("Record")


class Entry:
    """One value of a rules document.

    Attributes:
        value: what the document says.
        place: keys and indices that lead to it.
    """

    def __init__(self, value: object, place: tuple[str | int, ...] = ()) -> None:
        self.value = value
        self.place = place

    def refused(self, why: str) -> InvalidStrategy:
        """The error that says why, at this place."""
        return InvalidStrategy(why, self.place)

    def fields(self, known: Collection[str] | None = None) -> dict[str, Entry]:
        """The entries of a mapping, by name; nothing counts as an empty one.

        Raises:
            InvalidStrategy: no mapping, or a name that is not known.
        """
        if self.value is None:
            return {}
        if not isinstance(self.value, Mapping):
            raise self.refused("must be a mapping of names to values")
        found = {str(key): Entry(item, (*self.place, str(key))) for key, item in self.value.items()}
        for name, entry in found.items():
            if known is not None and name not in known:
                raise entry.refused(not_known(name, frozenset(known)))
        return found

    def items(self) -> list[Entry]:
        """The entries of a list; nothing counts as an empty one."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.refused("must be a list")
        return [Entry(item, (*self.place, place)) for place, item in enumerate(self.value)]

    def number(self) -> float:
        """A finite number."""
        if isinstance(self.value, int | float | str) and not isinstance(self.value, bool):
            try:
                as_text = isinstance(self.value, str)
                value = parse_number(str(self.value)) if as_text else float(self.value)
            except ValueError:
                value = float("nan")
            if abs(value) < float("inf"):
                return value
        raise self.refused(f"{self.value!r} is no number")

    def whole(self) -> int:
        """A whole number."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value
        raise self.refused(f"{self.value!r} must be a whole number")

    def flag(self) -> bool:
        """True or false."""
        if isinstance(self.value, bool):
            return self.value
        raise self.refused(f"{self.value!r} must be true or false")

    def text(self) -> str:
        """A text that is not blank; a number is read as its digits."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        raise self.refused("is missing, or is no text")

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items())

    def numbers(self) -> tuple[float, ...]:
        """A list of numbers."""
        return tuple(item.number() for item in self.items())

    def band(self) -> tuple[float, float]:
        """Two numbers, low then high."""
        both = self.numbers()
        if len(both) != 2 or both[0] > both[1]:
            raise self.refused("must be two numbers, low then high, such as [0.9, 1.1]")
        return both[0], both[1]

    def one_of(self, kinds: type[Kind]) -> Kind:
        """A member of an enumeration, by its value."""
        text = self.text()
        try:
            return kinds(text)
        except ValueError:
            names = ", ".join(kind.value for kind in kinds)
            raise self.refused(f"{text!r} is not one of {names}") from None

    def moment(self) -> datetime:
        """A date, which begins in UTC, or a time; without a zone it is in UTC."""
        value = self.value
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, datetime):
            return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        if isinstance(value, date):
            return datetime.combine(value, time(), UTC)
        raise self.refused(f"{self.value!r} is no date such as 2026-12-31")

    def record(
        self,
        make: Callable[..., Record],
        reads: Mapping[str, Callable[[Entry], Any]],
        required: Collection[str] = (),
        names: Mapping[str, str] | None = None,
    ) -> Record:
        """A record made of a mapping.

        Args:
            make: the record's class, or what makes one.
            reads: how each field that may stand here is read.
            required: fields that must stand here.
            names: arguments of `make` that are called otherwise here.

        Raises:
            InvalidStrategy: a field that is missing, not known, or out of its range.
        """
        given = self.fields(reads)
        for name in required:
            if name not in given:
                raise Entry(None, (*self.place, name)).refused("is missing")
        renamed = names or {}
        values = {renamed.get(name, name): reads[name](entry) for name, entry in given.items()}
        try:
            return make(**values)
        except Refusal as error:
            raise self.of_record(error, {own: name for name, own in renamed.items()}) from error

    def of_record(self, error: Refusal, names: Mapping[str, str] | None = None) -> InvalidStrategy:
        """What the record made of this entry refuses, at the place of its field.

        Args:
            error: what was raised; its `place` begins at the record.
            names: what fields of the record are called here, where that is otherwise.
        """
        steps = [(names or {}).get(str(step), step) for step in error.place[:1]]
        return InvalidStrategy(error.sentence, (*self.place, *steps, *error.place[1:]))


def numbers_of(record: type) -> dict[str, Callable[[Entry], Any]]:
    """How to read a record all of whose fields are numbers."""
    return {item.name: Entry.number for item in fields(record)}
