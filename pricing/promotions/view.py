"""A cart laid out for evaluation: lines in a canonical order, amounts as columns of integers."""

from __future__ import annotations

from pricing.promotions.cart import Cart
from pricing.promotions.scopes import ScopeIndex


class CartView:
    """Columns over the lines of a cart, and over its units.

    Lines are sorted by what they are, not by where the caller put them, so that every tie is broken
    alike whatever the order in the cart.

    Attributes:
        cart: as given.
        lines: cart lines, sorted.
        price, regular, floor, quantity: per line; `regular` is at least `price`.
        room: per line, the most that may come off one unit.
        first_unit: number of each line's first unit; units of a line are consecutive.
        line_of: line of each unit.
        unit_price: per unit.
        subtotal: all units at their price.
        least: what all units cost when none is dearer than its floor.
        dear_rank: per line, its place when the dear ones come first.
        full_price: per line, True if not marked down.
    """

    __slots__ = (
        "_scope_bits",
        "_scope_lines",
        "cart",
        "dear_rank",
        "first_unit",
        "floor",
        "full_price",
        "least",
        "line_of",
        "line_total",
        "lines",
        "price",
        "quantity",
        "regular",
        "room",
        "subtotal",
        "unit_price",
    )

    def __init__(self, cart: Cart, scopes: ScopeIndex) -> None:
        self.cart = cart
        lines = self.lines = sorted(
            cart.lines, key=lambda line: (line.sku, line.price, line.floor, line.regular, line.id)
        )
        self.price = [line.price for line in lines]
        self.regular = [line.regular or line.price for line in lines]
        self.floor = [line.floor for line in lines]
        self.quantity = [line.quantity for line in lines]
        self.room = [max(0, line.price - line.floor) for line in lines]
        price = self.price
        by_price = sorted(range(len(lines)), key=lambda line: (-price[line], line))
        self.dear_rank = [0] * len(lines)
        for rank, at in enumerate(by_price):
            self.dear_rank[at] = rank
        self.full_price = [not line.marked_down for line in lines]
        self.line_total = [line.price * line.quantity for line in lines]
        self.subtotal = sum(self.line_total)
        self.least = self.subtotal - sum(
            room * line.quantity for room, line in zip(self.room, lines, strict=True)
        )
        self.first_unit: list[int] = []
        self.line_of: list[int] = []
        self.unit_price: list[int] = []
        for i, line in enumerate(lines):
            self.first_unit.append(len(self.line_of))
            self.line_of += [i] * line.quantity
            self.unit_price += [line.price] * line.quantity
        self._scope_bits = [scopes.of_line(line) for line in lines]
        self._scope_lines: dict[int, tuple[int, ...]] = {}

    def scope_lines(self, scope: int) -> tuple[int, ...]:
        """Lines that belong to a product set, in order."""
        found = self._scope_lines.get(scope)
        if found is None:
            bit = 1 << scope
            found = tuple(i for i, bits in enumerate(self._scope_bits) if bits & bit)
            self._scope_lines[scope] = found
        return found

    def scope_quantity(self, scope: int) -> int:
        """Units of a product set."""
        quantity = self.quantity
        return sum(quantity[i] for i in self.scope_lines(scope))

    def scope_total(self, scope: int) -> int:
        """What the units of a product set cost before promotions."""
        total = self.line_total
        return sum(total[i] for i in self.scope_lines(scope))

    def units_of(self, line: int) -> range:
        """Numbers of a line's units."""
        first = self.first_unit[line]
        return range(first, first + self.quantity[line])
