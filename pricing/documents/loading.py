"""YAML and JSON that people write: a key that is repeated is refused.

YAML and JSON readers take the last of two equal keys without a word, and the first is lost: of
`percent: 10` and `percent: 90` nobody can know which was meant. Syntax errors are raised as the
readers raise them; `pricing.documents.reader` says them in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from typing import Any, Final

import yaml

from models.refusals import Place
from pricing.documents.unreadable import (
    MOST_DEEP,
    TOO_DEEP,
    nested_too_deep,
    number_fault,
    pieces_of_json,
    printable,
    refuse_values,
    text_fault,
)
from pricing.errors import RepeatedKey, UnreadablePart

_MERGE: Final = "tag:yaml.org,2002:merge"
_MOST_REPEATED: Final = 100_000
"""Nodes that aliases may add to those that are written."""
_STUMBLES: Final = (AttributeError, LookupError, TypeError, ValueError, ArithmeticError)
"""What the constructors raise of a text that their tag does not fit."""


class UniqueKeys(yaml.SafeLoader):
    """A safe YAML loader that refuses a key that stands twice in one mapping.

    What a merge (`<<: *defaults`) brings in may be overridden, as it is meant to be; the merge
    itself may stand once. Keys are compared as they are read: `1` and `0x1` are the same. What is
    no value (`!!int x`, `.nan`), refers to itself, or is written short by aliases and unfolds to
    far too much, is refused at its place.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._place: list[str | int] = []
        self._extent: dict[int, tuple[int, int]] = {}  # nodes and levels, by id of the node
        self._root: yaml.Node | None = None
        self._open = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        """Compose a node, keeping the way to it; `index` is None for keys and for the root."""
        if index is not None:
            scalar = isinstance(index, yaml.ScalarNode)
            self._place.append(index.value if scalar else index if isinstance(index, int) else "?")
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self._open += 1
        if self._open > MOST_DEEP + 1:
            raise self._refused(event, TOO_DEEP)
        node = super().compose_node(parent, index)
        self._open -= 1
        if node is not None and id(node) not in self._extent:
            if isinstance(event, yaml.AliasEvent):
                raise self._refused(event, f"*{event.anchor} refers to itself; write it out")
            self._extent[id(node)] = self._measured(node, event)
        if index is not None:
            self._place.pop()
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401
        """Compose a mapping, and compare its keys while no merge has added any."""
        node = super().compose_mapping_node(anchor)
        first: dict[Hashable, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # the constructor refuses it
            merge = key.tag == _MERGE
            name = (_MERGE,) if merge else self.construct_object(key, deep=True)
            line = key.start_mark.line + 1
            if name in first:
                raise RepeatedKey((*self._place, key.value), line, first[name])
            first[name] = line
        return node

    def construct_document(self, node: yaml.Node) -> Any:  # noqa: ANN401
        """Construct the value, knowing the root of all places."""
        self._root = node
        return super().construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002
        """Construct a value; what the constructor of its tag stumbles over is refused."""
        try:
            made = super().construct_object(node, deep=deep)
        except UnreadablePart:
            raise
        except _STUMBLES:
            tag = node.tag.rpartition(":")[2]
            shown = f" {printable(node.value)[:40]!r}" if isinstance(node, yaml.ScalarNode) else ""
            raise UnreadablePart(
                self._place_of(node), node.start_mark.line + 1, f"is no {tag}:{shown}"
            ) from None
        fault = number_fault(made) if isinstance(made, int | float) else ""
        if fault:
            raise UnreadablePart(self._place_of(node), node.start_mark.line + 1, fault)
        return made

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:  # noqa: ANN401
        """The text of a scalar; two halves of a character, as JSON writes it, are joined."""
        text = super().construct_scalar(node)
        if not isinstance(text, str) or not text_fault(text):
            return text
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        if fault := text_fault(joined):
            raise UnreadablePart(self._place_of(node), node.start_mark.line + 1, fault)
        return joined

    def _measured(self, node: yaml.Node, event: yaml.Event) -> tuple[int, int]:
        """How many nodes a node unfolds to, and to how many levels."""
        if isinstance(node, yaml.ScalarNode):
            return 1, 0
        pairs = isinstance(node, yaml.MappingNode)
        parts = [part for pair in node.value for part in pair] if pairs else node.value
        within = [self._extent[id(part)] for part in parts]
        nodes = 1 + sum(count for count, _ in within)
        levels = 1 + max((deep for _, deep in within), default=0)
        if nodes - len(self._extent) > _MOST_REPEATED:
            raise self._refused(event, "unfolds to too much by its aliases; write it out")
        if levels > MOST_DEEP:
            raise self._refused(event, TOO_DEEP)
        return nodes, levels

    def _refused(self, event: yaml.Event, problem: str) -> UnreadablePart:
        place = tuple(printable(step) if isinstance(step, str) else step for step in self._place)
        return UnreadablePart(place if len(place) < MOST_DEEP else (), _line_of(event), problem)

    def _place_of(self, node: yaml.Node) -> Place:
        """The first way to a node; while the document is composed, the way to what holds it."""
        if self._root is None:
            found: tuple[str | int, ...] = tuple(self._place)
            return (*found, printable(node.value)) if isinstance(node, yaml.ScalarNode) else found
        waiting: list[tuple[Place, yaml.Node]] = [((), self._root)]
        seen = set()
        while waiting:
            place, here = waiting.pop()
            if here is node:
                return place
            if id(here) in seen:
                continue
            seen.add(id(here))
            if isinstance(here, yaml.MappingNode):
                for key, value in here.value:
                    step = printable(str(key.value)) if isinstance(key, yaml.ScalarNode) else "?"
                    waiting += [((*place, step), key), ((*place, step), value)]
            elif isinstance(here, yaml.SequenceNode):
                waiting += [((*place, i), part) for i, part in enumerate(here.value)]
        return ()


def _line_of(event: yaml.Event) -> int:
    mark = getattr(event, "start_mark", None)
    return 1 if mark is None else int(mark.line) + 1


def read_yaml(text: str, loader: type[UniqueKeys] = UniqueKeys) -> Any:  # noqa: ANN401
    """The plain data of a YAML document.

    Args:
        text: the document.
        loader: builds plain data and nothing else.

    Raises:
        RepeatedKey: a key stands twice in one mapping.
        yaml.YAMLError: no YAML.
    """
    return yaml.load(text, Loader=loader)  # noqa: S506 - every loader here is a safe one


def read_json(text: str, *, parse_float: Callable[[str], Any] | None = None) -> Any:  # noqa: ANN401
    """The data of a JSON document.

    Args:
        text: the document.
        parse_float: makes a number of the text of one that is not whole.

    Raises:
        RepeatedKey: a key stands twice in one object.
        UnreadablePart: half a character, a number too large or not finite, too many levels.
        json.JSONDecodeError: no JSON.
    """
    try:
        value = json.loads(text, parse_float=parse_float, object_pairs_hook=_unique)
    except _Repeated:
        refuse_values(text)
        raise _repeated(text) from None
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError):
        refuse_values(text)
        raise
    refuse_values(text)
    return value


def refuse_repeated_keys(text: str) -> None:
    """Look through a JSON document that another reader reads; keeps none of its objects.

    Raises:
        RepeatedKey: a key stands twice in one object.
        UnreadablePart: half a character in a text, or too many levels.
        json.JSONDecodeError: no JSON.
        RecursionError: nested too deeply.
    """
    if "\\u" in text or nested_too_deep(text):
        refuse_values(text)
    try:
        # Numbers are not read, only measured: a long one would be refused, and costs time.
        json.loads(text, object_pairs_hook=_looked_at, parse_int=len, parse_float=len)
    except _Repeated:
        raise _repeated(text) from None


class _Repeated(Exception):
    """There is one; `_repeated` finds out where."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Repeated
    return made


def _looked_at(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len(dict(pairs)) != len(pairs):
        raise _Repeated


def _repeated(text: str) -> RepeatedKey:
    """The first repeated key of a JSON document that has one."""
    lines: list[dict[str, int]] = []  # of the keys of each list or object on the way
    for piece in pieces_of_json(text):
        if piece.begins:
            del lines[len(piece.place) - 1 :]
            lines.append({})
        elif piece.is_key:
            keys, key = lines[len(piece.place) - 1], str(piece.place[-1])
            if key in keys:
                return RepeatedKey(piece.place, piece.line, keys[key])
            keys[key] = piece.line
    raise AssertionError("no key is repeated")
