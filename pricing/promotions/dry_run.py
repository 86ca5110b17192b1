"""`promo evaluate`: two documents in, an answer out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from pricing.promotions.cart import Cart
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.explain import Explanation, evaluate_and_explain
from pricing.promotions.file_format import parse_cart, parse_promotions
from pricing.promotions.promotion_set import PromotionSet


class DryRun(msgspec.Struct, frozen=True):
    """An evaluation with its explanation, and what was evaluated."""

    cart: Cart
    promotions: PromotionSet
    evaluation: Evaluation
    explanation: Explanation


def dry_run(
    cart_data: object,
    promotions_data: object,
    *,
    at: datetime | None = None,
    mode: Mode | None = None,
) -> DryRun:
    """Evaluate parsed documents.

    Args:
        cart_data: parsed cart file.
        promotions_data: parsed promotions file.
        at: moment that goes before the cart's.
        mode: goes before the one of the promotions file.

    Raises:
        InvalidPromotion: naming the field.
        InvalidCart: naming the field.
    """
    promotions, file = parse_promotions(promotions_data)
    cart, used = parse_cart(cart_data, at=at)
    answer = evaluate_and_explain(cart, promotions, mode=mode or file.mode, used=used)
    return DryRun(cart, promotions, *answer)
