"""Reading plan files: JSON documents, and CSV tables that stand for a part of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.errors import CannotWrite
from api.http.decimal_strings import numbers_misread
from api.plans.errors import PlanInputInvalid
from pricing.currencies import decimals
from pricing.decimal_text import HOW
from pricing.documents import Document, Form, fields_at, not_known, read_document, read_table
from pricing.errors import DocumentInvalid, MoneyError, Place, UnknownCurrency
from pricing.money import Money

MOST_BYTES: Final = 512 * 1024 * 1024
"""A larger input is refused before it fills the memory."""

MOST_NUMBER: Final = 10**15
"""Largest amount in major units, or whole number, of a document."""


class Strict(BaseModel):
    """A part of a plan document; refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        """Whole numbers of 64 bits are what planners reckon with."""
        for name, value in self:
            for number in _exact_numbers(value):
                if not -MOST_NUMBER <= number <= MOST_NUMBER:
                    raise PlanInputInvalid(f"{number} is beyond {MOST_NUMBER:,}", (name,))
        return self


class SearchIn(Strict):
    """How closely to search, and how much to simulate."""

    gap: float | None = Field(default=None, ge=0, le=1, description="gap to stop at")
    time_limit: float = Field(default=20.0, gt=0, le=86_400, description="seconds of the solver")
    threads: int = Field(default=1, ge=1, le=256)
    draws: int = Field(default=500, ge=10, le=100_000, description="futures to simulate")
    seed: int = Field(default=1, ge=0, description="of the simulated chance")


_NO_NUMBERS: Final = ("decimal_parsing", "decimal_type", "float_parsing", "int_parsing")
_Model = TypeVar("_Model", bound=BaseModel)


def read_plan_file(path: Path, rows: str) -> Document:
    """A JSON or YAML document, or a CSV of which each row is an entry of the list `rows`.

    Raises:
        PlanInputInvalid: no such file, too long, not UTF-8, not JSON, no object, or a repeated key
            or column.
    """
    source = str(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PlanInputInvalid(f"larger than {MOST_BYTES >> 20} MiB", source=source)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PlanInputInvalid(error.strerror or str(error), source=source) from error
    except UnicodeDecodeError as error:
        raise PlanInputInvalid(f"not UTF-8 text (byte {error.start})", source=source) from error
    ending = path.suffix.lower()
    if ending == ".csv":
        return read_table(text, source, rows, error=PlanInputInvalid)
    form = Form.YAML if ending in (".yaml", ".yml") else Form.JSON
    return read_document(text, source, form=form, error=PlanInputInvalid)


def set_options(document: dict[str, Any], part: str, options: Mapping[str, Any]) -> None:
    """Options of a command line go before what a part of a document says; None is no option."""
    chosen = {name: value for name, value in options.items() if value is not None}
    if chosen:
        document[part] = {**(document.get(part) or {}), **chosen}


def parsed(document: Mapping[str, Any], model: type[_Model]) -> _Model:
    """A document as a record; a `currency` in it must exist.

    Raises:
        PlanInputInvalid: names the field and the fix.
    """
    try:
        given = model.model_validate(document)
        if hasattr(given, "currency"):
            decimals(given.currency)
    except ValidationError as error:
        raise _explained(error, document, model) from error
    except UnknownCurrency as error:
        raise PlanInputInvalid(str(error), ("currency",)) from error
    for place, why in numbers_misread(given, document):
        raise PlanInputInvalid(str(why), place)
    return given


@contextmanager
def amounts_placed(given: Strict) -> Iterator[None]:
    """While the block runs, an amount that is none in the document's currency is placed.

    Raises:
        PlanInputInvalid: names the field and the fix.
    """
    try:
        yield
    except MoneyError as error:
        currency = str(getattr(given, "currency", ""))
        for place, amount in _amounts(given):
            try:
                Money.parse(amount, currency)
            except MoneyError as why:
                raise PlanInputInvalid(str(why), place) from error
        raise


def _amounts(value: object) -> Iterator[tuple[Place, Decimal]]:
    """The amounts of a document with their places."""
    if isinstance(value, Decimal):
        yield (), value
        return
    steps: Iterable[tuple[Any, object]] = ()
    if isinstance(value, BaseModel):
        steps = value
    elif isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, part in steps:
        for place, amount in _amounts(part):
            yield (step, *place), amount


def write_json(document: Mapping[str, Any], path: Path) -> None:
    """Write a document, whole or not at all.

    Raises:
        CannotWrite: the place cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(document, indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CannotWrite(f"{path}: {error.strerror or error}") from error


def money(minor: float, currency: str) -> dict[str, str]:
    """An amount as it goes on the wire."""
    return Money(round(minor), currency).wire()


def _exact_numbers(value: object) -> Iterator[int | Decimal]:
    if isinstance(value, int | Decimal):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, int | Decimal):
                yield item


def _explained(
    error: ValidationError, document: Mapping[str, Any], model: type[BaseModel]
) -> PlanInputInvalid:
    """The first problem, at its place in the document."""
    faults = error.errors(include_url=False)
    places = [_place(fault, document) for fault in faults]
    # Of the members of a union, the one that came nearest: it speaks of an item, not of the list.
    inner = [i for i, place in enumerate(places) if place[:-1] == places[0]]
    at = inner[0] if inner else 0
    first, place = faults[at], places[at]
    more = f" ({error.error_count()} problems)" if error.error_count() > 1 else ""
    own = first.get("ctx", {}).get("error")
    if isinstance(own, DocumentInvalid):
        return PlanInputInvalid(own.problem + more, (*place, *own.place))
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        reason = "is missing"
    elif first["type"] == "extra_forbidden":
        reason = not_known(place[-1], fields_at(model, place[:-1]))
    elif first["type"] in _NO_NUMBERS:
        reason = f"{reason}; {HOW}"
    return PlanInputInvalid(reason + more, place)


def _place(fault: Any, document: object) -> Place:  # noqa: ANN401 - a fault of pydantic
    """The place of a fault, without what pydantic adds: the members of unions, keys, cells."""
    place: list[str | int] = []
    for step in fault["loc"]:
        if isinstance(document, Mapping):
            if step not in document and fault["type"] != "missing":
                break
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            if isinstance(document, list):
                continue  # `list[float]`
            break
        place.append(step)
    return tuple(place)
