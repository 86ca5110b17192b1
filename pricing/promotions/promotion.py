"""What a promotion says: one record per type, as a person writes it in a file.

Amounts and percentages are decimals in major units, exactly as written; `compile` turns them into
integers of one currency. Every record refuses fields that it does not know.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Basis = Literal["current", "before_items"]
"""Which subtotal a threshold looks at: what earlier lanes left, or the cart before promotions."""

PriceOf = Literal["current", "original"]
"""What a percentage is taken of: the price that earlier lanes left, or the regular price."""


class Record(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A record of the file format."""


class Products(Record, frozen=True, kw_only=True):
    """A set of products. Kinds are joined by *and*, the values of one kind by *or*.

    Attributes:
        skus, categories, brands, collections, shops: what belongs to the set; nothing given means
            everything. A category holds its sub-categories: `shoes` matches `shoes/sneakers`.
        except_skus, except_categories, except_brands, except_collections: what does not, after all.
        full_price_only: leaves out products already marked down; in the order and coupon lanes
            also lines that an item promotion has discounted.
    """

    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    except_skus: tuple[str, ...] = ()
    except_categories: tuple[str, ...] = ()
    except_brands: tuple[str, ...] = ()
    except_collections: tuple[str, ...] = ()
    full_price_only: bool = False


class When(Record, frozen=True, kw_only=True, rename={"from_": "from"}):
    """When a promotion runs.

    Attributes:
        from_: first moment, `2026-11-11T20:00` in the time zone, or with its own UTC offset.
        until: first moment after the end.
        time_zone: IANA name; the set's time zone if not given.
        repeat: RFC 5545 recurrence rule such as `FREQ=WEEKLY;BYDAY=FR`; its first start is `from`.
        lasts: ISO 8601 duration of each recurrence, such as `PT2H`, in local wall time.
    """

    from_: str = ""
    until: str = ""
    time_zone: str = ""
    repeat: str = ""
    lasts: str = ""


class Audience(Record, frozen=True, kw_only=True):
    """Who may have it, where. Each field that is given must hold; its values are alternatives.

    Attributes:
        lifecycle: `new`, `active`, `dormant`, `lost`.
        birthday_within_days: at most this many days before or after the birthday.
    """

    markets: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    lifecycle: tuple[Literal["new", "active", "dormant", "lost"], ...] = ()
    customers: tuple[str, ...] = ()
    payment: tuple[str, ...] = ()
    first_order: bool = False
    birthday_within_days: int | None = None


class Needs(Record, frozen=True, kw_only=True):
    """What must be in the cart besides, before any promotion.

    Attributes:
        products: which products count; all if not given.
        quantity: at least so many units of them.
        spend: at least so much for them.
    """

    products: Products = Products()
    quantity: int = 0
    spend: Decimal = Decimal(0)


class Limits(Record, frozen=True, kw_only=True):
    """How often. What was used up so far comes with the evaluation, not from the file.

    Attributes:
        uses, per_customer, per_day: orders.
        units: discounted units over all orders (the stock of a flash sale).
        units_per_order: discounted units in one cart.
        budget: money given away over all orders.
    """

    uses: int | None = None
    per_customer: int | None = None
    per_day: int | None = None
    units: int | None = None
    units_per_order: int | None = None
    budget: Decimal | None = None


class Promotion(Record, frozen=True, kw_only=True, tag_field="type"):
    """What every type has.

    Attributes:
        id: unique in the set.
        name: what the customer reads.
        priority: higher goes first in priority mode; breaks ties in best mode.
        lane: only for a type that may run in several; see each type.
        products: what it discounts.
        when, for_, needs: conditions.
        code, codes: it needs one of these codes; order discounts with a code run as coupons.
        stack: may be joined by others that stack: on the same unit in the item lane, on the same
            cart in the others. Without it, it shares its units (or its lane) with nobody.
        combines_with: may be joined by these although they, or it, do not stack: promotion ids,
            `group:NAME`, `lane:NAME` or `all`.
        not_with: never on the same cart as these, in any lane.
        group: at most one promotion of a group is on a cart.
        requires: only on carts where all of these, of earlier lanes, are applied.
        stop: in priority mode, nothing of lower priority in the same lane after this one.
        max_discount: most it takes off one cart.
        funding: who pays, in percent that add up to 100.
    """

    id: str
    name: str = ""
    priority: int = 0
    products: Products = Products()
    when: When = When()
    for_: Audience = msgspec.field(default=Audience(), name="for")
    needs: Needs = Needs()
    code: str = ""
    codes: tuple[str, ...] = ()
    stack: bool = False
    combines_with: tuple[str, ...] = ()
    not_with: tuple[str, ...] = ()
    group: str = ""
    requires: tuple[str, ...] = ()
    stop: bool = False
    limits: Limits = Limits()
    max_discount: Decimal | None = None
    funding: dict[str, Decimal] = {}


class PercentOff(Promotion, frozen=True, kw_only=True, tag="percent_off"):
    """A percentage off each unit."""

    percent: Decimal
    of: PriceOf = "current"


class AmountOff(Promotion, frozen=True, kw_only=True, tag="amount_off"):
    """An amount off each unit."""

    amount: Decimal


class SpecialPrice(Promotion, frozen=True, kw_only=True, tag="special_price"):
    """A fixed unit price: flash sale, member price. `prices` goes by SKU, `price` for the rest."""

    price: Decimal | None = None
    prices: dict[str, Decimal] = {}


class AddOn(Promotion, frozen=True, kw_only=True, tag="add_on"):
    """Add-on purchase: a special price for some units, once `needs` holds.

    Products of the offer itself do not count toward `needs`.
    """

    price: Decimal
    at_most: int = 1


class Presale(Promotion, frozen=True, kw_only=True, tag="presale"):
    """A deposit that counts for more than was paid: `deposit` 50 is `worth` 100 at the till.

    A term of sale: who buys during the presale has agreed to it, so it goes before all discounts.
    """

    deposit: Decimal
    worth: Decimal


class GroupTier(Record, frozen=True, kw_only=True):
    """A price from a number of members on."""

    size: int
    price: Decimal


class GroupBuy(Promotion, frozen=True, kw_only=True, tag="group_buy"):
    """Unit price by reached group size; `when.until` is the deadline.

    A term of sale: a cart that names its group has agreed to it, so it goes before all discounts.
    """

    tiers: tuple[GroupTier, ...]


class QuantityTier(Record, frozen=True, kw_only=True):
    """From `quantity` units on: a percentage, a unit price, or an amount off them together."""

    quantity: int
    percent: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None


class QuantityTiers(Promotion, frozen=True, kw_only=True, tag="quantity_tiers"):
    """The more units, the better for each of them."""

    tiers: tuple[QuantityTier, ...]


class NForPrice(Promotion, frozen=True, kw_only=True, tag="n_for_price"):
    """Any `quantity` units together for `price`, as often as the cart allows or `at_most`."""

    quantity: int
    price: Decimal
    at_most: int | None = None


class BuyGet(Promotion, frozen=True, kw_only=True, tag="buy_get"):
    """Buy some, get some free or reduced.

    Attributes:
        buy, get: units in one round.
        percent: off the units got; 100 is free.
        price: unit price of the units got, instead of `percent`.
        get_products: what is got, when it is something else than `products`. Otherwise bought and
            got units come from the same set and the cheapest of each round are the ones got.
        at_most: rounds on one cart.
    """

    buy: int
    get: int
    percent: Decimal | None = None
    price: Decimal | None = None
    get_products: Products | None = None
    at_most: int | None = None


class Part(Record, frozen=True, kw_only=True):
    """A part of a bundle: so many units out of a set."""

    products: Products
    quantity: int = 1


class Bundle(Promotion, frozen=True, kw_only=True, tag="bundle"):
    """Parts bought together at a price, a percentage or an amount off; fixed or mix and match."""

    parts: tuple[Part, ...]
    price: Decimal | None = None
    percent: Decimal | None = None
    amount: Decimal | None = None
    at_most: int | None = None


class SpendTier(Record, frozen=True, kw_only=True):
    """From `spend` on: an amount or a percentage off."""

    spend: Decimal
    amount: Decimal | None = None
    percent: Decimal | None = None


class SpendAndSave(Promotion, frozen=True, kw_only=True, tag="spend_and_save"):
    """An amount or percentage off the order once enough is spent on `products`.

    Attributes:
        spend, amount, percent: one step, written flat; or
        tiers: several steps, of which the highest reached counts.
        every: `amount` off for every `spend` reached, at most `at_most` times.
        basis: which subtotal the threshold looks at.
        of: what a percentage is taken of.
        lane: `order`, or `coupon` (the default when a code is needed).
    """

    spend: Decimal = Decimal(0)
    amount: Decimal | None = None
    percent: Decimal | None = None
    tiers: tuple[SpendTier, ...] = ()
    every: bool = False
    at_most: int | None = None
    basis: Basis = "current"
    of: PriceOf = "current"
    lane: Literal["", "order", "coupon"] = ""


class ShippingOff(Promotion, frozen=True, kw_only=True, tag="shipping_off"):
    """Shipping free or reduced once enough is spent on `products`.

    Attributes:
        percent, amount, price: off the charge, or what it becomes; free if none is given.
    """

    spend: Decimal = Decimal(0)
    percent: Decimal | None = None
    amount: Decimal | None = None
    price: Decimal | None = None
    basis: Basis = "current"


class GiftChoice(Record, frozen=True, kw_only=True):
    """A gift: `value` is what it is worth to the customer, `stock` how many are left."""

    sku: str
    quantity: int = 1
    value: Decimal = Decimal(0)
    stock: int | None = None


class Gift(Promotion, frozen=True, kw_only=True, tag="gift"):
    """A gift with the purchase, free, once enough is spent on `products`.

    Attributes:
        gifts: in the order offered; the customer may choose one, else the first in stock goes out.
        every: a gift for every `spend` reached, at most `at_most`.
    """

    gifts: tuple[GiftChoice, ...]
    spend: Decimal = Decimal(0)
    every: bool = False
    at_most: int | None = None
    basis: Basis = "current"


AnyPromotion = (
    PercentOff
    | AmountOff
    | SpecialPrice
    | AddOn
    | Presale
    | GroupBuy
    | QuantityTiers
    | NForPrice
    | BuyGet
    | Bundle
    | SpendAndSave
    | ShippingOff
    | Gift
)
"""Any of the types, told apart by the field `type`."""


class Used(Record, frozen=True, kw_only=True):
    """What was used up of one promotion before this cart.

    Attributes:
        uses, customer_uses, day_uses: orders, in all, by this customer, today.
        units: units discounted so far.
        budget: money given away so far.
    """

    uses: int = 0
    customer_uses: int = 0
    day_uses: int = 0
    units: int = 0
    budget: Decimal = Decimal(0)
