"""`pricewright schema`: every kind of file has a JSON Schema that says what its reader says."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.cli.commands import main
from api.cli.schemas import FileKind, schema_of_file
from pricing.promotions.file_format import parse_text

DOCS = Path(__file__).parents[2] / "docs"
RULES: Any = parse_text(
    re.findall(r"```yaml\n(# pricing-rules\.yaml\n.*?)```",
               (DOCS / "deciding-prices.md").read_text("utf-8"), re.DOTALL)[0], "rules.yaml",
)  # fmt: skip
SITE = {"name": "a", "start_url": "https://a.example/", "market": "online", "currency": "EUR"}
ITEM = {"sku": "A", "ladder": ["2.00", 1], "demand": [4, 5], "elasticity": -2, "stock": 9}
PRODUCT = {"sku": "A", "price": "5", "cost": 2, "base": 9, "elasticity": -2}
MECHANIC = {"name": "flyer", "promotion": {"type": "percent_off", "percent": "20"}}
PACK = (files("pricing") / "rule_packs" / "de-2022-05-28.yaml").read_text("utf-8")

# What each reader takes, and a field in which a wrong type is refused.
VALID: dict[FileKind, tuple[Any, str]] = {
    FileKind.PROMOTIONS: (
        {
            "currency": "EUR",
            "promotions": [{"id": "x", "type": "percent_off", "percent": 10.5}],
        },
        "promotions",
    ),
    FileKind.CART: ({"currency": "EUR", "lines": [{"sku": "A", "price": "5.00"}]}, "lines"),
    FileKind.PRICING_RULES: (RULES, "strategies"),
    FileKind.SITES: ({"sites": [SITE, {**SITE, "name": "b", "every": "6h"}]}, "sites"),
    FileKind.RULE_PACK: (parse_text(PACK, "de.yaml"), "jurisdiction"),
    FileKind.PLAN_MARKDOWN: ({"currency": "EUR", "weeks": 2, "items": [ITEM]}, "items"),
    FileKind.PLAN_PROMOTIONS: (
        {
            "currency": "EUR",
            "starts_on": "2027-01-04",
            "weeks": 4,
            "mechanics": [MECHANIC],
            "products": [PRODUCT],
        },
        "products",
    ),
    FileKind.PLAN_BUNDLES: (
        {
            "currency": "EUR",
            "products": [{"sku": "A", "price": "5"}],
            "segments": [{"name": "all", "size": 3, "pays": {"A": "5"}}],
        },
        "products",
    ),
}


@pytest.mark.parametrize("kind", FileKind)
def test_a_schema_takes_what_the_reader_takes_and_refuses_what_it_refuses(kind: FileKind) -> None:
    described = schema_of_file(kind)
    Draft202012Validator.check_schema(described)
    validator = Draft202012Validator(described)
    document, field = VALID[kind]
    plain = json.loads(json.dumps(document, default=float))
    validator.validate(plain)
    assert not validator.is_valid([])
    assert not validator.is_valid({**plain, "colour": "red"})
    assert not validator.is_valid({**plain, field: 7})


def test_every_part_refuses_what_it_does_not_know() -> None:
    for kind, path in (
        (FileKind.SITES, ("sites", 0)),
        (FileKind.PRICING_RULES, ("strategies", 0)),
        (FileKind.RULE_PACK, ("prior_price",)),
        (FileKind.PLAN_MARKDOWN, ("items", 0)),
        (FileKind.CART, ("lines", 0)),
    ):
        document = json.loads(json.dumps(VALID[kind][0], default=float))
        part = document
        for step in path:
            part = part[step]
        part["colour"] = "red"
        assert not Draft202012Validator(schema_of_file(kind)).is_valid(document)


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["schema", "sites"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out) == json.loads(
        json.dumps(schema_of_file(FileKind.SITES))
    )
