"""YAML and JSON that people write: a repeated key is refused, everything else is read as ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pricing.documents import read_json, read_yaml, refuse_repeated_keys
from pricing.errors import RepeatedKey

REPEATED_YAML = [
    # (document, place, line, first line)
    ("percent: 10\npercent: 90\n", ("percent",), 2, 1),
    ("a:\n  - x: 1\n  - y: 1\n    z: {}\n    y: 2\n", ("a", 1, "y"), 5, 3),
    ("a: {x: 1, 'x': 2}\n", ("a", "x"), 1, 1),
    ("1: a\n0x1: b\n", ("0x1",), 2, 1),  # the same number
    ("yes: a\ntrue: b\n", ("true",), 2, 1),
    ("- &d {x: 1}\n- <<: *d\n  <<: *d\n", (1, "<<"), 3, 2),
    ("- &d {x: 1}\n- <<: *d\n  y: 1\n  y: 2\n", (1, "y"), 4, 3),
]
REPEATED_JSON = [
    ('{"a": 1, "a": 2}', ("a",), 1, 1),
    ('{"a": [{"x": 1},\n {"y": "}", "z": [1, 2],\n\n "\\u0079": 2}]}', ("a", 1, "y"), 4, 2),
    ('[[0, {"a": {"b": 1, "a": "b"},\n "b": "\\"b\\":",\n "b": 1}]]', (0, 1, "b"), 3, 2),
    ('{"": 1, "": 1}', ("",), 1, 1),
]
UNIQUE_YAML = [
    ("- &d {x: 1, y: 2}\n- {<<: *d, x: 3}\n", [{"x": 1, "y": 2}, {"x": 3, "y": 2}]),
    (  # a merge that is met before the place that it is taken from was built
        "a:\n  b:\n    c: &c {x: 1}\n    d: &d {<<: *c, x: 2, y: 1}\ne: {<<: *d, y: 4}\n",
        {"a": {"b": {"c": {"x": 1}, "d": {"x": 2, "y": 1}}}, "e": {"x": 2, "y": 4}},
    ),
    ("- &a {x: 1}\n- &b {x: 2}\n- {<<: [*a, *b]}\n", [{"x": 1}, {"x": 2}, {"x": 1}]),
    ("a: {x: 1}\nb: {x: 1}\n", {"a": {"x": 1}, "b": {"x": 1}}),
    ("1: one\n'1': text\n", {1: "one", "1": "text"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "line", "first"), REPEATED_YAML)
def test_a_repeated_key_of_yaml_is_refused_with_its_place_and_both_lines(
    text: str, place: tuple[str | int, ...], line: int, first: int
) -> None:
    with pytest.raises(RepeatedKey) as refused:
        read_yaml(text)
    error = refused.value
    assert (error.place, error.line, error.first_line) == (place, line, first)


@pytest.mark.parametrize(("text", "place", "line", "first"), REPEATED_JSON)
def test_a_repeated_key_of_json_is_refused_with_its_place_and_both_lines(
    text: str, place: tuple[str | int, ...], line: int, first: int
) -> None:
    for read in (read_json, refuse_repeated_keys):
        with pytest.raises(RepeatedKey) as refused:
            read(text)
        error = refused.value
        assert (error.place, error.line, error.first_line) == (place, line, first)


def test_the_message_names_lines_key_and_cure() -> None:
    with pytest.raises(RepeatedKey) as refused:
        read_yaml("promotions:\n  - percent: 10\n    percent: 90\n")
    assert str(refused.value) == (
        "line 3: 'percent' is there twice in promotions[0], first in line 2; keep one of them"
    )


@pytest.mark.parametrize(("text", "data"), UNIQUE_YAML)
def test_merges_override_as_they_are_meant_to(text: str, data: object) -> None:
    assert read_yaml(text) == data == yaml.safe_load(text)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(data=JSON)
def test_a_document_without_repeated_keys_is_read_as_ever(data: object) -> None:
    for text in (json.dumps(data), json.dumps(data, indent=1, ensure_ascii=False)):
        assert read_json(text) == data
        refuse_repeated_keys(text)
    assert read_yaml(yaml.safe_dump(data)) == yaml.safe_load(yaml.safe_dump(data))


@given(
    before=st.lists(JSON, max_size=3),
    keys=st.lists(TEXT, unique=True, min_size=1, max_size=4),
    again=st.data(),
)
def test_a_key_repeated_anywhere_is_found(
    before: list[Any], keys: list[str], again: st.DataObject
) -> None:
    key = again.draw(st.sampled_from(keys))
    pairs = ",\n".join(f"{json.dumps(k)}: {json.dumps(again.draw(JSON))}" for k in [*keys, key])
    text = json.dumps({"before": before, "here": "HERE"}).replace('"HERE"', f"[{{{pairs}}}]")
    if '"HERE"' in json.dumps(before):
        return
    with pytest.raises(RepeatedKey) as refused:
        read_json(text)
    assert refused.value.place == ("here", 0, key)
    assert refused.value.first_line == 1 + keys.index(key)
    assert refused.value.line == 1 + len(keys)
