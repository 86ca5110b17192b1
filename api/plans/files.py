"""Reading plan files: JSON documents, and CSV tables that stand for a part of one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.errors import CannotWrite
from api.http.decimal_strings import numbers_misread
from api.plans.errors import PlanInputInvalid
from pricing.currencies import decimals
from pricing.decimal_text import HOW
from pricing.documents import read_json
from pricing.errors import RepeatedKey, UnknownCurrency
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
                    raise ValueError(f"{name}: {number} is beyond {MOST_NUMBER:,}")
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


def read_document(path: Path, rows: str) -> dict[str, Any]:
    """A JSON document, or a CSV of which each row is an entry of the list `rows`.

    Raises:
        PlanInputInvalid: no such file, too long, not UTF-8, not JSON, no object, or a repeated key
            or column.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PlanInputInvalid(f"{path}: larger than {MOST_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PlanInputInvalid(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PlanInputInvalid(f"{path}: not UTF-8 text (byte {error.start})") from error
    if path.suffix.lower() == ".csv":
        table = csv.DictReader(text.splitlines())
        columns = table.fieldnames or []
        if twice := [name for name in columns if name and columns.count(name) > 1]:
            raise PlanInputInvalid(f"{path}: line 1: column {twice[0]!r} is there twice; keep one")
        cells = [
            {k: v.strip() if isinstance(v, str) else v for k, v in row.items()} for row in table
        ]
        found = [{k: v for k, v in row.items() if v not in ("", None)} for row in cells]
        return {rows: found}
    try:
        document = read_json(text)
    except RepeatedKey as error:
        raise PlanInputInvalid(f"{path}: {error}") from error
    except json.JSONDecodeError as error:
        raise PlanInputInvalid(f"{path}: line {error.lineno}: not JSON: {error.msg}") from error
    if not isinstance(document, dict):
        raise PlanInputInvalid(f"{path}: the outermost value must be an object")
    return document


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
        raise PlanInputInvalid(_explained(error)) from error
    except UnknownCurrency as error:
        raise PlanInputInvalid(f"currency: {error}") from error
    for place, why in numbers_misread(given, document):
        raise PlanInputInvalid(f"{'.'.join(str(part) for part in place)}: {why}")
    return given


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


def _explained(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    more = f" ({error.error_count()} problems)" if error.error_count() > 1 else ""
    reason = f"{first['msg']}; {HOW}" if first["type"] in _NO_NUMBERS else first["msg"]
    return f"{place}: {reason}{more}"
