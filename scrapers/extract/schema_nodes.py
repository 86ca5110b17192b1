"""Reading schema.org nodes, whose values may be scalars, lists, references or nodes in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

Node: TypeAlias = Mapping[str, object]

_MOST_NODES: Final = 5_000


def listed(value: object) -> list[object]:
    """A value as a list: of nothing, of itself, or the list that it is."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def first_text(value: object) -> str | None:
    """The first non-empty text in a value that may be a list or a node with a name."""
    for part in listed(value):
        if isinstance(part, Mapping):
            part = part.get("name") or part.get("@value") or part.get("@id")  # noqa: PLW2901
        if isinstance(part, int | float) and not isinstance(part, bool):
            part = str(part)  # noqa: PLW2901
        if isinstance(part, str) and (text := " ".join(part.split())):
            return text[:500]
    return None


def scalar(value: object) -> object:
    """The first scalar of a value that may be a list or a `@value` node."""
    for part in listed(value):
        return part.get("@value") if isinstance(part, Mapping) else part
    return None


def types_of(node: Node) -> set[str]:
    """The node's types without vocabulary, in lower case."""
    return {
        part.rsplit("/", 1)[-1].rsplit(":", 1)[-1].lower()
        for part in listed(node.get("@type"))
        if isinstance(part, str)
    }


def every_node(nodes: Iterable[object]) -> Iterator[Node]:
    """Every mapping inside, breadth first, up to a number that no honest page has."""
    queue = list(nodes)
    for count, value in enumerate(queue):
        if count > _MOST_NODES:
            return
        if isinstance(value, Mapping):
            yield value
            queue.extend(value.values())
        elif isinstance(value, list):
            queue.extend(value)


def resolved(value: object, by_id: Mapping[str, Node]) -> Node:
    """A node, followed once if it is a bare reference."""
    if isinstance(value, Mapping):
        if set(value) == {"@id"}:
            return by_id.get(str(value["@id"]), value)
        return value
    return by_id.get(value, {}) if isinstance(value, str) else {}
