from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pricing.errors import InvalidRulePack
from pricing.law.packs import CapBasis, PriorBasis, TierRule
from storage.law.rule_packs import load_rule_packs

TODAY = date(2026, 11, 22)
OWN = """
jurisdiction: DE
name: Germany, read by our counsel
in_force_from: 2022-05-28
checked_on: 2026-01-01
confirmed_by: A. Counsel
personal_price: {article: "§ 1", source: "https://x"}
"""


def test_every_shipped_pack_is_dated_cites_its_text_and_awaits_counsel() -> None:
    packs = load_rule_packs().packs
    assert {pack.jurisdiction for pack in packs} == {
        "CN", "DE", "EU", "GB", "PL", "US-CA", "US-NJ", "US-NY", "US-UT",
    }  # fmt: skip
    for pack in packs:
        assert not pack.confirmed
        for rule in (pack.prior_price, pack.personal_price, pack.emergency_cap):
            if rule is not None:
                assert rule.source.startswith("https://")


def test_the_shipped_packs_say_what_the_texts_say() -> None:
    packs = load_rule_packs()
    germany, china = packs.at("DE", TODAY).prior_price, packs.at("CN", TODAY).prior_price
    assert germany is not None
    assert (germany.days, germany.progressive) == (30, True)
    assert china is not None
    assert (china.days, china.basis) == (7, PriorBasis.TRANSACTED)
    york = packs.at("US-NY", TODAY).personal_price
    assert york is not None
    assert york.tiers is TierRule.NOTICE
    assert york.notice == "THIS PRICE WAS SET BY AN ALGORITHM USING YOUR PERSONAL DATA"


def test_the_pack_of_a_day_is_the_newest_one_in_force_then() -> None:
    packs = load_rule_packs()
    then, now = (packs.at("US-UT", day).emergency_cap for day in (date(2020, 3, 1), TODAY))
    assert then is not None
    assert now is not None
    assert (then.basis, now.basis) == (CapBasis.AVERAGE, CapBasis.HIGHEST)
    with pytest.raises(InvalidRulePack, match="begin on 2022-05-28"):
        packs.at("DE", date(2022, 5, 27))
    with pytest.raises(InvalidRulePack, match="there are CN, DE"):
        packs.at("ATLANTIS", TODAY)


def test_a_pack_of_our_own_wins_over_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "de.yaml").write_text(OWN, encoding="utf-8")
    (tmp_path / "readme.txt").write_text("not a pack", encoding="utf-8")
    assert load_rule_packs(tmp_path).at("DE", TODAY).confirmed_by == "A. Counsel"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "bad.yaml, line 1: is not YAML"),
        ("- 1", "must be a mapping"),
        (OWN.replace("name", "nmae"), "bad.yaml, line 3: nmae: is not known, do you mean 'name'"),
    ],
)
def test_a_file_that_is_no_pack_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRulePack, match=words):
        load_rule_packs(tmp_path)


def test_the_same_pack_twice_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(OWN, encoding="utf-8")
    with pytest.raises(InvalidRulePack, match="packed twice"):
        load_rule_packs(tmp_path)
    with pytest.raises(InvalidRulePack, match="no such folder"):
        load_rule_packs(tmp_path / "nowhere")
