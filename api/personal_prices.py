"""Quotes under the law of personalised prices: which tiers may be used, what must be shown.

What each personal price of a quote was computed from is written to the log with the quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pricing.law.packs import RulePack, TierRule
from pricing.law.personal_price import check_personal_price
from pricing.price_book import PUBLIC
from storage.law.personal_prices import PersonalPrice

if TYPE_CHECKING:
    from pricing.promotions.cart import Cart
    from pricing.promotions.evaluation import Evaluation
    from pricing.promotions.promotion import Audience
    from storage.promotions.versions import StoredPromotion

_OF_EVERY_PRICE: Final = ("sku", "market", "channel", "tier", "price_book", "time")


def tiers_forbidden(pack: RulePack | None) -> bool:
    """True where the market's law forbids prices for members."""
    rule = None if pack is None else pack.personal_price
    return rule is not None and rule.tiers is TierRule.FORBIDDEN


def notice_of(pack: RulePack | None) -> str:
    """The text that must stand beside a personal price, word for word; blank where none must."""
    rule = None if pack is None else pack.personal_price
    return rule.notice if rule is not None and rule.tiers is TierRule.NOTICE else ""


def personal_prices(
    cart: Cart,
    evaluation: Evaluation,
    promotions: Mapping[str, StoredPromotion],
    pack: RulePack | None,
    facts: Mapping[str, object],
) -> tuple[PersonalPrice, ...]:
    """The prices of a cart that not everybody pays, each with all that it was computed from.

    They are the unit prices of a member tier, and those that a promotion lowered because of
    something it knows of the customer.

    Args:
        cart: as evaluated.
        evaluation: what came out.
        promotions: those that may apply, by id.
        pack: the rules of the market's jurisdiction; None where it has none.
        facts: kept with each verdict, such as the quote's number.
    """
    lines = {line.id: line for line in cart.lines}
    found = []
    for result in evaluation.lines:
        line = lines[result.id]
        public = line.regular or line.price
        for run in result.units:
            audiences = [
                promotions[promotion].terms.promotion.for_
                for promotion, _ in run.discounts
                if promotion in promotions
            ]
            used = {name for audience in audiences for name in customer_inputs(audience)}
            of_members = line.price != public or any(audience.tiers for audience in audiences)
            if not used and (cart.tier == PUBLIC or not of_members):
                continue
            inputs = (*_OF_EVERY_PRICE, *(["quantity"] if run.discounts else []), *sorted(used))
            verdict = check_personal_price(
                run.paid,
                public,
                tier=cart.tier,
                inputs=inputs,
                pack=pack,
                notice_shown=notice_of(pack),
            )
            kept = {**verdict.facts, **facts, "promotions": [name for name, _ in run.discounts]}
            found.append(
                PersonalPrice(
                    sku=line.sku,
                    tier=cart.tier,
                    price=run.paid,
                    public=public,
                    inputs=inputs,
                    verdict=replace(verdict, facts=kept),
                )
            )
    return tuple(found)


def customer_inputs(audience: Audience) -> tuple[str, ...]:
    """What a promotion looks at of the customer, beside the tier."""
    looked_at = {
        "segment": audience.segments,
        "lifecycle": audience.lifecycle,
        "customer": audience.customers,
        "first_order": audience.first_order,
        "birthday": audience.birthday_within_days is not None,
    }
    return tuple(name for name, used in looked_at.items() if used)
