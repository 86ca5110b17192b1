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

from pricing.documents.lines import COLON, TOKEN
from pricing.errors import RepeatedKey

_MERGE: Final = "tag:yaml.org,2002:merge"


class UniqueKeys(yaml.SafeLoader):
    """A safe YAML loader that refuses a key that stands twice in one mapping.

    What a merge (`<<: *defaults`) brings in may be overridden, as it is meant to be; the merge
    itself may stand once. Keys are compared as they are read: `1` and `0x1` are the same.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._place: list[str | int] = []

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        """Compose a node, keeping the way to it; `index` is None for keys and for the root."""
        if index is not None:
            scalar = isinstance(index, yaml.ScalarNode)
            self._place.append(index.value if scalar else index if isinstance(index, int) else "?")
        node = super().compose_node(parent, index)
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
        json.JSONDecodeError: no JSON.
    """
    try:
        return json.loads(text, parse_float=parse_float, object_pairs_hook=_unique)
    except _Repeated:
        raise _repeated(text) from None


def refuse_repeated_keys(text: str) -> None:
    """Look through a JSON document that another reader reads; keeps none of its objects.

    Raises:
        RepeatedKey: a key stands twice in one object.
        json.JSONDecodeError: no JSON.
        RecursionError: nested too deeply.
    """
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
    line = 1
    place: list[str | int] = []  # of the value that is being read
    inside: list[dict[str, int] | None] = []  # lines of an object's keys; None for a list
    for token in TOKEN.finditer(text):
        sign = token[0]
        if sign == "\n":
            line += 1
        elif sign in "{[":
            inside.append({} if sign == "{" else None)
            place.append("" if sign == "{" else 0)
        elif sign in "}]":
            inside.pop()
            place.pop()
        elif sign == ",":
            if isinstance(place[-1], int):
                place[-1] += 1
        elif (keys := inside[-1] if inside else None) is not None and COLON.match(
            text, token.end()
        ):
            key = json.loads(sign)
            if key in keys:
                return RepeatedKey((*place[:-1], key), line, keys[key])
            keys[key] = line
            place[-1] = key
    raise AssertionError("no key is repeated")
