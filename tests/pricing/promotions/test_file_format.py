"""Files written by hand: JSON and YAML, the schemas beside them, and the dry run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from jsonschema import Draft202012Validator

from pricing.promotions.dry_run import dry_run
from pricing.promotions.file_format import parse_cart, parse_promotions, parse_text, schema
from pricing.promotions.promotion import AnyPromotion
from tests.pricing.promotions.carts import line

MANUAL = Path(__file__).parents[3] / "docs" / "promotions.md"

YAML = """
currency: CNY
time_zone: Asia/Shanghai
promotions:
  - id: double-eleven
    name: 每满300减30
    type: spend_and_save
    spend: 300
    amount: 30
    every: true
    when: {from: 2026-11-01, until: 2026-11-12T00:00}
"""


def test_a_promotion_is_written_by_hand_in_ten_lines() -> None:
    assert len(YAML.strip().splitlines()) <= 10
    compiled, file = parse_promotions(parse_text(YAML, "p.yaml"))
    assert file.mode == "best"
    rule = compiled.rule_of("double-eleven")
    assert rule is not None
    assert rule.window.start == datetime(2026, 10, 31, 16, tzinfo=UTC)


def test_yaml_keeps_times_words_and_cents_as_they_are_written() -> None:
    text = "a: 20:00\nb: off\nc: 2026-11-11\nd: 12.10\ne: 7\nf: true\ng: ~\nh: 010"
    data = parse_text(text, "x.yml")
    assert isinstance(data, dict)
    assert {key: str(value) for key, value in data.items()} == {
        "a": "20:00", "b": "off", "c": "2026-11-11", "d": "12.10", "e": "7", "f": "True",
        "g": "None", "h": "010",
    }  # fmt: skip


def test_json_and_yaml_say_the_same() -> None:
    data = parse_text(YAML, "p.yaml")
    again = parse_text(json.dumps(data), "p.json")
    assert parse_promotions(again)[1] == parse_promotions(data)[1]


def test_the_schema_accepts_the_examples_and_refuses_what_the_parser_refuses() -> None:
    validator = Draft202012Validator(schema("promotions"))
    for example in _examples():
        validator.validate(json.loads(json.dumps(example, default=float)))
    for entry in ({"type": "percent_off", "id": "x"}, {"type": "percent_of", "id": "x"}):
        assert not validator.is_valid({"currency": "EUR", "promotions": [entry]})


def test_every_type_has_an_example_in_the_manual_and_each_compiles() -> None:
    seen = set()
    for example in _examples():
        compiled, _ = parse_promotions(example)
        seen |= {type(rule.source) for rule in compiled.rules}
    assert seen == set(AnyPromotion.__args__)


def _examples() -> list[object]:
    blocks = re.findall(r"```yaml\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    examples: list[object] = []
    for block in blocks:
        data = parse_text(block, "manual.yaml")
        if isinstance(data, list):
            data = {"currency": "EUR", "promotions": data}
        if isinstance(data, dict) and "promotions" in data:
            examples.append(data)
    return examples


def test_the_dry_run_may_look_at_another_time_and_mode() -> None:
    cart = {"currency": "CNY", "at": "2026-11-11T20:30:00+08:00", "lines": [line("a", 620)]}
    data = parse_text(YAML, "p.yaml")
    later = dry_run(cart, data, at=datetime(2026, 11, 12, 4, tzinfo=UTC))
    assert later.evaluation.total == 62_000
    assert later.explanation.not_applied[0].reason.text == "ended 2026-11-12 00:00"
    assert dry_run(cart, data, mode="priority").evaluation.mode == "priority"


def test_a_price_may_come_from_a_catalogue() -> None:
    cart, _ = parse_cart(
        {"currency": "EUR", "at": "2026-01-01", "lines": [{"sku": "a"}]}, prices={"a": 499}
    )
    assert cart.lines[0].price == 499
