"""The way in: a cart and a set of promotions to an exact answer. Pure; time is in the cart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pricing.promotions.best import Effort, settle_best
from pricing.promotions.cart import Cart, check_cart
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.greedy import settle_by_priority
from pricing.promotions.later_lanes import Settlement
from pricing.promotions.problem import Problem
from pricing.promotions.promotion import Used
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.receipt import write_receipt

NOTHING_USED: Mapping[str, Used] = MappingProxyType({})
USUAL_EFFORT = Effort()


def evaluate(
    cart: Cart,
    promotions: PromotionSet,
    *,
    mode: Mode = "best",
    used: Mapping[str, Used] = NOTHING_USED,
    effort: Effort = USUAL_EFFORT,
) -> Evaluation:
    """What a cart costs.

    The same for the same cart whatever the order of its lines and of the promotions; all amounts
    are whole minor units and shares add up; no unit is below its floor or zero.

    Args:
        cart: at its moment `cart.at`.
        promotions: compiled once, for many carts.
        mode: `best` for the cheapest total over everything permitted; `priority` for promotions
            taken in order of priority.
        used: what was used up before, by promotion id.
        effort: how hard best mode looks before it settles for an answer that is not proven.

    Raises:
        InvalidCart: naming the field.
    """
    check_cart(cart)
    problem = Problem(cart, promotions, used)
    settlement, proven = decide_settlement(problem, mode, effort)
    return write_receipt(problem, settlement, mode, proven=proven)


def decide_settlement(problem: Problem, mode: Mode, effort: Effort) -> tuple[Settlement, bool]:
    """What is decided, and whether it is proven the cheapest."""
    if mode == "best":
        return settle_best(problem, effort)
    return settle_by_priority(problem), not problem.offers and not problem.later
