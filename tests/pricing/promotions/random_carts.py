"""Small random carts with promotions of every type, seeded."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from pricing.promotions import promotion as w
from pricing.promotions.cart import Cart, Line
from pricing.promotions.promotion import AnyPromotion, Products

AT = datetime(2026, 11, 11, 12, tzinfo=UTC)
CATEGORIES = ("shoes", "socks", "hats")
BRANDS = ("acme", "zeta")


def money(rng: Random, least: int, most: int) -> Decimal:
    """An amount; often round, often not."""
    cents = rng.randrange(least, most + 1)
    if rng.random() < 0.5:
        cents = max(least, cents // 100 * 100)
    return Decimal(cents) / 100


def percent(rng: Random) -> Decimal:
    return Decimal(rng.choice(["5", "10", "12.5", "20", "33", "50", "100"]))


def products(rng: Random, cart: Cart, wide: float = 0.4) -> Products:
    """Everything, or a set that meets the cart."""
    full = rng.random() < 0.1
    if rng.random() < wide:
        return Products(full_price_only=full)
    line = rng.choice(cart.lines)
    kind = rng.randrange(4)
    if kind == 0:
        return Products(skus=(line.sku,), full_price_only=full)
    if kind == 1:
        return Products(categories=line.categories[:1], full_price_only=full)
    if kind == 2:
        return Products(brands=(line.brand,), full_price_only=full)
    return Products(except_categories=line.categories[:1])


def random_cart(rng: Random, most_units: int) -> Cart:
    units = rng.randint(1, most_units)
    lines: list[Line] = []
    while units > 0:
        quantity = min(units, rng.choice([1, 1, 2, 3]))
        units -= quantity
        price = int(money(rng, 1, 20_000) * 100)
        regular = price + rng.choice([0, 0, 0, 500])
        floor = rng.choice([0, 0, 0, price // 2, price * 3 // 4, price, price + 100])
        category = rng.choice(CATEGORIES)
        lines.append(
            Line(
                id=f"l{len(lines)}",
                sku=f"s{rng.randrange(4)}",
                quantity=quantity,
                price=price,
                regular=regular,
                categories=(category,),
                brand=rng.choice(BRANDS),
                floor=floor,
            )
        )
    return Cart(
        currency="EUR",
        at=AT,
        lines=tuple(lines),
        codes=("C0", "C1", "C2", "C3", "C4"),
        shipping=rng.choice([0, 490, 990]),
        group_sizes={f"p{i}": rng.choice([1, 2, 5]) for i in range(8)},
    )


def random_promotion(
    rng: Random, i: int, cart: Cart, earlier: list[AnyPromotion], terms: float = 0
) -> AnyPromotion:
    """One promotion of a random type, with random ways of combining."""
    common: dict[str, object] = {"id": f"p{i}", "priority": rng.choice([0, 0, 0, 1, 2])}
    if rng.random() < 0.4:
        common["stack"] = True
    if rng.random() < 0.15:
        common["group"] = rng.choice(["g", "h"])
    if earlier and rng.random() < 0.15:
        common["not_with"] = (rng.choice(earlier).id,)
    elif earlier and rng.random() < 0.15:
        common["combines_with"] = (rng.choice(earlier).id,)
    if rng.random() < 0.15:
        common["max_discount"] = money(rng, 100, 5_000)
    kind = rng.randrange(14)
    if terms and rng.random() < terms:
        kind = rng.choice([3, 4])
    if kind < 9 and rng.random() < 0.1:
        common["limits"] = w.Limits(units_per_order=rng.randint(1, 4))
    if kind != 8:
        common["products"] = products(rng, cart)
    return _of_kind(rng, kind, cart, common, earlier)


def _of_kind(
    rng: Random, kind: int, cart: Cart, common: dict[str, object], earlier: list[AnyPromotion]
) -> AnyPromotion:
    subtotal = sum(line.price * line.quantity for line in cart.lines)
    build: dict[str, object] = {}
    match kind:
        case 0:
            build = {"percent": percent(rng), "of": rng.choice(["current", "original"])}
            return w.PercentOff(**common, **build)  # type: ignore[arg-type]
        case 1:
            return w.AmountOff(**common, amount=money(rng, 1, 3_000))  # type: ignore[arg-type]
        case 2:
            prices = {rng.choice(cart.lines).sku: money(rng, 1, 9_000)}
            price = rng.choice([None, money(rng, 1, 9_000)])
            return w.SpecialPrice(**common, prices=prices, price=price)  # type: ignore[arg-type]
        case 3:
            worth = {"deposit": Decimal(1), "worth": money(rng, 101, 3_000)}
            return w.Presale(**common, **worth)  # type: ignore[arg-type]
        case 4:
            tiers = (
                w.GroupTier(size=2, price=money(rng, 2_000, 9_000)),
                w.GroupTier(size=4, price=money(rng, 1, 2_000)),
            )
            return w.GroupBuy(**common, tiers=tiers)  # type: ignore[arg-type]
        case 5 | 6 | 7 | 8:
            return _counting(rng, kind, cart, common)
        case 9:
            build = {"spend": money(rng, 0, max(1, subtotal))}
            how = rng.choice(["percent", "amount", "price", None])
            if how:
                build[how] = percent(rng) if how == "percent" else money(rng, 1, 900)
            build["basis"] = rng.choice(["current", "before_items"])
            return w.ShippingOff(**common, **build)  # type: ignore[arg-type]
        case _:
            return _spend(rng, kind, subtotal, common, earlier)


def _counting(rng: Random, kind: int, cart: Cart, common: dict[str, object]) -> AnyPromotion:
    at_most = rng.choice([None, None, 1, 2])
    build: dict[str, object] = {}
    match kind:
        case 5:
            return w.QuantityTiers(**common, tiers=_quantity_tiers(rng))  # type: ignore[arg-type]
        case 6:
            build = {"quantity": rng.choice([2, 2, 3]), "price": money(rng, 100, 25_000)}
            return w.NForPrice(**common, **build, at_most=at_most)  # type: ignore[arg-type]
        case 7:
            build = {"buy": rng.choice([1, 1, 2]), "get": rng.choice([1, 1, 2])}
            if rng.random() < 0.7:
                build["percent"] = rng.choice([Decimal(100), Decimal(50)])
            else:
                build["price"] = money(rng, 1, 2_000)
            if rng.random() < 0.4:
                build["get_products"] = products(rng, cart, wide=0.2)
            return w.BuyGet(**common, **build, at_most=at_most)  # type: ignore[arg-type]
        case _:
            parts = tuple(
                w.Part(products=products(rng, cart, wide=0.3), quantity=rng.choice([1, 1, 2]))
                for _ in range(rng.choice([1, 2, 2, 3]))
            )
            way = rng.choice(["price", "percent", "amount"])
            build = {way: percent(rng) if way == "percent" else money(rng, 100, 15_000)}
            return w.Bundle(**common, parts=parts, **build, at_most=at_most)  # type: ignore[arg-type]


def _quantity_tiers(rng: Random) -> tuple[w.QuantityTier, ...]:
    way = rng.choice(["percent", "price", "amount"])
    if way == "percent":
        values = [Decimal(10), Decimal(25)]
    elif way == "price":
        values = [money(rng, 3_000, 9_000), money(rng, 1, 3_000)]
    else:
        values = [money(rng, 1, 2_000), money(rng, 2_001, 6_000)]
    first = rng.choice([1, 2])
    second = first + rng.choice([1, 2])
    return (
        w.QuantityTier(quantity=first, **{way: values[0]}),
        w.QuantityTier(quantity=second, **{way: values[1]}),
    )


def _spend(
    rng: Random, kind: int, subtotal: int, common: dict[str, object], earlier: list[AnyPromotion]
) -> AnyPromotion:
    if kind >= 12:
        common["code"] = "C" + str(common["id"])[1:]
    elif rng.random() < 0.1:
        items = [p.id for p in earlier if not isinstance(p, w.SpendAndSave | w.ShippingOff)]
        if items and not common.get("not_with") and not common.get("group"):
            common["requires"] = (rng.choice(items),)
    basis = rng.choice(["current", "current", "before_items"])
    spend = money(rng, 1, max(1, subtotal))
    shape = rng.randrange(4)
    build: dict[str, object]
    if shape == 0:
        build = {"spend": spend, "amount": money(rng, 1, 6_000)}
    elif shape == 1:
        build = {"spend": spend, "percent": percent(rng), "of": rng.choice(["current", "original"])}
    elif shape == 2:
        build = {"spend": max(spend, Decimal(3)), "amount": money(rng, 1, 3_000), "every": True,
                 "at_most": rng.choice([None, 2])}  # fmt: skip
    else:
        half = money(rng, 1, max(1, subtotal // 2))
        build = {
            "tiers": (
                w.SpendTier(spend=half, amount=money(rng, 1, 2_000)),
                w.SpendTier(spend=half + 10, percent=percent(rng)),
            )
        }
    return w.SpendAndSave(**common, **build, basis=basis)  # type: ignore[arg-type]


def random_case(
    seed: int, most_units: int = 6, most: int = 5, terms: float = 0
) -> tuple[Cart, list[AnyPromotion]]:
    """A cart and promotions; the same for the same seed. `terms` is a share of terms of sale."""
    rng = Random(seed)
    cart = random_cart(rng, most_units)
    promotions: list[AnyPromotion] = []
    for i in range(rng.randint(1, most)):
        promotions.append(random_promotion(rng, i, cart, promotions, terms))
    return cart, promotions
