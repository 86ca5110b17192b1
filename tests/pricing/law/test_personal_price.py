from __future__ import annotations

from datetime import date

import pytest

from pricing.law.packs import Finding, PersonalPriceRule, RulePack, TierRule
from pricing.law.personal_price import check_personal_price

TEXT = "THIS PRICE WAS SET BY AN ALGORITHM USING YOUR PERSONAL DATA"


def pack(tiers: TierRule) -> RulePack:
    rule = PersonalPriceRule("§ 1", "s", tiers, TEXT if tiers is TierRule.NOTICE else "")
    return RulePack("X", "X", date(2020, 1, 1), date(2026, 1, 1), personal_price=rule)


ALLOWED, NOTICE, FORBIDDEN = (pack(tiers) for tiers in TierRule)
OFFER = ("sku", "market", "tier")


@pytest.mark.parametrize(
    ("price", "tier", "inputs", "rules", "shown", "findings"),
    [
        (90, "gold", OFFER, ALLOWED, "", (Finding.LAWFUL,)),
        (100, "gold", OFFER, None, "", (Finding.LAWFUL,)),
        (101, "gold", OFFER, ALLOWED, "", (Finding.ABOVE_PUBLIC_PRICE,)),
        (101, "gold", OFFER, None, "", (Finding.ABOVE_PUBLIC_PRICE,)),
        (90, "gold", (*OFFER, "device"), ALLOWED, "", (Finding.PERSONAL_INPUT,)),
        (90, "public", ("sku", "browsing"), None, "", (Finding.PERSONAL_INPUT,)),
        (90, "public", (*OFFER, "coupon", "quantity"), ALLOWED, "", (Finding.LAWFUL,)),
        (90, "gold", OFFER, FORBIDDEN, "", (Finding.TIERS_FORBIDDEN,)),
        (90, "public", OFFER, FORBIDDEN, "", (Finding.LAWFUL,)),
        (90, "gold", OFFER, NOTICE, "", (Finding.NOTICE_MISSING,)),
        (90, "gold", OFFER, NOTICE, "algorithm!", (Finding.NOTICE_MISSING,)),
        (90, "gold", OFFER, NOTICE, TEXT, (Finding.LAWFUL,)),
        (90, "public", OFFER, NOTICE, "", (Finding.LAWFUL,)),
    ],
)
def test_who_may_be_asked_which_price(
    price: int,
    tier: str,
    inputs: tuple[str, ...],
    rules: RulePack | None,
    shown: str,
    findings: tuple[Finding, ...],
) -> None:
    verdict = check_personal_price(
        price, 100, tier=tier, inputs=inputs, pack=rules, notice_shown=shown
    )
    assert verdict.findings == findings
    assert verdict.lawful is (findings == (Finding.LAWFUL,))
    assert verdict.facts["inputs"] == sorted(inputs)


def test_the_inputs_and_the_notice_are_named() -> None:
    verdict = check_personal_price(
        90, 100, tier="gold", inputs=("sku", "postcode", "device"), pack=NOTICE
    )
    assert verdict.facts["personal_inputs"] == ["device", "postcode"]
    assert verdict.facts["notice"] == TEXT
    assert verdict.evidence is not None
    assert verdict.evidence.article == "§ 1"
