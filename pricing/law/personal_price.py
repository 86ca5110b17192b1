"""Prices that are not the same for everybody: what may lower them, and what must be shown.

Two rules hold in every market and cannot be switched off: only a membership tier or a condition
that anybody can read may set a customer's price, and no such price exceeds the public one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pricing.law.packs import Evidence, Finding, RulePack, TierRule, Verdict
from pricing.price_book import PUBLIC

PUBLIC_INPUTS: Final = frozenset(
    {
        "sku",
        "market",
        "channel",
        "tier",
        "quantity",
        "basket",
        "coupon",
        "time",
        "delivery",
        "payment_method",
        "price_book",
        "first_order",
        "lifecycle",
        "birthday",
    }
)
"""What a price may depend on: the offer, and conditions that anybody can read. The last three are
those of a published promotion (for new customers, in the week of a birthday). A segment that the
shop has put a customer into, or a price for one named customer, is no such condition."""


def check_personal_price(
    price: int,
    public: int,
    *,
    tier: str,
    inputs: Iterable[str],
    pack: RulePack | None,
    notice_shown: str = "",
) -> Verdict:
    """Whether one customer's price may be asked.

    Args:
        price: the price asked, minor units.
        public: the public price of the same product at the same moment, minor units.
        tier: the tier that the customer is priced in.
        inputs: names of all that the price was computed from.
        pack: the rules of the market's jurisdiction; None where it has none.
        notice_shown: the notice that the customer sees beside the price.
    """
    wrong = []
    facts: dict[str, object] = {"price": price, "public": public, "inputs": sorted(set(inputs))}
    if price > public:
        wrong.append(Finding.ABOVE_PUBLIC_PRICE)
    personal = sorted(set(inputs) - PUBLIC_INPUTS)
    if personal:
        wrong.append(Finding.PERSONAL_INPUT)
        facts["personal_inputs"] = personal
    rule = pack.personal_price if pack is not None else None
    if rule is not None and tier != PUBLIC:
        if rule.tiers is TierRule.FORBIDDEN:
            wrong.append(Finding.TIERS_FORBIDDEN)
        elif rule.tiers is TierRule.NOTICE:
            facts["notice"] = rule.notice
            if notice_shown.strip() != rule.notice:
                wrong.append(Finding.NOTICE_MISSING)
    evidence = None
    if rule is not None and pack is not None:
        evidence = Evidence(
            pack.jurisdiction,
            rule.article,
            rule.source,
            confirmed=pack.confirmed,
            article_unverified=rule.article_unverified,
        )
    return Verdict(not wrong, tuple(wrong) or (Finding.LAWFUL,), facts, evidence)
