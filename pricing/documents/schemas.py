"""JSON Schemas of documents, out of the records that they are read into."""

from __future__ import annotations

from typing import Any, Final

import msgspec

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_DECIMAL: Final = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}


def schema_of(record: type[Any], title: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document; amounts may be numbers or strings.

    Args:
        record: a class of msgspec, or a dataclass.
        title: what people call such documents.
    """
    return titled(msgspec.json.schema(record), title)


def titled(described: dict[str, Any], title: str) -> dict[str, Any]:
    """A schema that another library wrote, as this house gives it."""
    return {"$schema": _DRAFT, **_loosened(described), "title": title}


def _loosened(node: Any) -> Any:  # noqa: ANN401
    """Amounts are strings in the schema that msgspec writes; by hand they are numbers as well."""
    if isinstance(node, dict):
        if node.get("format") == "decimal":
            rest = {key: value for key, value in node.items() if key not in ("type", "format")}
            return {"anyOf": [{"type": "number"}, _DECIMAL], **rest}
        return {key: _loosened(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_loosened(value) for value in node]
    return node
