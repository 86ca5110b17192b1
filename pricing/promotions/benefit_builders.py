"""From the written terms of each promotion type to its benefit."""

from __future__ import annotations

from decimal import Decimal
from math import prod

from pricing.promotions import promotion as written
from pricing.promotions.amounts import Reader
from pricing.promotions.cart import MILLION
from pricing.promotions.counting_benefits import (
    CheapestBenefit,
    GroupPriceBenefit,
    PartsBenefit,
)
from pricing.promotions.effects import AmountEffect, Effect, PercentEffect, PriceEffect
from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.field_checks import at_least_one, one_of, places, rising
from pricing.promotions.item_benefits import ItemBenefit, TierBenefit, UnitBenefit
from pricing.promotions.order_benefits import (
    GiftBenefit,
    GiftOption,
    ShippingBenefit,
    SpendBenefit,
    Step,
)

_MOST_PARTS = 8
_MOST_MIXES = 1_024
_ZERO = Decimal(0)


def item_benefit(p: written.AnyPromotion, read: Reader, at: str) -> ItemBenefit | None:
    """The benefit of an item promotion; None for a group buy, whose price is not yet known.

    Args:
        p: a promotion of the item lane.
        read: of its currency.
        at: its path, for errors.
    """
    match p:
        case written.QuantityTiers():
            return _tiers(p, read, at)
        case written.NForPrice():
            return _group_price(p, read, at)
        case written.BuyGet():
            return _buy_get(p, read, at)
        case written.Bundle():
            return _bundle(p, read, at)
        case written.GroupBuy():
            return None
        case _:
            return UnitBenefit(read.scopes.add(p.products), _effect(p, read, at))


def _effect(p: written.AnyPromotion, read: Reader, at: str) -> Effect:
    match p:
        case written.PercentOff():
            return PercentEffect(read.rate(p.percent, f"{at}.percent"), p.of == "original")
        case written.AmountOff():
            return AmountEffect(read.positive(p.amount, f"{at}.amount"))
        case written.SpecialPrice():
            if p.price is None and not p.prices:
                raise InvalidPromotion(f"{at}.price", "give `price`, or `prices` by SKU")
            prices = {sku: read.minor(a, f"{at}.prices.{sku}") for sku, a in p.prices.items()}
            return PriceEffect(read.minor_or_none(p.price, f"{at}.price"), prices)
        case written.AddOn():
            at_least_one(p.at_most, f"{at}.at_most")
            if not p.needs.quantity and not p.needs.spend:
                raise InvalidPromotion(f"{at}.needs", "give a quantity or a spend")
            return PriceEffect(read.minor(p.price, f"{at}.price"), {})
        case written.Presale():
            deposit = read.positive(p.deposit, f"{at}.deposit")
            worth = read.minor(p.worth, f"{at}.worth")
            if worth <= deposit:
                raise InvalidPromotion(f"{at}.worth", "must be more than the deposit")
            return AmountEffect(worth - deposit)
    raise InvalidPromotion(f"{at}.type", f"{type(p).__name__} has no unit price")


def group_prices(
    p: written.AnyPromotion, read: Reader, at: str
) -> tuple[tuple[int, ItemBenefit], ...]:
    """Of a group buy, the benefit from each group size on; empty for other types."""
    if not isinstance(p, written.GroupBuy):
        return ()
    rising([tier.size for tier in p.tiers], 2, f"{at}.tiers", "size")
    scope = read.scopes.add(p.products)
    return tuple(
        (tier.size, UnitBenefit(scope, PriceEffect(read.minor(tier.price, f"{where}.price"), {})))
        for where, tier in places(p.tiers, f"{at}.tiers")
    )


def _tiers(p: written.QuantityTiers, read: Reader, at: str) -> TierBenefit:
    rising([tier.quantity for tier in p.tiers], 1, f"{at}.tiers", "quantity")
    effects: list[Effect] = []
    amounts: list[int] = []
    for where, tier in places(p.tiers, f"{at}.tiers"):
        one_of(where, percent=tier.percent, price=tier.price, amount=tier.amount)
        if tier.percent is not None:
            effects.append(PercentEffect(read.rate(tier.percent, f"{where}.percent")))
        elif tier.price is not None:
            effects.append(PriceEffect(read.minor(tier.price, f"{where}.price"), {}))
        elif tier.amount is not None:
            amounts.append(read.positive(tier.amount, f"{where}.amount"))
    if effects and amounts:
        raise InvalidPromotion(f"{at}.tiers", "give amounts in all steps, or in none")
    quantities = tuple(tier.quantity for tier in p.tiers)
    return TierBenefit(read.scopes.add(p.products), quantities, tuple(effects), tuple(amounts))


def _group_price(p: written.NForPrice, read: Reader, at: str) -> GroupPriceBenefit:
    at_least_one(p.quantity, f"{at}.quantity")
    at_least_one(p.at_most, f"{at}.at_most")
    price = read.minor(p.price, f"{at}.price")
    return GroupPriceBenefit(read.scopes.add(p.products), p.quantity, price, p.at_most)


def _buy_get(p: written.BuyGet, read: Reader, at: str) -> CheapestBenefit | PartsBenefit:
    for name in ("buy", "get", "at_most"):
        at_least_one(getattr(p, name), f"{at}.{name}")
    one_of(at, percent=p.percent, price=p.price)
    effect: Effect
    if p.percent is not None:
        effect = PercentEffect(read.rate(p.percent, f"{at}.percent"))
    else:
        effect = PriceEffect(read.minor_or_none(p.price, f"{at}.price"), {})
    scope = read.scopes.add(p.products)
    if p.get_products is None:
        return CheapestBenefit(scope, p.buy, p.get, effect, p.at_most)
    parts = ((scope, p.buy), (read.scopes.add(p.get_products), p.get))
    return PartsBenefit(parts, effect=effect, gets=True, at_most=p.at_most)


def _bundle(p: written.Bundle, read: Reader, at: str) -> PartsBenefit:
    if not 1 <= len(p.parts) <= _MOST_PARTS:
        raise InvalidPromotion(f"{at}.parts", f"give 1 to {_MOST_PARTS} parts")
    if p.products != written.Products():
        raise InvalidPromotion(f"{at}.products", "a bundle names products in its parts")
    at_least_one(p.at_most, f"{at}.at_most")
    for where, part in places(p.parts, f"{at}.parts"):
        at_least_one(part.quantity, f"{where}.quantity")
    if prod(part.quantity + 1 for part in p.parts) > _MOST_MIXES:
        raise InvalidPromotion(f"{at}.parts", "too many parts and units for one bundle")
    one_of(at, price=p.price, percent=p.percent, amount=p.amount)
    parts = tuple((read.scopes.add(part.products), part.quantity) for part in p.parts)
    if p.percent is not None:
        effect = PercentEffect(read.rate(p.percent, f"{at}.percent"))
        return PartsBenefit(parts, effect=effect, at_most=p.at_most)
    if p.amount is not None:
        amount = read.positive(p.amount, f"{at}.amount")
        return PartsBenefit(parts, amount=amount, at_most=p.at_most)
    price = read.minor_or_none(p.price, f"{at}.price")
    return PartsBenefit(parts, price=price, at_most=p.at_most)


def spend_benefit(p: written.SpendAndSave, read: Reader, at: str) -> SpendBenefit:
    """The benefit of an order promotion or coupon."""
    at_least_one(p.at_most, f"{at}.at_most")
    flat = written.SpendTier(spend=p.spend, amount=p.amount, percent=p.percent)
    if p.tiers and flat != written.SpendTier(spend=_ZERO):
        raise InvalidPromotion(f"{at}.tiers", "give tiers, or one step written flat, not both")
    named = places(p.tiers, f"{at}.tiers") if p.tiers else [(at, flat)]
    steps = tuple(_step(tier, read, where) for where, tier in named)
    if p.tiers:
        rising([step.spend for step in steps], 0, f"{at}.tiers", "spend")
    if p.every and (p.tiers or p.amount is None or not p.spend):
        raise InvalidPromotion(f"{at}.every", "needs one `spend` and one `amount`")
    if p.at_most is not None and not p.every:
        raise InvalidPromotion(f"{at}.at_most", "has a meaning only with `every`")
    return SpendBenefit(
        read.scopes.add(p.products),
        steps,
        every=p.every,
        at_most=p.at_most,
        before_items=p.basis == "before_items",
        of_regular=p.of == "original",
    )


def _step(tier: written.SpendTier, read: Reader, at: str) -> Step:
    one_of(at, amount=tier.amount, percent=tier.percent)
    spend = read.minor(tier.spend, f"{at}.spend")
    if tier.percent is not None:
        return Step(spend, rate=read.rate(tier.percent, f"{at}.percent"))
    return Step(spend, amount=read.positive(tier.amount or _ZERO, f"{at}.amount"))


def shipping_benefit(p: written.ShippingOff, read: Reader, at: str) -> ShippingBenefit:
    """The benefit of a shipping promotion; free shipping if it does not say how much."""
    scope = read.scopes.add(p.products)
    spend = read.minor(p.spend, f"{at}.spend")
    before = p.basis == "before_items"
    if p.percent is None and p.amount is None and p.price is None:
        return ShippingBenefit(scope, spend, rate=MILLION, before_items=before)
    one_of(at, percent=p.percent, amount=p.amount, price=p.price)
    if p.percent is not None:
        rate = read.rate(p.percent, f"{at}.percent")
        return ShippingBenefit(scope, spend, rate=rate, before_items=before)
    if p.amount is not None:
        amount = read.positive(p.amount, f"{at}.amount")
        return ShippingBenefit(scope, spend, amount=amount, before_items=before)
    price = read.minor_or_none(p.price, f"{at}.price")
    return ShippingBenefit(scope, spend, price=price, before_items=before)


def gift_benefit(p: written.Gift, read: Reader, at: str) -> GiftBenefit:
    """The benefit of a gift promotion."""
    if not p.gifts:
        raise InvalidPromotion(f"{at}.gifts", "give at least one gift")
    if p.every and not p.spend:
        raise InvalidPromotion(f"{at}.every", "needs a spend")
    at_least_one(p.at_most, f"{at}.at_most")
    options = []
    for where, gift in places(p.gifts, f"{at}.gifts"):
        at_least_one(gift.quantity, f"{where}.quantity")
        value = read.minor(gift.value, f"{where}.value")
        options.append(GiftOption(gift.sku, gift.quantity, value, gift.stock))
    return GiftBenefit(
        read.scopes.add(p.products),
        read.minor(p.spend, f"{at}.spend"),
        tuple(options),
        every=p.every,
        at_most=p.at_most,
        before_items=p.basis == "before_items",
    )
