"""Whatever text is given to the reader: it is read, or refused with line and place."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from models.refusals import Invalid
from pricing.documents import Document, Form, UniqueKeys, read_document, read_table, record_of
from pricing.documents.unreadable import MOST_DEEP
from pricing.promotions.file_format import read_promotion_document
from tests.pricing.test_document_reader import Order

HALF = "half of a character"
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
)
MERGES = "\n".join(
    ["m0: &m0 {x: 1}"]
    + [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 10)}]}}" for i in range(1, 12)]
)

REFUSED = [
    # name, text, line, place and problem
    ("a.yaml", "x: 1\na:\n  - !!timestamp x\n", 3, "a[0]: is no timestamp: 'x'"),
    ("a.yaml", "a: !!bool x", 1, "a: is no bool: 'x'"),
    ("a.yaml", "a: !!int x", 1, "a: is no int: 'x'"),
    ("a.yaml", "a: !!int ''", 1, "a: is no int: ''"),
    ("a.yaml", "a: !!float x", 1, "a: is no float: 'x'"),
    ("a.yaml", "!!int x: 1", 1, "x: is no int: 'x'"),
    ("a.yaml", "a: !!binary é", 1, "is not YAML: failed to convert base64"),
    ("a.yaml", "a: !!python/name:os.system x", 1, "is not YAML: could not determine"),
    ("a.yaml", "a:\n  b: 2026-99-99", 2, "a.b: is no timestamp: '2026-99-99'"),
    ("a.yaml", "a: !!timestamp 2026-02-30", 1, "a: is no timestamp"),
    ("a.yaml", "a: .nan", 1, "a: must be a finite number"),
    ("a.yaml", "a: [1, -.inf]", 1, "a[1]: must be a finite number"),
    ("a.yaml", "a: 1.0e+999", 1, "a: must be a finite number"),
    ("a.yaml", f"a: 0x{'f' * 5000}", 1, "a: must be a whole number up to"),
    ("a.yaml", f"a: {'9' * 5000}", 1, "a: is no int"),
    ("a.yaml", 'a:\n - "\\ud800"', 2, f"a[0]: holds U+D800, {HALF}"),
    ("a.yaml", '"\\ud800": 1', 1, f"\\ud800: holds U+D800, {HALF}"),
    ("a.yaml", 'a: "x\\0"', 1, "a: holds the character U+0000"),
    ("a.yaml", "a: 1\nb: \x07", 2, "is not YAML: "),
    ("a.yaml", "a: " + "[" * 5000, 1, f"is nested deeper than {MOST_DEEP} levels"),
    ("a.yaml", "a: " + "{b: " * 200 + "1" + "}" * 200, 1, f"is nested deeper than {MOST_DEEP}"),
    ("a.yaml", "a: 1\nb: &b\n  c: [*b]\n", 3, "b.c[0]: *b refers to itself"),
    ("a.yaml", BOMB, 5, "unfolds to too much by its aliases"),
    ("a.yaml", MERGES, 6, "unfolds to too much by its aliases"),
    ("a.json", '{"a":\n ["\\ud800"]}', 2, f"a[0]: holds U+D800, {HALF}"),
    ("a.json", '{"a":\n {"b\\udfff": 1}}', 2, f"a.b\\udfff: holds U+DFFF, {HALF}"),
    ("a.json", '{"\\ud800": 1,\n "\\ud800": 2}', 1, f"\\ud800: holds U+D800, {HALF}"),
    ("a.json", '{"a": "\\u0000"}', 1, "a: holds the character U+0000"),
    ("a.json", '{"a":\n NaN}', 2, "a: must be a finite number"),
    ("a.json", '{"a": -Infinity}', 1, "a: must be a finite number"),
    ("a.json", '{"a": [1, 1e999]}', 1, "a[1]: must be a finite number"),
    ("a.json", f'{{"a":\n {"9" * 30}}}', 2, "a: must be a whole number up to"),
    ("a.json", f'{{"a":\n\n {"9" * 5000}}}', 3, "a: must be a whole number up to"),
    ("a.json", "\n" + "[" * 100_000, 2, f"is nested deeper than {MOST_DEEP} levels"),
    ("a.json", '{"a":' * 200 + "1" + "}" * 200, 1, f"is nested deeper than {MOST_DEEP} levels"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "line", "says"), REFUSED)
def test_what_is_no_value_is_refused_with_line_and_place(
    name: str, text: str, line: int, says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        read_document(text, name)
    told = str(refused.value)
    assert told.startswith(f"{name}, line {line}: ")
    assert says in told
    told.encode()  # can be printed and sent


def test_a_cell_of_a_table_is_refused_with_its_column() -> None:
    with pytest.raises(Invalid, match=r"t.csv, line 3: price: holds the character U\+0000"):
        read_table("sku,price\na,1\nb,\x00\n", "t.csv", "items")


def test_what_means_something_is_read() -> None:
    both = '{"a": "\\ud83d\\ude00", "n": 9223372036854775807, "x": 1e300}'
    for name in ("a.json", "a.yaml"):
        value = read_document(both, name).value
        assert value["a"] == "\N{GRINNING FACE}"
        assert value["n"] == 2**63 - 1
    nested = "[" * (MOST_DEEP - 1) + "]" * (MOST_DEEP - 1)
    assert read_document(f'{{"a": {nested}}}', "a.json").value
    assert read_document(f"a: {nested}", "a.yaml").value
    assert read_document('{"a": "' + "[" * 500 + '"}', "a.json").value
    shared = read_document("d: &d [1, 2]\nl: [*d, *d]", "a.yaml").value
    assert shared["l"] == [[1, 2], [1, 2]]


TAGS = st.sampled_from(
    ["int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "pairs", "str", "map",
     "seq", "merge", "value", "python/name:os.system"]
)  # fmt: skip
SCALARS = st.one_of(
    st.text(st.characters(), max_size=8),
    st.from_regex(r"[-+]?[0-9_:.eExX]{1,12}", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(T[0-9:.+-]{0,14})?", fullmatch=True),
    st.sampled_from(["~", "yes", ".nan", ".inf", "<<", "=", "0x", "0b", "", "*a", "&a b"]),
)
SNIPPETS = st.recursive(
    st.builds(lambda tag, text: f"!!{tag} {text}", TAGS, SCALARS) | SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(st.tuples(inner, inner), max_size=3).map(
            lambda parts: "{" + ", ".join(f"{key}: {value}" for key, value in parts) + "}"
        ),
        st.builds(lambda tag, part: f"!!{tag} {part}", TAGS, inner),
    ),
    max_leaves=8,
)
ESCAPES = st.lists(
    st.sampled_from(
        [*'{}[],:"\\ \n', "\\u", "d800", "dc00", "0000", "1e999", "NaN", "-", "9" * 25, "a"]
    ),
    max_size=30,
).map("".join)
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),  # halves of characters too
    SNIPPETS,
    ESCAPES,
    st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")),
)


def refusal(read: Callable[[], Document]) -> Invalid | None:
    """What is said of a document, also of what it is to be made into; None where it is read."""
    try:
        document = read()
        with document.naming():
            record_of(document.value, Order, lax=document.form is Form.CSV)
    except Invalid as refused:
        str(refused).encode()  # can be printed and sent
        return refused
    return None


@given(text=ANY_TEXT, form=st.sampled_from([Form.JSON, Form.YAML]))
@example(text="!!set {a, b}", form=Form.YAML)
@example(text="? !!timestamp 2026-01-01\n: 1", form=Form.YAML)
@example(text="\ud800", form=Form.YAML)
def test_any_text_is_read_or_refused(text: str, form: Form) -> None:
    refusal(lambda: read_document(text, "a", form=form))
    refusal(lambda: read_document(text, "a", form=form, outermost=None))
    refusal(lambda: read_promotion_document(text, "a"))


@given(text=ANY_TEXT)
def test_any_text_is_a_table_or_refused(text: str) -> None:
    refusal(lambda: read_table(text, "a", "items"))


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63) + 1, 2**63 - 1)
        | st.text(max_size=5)
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    )
)
def test_json_that_is_all_values_is_read_as_it_is(value: object) -> None:
    text = json.dumps(value).replace("\\u0000", "")
    assert read_document(text, "a.json", outermost=None).value == json.loads(text)


def test_the_loader_is_a_safe_one() -> None:
    assert issubclass(UniqueKeys, yaml.SafeLoader)
