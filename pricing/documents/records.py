"""From plain data to records; what is unknown, missing or of another type has its place named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from models.refusals import Invalid, Place, Refusal
from pricing.decimal_text import HOW, parse_number
from pricing.documents.decimal_strings import numbers_misread
from pricing.errors import NoDecimal

_T = TypeVar("_T")
_AT: Final = re.compile(r" - at (?:`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|(?P<some>\[\.\.\.\])")
_NAMED: Final = re.compile(
    r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`"
)
_EXPECTED: Final = re.compile(r"Expected `(?P<kinds>[^`]+)`(?P<more>.*?)(?:, got .*)?$", re.DOTALL)
_KINDS: Final = {
    "array": "a list",
    "bool": "true or false",
    "date": "a date such as 2026-12-31",
    "datetime": "a time such as 2026-12-31T20:00:00Z",
    "decimal": "a decimal number such as 12.50",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a mapping of fields",
    "str": "text",
}
_MOST_SHOWN: Final = 60


def record_of(
    value: object,
    record: type[_T],
    *,
    error: type[Invalid] = Invalid,
    lax: bool = False,
) -> _T:
    """A record of plain data.

    Args:
        value: what YAML, JSON or a table gave.
        record: a class of msgspec, or a dataclass; what its own checks raise may carry a `place`
            that begins at it.
        error: the class of refusals.
        lax: numbers may be text, as in the cells of a table.

    Raises:
        Invalid: of the class `error`, with the place and the cure: an unknown field, a
            missing one, a value of another type or out of its range.
    """
    if not issubclass(record, msgspec.Struct) and (unknown := unknown_field(value, record)):
        raise error.at(not_known(unknown[0][-1], unknown[1]), unknown[0])
    try:
        made = msgspec.convert(value, record, strict=not lax)
    except msgspec.ValidationError as refused:
        raise refusal(refused, value, record, error=error, lax=lax) from refused
    for place, why in numbers_misread(made, value):
        raise error.at(str(why), place)
    return made


def refusal(
    refused: msgspec.ValidationError,
    value: object,
    record: Any,  # noqa: ANN401 - a class, or a union of classes
    *,
    error: type[Invalid] = Invalid,
    lax: bool = False,
) -> Invalid:
    """What msgspec says of data, with the whole place, and in words that name the cure.

    Args:
        refused: what msgspec raised.
        value: the data.
        record: what was to be made of them.
        error: the class of the refusal.
        lax: as they were converted.
    """
    found = _AT.search(str(refused))
    sentence = str(refused)[: found.start()] if found else str(refused)
    place = _place(found["path"] if found else "", value, record, str(refused), lax=lax)
    own = refused.__cause__
    if isinstance(own, Refusal):
        return error.at(own.sentence, (*place, *own.place))
    if named := _NAMED.fullmatch(sentence):
        name = named["name"]
        if named["what"] == "missing required":
            return error.at("is missing", (*place, name))
        known = {f for kind in _types_at(record, place, value) for f in _fields(kind)}
        return error.at(not_known(name, known), (*place, name))
    return error.at(
        _sentence(sentence, _part(value, place), _types_at(record, place, value)), place
    )


def unknown_field(value: object, record: Any) -> tuple[Place, frozenset[str]] | None:  # noqa: ANN401
    """The first field that no record has, and those that there are; None where all are known."""
    if isinstance(value, Mapping):
        kinds = [kind for kind in _fitting(record, value) if _is_record(kind)]
        known = frozenset(name for kind in kinds for name in _fields(kind))
        if kinds and (other := next((str(key) for key in value if key not in known), None)):
            return (other,), known
        parts: Iterator[tuple[Any, object]] = iter(value.items())
    elif isinstance(value, list | tuple):
        parts = iter(enumerate(value))
    else:
        return None
    for step, part in parts:
        inner = [kind for kind in _flat(record) for kind in _inside(kind, step)]
        if inner and (found := unknown_field(part, Union[tuple(inner)])):  # noqa: UP007
            return (step, *found[0]), found[1]
    return None


def cells_of(row: Mapping[str, str], record: type[Any]) -> dict[str, Any]:
    """A row of a table with its cells as the fields of a record: lists, mappings, numbers, text."""
    types = _fields(record)  # type: ignore[arg-type]  # types are hashable
    return {name: _cell(text, _flat(types.get(name))) for name, text in row.items()}


def _cell(text: str, kinds: Sequence[Any]) -> object:
    """What a cell says; where a single value may stand as well, only semicolons make a list."""
    inside = {get_origin(kind): _flat(get_args(kind)[-1]) for kind in kinds if get_args(kind)}
    single = any(kind is not type(None) and not get_args(kind) for kind in kinds)
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if list in inside and (not single or ";" in text):
        return [_cell(part, inside[list]) for part in parts]
    if dict in inside and not single:
        pairs = [part.partition("=") for part in parts]
        return {name.strip(): _cell(value.strip(), inside[dict]) for name, _, value in pairs}
    if float in kinds or int in kinds:
        try:
            number = parse_number(text)
        except NoDecimal:
            return text  # refused at its place
        return int(number) if int in kinds and number.is_integer() else number
    return text


def not_known(name: str | int, known: frozenset[str] | set[str]) -> str:
    """The sentence on a field that is not known."""
    close = get_close_matches(str(name), sorted(known), 1)
    meant = f", do you mean {close[0]!r}" if close else ""
    return f"is not known{meant}; there are {', '.join(sorted(known))}"


def _place(path: str, value: object, record: Any, told: str, *, lax: bool) -> Place:  # noqa: ANN401
    """The place of an error; msgspec does not say at which key of a mapping it lies."""
    place: list[str | int] = []
    for step in _STEP.finditer(path):
        if step["name"] is not None:
            place.append(step["name"])
        elif step["index"] is not None:
            place.append(int(step["index"]))
        else:
            inside = _part(value, place)
            if not isinstance(inside, Mapping):
                break
            place.append(_key_at_fault(value, place, inside, record, told, lax=lax))
    return tuple(place)


def _key_at_fault(
    value: object,
    place: list[str | int],
    inside: Mapping[Any, object],
    record: Any,  # noqa: ANN401 - a class, or a union of classes
    told: str,
    *,
    lax: bool,
) -> Any:  # noqa: ANN401
    """The key of a mapping whose value is refused: halved until one is left."""
    keys = list(inside)
    while len(keys) > 1:
        half = keys[: len(keys) // 2]
        try:
            msgspec.convert(
                _with(value, place, {key: inside[key] for key in half}), record, strict=not lax
            )
        except msgspec.ValidationError as error:
            same = str(error) == told
        else:
            same = False
        keys = half if same else keys[len(keys) // 2 :]
    return keys[0]


def _with(value: Any, place: Sequence[str | int], part: object) -> object:  # noqa: ANN401
    """The data with another part at a place."""
    if not place:
        return part
    step, rest = place[0], place[1:]
    if isinstance(value, Mapping):
        return {**value, step: _with(value[step], rest, part)}
    changed = list(value)
    changed[int(step)] = _with(changed[int(step)], rest, part)
    return changed


def _part(value: Any, place: Sequence[str | int]) -> Any:  # noqa: ANN401
    for step in place:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _sentence(told: str, value: object, kinds: Sequence[Any]) -> str:
    """What msgspec says, in the words of this house."""
    shown = _shown(value)
    if expected := _EXPECTED.fullmatch(told):
        names = [part.strip() for part in expected["kinds"].split("|")]
        wanted = " or ".join(_KINDS.get(name, name) for name in names if name != "null")
        return f"must be {wanted or 'nothing'}{expected['more']}, not {shown}"
    if told == "Invalid decimal string":
        return f"{shown} is no decimal string: {HOW}"
    allowed = [text for kind in kinds for text in _allowed(kind)]
    if allowed and told.startswith(("Invalid enum value", "Invalid value")):
        close = get_close_matches(str(value), allowed, 1)
        meant = f", do you mean {close[0]!r}" if close else ""
        return f"{shown} is not known{meant}; there are {', '.join(allowed)}"
    return told[:1].lower() + told[1:]


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}…"


def _allowed(kind: Any) -> list[str]:  # noqa: ANN401
    """The values of an enumeration."""
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return []


def _types_at(record: Any, place: Sequence[str | int], value: object) -> list[Any]:  # noqa: ANN401
    """The types that may stand at a place."""
    kinds = _fitting(record, value)
    for step in place:
        value = _part(value, [step])
        kinds = [inner for kind in kinds for hint in _inside(kind, step)
                 for inner in _fitting(hint, value)]  # fmt: skip
    return kinds


def _inside(kind: Any, step: str | int) -> list[Any]:  # noqa: ANN401
    """The type of a field, or of what a list or mapping holds."""
    if _is_record(kind):
        known = _fields(kind)
        return [known[str(step)]] if str(step) in known else []
    arguments = [given for given in get_args(kind) if given is not Ellipsis]
    return arguments[-1:] if get_origin(kind) is not Literal else []


def _fitting(hint: Any, value: object) -> list[Any]:  # noqa: ANN401
    """The members of a union that data may become: of tagged ones the one with their tag."""
    kinds = _flat(hint)
    if not isinstance(value, Mapping):
        return kinds
    tagged = [kind for kind in kinds if _is_record(kind) and _tag(kind) is not None]
    fits = [k for k in tagged if (tag := _tag(k)) is not None and value.get(tag[0]) == tag[1]]
    return fits or kinds


def _flat(hint: Any) -> list[Any]:  # noqa: ANN401
    if get_origin(hint) is Annotated:
        return _flat(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return [kind for part in get_args(hint) for kind in _flat(part)]
    return [hint]


def _is_record(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or is_dataclass(kind))


def _tag(kind: type[Any]) -> tuple[str, Any] | None:
    config = getattr(kind, "__struct_config__", None)
    return None if config is None or config.tag_field is None else (config.tag_field, config.tag)


@cache
def _fields(kind: Any) -> dict[str, Any]:  # noqa: ANN401
    """The types of a record's fields by the names that they have in documents."""
    if not _is_record(kind):
        return {}
    hints = get_type_hints(kind, include_extras=True)
    if issubclass(kind, msgspec.Struct):
        names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
        tag = _tag(kind)
        return {**({} if tag is None else {tag[0]: str}), **{n: hints[own] for n, own in names}}
    return {item.name: hints[item.name] for item in fields(kind)}
