"""Carts and promotions of a made-up shop: 300 products in 12 categories and 8 brands, seeded.

Prices of a category lie near each other, as those of a shop do; every product has a floor of 35 to
62 % of its price: a shop that gives three for two earns more than a third.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from pricing.promotions import promotion as w
from pricing.promotions.cart import Cart, Line
from pricing.promotions.promotion import AnyPromotion, Products

AT = datetime(2026, 11, 11, 12, tzinfo=UTC)
LEVELS = (8, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150)
CATEGORIES = tuple(f"c{i}" for i in range(len(LEVELS)))
BRANDS = tuple(f"b{i}" for i in range(8))


def assortment() -> list[Line]:
    """One line per product; always the same."""
    rng = Random(7)
    found = []
    for i in range(300):
        price = int(LEVELS[i % len(LEVELS)] * 100 * rng.uniform(0.7, 1.4)) // 10 * 10 + 9
        found.append(
            Line(
                id=f"s{i}",
                sku=f"s{i}",
                quantity=1,
                price=price,
                categories=(CATEGORIES[i % len(LEVELS)],),
                brand=rng.choice(BRANDS),
                floor=int(price * rng.uniform(0.35, 0.62)),
            )
        )
    return found


PRODUCTS = assortment()


def shop_cart(rng: Random, lines: int) -> Cart:
    """A cart of different products, one to three of each."""
    chosen = rng.sample(PRODUCTS, lines)
    return Cart(
        currency="EUR",
        at=AT,
        lines=tuple(
            Line(
                id=entry.id,
                sku=entry.sku,
                quantity=rng.choice([1, 1, 1, 2, 2, 3]),
                price=entry.price,
                categories=entry.categories,
                brand=entry.brand,
                floor=entry.floor,
            )
            for entry in chosen
        ),
        codes=tuple(f"SAVE{i}" for i in range(10)),
        shipping=590,
    )


def shop_promotions(rng: Random, count: int, *, dense: bool) -> list[AnyPromotion]:
    """Promotions of ten kinds in turn.

    Args:
        rng: decides.
        count: how many.
        dense: scopes of two or three categories, so that a unit is in reach of about seven item
            promotions out of forty; otherwise one category or brand, about four.
    """
    return [_promotion(rng, i, dense=dense) for i in range(count)]


def _scope(rng: Random, *, dense: bool) -> Products:
    brand = Products(brands=(rng.choice(BRANDS),))
    if dense:
        two = Products(categories=tuple(rng.sample(CATEGORIES, 2)))
        three = Products(
            categories=tuple(rng.sample(CATEGORIES, 3)), except_brands=(rng.choice(BRANDS),)
        )
        return rng.choice([two, three, brand])
    one = Products(categories=(rng.choice(CATEGORIES),))
    part = Products(categories=one.categories, brands=tuple(rng.sample(BRANDS, 3)))
    return rng.choice([one, part, brand])


def _promotion(rng: Random, i: int, *, dense: bool) -> AnyPromotion:
    name, priority, scope = f"p{i}", rng.randrange(5), _scope(rng, dense=dense)
    match i % 10:
        case 0 | 1:
            percent = Decimal(rng.choice([5, 10, 15, 20]))
            return w.PercentOff(id=name, priority=priority, products=scope, percent=percent)
        case 2:
            level, units = rng.randrange(len(LEVELS)), rng.choice([2, 3])
            return w.NForPrice(
                id=name,
                priority=priority,
                products=Products(categories=(CATEGORIES[level],)),
                quantity=units,
                price=Decimal(units * LEVELS[level]) * Decimal("0.9"),
            )
        case 3:
            return w.BuyGet(
                id=name, priority=priority, products=scope, buy=2, get=1, percent=Decimal(100)
            )
        case 4:
            steps = ((100, 10), (300, 40), (800, 120))
            return w.SpendAndSave(
                id=name,
                priority=priority,
                products=Products() if rng.random() < 0.7 else scope,
                tiers=tuple(w.SpendTier(spend=Decimal(s), amount=Decimal(a)) for s, a in steps),
            )
        case 5:
            prices = {
                entry.sku: Decimal(entry.price * 85 // 100) / 100
                for entry in rng.sample(PRODUCTS, 40)
            }
            return w.SpecialPrice(id=name, priority=priority, prices=prices)
        case 6:
            one, two = rng.sample(CATEGORIES, 2)
            parts = tuple(w.Part(products=Products(categories=(c,))) for c in (one, two))
            return w.Bundle(id=name, priority=priority, parts=parts, percent=Decimal(15))
        case 7:
            return w.SpendAndSave(
                id=name,
                priority=priority,
                products=Products() if rng.random() < 0.5 else scope,
                code=f"SAVE{i // 10}",
                spend=Decimal(50),
                percent=Decimal(10),
                max_discount=Decimal(50),
            )
        case 8:
            return w.QuantityTiers(
                id=name,
                priority=priority,
                products=scope,
                tiers=tuple(
                    w.QuantityTier(quantity=q, percent=Decimal(p)) for q, p in ((3, 10), (5, 20))
                ),
            )
        case _:
            spend = Decimal(rng.choice([49, 99, 200]))
            return w.ShippingOff(id=name, priority=priority, spend=spend)


def shop_case(
    seed: int, *, lines: int, promotions: int, dense: bool | None = None
) -> tuple[Cart, list[AnyPromotion]]:
    """A cart and promotions; the same for the same seed. Small sets are dense by default."""
    rng = Random(seed)
    wide = promotions <= 20 if dense is None else dense
    entries = shop_promotions(rng, promotions, dense=wide)
    return shop_cart(rng, lines), entries
