"""Reading plan files: JSON documents, and CSV tables that stand for a part of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from api.errors import CannotWrite
from api.plans.errors import PlanInputInvalid
from api.plans.fields import Strict
from models.refusals import Place
from pricing.documents import Document, Form, read_document, read_table, record_of
from pricing.errors import MoneyError
from pricing.money import Money

MOST_BYTES: Final = 512 * 1024 * 1024
"""A larger input is refused before it fills the memory."""

_Model = TypeVar("_Model", bound=Strict)


def read_plan_file(path: Path, rows: str, row: type[Strict] | None = None) -> Document:
    """A JSON or YAML document, or a CSV of which each row is an entry of the list `rows`.

    Args:
        path: .json, .yaml, .yml or .csv.
        rows: name of the list.
        row: what an entry is to become, where cells may hold lists and mappings.

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
        return read_table(text, source, rows, row, error=PlanInputInvalid)
    form = Form.YAML if ending in (".yaml", ".yml") else Form.JSON
    return read_document(text, source, form=form, error=PlanInputInvalid)


def set_options(document: dict[str, Any], part: str, options: Mapping[str, Any]) -> None:
    """Options of a command line go before what a part of a document says; None is no option."""
    chosen = {name: value for name, value in options.items() if value is not None}
    if chosen:
        document[part] = {**(document.get(part) or {}), **chosen}


def parsed(document: Mapping[str, Any], model: type[_Model]) -> _Model:
    """A document as a record; numbers may be decimal strings.

    Raises:
        PlanInputInvalid: names the field and the fix.
    """
    return record_of(document, model, error=PlanInputInvalid, lax=True)


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
    if isinstance(value, Strict):
        steps = msgspec.structs.asdict(value).items()
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
