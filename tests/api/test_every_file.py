"""Every kind of file that people write, each with the same faults: file, line and field are told.

Over HTTP, where a kind is sent there, the same faults are refused by the field of the body.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from api.cli.commands import main
from api.cli.schemas import FileKind
from tests.api.test_file_schemas import VALID

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of file, a document of it, and where it is read.

    Attributes:
        kind: its name.
        file: what it is called here.
        field: a field that holds no number.
        command: the command that reads it, given the file.
        sent: path and body over HTTP, given the document; None where none is sent.
        at: where the document stands in the body.
    """

    kind: FileKind
    file: str
    field: str
    command: Callable[[Path], list[str]]
    sent: Callable[[Json], tuple[str, Json]] | None = None
    at: str = "body"

    @property
    def document(self) -> Json:
        """A document that nothing is wrong with."""
        plain: Json = json.loads(json.dumps(VALID[self.kind][0], default=float))
        return plain


def _plan(kind: str) -> Callable[[Path], list[str]]:
    return lambda path: [
        "plan", kind, "--input", str(path), "--output", str(path.parent / "plan.json"),
    ]  # fmt: skip


def _asked(kind: str) -> Callable[[Json], tuple[str, Json]]:
    return lambda document: ("/v1/plans", {"kind": kind, "document": document})


def _evaluate(cart: Path, promotions: Path) -> list[str]:
    return ["promo", "evaluate", str(cart), "--promotions", str(promotions)]


PROMOTIONS: Final = VALID[FileKind.PROMOTIONS][0]
CART: Final = {**VALID[FileKind.CART][0], "at": "2026-11-11T20:00"}


def _beside(path: Path, name: str, document: Json) -> Path:
    other = path.parent / name
    other.write_text(json.dumps(document), "utf-8")
    return other


KINDS: Final = [
    Kind(
        FileKind.PROMOTIONS, "promotions.json", "promotions",
        lambda path: _evaluate(_beside(path, "c.json", CART), path),
    ),
    Kind(
        FileKind.CART, "cart.yaml", "lines",
        lambda path: _evaluate(path, _beside(path, "p.json", PROMOTIONS)),
        lambda document: ("/v1/quotes", document),
    ),
    Kind(
        FileKind.PRICING_RULES, "pricing-rules.yaml", "strategies",
        lambda path: ["reprice", "--rules", str(path)],
        lambda document: ("/v1/decision-runs", {"rules": document}), "body.rules",
    ),
    Kind(
        FileKind.SITES, "sites.yaml", "sites",
        lambda path: ["crawl", "--sites", str(path)],
    ),
    Kind(
        FileKind.RULE_PACK, "de.yaml", "jurisdiction",
        lambda _path: ["legal", "reference", "TEA-1"],
    ),
    Kind(FileKind.PLAN_MARKDOWN, "clearance.json", "items", _plan("markdown"), _asked("markdown"),
         "body.document"),
    Kind(FileKind.PLAN_PROMOTIONS, "calendar.json", "products", _plan("promotions"),
         _asked("promotions"), "body.document"),
    Kind(FileKind.PLAN_BUNDLES, "bundles.yaml", "products", _plan("bundles"), _asked("bundles"),
         "body.document"),
]  # fmt: skip


def faults(kind: Kind) -> dict[str, tuple[str, int, str]]:
    """By name: the text with the fault, the line of it, and what of its field must be said."""
    lines = json.dumps(kind.document, indent=1).splitlines()
    first = next(iter(kind.document))
    repeated = [*lines[:-1], f',"{first}": 1', "}"]
    unknown = [*lines[:-1], ',"colour": "red"', "}"]
    wrong = json.dumps({**kind.document, kind.field: 7}, indent=1).splitlines()
    at = next(i for i, line in enumerate(wrong, 1) if line.startswith(f' "{kind.field}":'))

    def at_the_end(value: str, says: str) -> tuple[str, int, str]:
        return "\n".join([*lines[:-1], f',"colour": {value}', "}"]), len(lines), says

    return {
        "a repeated key": ("\n".join(repeated), len(repeated) - 1, f"'{first}' is there twice"),
        "an unknown field": ("\n".join(unknown), len(unknown) - 1, "colour: is not known"),
        "a wrong type": ("\n".join(wrong), at, f"{kind.field}: "),
        "an empty file": ("", 1, "is empty"),
        "a list": ("[1]", 1, "a mapping of fields"),
        "half a character": at_the_end('"\\ud800"', "colour: holds U+D800, half of a character"),
        "half a character in a key": at_the_end('{"\\udfff": 1}', "colour.\\udfff: holds U+DFFF"),
        "a huge number": at_the_end("9" * 5000, "colour: "),
        "no end of brackets": at_the_end("[" * 5000, "is nested deeper than 100 levels"),
    }


FAULTS: Final = (
    "a repeated key", "an unknown field", "a wrong type", "an empty file", "a list",
    "half a character", "half a character in a key", "a huge number", "no end of brackets",
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind.value)
def test_a_file_is_refused_by_file_line_and_field(
    kind: Kind,
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'shop.sqlite'}")
    if kind.kind is FileKind.RULE_PACK:
        monkeypatch.setenv("PRICEWRIGHT_RULE_PACKS", str(folder))
    text, line, says = faults(kind)[fault]
    path = folder / kind.file
    path.write_text(text, "utf-8")
    with pytest.raises(SystemExit) as left:
        main(kind.command(path))
    told = " ".join(capsys.readouterr().err.split())
    assert left.value.code == 1, told
    assert f"{kind.file}, line {line}: " in told
    assert says in told


@pytest.mark.parametrize("number", ["1_000", " 5", "5,00", "1e1"])
def test_an_amount_of_a_cart_or_promotion_is_a_decimal_string(
    number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cart = {**CART, "lines": [{"sku": "A", "price": number}]}
    ten = {"id": "x", "type": "percent_off", "percent": number}
    promotions = {**PROMOTIONS, "promotions": [ten]}
    for said, terms, told in (
        (cart, PROMOTIONS, "c.json, line 1: lines[0].price: "),
        (CART, promotions, "p.json, line 1: promotions[0].percent: "),
    ):
        with pytest.raises(SystemExit) as left:
            main(_evaluate(_beside(tmp_path / "x", "c.json", said),
                           _beside(tmp_path / "x", "p.json", terms)))  # fmt: skip
        assert left.value.code == 1
        message = " ".join(capsys.readouterr().err.split())
        assert told in message
        assert f"{number!r} is no decimal string" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,url,URL\na,b,c\n", "line 1: column 'url' is there twice"),
        ("file,link\na,b\n", "line 1: column 'url' is missing"),
        ("file,url,currency\na,https://a.example/,euro\n", "line 2: currency 'EURO' is no ISO"),
        ("", "line 1: column 'file' is missing"),
    ],
)
def test_a_manifest_is_refused_by_file_line_and_column(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pages.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(SystemExit) as left:
        main(["extract", "--manifest", str(path)])
    assert left.value.code == 1
    assert f"pages.csv, {says}" in " ".join(capsys.readouterr().err.split())


def test_a_kind_that_is_sent_is_refused_by_the_field_of_the_body(client: httpx.Client) -> None:
    for kind in KINDS:
        if kind.sent is None:
            continue
        document = {"lines": [{"sku": "TEA-1"}]} if kind.kind is FileKind.CART else kind.document
        first = next(iter(document))
        for changed, field in (
            ({**document, "colour": "red"}, "colour"),
            ({**document, kind.field: 7}, kind.field),
        ):
            path, body = kind.sent(changed)
            answer = client.post(path, json=body)
            assert answer.status_code == 422, (kind, answer.text)
            assert answer.json()["errors"][0]["field"] == f"{kind.at}.{field}"
        path, body = kind.sent(document)
        text = json.dumps(body)
        inner = json.dumps(document)
        twice = text.replace(inner, f'{inner[:-1]}, "{first}": 1}}')
        answer = client.post(path, content=twice)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == f"{kind.at}.{first}"
        for value in ('"\\ud800"', '{"\\udfff": 1}', "[" * 5000, "[" * 200 + "]" * 200, "9" * 5000):
            answer = client.post(path, content=text.replace(inner, f'{inner[:-1]}, "x": {value}}}'))
            assert answer.status_code == 422, (kind, value[:9], answer.text)
            assert answer.json()["errors"][0]["field"].startswith("body")
        path, body = kind.sent({})
        for given in ([1], ""):
            sent = given if kind.at == "body" else {**body, kind.at.partition(".")[2]: given}
            answer = client.post(path, json=sent)
            assert answer.status_code == 422, (kind, given, answer.text)
            assert answer.json()["errors"][0]["field"].startswith(kind.at)
