"""The answer for a cart: what it costs, and what each promotion takes off each line and unit."""

from __future__ import annotations

from typing import Literal

import msgspec

Mode = Literal["best", "priority"]


class UnitRun(msgspec.Struct, frozen=True):
    """Units of one line that are paid alike.

    Attributes:
        count: how many.
        paid: for each of them, after all promotions.
        discounts: (promotion, minor units off each), in the order applied.
    """

    count: int
    paid: int
    discounts: tuple[tuple[str, int], ...]


class LineResult(msgspec.Struct, frozen=True):
    """One line, in the order of the cart.

    Attributes:
        before: units at their price.
        after: what is left to pay for the line; `units` add up to it.
        discounts: (promotion, minor units off the line).
        tax: contained in `after`, or to be added to it, as the cart says.
    """

    id: str
    sku: str
    quantity: int
    before: int
    after: int
    discounts: tuple[tuple[str, int], ...]
    units: tuple[UnitRun, ...]
    tax: int


class Applied(msgspec.Struct, frozen=True):
    """One promotion that takes something off, or gives something.

    Attributes:
        amount: minor units off; 0 for a gift.
        lines: minor units off each line it touches; shipping is not among them.
        units: units that it counted as its own, in the item lane.
        funding: minor units by who pays; adds up to `amount`.
        shops: minor units by shop, where lines name one.
        code: the code that opened it, as typed.
    """

    id: str
    name: str
    lane: str
    amount: int
    lines: dict[str, int]
    units: int = 0
    funding: dict[str, int] = {}
    shops: dict[str, int] = {}
    code: str = ""


class GiftResult(msgspec.Struct, frozen=True):
    """A gift that goes with the order.

    Attributes:
        promotion: what gives it.
        value: minor units that it is worth, all of `quantity`.
        choices: what the customer may choose instead.
    """

    promotion: str
    sku: str
    quantity: int
    value: int
    choices: tuple[str, ...] = ()


class Evaluation(msgspec.Struct, frozen=True):
    """What a cart comes to. Amounts are minor units of `currency`.

    Attributes:
        proven_optimal: True if no permitted combination is cheaper; always False in priority mode
            unless nothing could apply.
        subtotal: goods before promotions.
        goods: goods after promotions.
        shipping_before, shipping: the charge before and after.
        tax: contained in the total, or added to it.
        total: what the customer pays, tax included.
        deposit: part of the total already paid, or due now, for presales; the rest is the balance.
    """

    currency: str
    mode: Mode
    proven_optimal: bool
    subtotal: int
    goods: int
    shipping_before: int
    shipping: int
    prices_include_tax: bool
    tax: int
    total: int
    deposit: int
    lines: tuple[LineResult, ...]
    applied: tuple[Applied, ...]
    gifts: tuple[GiftResult, ...]

    @property
    def discount(self) -> int:
        """What all promotions take off, shipping included."""
        return self.subtotal + self.shipping_before - self.goods - self.shipping

    def line(self, line_id: str) -> LineResult:
        """The result of a line of the cart."""
        return next(line for line in self.lines if line.id == line_id)
