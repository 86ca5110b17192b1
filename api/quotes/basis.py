"""What a quote was evaluated from, kept with it: returns are evaluated on the same terms again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from api.live.promotion_board import compile_terms
from pricing.promotions.cart import Cart
from pricing.promotions.evaluation import Evaluation
from pricing.promotions.promotion import Used
from storage.products.cart_facts import market_by_code
from storage.promotions.returns import terms_as_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pricing.promotions.promotion_set import PromotionSet


class OrderBasis(msgspec.Struct, frozen=True):
    """What one cart was evaluated from, and what came out.

    Attributes:
        cart: at live prices, with the codes that were good.
        evaluation: of it.
        versions: version of each promotion that ran, by number.
        used: what was used up before, by name.
        gifts: units of gifts that were left, by name and SKU.
        groups: the group that the order joins, by name of the group buy.
    """

    cart: Cart
    evaluation: Evaluation
    versions: dict[int, int]
    used: dict[str, Used]
    gifts: dict[str, dict[str, int]]
    groups: dict[str, str]

    def text(self) -> str:
        """JSON text."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it was evaluated, with the promotions as they were."""

    cart: Cart
    evaluation: Evaluation
    promotions: PromotionSet
    used: Mapping[str, Used]
    groups: Mapping[str, str]


def order_from(conn: Connection, basis: str) -> Order:
    """An order with its promotions at the versions that it was quoted under.

    Args:
        conn: an open transaction.
        basis: as stored.
    """
    found = msgspec.json.decode(basis, type=OrderBasis)
    market = market_by_code(conn, found.cart.market)
    terms = terms_as_of(conn, found.versions)
    compiled = compile_terms(market, terms.items(), found.gifts)
    return Order(found.cart, found.evaluation, compiled, found.used, found.groups)
