"""What everything in this house is refused with: one root, its kinds, its words and its place.

    Refusal
    ├── Missing          something asked for by name or number is not there
    ├── Invalid          what was given cannot be read, or cannot be meant; at its place
    ├── Conflict         it can be meant, and what is there does not allow it now
    ├── Forbidden        nobody may do that here
    ├── Unavailable      a part that it needs is away; later it may be there
    ├── TooLarge         more than is read at once
    └── Defect           a fault of this product, not of whoever asked

Each package has a tree of its own under the root (`PricingError`, `StorageError`, …), so that
`except StorageError` means what it says; a class of such a tree stands under one kind as well. What
a kind is answered with over HTTP and on the command line is said once, in `api.errors`.

A class that a client should tell from others of its kind has a `slug` of its own; one without is
told by the slug of its base. Slugs are public: they end the URI that stands in an HTTP answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

Step = str | int
Place = tuple[Step, ...]
"""Keys and indices that lead to a part of a document or a request."""

_STEP: Final = re.compile(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]")


class Kind(StrEnum):
    """Whose turn it is to do something, and what."""

    MISSING = "missing"
    INVALID = "invalid"
    CONFLICT = "conflict"
    UNAUTHENTICATED = "not authenticated"
    FORBIDDEN = "forbidden"
    UNAVAILABLE = "unavailable"
    TOO_LARGE = "too large"
    DEFECT = "defect"


class Refusal(Exception):
    """Something is not done; the sentence says why, and what to do about it.

    Attributes:
        kind: of the class; one that is raised has one.
        slug: of the class: its public name, the last part of a problem's type URI.
        title: of the class, in a few words that are the same each time.
        example: of the class: a sentence that it could be raised with.
        retry_after: of the class: seconds after which it may be otherwise; 0 where only a change
            helps.
        names_place: of the class: its sentences name the place themselves.
        sentence: what is wrong this time and what to do, without the place.
        place: keys and indices that lead to what is refused; of a record's own check they begin at
            the record.
        source: the file that it stands in; blank while nobody said which.
        line: of the place, from 1; None where nobody knows.
        facts: what a program may want to know of it, JSON values by name.
    """

    kind: ClassVar[Kind]
    slug: ClassVar[str]
    title: ClassVar[str]
    example: ClassVar[str]
    retry_after: ClassVar[int] = 0
    names_place: ClassVar[bool] = False

    def __init__(
        self,
        sentence: str,
        place: Place = (),
        *,
        source: str = "",
        line: int | None = None,
        **facts: object,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.place = place
        self.source = source
        self.line = line
        self.facts: dict[str, Any] = facts

    def __str__(self) -> str:
        source, line = self.source, self.line
        where = source if line is None else f"{source}, line {line}" if source else f"line {line}"
        field = "" if self.names_place else self.field
        return ": ".join(part for part in (where, field, self.sentence) if part)

    @property
    def field(self) -> str:
        """The place as messages name it: `promotions[0].percent`."""
        return field_of(self.place)

    @classmethod
    def at(
        cls,
        sentence: str,
        place: Place = (),
        *,
        source: str = "",
        line: int | None = None,
        **facts: object,
    ) -> Self:
        """A refusal of this class, however it is made otherwise."""
        made = cls.__new__(cls, sentence)
        Refusal.__init__(made, sentence, place, source=source, line=line, **facts)
        return made

    def located(self, source: str, line: int | None) -> Self:
        """The same refusal with file and line."""
        return type(self).at(self.sentence, self.place, source=source, line=line, **self.facts)


class Missing(Refusal, LookupError):
    """The path names nothing that this service has. The paths are listed at /docs."""

    kind = Kind.MISSING
    slug = "unknown-resource"
    title = "Not found"
    example = "nothing is at /v2/prices; the paths are listed at /docs"


class Invalid(Refusal, ValueError):
    """A parameter or the body is not what it must be; `errors` lists each place and reason."""

    kind = Kind.INVALID
    slug = "invalid-request"
    title = "Invalid request"
    example = "query parameter 'market' is given twice"


class Conflict(Refusal):
    """The state of drafts, price books or freezes does not allow it; the detail says why."""

    kind = Kind.CONFLICT
    slug = "not-possible-now"
    title = "Not possible now"
    example = "prices are frozen: a cost file in cents; lift the freeze first"


class Forbidden(Refusal):
    """Nobody may do that here, whoever asks; the detail says what is allowed."""

    kind = Kind.FORBIDDEN
    slug = "forbidden"
    title = "Forbidden"
    example = "192.168.0.7 is a private address; crawlers keep to the public web"


class Unavailable(Refusal):
    """A part that is needed is away, or could not start; the detail says which, and what to do."""

    kind = Kind.UNAVAILABLE
    slug = "unavailable"
    title = "Unavailable"
    example = "no browser could be started; install the extra `browser`"


class TooLarge(Refusal):
    """The request body is longer than the service reads. Split it into several requests."""

    kind = Kind.TOO_LARGE
    slug = "body-too-large"
    title = "Body too large"
    example = "the body is longer than 1048576 bytes; send fewer SKUs at once"


class Defect(Refusal):
    """A defect of the service. The log has the trace under the same request id."""

    kind = Kind.DEFECT
    slug = "unexpected-failure"
    title = "Unexpected failure"
    example = "the service failed; report request id 4f0c… to its operator"


@contextmanager
def within(*place: Step) -> Iterator[None]:
    """While the block runs, what is invalid is so below this place."""
    try:
        yield
    except Refusal as error:
        if error.kind is Kind.INVALID:
            error.place = (*place, *error.place)
        raise


@contextmanager
def named_at(*place: Step, missing: type[Refusal] = Missing) -> Iterator[None]:
    """While the block runs, what is missing was named at this place, and so the name is invalid.

    Args:
        place: where the name stands.
        missing: the class of what is named there.

    Raises:
        Invalid: in place of `missing`.
    """
    try:
        yield
    except missing as error:
        raise Invalid(error.sentence, (*place, *error.place), **error.facts) from error


def field_of(place: Sequence[Step]) -> str:
    """The way to a value in a document, as messages name it: `promotions[0].percent`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def place_of(field: str) -> Place:
    """The place that `field_of` names: keys with dots or brackets in them are cut there."""
    steps = _STEP.findall(field)
    return tuple(int(index) if index else name for name, index in steps)
