"""The page of the manual on events, made from the catalogue.

python -m tests.pricing.events.manual_page > docs/events.md
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any, Final

import msgspec

from pricing.events.catalogue import CATALOGUE, schema_of
from pricing.events.event import Deed, Event, Fact

_HEAD: Final = """\
# Events

What happens is stored as an event, in the transaction that makes it so: both are there, or
neither. An event has a UUID (version 7) that never comes again, a type, a key (what it happened
to), the time, who made it happen, and its facts. Events that are *told* go to the
[webhook](serving.md#alerts), where the header `webhook-id` is the event's id. Events that are
*logged* are what `pricewright price-books log` shows.

Facts may be added to a type in later versions; none is taken away or changes its meaning.
`pricing.events.catalogue.schema_of` gives the JSON Schema of a type.
"""


def manual_page() -> str:
    """The page as Markdown."""
    parts = (part for part in Fact.__subclasses__() if part.__module__.startswith("pricing."))
    return "\n".join(
        [
            _HEAD,
            *(_section(kind) for kind in CATALOGUE.values()),
            "## Parts of facts\n",
            *(_part(part) for part in sorted(parts, key=lambda part: part.__name__)),
        ]
    )


def facts_of(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What each fact means, by its name on the wire; empty where the docstring does not say."""
    said: dict[str, str] = {}
    for documented in reversed([c for c in kind.__mro__ if c not in {Event, Fact}]):
        said |= _attributes(documented.__doc__ or "")
    return {field.encode_name: said.get(field.name, "") for field in msgspec.structs.fields(kind)}


def _section(kind: type[Event]) -> str:
    facts = facts_of(kind)
    marks = [word for word, so in (("told", kind.told), ("logged", issubclass(kind, Deed))) if so]
    names = dict(zip(kind.__struct_fields__, facts, strict=True))
    key = " / ".join(f"`{names[name]}`" for name in kind.keyed_by) or "none"
    head = [f"## {kind.type_name}", "", f"{_summary(kind)} Key: {key}; {' and '.join(marks)}."]
    return "\n".join([*head, "", *_table(kind, schema_of(kind)), ""])


def _part(part: type[Fact]) -> str:
    head = [f"### {part.__name__}", "", _summary(part)]
    return "\n".join([*head, "", *_table(part, msgspec.json.schema(part)), ""])


def _summary(kind: type[msgspec.Struct]) -> str:
    return (inspect.getdoc(kind) or "").split("\n")[0]


def _table(kind: type[msgspec.Struct], schema: dict[str, Any]) -> list[str]:
    properties = schema["$defs"][kind.__name__]["properties"]
    rows = facts_of(kind).items()
    return [
        "| fact | JSON | says |",
        "| --- | --- | --- |",
        *(f"| `{name}` | {_type(properties[name])} | {says} |" for name, says in rows),
    ]


def _attributes(doc: str) -> dict[str, str]:
    lines = inspect.cleandoc(doc).partition("Attributes:\n")[2]
    text = re.sub(r"\n {8,}", " ", lines)
    return dict(re.findall(r"^ {4}(\w+): (.+)$", text, flags=re.MULTILINE))


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if schema["type"] == "array":
        items = schema["items"]
        return f"array of {_type(items)}" if items else "array"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema.get("format", schema["type"]))


if __name__ == "__main__":
    sys.stdout.write(manual_page())
