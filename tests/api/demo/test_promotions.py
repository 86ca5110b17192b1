"""The demo's example files: one promotion of every type, each applied in some cart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.demo.promotions import example, receipts
from api.promotions.files import terms_of_file
from pricing.promotions.file_format import parse_promotions, parse_text
from pricing.promotions.promotion import AnyPromotion

MANUAL = Path(__file__).parents[3] / "docs" / "promotions.md"


def test_every_promotion_of_every_type_applies_in_some_cart() -> None:
    promotions, _ = parse_promotions(example("promotions.yaml"))
    assert {type(rule.source) for rule in promotions.rules} == set(AnyPromotion.__args__)
    found = receipts()
    applied = {entry.id for _, answer in found for entry in answer.applied}
    assert applied == {rule.id for rule in promotions.rules}
    assert all(answer.proven_optimal for _, answer in found)


def test_the_examples_of_the_manual_are_those_of_the_file() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    types = manual.partition("## Types")[2].partition("\n## ")[0]
    shown = [
        entry
        for block in re.findall(r"```yaml\n(.*?)```", types, re.DOTALL)
        for entry in parse_text(block, "manual.yaml")  # type: ignore[attr-defined]
    ]
    assert shown == example("promotions.yaml")["promotions"]


@pytest.mark.parametrize("name", ["flash", "early", "free-shipping"])
def test_the_file_is_good_for_the_database(name: str) -> None:
    terms = {entry.name: entry for entry in terms_of_file(example("promotions.yaml"))}
    assert (terms[name].currency, terms[name].time_zone) == ("USD", "America/New_York")
