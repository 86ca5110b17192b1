"""The cheapest total of a small cart by trying everything; written from the manual, not the engine.

Nothing of the engine is used but the records in which promotions and carts are written. Every
assignment of units to item promotions and every subset of later promotions is tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb
from math import floor as round_down

from pricing.promotions import promotion as w
from pricing.promotions.cart import Cart, Line
from pricing.promotions.promotion import AnyPromotion, Products

CENTS = 100
LANE_ORDER = ("item", "order", "coupon", "shipping")


def minor(amount: Decimal | None) -> int:
    return int(Decimal(0 if amount is None else amount) * CENTS)


def half_up(value: Fraction) -> int:
    return round_down(value + Fraction(1, 2))


def percent_of(amount: int, percent: Decimal) -> int:
    return half_up(amount * Fraction(percent) / 100)


def lane_of(p: AnyPromotion) -> str:
    if isinstance(p, w.SpendAndSave):
        return p.lane or ("coupon" if p.code or p.codes else "order")
    return "shipping" if isinstance(p, w.ShippingOff) else "item"


def belongs(line: Line, products: Products) -> bool:
    def listed(values: Sequence[str], own: Sequence[str]) -> bool:
        return not values or any(value in own for value in values)

    return (
        listed(products.skus, [line.sku])
        and listed(products.categories, line.categories)
        and listed(products.brands, [line.brand])
        and listed(products.collections, line.collections)
        and listed(products.shops, [line.shop])
        and line.sku not in products.except_skus
        and not set(line.categories) & set(products.except_categories)
        and line.brand not in products.except_brands
        and not set(line.collections) & set(products.except_collections)
        and not (products.full_price_only and line.regular > line.price)
    )


def share_out(amount: int, weights: Sequence[int], rooms: Sequence[int]) -> list[int]:
    """Largest remainder; what overflows a room is shared out anew over the others."""
    if amount >= sum(rooms):
        return list(rooms)
    result = [0] * len(weights)
    open_places = [i for i in range(len(weights)) if rooms[i] > 0]
    if all(share <= rooms[i] for i, share in enumerate(hamilton(amount, list(weights)))):
        return hamilton(amount, list(weights))
    left = amount
    while True:
        shares = dict(
            zip(open_places, hamilton(left, [weights[i] for i in open_places]), strict=True)
        )
        full = [i for i in open_places if shares[i] > rooms[i]]
        if not full:
            for i, share in shares.items():
                result[i] = share
            return result
        for i in full:
            result[i] = rooms[i]
            left -= rooms[i]
            open_places.remove(i)


def hamilton(amount: int, weights: list[int]) -> list[int]:
    if sum(weights) == 0:
        weights = [1] * len(weights)
    quotas = [Fraction(amount * weight, sum(weights)) for weight in weights]
    shares = [round_down(quota) for quota in quotas]
    order = sorted(range(len(weights)), key=lambda i: (shares[i] - quotas[i], i))
    for i in order[: amount - sum(shares)]:
        shares[i] += 1
    return shares


@dataclass(frozen=True)
class Unit:
    line: int
    price: int
    regular: int
    floor: int
    sku: str

    @property
    def room(self) -> int:
        return max(0, self.price - self.floor)


def is_term(p: AnyPromotion) -> bool:
    return isinstance(p, w.Presale | w.GroupBuy)


class Reference:
    """Tries everything on one cart; conditions but products and spend are assumed to hold."""

    def __init__(self, cart: Cart, promotions: Sequence[AnyPromotion]) -> None:
        self.cart = cart
        self.lines = sorted(cart.lines, key=lambda x: (x.sku, x.price, x.floor, x.regular, x.id))
        order = {lane: i for i, lane in enumerate(LANE_ORDER)}
        self.promotions: list[AnyPromotion] = sorted(
            (p for p in promotions if not isinstance(p, w.Gift)),
            key=lambda p: (order[lane_of(p)], not is_term(p), -p.priority, p.id),
        )
        self.units = [
            Unit(i, x.price, x.regular or x.price, x.floor, x.sku)
            for i, x in enumerate(self.lines)
            for _ in range(x.quantity)
        ]
        self.item: list[AnyPromotion] = [p for p in self.promotions if lane_of(p) == "item"]
        self.later: list[AnyPromotion] = [p for p in self.promotions if lane_of(p) != "item"]
        self.terms = self.settled_terms()

    # -- who may meet ------------------------------------------------------------------------

    def named(self, tokens: Sequence[str], p: AnyPromotion) -> bool:
        return any(
            token in ("all", p.id, f"lane:{lane_of(p)}")
            or (p.group and token == f"group:{p.group}")
            for token in tokens
        )

    def may_meet(self, a: AnyPromotion, b: AnyPromotion) -> bool:
        if a.group and a.group == b.group:
            return False
        if self.named(a.not_with, b) or self.named(b.not_with, a):
            return False
        return lane_of(a) != lane_of(b) or lane_of(a) == "item" or self.joins(a, b)

    def joins(self, a: AnyPromotion, b: AnyPromotion) -> bool:
        stack = a.stack and b.stack
        return stack or self.named(a.combines_with, b) or self.named(b.combines_with, a)

    def on_one_unit(self, a: AnyPromotion, b: AnyPromotion) -> bool:
        return a.id != b.id and self.may_meet(a, b) and self.joins(a, b)

    def ways(self) -> int:
        """How many ways there are to try."""
        ways: int = 1 << len(self.later)
        alike = Counter(
            (unit.line, held) for unit, held in zip(self.units, self.terms, strict=True)
        )
        for (line, held), units in alike.items():
            unit = next(unit for unit in self.units if unit.line == line)
            ways *= comb(len(self.choices(unit, held)) + units - 1, units)
        return ways

    # -- terms of sale -----------------------------------------------------------------------

    def settled_terms(self) -> list[tuple[int, ...]]:
        """Per unit, the terms of sale that hold it: first come, by priority and id.

        Each takes the units off which it takes most, of those that nobody holds with whom it does
        not stack; one that takes nothing off, or may not meet an earlier one, is left out.
        """
        held: list[tuple[int, ...]] = [() for _ in self.units]
        rooms = [unit.room for unit in self.units]
        on_cart: list[AnyPromotion] = []
        for i, p in enumerate(self.item):
            if not is_term(p) or not all(self.may_meet(p, other) for other in on_cart):
                continue
            free = [
                u
                for u, unit in enumerate(self.units)
                if self.roles(p, unit) and all(self.on_one_unit(p, self.item[j]) for j in held[u])
            ]
            worth = self.unit_worth(p, [self.units[u] for u in free])
            if worth is None:  # no price of the group is reached
                continue
            off = {u: min(less, rooms[u]) for u, less in zip(free, worth, strict=True)}
            ranked = sorted((u for u in free if off[u]), key=lambda u: (-off[u], u))
            chosen = sorted(ranked[: p.limits.units_per_order])
            amounts = [off[u] for u in chosen]
            if p.max_discount is not None and sum(amounts) > minor(p.max_discount):
                amounts = share_out(minor(p.max_discount), amounts, amounts)
            if not any(amounts):
                continue
            on_cart.append(p)
            for u, less in zip(chosen, amounts, strict=True):
                held[u] = (*held[u], i)
                rooms[u] -= less
        return held

    # -- the item lane -----------------------------------------------------------------------

    def roles(self, p: AnyPromotion, unit: Unit) -> list[int]:
        """The slots that a unit can fill."""
        line = self.lines[unit.line]
        if isinstance(p, w.Bundle):
            return [i for i, part in enumerate(p.parts) if belongs(line, part.products)]
        roles = [0] if belongs(line, p.products) else []
        if isinstance(p, w.BuyGet) and p.get_products is not None:
            roles += [1] if belongs(line, p.get_products) else []
        return roles

    def choices(self, unit: Unit, held: tuple[int, ...]) -> list[tuple[tuple[int, int], ...]]:
        """Sets of promotions for a unit: the terms that hold it, and discounts that may join."""
        terms = tuple((i, 0) for i in held)
        singles = [
            (i, role)
            for i, p in enumerate(self.item)
            if not is_term(p)
            for role in self.roles(p, unit)
        ]
        found: list[tuple[tuple[int, int], ...]] = [terms]
        for size in range(1, len(singles) + 1):
            for discounts in combinations(singles, size):
                chosen = terms + discounts
                pairs = combinations(chosen, 2)
                if all(self.on_one_unit(self.item[a], self.item[b]) for (a, _), (b, _) in pairs):
                    found.append(chosen)
        return found

    def worth(self, p: AnyPromotion, claim: list[tuple[Unit, int]]) -> list[int] | int | None:
        """Off each unit, or off all together; None if such a claim can not be made."""
        units = [unit for unit, _ in claim]
        total = sum(unit.price for unit in units)
        n = len(units)
        most = p.limits.units_per_order
        if most is not None and n > most:
            return None
        match p:
            case w.QuantityTiers():
                return self.tiers_worth(p, units)
            case w.NForPrice():
                rounds, rest = divmod(n, p.quantity)
                if rest or (p.at_most and rounds > p.at_most):
                    return None
                return max(0, total - rounds * minor(p.price))
            case w.BuyGet():
                return self.buy_get_worth(p, claim)
            case w.Bundle():
                return self.bundle_worth(p, claim, total)
            case _:
                return self.unit_worth(p, units)

    def unit_worth(self, p: AnyPromotion, units: list[Unit]) -> list[int] | None:
        """Types that look at each unit on its own."""
        n = len(units)
        match p:
            case w.PercentOff():
                return [
                    percent_of(u.regular if p.of == "original" else u.price, p.percent)
                    for u in units
                ]
            case w.AmountOff():
                return [minor(p.amount)] * n
            case w.Presale():
                return [minor(p.worth) - minor(p.deposit)] * n
            case w.SpecialPrice():
                prices = {sku: minor(a) for sku, a in p.prices.items()}
                default = None if p.price is None else minor(p.price)
                news = [prices.get(u.sku, default) for u in units]
                return [
                    0 if new is None else max(0, u.price - new)
                    for u, new in zip(units, news, strict=True)
                ]
            case w.AddOn():
                return [max(0, u.price - minor(p.price)) for u in units] if n <= p.at_most else None
            case w.GroupBuy():
                size = self.cart.group_sizes.get(p.id, 0)
                reached = [tier for tier in p.tiers if tier.size <= size]
                return (
                    [max(0, u.price - minor(reached[-1].price)) for u in units] if reached else None
                )
        raise AssertionError(p)

    def tiers_worth(self, p: w.QuantityTiers, units: list[Unit]) -> list[int] | int | None:
        reached = [tier for tier in p.tiers if tier.quantity <= len(units)]
        if not reached:
            return None
        tier = reached[-1]
        if tier.amount is not None:
            return minor(tier.amount)
        if tier.percent is not None:
            return [percent_of(u.price, tier.percent) for u in units]
        return [max(0, u.price - minor(tier.price)) for u in units]

    def got(self, p: w.BuyGet, unit: Unit) -> int:
        if p.percent is not None:
            return percent_of(unit.price, p.percent)
        return max(0, unit.price - minor(p.price))

    def buy_get_worth(self, p: w.BuyGet, claim: list[tuple[Unit, int]]) -> int | None:
        size = p.buy + p.get
        if p.get_products is None:
            rounds, rest = divmod(len(claim), size)
            if 0 < rest <= p.buy:
                return None
            if p.at_most and rounds + (rest > 0) > p.at_most:
                return None
            by_price = sorted((u for u, _ in claim), key=lambda u: -u.price)
            return sum(self.got(p, u) for i, u in enumerate(by_price) if i % size >= p.buy)
        bought = sum(role == 0 for _, role in claim)
        got = len(claim) - bought
        rounds, rest = divmod(bought, p.buy)
        if rest or not (rounds - 1) * p.get < got <= rounds * p.get:
            return None
        if p.at_most and rounds > p.at_most:
            return None
        return sum(self.got(p, u) for u, role in claim if role == 1)

    def bundle_worth(
        self, p: w.Bundle, claim: list[tuple[Unit, int]], total: int
    ) -> list[int] | int | None:
        counts = [sum(role == i for _, role in claim) for i in range(len(p.parts))]
        rounds = counts[0] // p.parts[0].quantity
        if [rounds * part.quantity for part in p.parts] != counts:
            return None
        if p.at_most and rounds > p.at_most:
            return None
        if p.percent is not None:
            return [percent_of(u.price, p.percent) for u, _ in claim]
        if p.amount is not None:
            return rounds * minor(p.amount)
        return max(0, total - rounds * minor(p.price))

    def item_results(self) -> Iterator[tuple[tuple[int, ...], frozenset[int]]]:
        """Unit prices after the item lane, with the promotions applied, each once."""
        choices = [
            self.choices(unit, held) for unit, held in zip(self.units, self.terms, strict=True)
        ]
        kinds = [(unit.line, held) for unit, held in zip(self.units, self.terms, strict=True)]
        seen = set()
        for chosen in product(*choices):
            # Units of one line, held alike, are alike: look at one order of their choices only.
            if any(
                a == b and choices[i].index(chosen[i]) > choices[i].index(chosen[i + 1])
                for i, (a, b) in enumerate(pairwise(kinds))
            ):
                continue
            result = self.item_result(chosen)
            if result is not None and result not in seen:
                seen.add(result)
                yield result

    def item_result(
        self, chosen: Sequence[tuple[tuple[int, int], ...]]
    ) -> tuple[tuple[int, ...], frozenset[int]] | None:
        prices = [unit.price for unit in self.units]
        applied = set()
        for i, p in enumerate(self.item):
            places = [(u, role) for u, parts in enumerate(chosen) for j, role in parts if i == j]
            if not places:
                continue
            worth = self.worth(p, [(self.units[u], role) for u, role in places])
            if worth is None:
                return None
            rooms = [max(0, prices[u] - self.units[u].floor) for u, _ in places]
            most = None if p.max_discount is None else minor(p.max_discount)
            if isinstance(worth, int):
                amount = worth if most is None else min(worth, most)
                off = share_out(amount, [self.units[u].price for u, _ in places], rooms)
            else:
                off = [min(pair) for pair in zip(worth, rooms, strict=True)]
                if most is not None and sum(off) > most:
                    off = share_out(most, off, off)
            if any(off):
                applied.add(i)
            for (u, _), less in zip(places, off, strict=True):
                prices[u] -= less
        for a, b in combinations(sorted(applied), 2):
            if not self.may_meet(self.item[a], self.item[b]):
                return None
        return tuple(prices), frozenset(applied)

    # -- the other lanes ---------------------------------------------------------------------

    def best_total(self) -> int:
        """The cheapest total of goods and shipping."""
        best = sum(unit.price for unit in self.units) + self.cart.shipping
        for prices, applied in self.item_results():
            names: list[AnyPromotion] = [self.item[i] for i in sorted(applied)]
            for size in range(len(self.later) + 1):
                for subset in combinations(self.later, size):
                    total = self.later_total(prices, names, subset)
                    if total is not None:
                        best = min(best, total)
        return best

    def later_total(
        self, prices: Sequence[int], items: list[AnyPromotion], subset: Sequence[AnyPromotion]
    ) -> int | None:
        together = [*items, *subset]
        if not all(self.may_meet(a, b) for a, b in combinations(together, 2)):
            return None
        ids = {p.id for p in together}
        if not all(set(p.requires) <= ids for p in subset):
            return None
        lines = range(len(self.lines))
        goods = [sum(prices[u] for u, x in enumerate(self.units) if x.line == i) for i in lines]
        rooms = [
            sum(max(0, prices[u] - x.floor) for u, x in enumerate(self.units) if x.line == i)
            for i in lines
        ]
        touched = {x.line for u, x in enumerate(self.units) if prices[u] < x.price}
        if not self.take_off(goods, rooms, touched, subset):
            return None
        charge = self.charge_left(goods, subset)
        return None if charge is None else sum(goods) + charge

    def take_off(
        self,
        goods: list[int],
        rooms: list[int],
        touched: set[int],
        subset: Sequence[AnyPromotion],
    ) -> bool:
        """The order and coupon lanes, in place; False if a promotion takes nothing off."""
        lines = range(len(self.lines))
        full = [x.price * x.quantity for x in self.lines]
        for lane in ("order", "coupon"):
            entry = list(goods)
            for p in subset:
                if lane_of(p) != lane or not isinstance(p, w.SpendAndSave):
                    continue
                scope = [i for i in lines if belongs(self.lines[i], p.products)]
                inside = [i for i in scope if not (p.products.full_price_only and i in touched)]
                base = sum(entry[i] for i in inside)
                spent = sum(full[i] for i in scope) if p.basis == "before_items" else base
                if p.of == "original":
                    base = sum(
                        (self.lines[i].regular or self.lines[i].price) * self.lines[i].quantity
                        for i in inside
                    )
                amount = self.spend_off(p, spent, base) if inside else 0
                off = share_out(amount, [entry[i] for i in inside], [rooms[i] for i in inside])
                if not any(off):
                    return False
                for i, less in zip(inside, off, strict=True):
                    goods[i] -= less
                    rooms[i] -= less
        return True

    def charge_left(self, goods: list[int], subset: Sequence[AnyPromotion]) -> int | None:
        """The shipping charge; None if one of its promotions takes nothing off."""
        lines = range(len(self.lines))
        full = [x.price * x.quantity for x in self.lines]
        charge = self.cart.shipping
        for p in subset:
            if isinstance(p, w.ShippingOff):
                scope = [i for i in lines if belongs(self.lines[i], p.products)]
                spent = sum(full[i] if p.basis == "before_items" else goods[i] for i in scope)
                if not scope or spent < minor(p.spend):
                    return None
                less = self.cart.shipping
                if p.percent is not None:
                    less = percent_of(self.cart.shipping, p.percent)
                elif p.amount is not None:
                    less = minor(p.amount)
                elif p.price is not None:
                    less = max(0, self.cart.shipping - minor(p.price))
                if p.max_discount is not None:
                    less = min(less, minor(p.max_discount))
                less = min(less, charge)
                if not less:
                    return None
                charge -= less
        return charge

    def spend_off(self, p: w.SpendAndSave, spent: int, base: int) -> int:
        if p.every:
            times = spent // minor(p.spend)
            amount = minor(p.amount) * (min(times, p.at_most) if p.at_most else times)
        else:
            tiers = p.tiers or (w.SpendTier(spend=p.spend, amount=p.amount, percent=p.percent),)
            reached = [tier for tier in tiers if minor(tier.spend) <= spent]
            if not reached:
                return 0
            tier = reached[-1]
            amount = (
                percent_of(base, tier.percent) if tier.percent is not None else minor(tier.amount)
            )
        return amount if p.max_discount is None else min(amount, minor(p.max_discount))
