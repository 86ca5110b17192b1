"""Numbers that a document gives as text: read again, strictly, beside what was made of them.

msgspec takes whatever Python takes for a `Decimal`: `1_250`, `" 12.50"`, digits of any script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from models.refusals import Place
from pricing.decimal_text import parse_decimal
from pricing.errors import NoDecimal


@cache
def may_hold_decimals(record: type[Any]) -> bool:
    """Whether a record of msgspec can hold a number that JSON gives as text."""
    return b'"format":"decimal"' in msgspec.json.encode(msgspec.json.schema(record))


def numbers_misread(record: object, data: object) -> Iterator[tuple[Place, NoDecimal]]:
    """The places where a number was made of a text that is no decimal string, and why it is none.

    Args:
        record: what was made of the data: records, lists, mappings, values.
        data: plain JSON data, of the same form; fields may be missing.
    """
    if isinstance(data, str):
        if isinstance(record, Decimal):
            try:
                parse_decimal(data)
            except NoDecimal as error:
                yield (), error
        return
    for name, value in _parts(record):
        for place, why in numbers_misread(value, _part(data, name)):
            yield (name, *place), why


def _part(data: object, name: Any) -> object:  # noqa: ANN401  (a key, or a place in a list)
    """What stands there; None if nothing does."""
    if isinstance(data, Mapping):
        return data.get(name)
    return data[name] if isinstance(data, list) and name < len(data) else None


def _parts(record: object) -> Iterator[tuple[Any, object]]:
    """What a record, a mapping or a list holds, by the names that it has on the wire."""
    if isinstance(record, msgspec.Struct):
        if not may_hold_decimals(type(record)):
            return  # most of a cart, which is not to wait for this
        attributes = record.__struct_fields__
        for name, attribute in zip(record.__struct_encode_fields__, attributes, strict=True):
            yield name, getattr(record, attribute)
    elif is_dataclass(record):
        yield from ((told.name, getattr(record, told.name)) for told in fields(record))
    elif isinstance(record, Mapping):
        yield from record.items()
    elif isinstance(record, list | tuple):
        yield from enumerate(record)
