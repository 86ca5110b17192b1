"""From what a storefront sends to a cart that can be priced: live prices, facts, floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from api.errors import MarketRequired
from pricing.errors import MoneyError
from pricing.money import Money
from pricing.price_book import PUBLIC
from pricing.promotions.cart import MAX_LINES, MILLION, Cart, Line
from pricing.promotions.codes import MAX_CODE, fold_code
from pricing.promotions.errors import InvalidCart
from pricing.promotions.file_format import CartRequest, ancestors, customer_of
from storage.errors import NoPriceForMarket

if TYPE_CHECKING:
    from api.live.snapshot import Snapshot
    from pricing.catalogue import Market
    from storage.products.cart_facts import CartFacts

MAX_CODES: Final = 20
_MAX_NAME: Final = 200
_MAX_MINOR: Final = 2**53


class PricedCart(msgspec.Struct, frozen=True):
    """A cart with what only we know.

    Attributes:
        cart: with prices, floors and facts, and no codes yet.
        costs: minor units of each line without tax; None where nobody knows.
    """

    cart: Cart
    costs: tuple[int | None, ...]


def market_named(request: CartRequest, markets: Sequence[str]) -> str:
    """The market of a cart.

    Raises:
        MarketRequired: none was named and there are several, or none at all.
        NoPriceForMarket: there is no such market.
    """
    if request.market is None:
        if len(markets) == 1:
            return markets[0]
        listed = ", ".join(markets) or "none yet"
        raise MarketRequired(f"name a market; there are {listed}", markets=list(markets))
    if request.market not in markets:
        raise NoPriceForMarket(f"there is no market {request.market!r}", markets=list(markets))
    return request.market


def check_request(request: CartRequest) -> None:
    """Refuse what is too much or too long before anything is looked up.

    Raises:
        InvalidCart: naming the field.
    """
    if not request.lines:
        raise InvalidCart("lines", "the cart is empty; give at least one line")
    if len(request.lines) > MAX_LINES:
        raise InvalidCart("lines", f"{len(request.lines)} lines; a cart has at most {MAX_LINES}")
    if len(request.codes) > MAX_CODES:
        raise InvalidCart("codes", f"{len(request.codes)} codes; a cart has at most {MAX_CODES}")
    for i, code in enumerate(request.codes):
        if not code.isprintable() or not 0 < len(fold_code(code)) <= MAX_CODE:
            raise InvalidCart(f"codes[{i}]", f"give 1 to {MAX_CODE} letters, digits and dashes")
    if len(request.customer.id) > _MAX_NAME:
        raise InvalidCart("customer.id", f"has more than {_MAX_NAME} characters")


def priced_cart(
    request: CartRequest,
    market: Market,
    snapshot: Snapshot,
    facts: Mapping[str, CartFacts],
    *,
    at: datetime,
) -> PricedCart:
    """The cart at live prices.

    The floor of a product is its cost with tax, or the lowest price that its limits allow where
    that is more: no promotion takes a unit below it. A member price counts as a reduction of the
    public price.

    Raises:
        InvalidCart: naming the field; also of a product without a price in the market.
    """
    skus = [line.sku for line in request.lines]
    own = snapshot.prices(skus, market.code, request.tier)
    public = own if request.tier == PUBLIC else snapshot.prices(skus, market.code, PUBLIC)
    rate = round(market.tax_rate * MILLION)
    lines = []
    costs = []
    for i, line in enumerate(request.lines):
        price = own[i] or public[i]
        if price is None:
            raise InvalidCart(f"lines[{i}].sku", f"{line.sku!r} has no price in {market.code!r}")
        fact = facts.get(line.sku)
        cost = None if fact is None else fact.cost_minor
        regular = public[i]
        with_tax = 0 if cost is None else -(-cost * (MILLION + rate) // MILLION)
        lines.append(
            Line(
                id=line.id or str(i + 1),
                sku=line.sku,
                quantity=line.quantity,
                price=price.minor,
                regular=regular.minor if regular is not None and regular > price else 0,
                categories=ancestors(fact.category) if fact else (),
                brand=fact.brand if fact else "",
                collections=line.collections,
                shop=line.shop,
                floor=max(with_tax, 0 if fact is None else fact.lowest_minor),
                tax_rate=rate,
            )
        )
        costs.append(None if cost is None else cost * line.quantity)
    cart = Cart(
        currency=market.currency,
        at=at.astimezone(UTC),
        lines=tuple(lines),
        market=market.code,
        channel=request.channel or market.channel,
        tier=request.tier,
        customer=customer_of(request.customer),
        payment=request.payment,
        shipping=_shipping(request.shipping, market.currency),
        prices_include_tax=True,
        shipping_tax_rate=rate,
        group_sizes=request.group_sizes,
        gift_choices=request.gift_choices,
    )
    return PricedCart(cart, tuple(costs))


def _shipping(amount: Decimal, currency: str) -> int:
    try:
        minor = Money.parse(amount, currency).minor
    except MoneyError as error:
        raise InvalidCart("shipping", str(error)) from None
    if not 0 <= minor <= _MAX_MINOR:
        raise InvalidCart("shipping", "must be zero or more, and not astronomic")
    return minor
