"""A cart: what is bought, by whom, when and where. Amounts are minor units of one currency."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

import msgspec

from pricing.currencies import decimals
from pricing.errors import UnknownCurrency
from pricing.promotions.errors import InvalidCart

MAX_LINES: Final = 500
"""More lines than this are refused: no shopper's cart has them, an attacker's might."""

MAX_UNITS: Final = 10_000
"""More units than this in one cart are refused."""

MAX_AMOUNT: Final = 10**13
"""Largest price in minor units; keeps every sum far inside 64 bits in storage."""

MILLION: Final = 1_000_000
"""Rates are held in millionths, so that 12.5 % and 19 % are whole numbers."""


class Line(msgspec.Struct, frozen=True):
    """Some units of one product.

    Attributes:
        id: unique in the cart; results refer to it.
        sku: the product.
        quantity: units, 1 or more.
        price: unit price before promotions.
        regular: unit price before any markdown; at least `price`. Above it, the line counts as
            already discounted.
        categories: category paths, each with its ancestors: `shoes` and `shoes/sneakers`.
        brand, collections, shop: what product sets may name.
        floor: no promotion takes a unit below this price; 0 for none.
        tax_rate: millionths; included in `price` or not as the cart says.
    """

    id: str
    sku: str
    quantity: int
    price: int
    regular: int = 0
    categories: tuple[str, ...] = ()
    brand: str = ""
    collections: tuple[str, ...] = ()
    shop: str = ""
    floor: int = 0
    tax_rate: int = 0

    @property
    def marked_down(self) -> bool:
        """True if the price is below the regular price before any promotion."""
        return self.regular > self.price


class Customer(msgspec.Struct, frozen=True):
    """What promotions may know of a customer.

    Attributes:
        lifecycle: `new`, `active`, `dormant` or `lost`.
        first_order: True if nothing was ever ordered before.
        birthday: only month and day count.
    """

    id: str = ""
    segments: tuple[str, ...] = ()
    lifecycle: str = ""
    first_order: bool = False
    birthday: date | None = None


class Cart(msgspec.Struct, frozen=True):
    """A cart at a moment.

    Attributes:
        currency: ISO 4217 code of every amount.
        at: timezone-aware moment for which it is priced.
        lines: one or more.
        codes: coupon codes as typed.
        shipping: shipping charge before promotions.
        prices_include_tax: whether prices contain tax, or tax is added to them.
        shipping_tax_rate: millionths.
        group_sizes: members gathered so far, by group-buy promotion.
        gift_choices: SKU the customer wants, by gift promotion.
    """

    currency: str
    at: datetime
    lines: tuple[Line, ...]
    market: str = ""
    channel: str = ""
    tier: str = "public"
    customer: Customer = Customer()
    payment: str = ""
    codes: tuple[str, ...] = ()
    shipping: int = 0
    prices_include_tax: bool = True
    shipping_tax_rate: int = 0
    group_sizes: Mapping[str, int] = {}
    gift_choices: Mapping[str, str] = {}


def check_cart(cart: Cart) -> None:
    """Refuse a cart that cannot be priced.

    Raises:
        InvalidCart: naming the field, such as `lines[3].quantity`.
    """
    try:
        decimals(cart.currency)
    except UnknownCurrency as error:
        raise InvalidCart("currency", str(error)) from None
    if cart.at.tzinfo is None:
        raise InvalidCart("at", "needs a UTC offset, as in 2026-11-11T20:00:00+08:00")
    if not cart.lines:
        raise InvalidCart("lines", "the cart is empty; give at least one line")
    if len(cart.lines) > MAX_LINES:
        raise InvalidCart("lines", f"{len(cart.lines)} lines; a cart has at most {MAX_LINES}")
    if not 0 <= cart.shipping <= MAX_AMOUNT:
        raise InvalidCart("shipping", "must be zero or more")
    seen: set[str] = set()
    units = 0
    for i, line in enumerate(cart.lines):
        _check_line(line, i)
        if line.id in seen:
            raise InvalidCart(f"lines[{i}].id", f"{line.id!r} is used by an earlier line")
        seen.add(line.id)
        units += line.quantity
    if units > MAX_UNITS:
        raise InvalidCart("lines", f"{units} units; a cart has at most {MAX_UNITS}")


def _check_line(line: Line, i: int) -> None:
    if line.quantity < 1:
        raise InvalidCart(f"lines[{i}].quantity", f"{line.quantity} must be 1 or more")
    if not 0 <= line.price <= MAX_AMOUNT:
        raise InvalidCart(f"lines[{i}].price", "must be zero or more")
    if not 0 <= line.floor <= MAX_AMOUNT:
        raise InvalidCart(f"lines[{i}].floor", "must be zero or more")
    if line.regular and line.regular < line.price:
        raise InvalidCart(f"lines[{i}].regular_price", "is below the price; leave it out or fix it")
    if not 0 <= line.tax_rate <= 10 * MILLION:
        raise InvalidCart(f"lines[{i}].tax_rate", "must be from 0 to 1000 percent")
