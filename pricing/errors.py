"""Errors of the `pricing` package.

    PricingError
    ├── MoneyError              an amount or a currency that cannot be what it claims to be
    │   ├── UnknownCurrency     not an ISO 4217 code in use
    │   └── CurrencyMismatch    two currencies met in one sum or comparison
    ├── InvalidCatalogue        columns of unequal length, a repeated key, a value out of range
    ├── InvalidLimits           a guardrail or an objective set outside its safe range
    ├── InfeasibleLimits        joint limits that no set of prices can satisfy together
    ├── SolverFault             an integer programme that the solver refuses: a defect
    ├── InvalidPriceHistory     price rows that do not describe one price at each moment
    ├── DocumentInvalid         a part of a document that cannot be read or meant, at its place
    │   ├── InvalidRulePack     a rule of law that is incomplete, or names no article
    │   └── InvalidStrategy     a strategy or a rules file that cannot be meant
    └── UnreadablePart          a part of a document that no reader can make a value of
        └── RepeatedKey         a key that stands twice in one mapping

Each message names the field and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Self, TypeVar

Place = tuple[str | int, ...]
"""Keys and indices that lead to a part of a document."""

_STEP: Final = re.compile(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]")


class PricingError(Exception):
    """Anything that `pricing` refuses."""


class MoneyError(PricingError, ValueError):
    """An amount that is not exact money in its currency."""


class NoDecimal(PricingError, ValueError):
    """A text that is no decimal string; the message says how to write one."""


class UnknownCurrency(MoneyError):
    """The code is not an ISO 4217 currency in use; check its spelling."""


class CurrencyMismatch(MoneyError):
    """Two currencies met in one sum or comparison; convert one of them first."""


class InvalidCatalogue(PricingError, ValueError):
    """The columns of a catalogue do not describe a set of (sku, market) pairs."""


class InvalidLimits(PricingError, ValueError):
    """A limit is set outside the range in which it still protects anybody.

    Attributes:
        place: the field of the record that refuses it; empty where that is no single one.
    """

    def __init__(self, message: str, place: Place = ()) -> None:
        super().__init__(message)
        self.place = place


class InfeasibleLimits(PricingError):
    """No set of prices satisfies all joint limits.

    Attributes:
        conflicting: the names of limits that cannot hold together.
        proven: True where no answer exists; False where the search ended before it found one, and
            more time may help.
    """

    def __init__(self, message: str, conflicting: Sequence[str], *, proven: bool = True) -> None:
        super().__init__(message)
        self.conflicting = tuple(conflicting)
        self.proven = proven


class SolverFault(PricingError, RuntimeError):
    """The solver was asked what is no integer programme: a defect of this product; report it."""


class InvalidPriceHistory(PricingError, ValueError):
    """Price rows that do not describe one price at each moment; the message names the column."""


class DocumentInvalid(PricingError, ValueError):
    """A part of a document that cannot be read, or cannot be meant; correct it at its place.

    Attributes:
        problem: what is wrong and what to do, without the place.
        place: keys and indices that lead to it; of a record's own check they begin at the record.
        source: the document's file; blank while nobody said which.
        line: of the place, from 1; None where nobody knows.
    """

    def __init__(
        self, problem: str, place: Place = (), *, source: str = "", line: int | None = None
    ) -> None:
        where = source if line is None else f"{source}, line {line}" if source else f"line {line}"
        parts = [part for part in (where, field_of(place), problem) if part]
        super().__init__(": ".join(parts))
        self.problem = problem
        self.place = place
        self.source = source
        self.line = line

    @classmethod
    def at(
        cls, problem: str, place: Place = (), *, source: str = "", line: int | None = None
    ) -> Self:
        """A refusal, however a class of them is made otherwise."""
        return cls(problem, place, source=source, line=line)

    def located(self, source: str, line: int | None) -> Self:
        """The same refusal with file and line."""
        return type(self).at(self.problem, self.place, source=source, line=line)


_Invalid = TypeVar("_Invalid", bound=DocumentInvalid)


class InvalidStrategy(DocumentInvalid):
    """A strategy, or an entry of a rules file, that cannot be meant; correct the field it names."""


class InvalidRulePack(DocumentInvalid):
    """A rule pack that cannot be applied; the message names the field and the fix."""


class UnreadablePart(PricingError, ValueError):
    """A part of a document that is well written, and of which no value can be made.

    Attributes:
        place: keys and indices that lead to it.
        line: on which it stands, from 1.
        problem: what is wrong and what to do, without the line.
    """

    def __init__(self, place: tuple[str | int, ...], line: int, problem: str) -> None:
        super().__init__(
            ": ".join(part for part in (f"line {line}", field_of(place), problem) if part)
        )
        self.place = place
        self.line = line
        self.problem = problem

    def of(self, kind: type[_Invalid], source: str) -> _Invalid:
        """The same as a refusal of a document."""
        return kind.at(self.problem, self.place, source=source, line=self.line)


class RepeatedKey(UnreadablePart):
    """A key stands twice in one mapping of a document: which of the two counts, nobody can know.

    Attributes:
        first_line: of the first one; `line` is that of the second one.
    """

    def __init__(self, place: tuple[str | int, ...], line: int, first_line: int) -> None:
        self.first_line = first_line
        inside = f" in {field_of(place[:-1])}" if place[1:] else ""
        problem = (
            f"{place[-1]!r} is there twice{inside}, first in line {first_line}; keep one of them"
        )
        super().__init__(place, line, problem)

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}"

    def of(self, kind: type[_Invalid], source: str) -> _Invalid:
        """The same as a refusal of a document, which names the key already."""
        return kind.at(self.problem, source=source, line=self.line)


def field_of(place: Sequence[str | int]) -> str:
    """The way to a value in a document, as messages name it: `promotions[0].percent`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def place_of(field: str) -> Place:
    """The place that `field_of` names: keys with dots or brackets in them are cut there."""
    steps = _STEP.findall(field)
    return tuple(int(index) if index else name for name, index in steps)
