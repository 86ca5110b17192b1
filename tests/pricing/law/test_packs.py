from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pricing.errors import InvalidRulePack
from pricing.law.packs import CapBasis, PriorBasis, rule_pack

GOOD: dict[str, Any] = {
    "jurisdiction": "XX",
    "name": "Somewhere",
    "in_force_from": date(2022, 5, 28),
    "checked_on": date(2026, 1, 1),
    "prior_price": {"article": "§ 1", "source": "https://x", "days": 30, "basis": "transacted"},
    "personal_price": {"article": "§ 2", "source": "https://x"},
    "emergency_cap": {"article": "§ 3", "source": "https://x", "share": 0, "basis": "last"},
    "notes": ["ask counsel"],
}


def test_plain_data_becomes_a_pack() -> None:
    made = rule_pack(GOOD)
    assert made.prior_price is not None
    assert made.prior_price.basis is PriorBasis.TRANSACTED
    assert made.emergency_cap is not None
    assert made.emergency_cap.basis is CapBasis.LAST
    assert made.notes == ("ask counsel",)
    assert not made.confirmed
    assert rule_pack({**GOOD, "confirmed_by": "A. Counsel, 2026"}).confirmed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"jurisdiction": 4}, "^jurisdiction: must be text, not 4"),
        ({"in_force_from": "soon"}, "^in_force_from: "),
        ({"extra": 1}, "^extra: is not known; there are checked_on"),
        ({"prior_price": {"article": "§ 1", "days": 30}}, "^prior_price.source: is missing"),
        ({"prior_price": 30}, "must be a mapping"),
        (
            {"prior_price": {**GOOD["prior_price"], "article": " "}},
            "^prior_price.article: is blank",
        ),
        ({"prior_price": {**GOOD["prior_price"], "days": 0}}, "^prior_price.days: must be from 1"),
        (
            {"prior_price": {**GOOD["prior_price"], "days": True}},
            "^prior_price.days: must be a whole number, not true",
        ),
        (
            {"prior_price": {**GOOD["prior_price"], "basis": "guess"}},
            "there are applied, transacted",
        ),
        (
            {"personal_price": {**GOOD["personal_price"], "tiers": "notice"}},
            "^personal_price.notice: must be",
        ),
        (
            {"emergency_cap": {**GOOD["emergency_cap"], "share": 10}},
            "^emergency_cap.share: must be",
        ),
        (
            {"prior_price": None, "personal_price": None, "emergency_cap": None},
            "has no rule",
        ),
    ],
)
def test_a_pack_that_cannot_be_applied_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRulePack, match=words):
        rule_pack({**GOOD, **change})
