"""The reader of documents: a value with places, and refusals that name line, field and cure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from models.refusals import Invalid, Place
from pricing.documents import Form, read_document, read_table, record_of, schema_of, unknown_field
from pricing.documents.lines import line_in_json, line_in_yaml


class Colour(StrEnum):
    """What an item may look like."""

    RED = "red"
    BLUE = "blue"


class Percent(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", tag="percent"):
    """A share off."""

    percent: Decimal


class Amount(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", tag="amount"):
    """An amount off."""

    amount: Decimal


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """Part of an order."""

    sku: str
    demand: float | list[float] = 0.0
    weeks: Annotated[int, msgspec.Meta(ge=1)] = 1
    colour: Colour = Colour.RED
    size: Literal["small", "large"] = "small"
    pays: dict[str, Decimal] = {}
    off: Percent | Amount | None = None

    def __post_init__(self) -> None:
        if self.weeks == 7:
            raise Invalid("must not be 7; take 8", ("weeks",))


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """A document."""

    items: list[Item]


@dataclass(frozen=True)
class Plain:
    """A document that is a dataclass."""

    name: str
    parts: tuple[Item, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)


YAML = """\
# an order
items:
  - sku: TEA
    weeks: 1
  -
    sku: JAM
    pays: {a: 1,
      b: 2}
"""
JSON = """\
{"items": [
 {"sku": "TEA",
 "weeks": 1},

 {"sku": "J,[AM",
 "pays": {"a": 1,
 "b": [1,
 2]}}]}"""


@pytest.mark.parametrize(
    ("place", "yaml_line", "json_line"),
    [
        ((), 2, 1),
        (("items",), 2, 1),
        (("items", 0), 3, 2),
        (("items", 0, "weeks"), 4, 3),
        (("items", 0, "colour"), 3, 2),  # is not there: the line of its item
        (("items", 1), 6, 5),
        (("items", 1, "pays"), 7, 6),
        (("items", 1, "pays", "b"), 8, 7),
        (("items", 9, "sku"), 2, 1),
        (("nothing",), 2, 1),
        (("items", 1, "pays", "b", 1), 8, 8),
    ],
)
def test_every_place_has_its_line(place: Place, yaml_line: int, json_line: int) -> None:
    assert line_in_yaml(YAML, place) == yaml_line
    assert line_in_json(JSON, place) == json_line


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def _places(value: object, place: Place = ()) -> list[Place]:
    if not isinstance(value, dict | list):
        return [place]
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    return [place, *(found for step, part in steps for found in _places(part, (*place, step)))]


@given(data=DATA)
def test_the_line_of_a_place_is_that_on_which_it_was_written(data: object) -> None:
    """In JSON with a line for every value, places in the order of the text have rising lines."""
    text = json.dumps(data, indent=1)
    places = _places(data)
    lines = [line_in_json(text, place) for place in places]
    assert lines == sorted(lines)
    assert len(set(lines[1:])) == len(lines[1:])
    for place, line in zip(places, lines, strict=True):
        written = text.splitlines()[line - 1]
        if place and isinstance(place[-1], str):
            assert written.strip().startswith(json.dumps(place[-1]) + ":")


@given(data=DATA)
def test_yaml_and_json_agree_on_lines(data: object) -> None:
    text = json.dumps(data, indent=1, ensure_ascii=False)
    try:
        yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return  # JSON that is no YAML: characters that YAML does not print
    if len(text.splitlines()) != text.count("\n") + 1:
        return  # YAML knows more ends of lines than JSON
    for place in _places(data):
        assert line_in_yaml(text, place) == line_in_json(text, place)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.yaml", "a: 1\nb: 1\na: 2\n", "a.yaml, line 3: 'a' is there twice"),
        ("a.json", '{"a": 1,\n "a": 2}', "a.json, line 2: 'a' is there twice"),
        ("a.yaml", "a: [", "a.yaml, line 1: is not YAML: "),
        ("a.json", '{"a":\n x}', "a.json, line 2: is not JSON: "),
        ("a.yaml", "", "a.yaml, line 1: is empty; write at least one field"),
        ("a.json", " ", "a.json, line 1: is empty; write at least one field"),
        ("a.json", "[1]", "a.json, line 1: must be a mapping of fields at its outermost"),
        ("a.yaml", "- 1", "a.yaml, line 1: must be a mapping of fields at its outermost"),
        ("a.json", "[" * 100_000, "a.json, line 1: is nested deeper than 100 levels"),
        ("a.yaml", "a: 2026-99-99", "a.yaml, line 1: a: is no timestamp: "),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused_by_source_and_line(name: str, text: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_document(text, name)
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"sku": "a", "demand": "x"}, "items[1].demand: must be a number or a list, not 'x'"),
        ({"sku": "a", "demand": [1, {}]}, "items[1].demand[1]: must be a number, not a mapping"),
        ({"sku": 3}, "items[1].sku: must be text, not 3"),
        ({}, "items[1].sku: is missing"),
        ({"sku": "a", "wekes": 1}, "items[1].wekes: is not known, do you mean 'weeks'; there are"),
        ({"sku": "a", "weeks": 0}, "items[1].weeks: must be a whole number >= 1, not 0"),
        ({"sku": "a", "weeks": 7}, "items[1].weeks: must not be 7; take 8"),
        ({"sku": "a", "colour": "bleu"}, "items[1].colour: 'bleu' is not known, do you mean"),
        ({"sku": "a", "size": "big"}, "items[1].size: 'big' is not known; there are small, large"),
        (
            {"sku": "a", "pays": {"x": 1, "y": 2, "z": "many", "w": 3}},
            "items[1].pays.z: 'many' is no decimal string: ",
        ),
        (
            {"sku": "a", "off": {"type": "percent", "percentage": 1}},
            "items[1].off.percentage: is not known, do you mean 'percent'",
        ),
        (
            {"sku": "a", "off": {"type": "amount", "amount": 1, "percent": 1}},
            "items[1].off.percent: is not known; there are amount, type",
        ),
        ({"sku": "a", "off": []}, "items[1].off: must be a mapping of fields, not a list"),
    ],
)  # fmt: skip
def test_what_a_record_cannot_be_made_of_is_refused_at_its_place(
    item: dict[str, Any], says: str
) -> None:
    text = json.dumps({"items": [{"sku": "TEA"}, item]}, indent=1)
    for document in (read_document(text, "o.json"), read_document(text, "o.yaml")):
        with pytest.raises(Invalid) as refused, document.naming():
            record_of(document.value, Order)
        where, _, told = str(refused.value).partition(": ")
        assert told.startswith(says)
        line = document.line(refused.value.place)
        assert where == f"{document.source}, line {line}"
        assert line > 4


def test_a_dataclass_refuses_unknown_fields_too_at_any_depth() -> None:
    with pytest.raises(Invalid, match=r"^nmae: is not known, do you mean 'name'; there"):
        record_of({"name": "a", "nmae": "b"}, Plain)
    with pytest.raises(Invalid, match=r"^parts\[0\].skus: is not known, do you mean 'sku'"):
        record_of({"name": "a", "parts": [{"sku": "b", "skus": 1}]}, Plain)
    assert unknown_field({"name": "a", "notes": {"any": "thing"}}, Plain) is None
    assert record_of({"name": "a", "notes": {"any": "thing"}}, Plain).notes == {"any": "thing"}


def test_cells_of_a_table_may_be_numbers_as_text() -> None:
    made = record_of({"items": [{"sku": "a", "demand": "2.5", "weeks": "3"}]}, Order, lax=True)
    assert (made.items[0].demand, made.items[0].weeks) == (2.5, 3)
    with pytest.raises(Invalid, match=r"items\[0\].weeks: must be a whole number, not 'm"):
        record_of({"items": [{"sku": "a", "weeks": "many"}]}, Order, lax=True)


NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 4))
NAMES = st.text("abcdefgh ", min_size=1, max_size=4).map(lambda text: f"k{text}k")


@given(
    demand=NUMBERS | st.lists(NUMBERS, min_size=2, max_size=5),
    pays=st.dictionaries(NAMES, st.decimals(-1000, 1000, places=2), min_size=1, max_size=4),
    weeks=st.integers(1, 6),
)
def test_a_row_of_a_table_says_what_the_same_document_says(
    demand: float | list[float], pays: dict[str, Decimal], weeks: int
) -> None:
    cells = {
        "sku": "1.50",
        "demand": ";".join(map(repr, demand)) if isinstance(demand, list) else repr(demand),
        "pays": "; ".join(f"{name}={amount:f}" for name, amount in pays.items()),
        "weeks": str(weeks),
    }
    table = ",".join(cells) + "\n" + ",".join(cells.values()) + "\n"
    read = read_table(table, "o.csv", "items", Item)
    made = record_of(read.value, Order).items
    assert made == [Item("1.50", demand, weeks, pays=pays)]


def test_a_cell_that_is_no_number_is_refused_at_its_place() -> None:
    read = read_table("sku,demand\na,1;2\nb,1;1_0\n", "o.csv", "items", Item)
    with pytest.raises(Invalid) as refused, read.naming():
        record_of(read.value, Order)
    assert str(refused.value).startswith("o.csv, line 3: items[1].demand[1]: must be a number")


def test_a_refusal_is_of_the_class_that_was_asked_for() -> None:
    class Wrong(Invalid):
        """A refusal of orders."""

    with pytest.raises(Wrong) as refused:
        read_document("a", "o", form=Form.YAML, error=Wrong)
    assert (refused.value.source, refused.value.line) == ("o", 1)
    with pytest.raises(Wrong):
        record_of({}, Order, error=Wrong)


def test_a_schema_comes_out_of_the_records() -> None:
    described = schema_of(Order, "Order")
    Draft202012Validator.check_schema(described)
    valid = Draft202012Validator(described).is_valid
    assert valid({"items": [{"sku": "a", "pays": {"x": "1.50", "y": 2.5}}]})
    assert not valid({"items": [{"sku": "a", "colour": "green"}]})
    assert not valid({"items": [{"sku": "a", "skus": "a"}]})
