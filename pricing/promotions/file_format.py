"""The file format of promotions and carts: JSON or YAML, written by hand or by a program.

Parsing takes text or parsed data and refuses with the path of the field. `schema`
describes the same for editors, out of the records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from pricing.documents import Document, UniqueKeys, read_document, record_of, schema_of
from pricing.errors import MoneyError
from pricing.money import Money
from pricing.promotions.cart import MILLION, Cart, Customer, Line
from pricing.promotions.errors import InvalidCart, InvalidPromotion, PromotionError
from pricing.promotions.promotion import AnyPromotion, Record, Used
from pricing.promotions.promotion_set import PromotionSet


class PromotionFile(Record, frozen=True, kw_only=True):
    """Promotions of one market.

    Attributes:
        currency: of all amounts.
        time_zone: for windows that name none.
        mode: how the market resolves overlaps.
        refund: what the market gives back for returns.
    """

    promotions: tuple[AnyPromotion, ...]
    currency: str
    time_zone: str = "UTC"
    mode: Literal["best", "priority"] = "best"
    refund: Literal["never_bought", "pro_rata"] = "never_bought"


class CartLine(Record, frozen=True, kw_only=True):
    """Units of a product; its price is the live one.

    Attributes:
        id: `1`, `2`, ... in the order given if left out.
        collections, shop: for promotions that name them.
    """

    sku: str
    quantity: int = 1
    id: str = ""
    collections: tuple[str, ...] = ()
    shop: str = ""


class LineRecord(CartLine, frozen=True, kw_only=True):
    """A line with what the shop knows of it. Amounts in major units, tax in percent.

    Attributes:
        price: unit price; may be left out where a catalogue knows the SKU.
        category, categories: paths such as `shoes/sneakers`.
        floor: no promotion goes below it.
    """

    price: Decimal | None = None
    regular_price: Decimal | None = None
    category: str = ""
    categories: tuple[str, ...] = ()
    brand: str = ""
    floor: Decimal = Decimal(0)
    tax_rate: Decimal = Decimal(0)


class CustomerRecord(Record, frozen=True, kw_only=True):
    """Who buys."""

    id: str = ""
    segments: tuple[str, ...] = ()
    lifecycle: Literal["", "new", "active", "dormant", "lost"] = ""
    first_order: bool = False
    birthday: str = ""


class CartRequest(Record, frozen=True, kw_only=True):
    """A cart as a storefront sends it.

    Attributes:
        market: may be left out where there is just one.
        channel: that of the market if left out.
        tier: of the customer; a product without a price for it has the public one.
        codes: as typed.
        shipping: charge before promotions, in the market's currency.
        group_sizes: members gathered so far, by group buy.
        gift_choices: SKU chosen, by gift promotion.
    """

    lines: tuple[CartLine, ...]
    market: str | None = None
    channel: str = ""
    tier: str = "public"
    customer: CustomerRecord = CustomerRecord()
    payment: str = ""
    codes: tuple[str, ...] = ()
    shipping: Decimal = Decimal(0)
    group_sizes: dict[str, int] = msgspec.field(default_factory=dict)
    gift_choices: dict[str, str] = msgspec.field(default_factory=dict)


class CartFile(CartRequest, frozen=True, kw_only=True):
    """The same cart with what the service knows otherwise.

    Attributes:
        at: moment for which it is priced, with UTC offset or in `time_zone`.
        used: what was used up of promotions before, by promotion id.
    """

    lines: tuple[LineRecord, ...]
    currency: str
    at: str = ""
    time_zone: str = "UTC"
    shipping_tax_rate: Decimal = Decimal(0)
    prices_include_tax: bool = True
    used: dict[str, Used] = msgspec.field(default_factory=dict)


class _Loader(UniqueKeys):
    """YAML as JSON means it: dates, `yes`, `off` and 20:00 stay text; numbers stay exact."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$"), list("-+0123456789")
)


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(str(loader.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)


def read_promotion_document(text: str, source: str) -> Document:
    """A file of promotions or a cart, with its places.

    Args:
        text: the document.
        source: what to call it in errors; a name that ends in `.json` is read as JSON.

    Raises:
        PromotionError: not JSON, or not YAML, with the line; empty, or a key that is repeated.
    """
    return read_document(text, source, error=PromotionError, loader=_Loader, parse_float=Decimal)


def parse_text(text: str, name: str) -> object:
    """Parsed data of a JSON or YAML document, whatever it holds; as `read_promotion_document`."""
    return read_document(
        text, name, outermost=None, error=PromotionError, loader=_Loader, parse_float=Decimal
    ).value


def parse_promotions(data: object) -> tuple[PromotionSet, PromotionFile]:
    """Compiled promotions from parsed data.

    Raises:
        InvalidPromotion: naming the field.
    """
    file = record_of(data, PromotionFile, error=InvalidPromotion)
    return PromotionSet(file.promotions, file.currency, file.time_zone), file


def parse_cart(
    data: object,
    *,
    at: datetime | None = None,
    prices: Mapping[str, int] | None = None,
) -> tuple[Cart, dict[str, Used]]:
    """A cart from parsed data, and what was used up before it.

    Args:
        data: as in `CartFile`.
        at: moment that goes before the one in the data.
        prices: minor units by SKU, for lines without a price.

    Raises:
        InvalidCart: naming the field.
    """
    file = record_of(data, CartFile, error=InvalidCart)
    cart = Cart(
        currency=file.currency,
        at=at or _moment(file),
        lines=tuple(
            _line(line, i, file.currency, prices or {}) for i, line in enumerate(file.lines)
        ),
        market=file.market or "",
        channel=file.channel,
        tier=file.tier,
        customer=customer_of(file.customer),
        payment=file.payment,
        codes=file.codes,
        shipping=_minor(file.shipping, file.currency, "shipping"),
        prices_include_tax=file.prices_include_tax,
        shipping_tax_rate=_rate(file.shipping_tax_rate, "shipping_tax_rate"),
        group_sizes=file.group_sizes,
        gift_choices=file.gift_choices,
    )
    return cart, dict(file.used)


def schema(kind: Literal["promotions", "cart"]) -> dict[str, Any]:
    """JSON Schema of a file (draft 2020-12); amounts may be numbers or strings."""
    record = PromotionFile if kind == "promotions" else CartFile
    return schema_of(record, f"Pricewright {kind} file")


def _line(line: LineRecord, i: int, currency: str, prices: Mapping[str, int]) -> Line:
    at = f"lines[{i}]"
    if line.price is not None:
        price = _minor(line.price, currency, f"{at}.price")
    elif line.sku in prices:
        price = prices[line.sku]
    else:
        raise InvalidCart(f"{at}.sku", f"{line.sku!r} is unknown; give a price, or fix the SKU")
    regular = 0
    if line.regular_price is not None:
        regular = _minor(line.regular_price, currency, f"{at}.regular_price")
    paths = (*((line.category,) if line.category else ()), *line.categories)
    return Line(
        id=line.id or str(i + 1),
        sku=line.sku,
        quantity=line.quantity,
        price=price,
        regular=regular,
        categories=tuple(dict.fromkeys(part for path in paths for part in ancestors(path))),
        brand=line.brand,
        collections=line.collections,
        shop=line.shop,
        floor=_minor(line.floor, currency, f"{at}.floor"),
        tax_rate=_rate(line.tax_rate, f"{at}.tax_rate"),
    )


def ancestors(path: str) -> tuple[str, ...]:
    """A category and those that hold it: `shoes`, `shoes/sneakers`."""
    parts = path.split("/")
    return tuple("/".join(parts[: i + 1]) for i in range(len(parts)))


def customer_of(record: CustomerRecord) -> Customer:
    """Who buys.

    Raises:
        InvalidCart: the birthday is no date.
    """
    return Customer(
        record.id,
        record.segments,
        record.lifecycle,
        record.first_order,
        _birthday(record.birthday),
    )


def _minor(amount: Decimal, currency: str, field: str) -> int:
    try:
        return Money.parse(amount, currency).minor
    except MoneyError as error:
        raise InvalidCart(field, str(error)) from None


def _rate(percent: Decimal, field: str) -> int:
    if not percent.is_finite():
        raise InvalidCart(field, "must be a percentage such as 19")
    rate = percent * (MILLION // 100)
    if rate != rate.to_integral_value():
        raise InvalidCart(field, f"{percent} has more than four decimals")
    return int(rate)


def _moment(file: CartFile) -> datetime:
    if not file.at:
        raise InvalidCart("at", "give the moment, as in 2026-11-11T20:00:00+08:00")
    try:
        moment = datetime.fromisoformat(file.at)
        zone = ZoneInfo(file.time_zone)
    except ZoneInfoNotFoundError:
        raise InvalidCart("time_zone", f"{file.time_zone!r} is not an IANA time zone") from None
    except ValueError:
        raise InvalidCart("at", f"{file.at!r} is not a time like 2026-11-11T20:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _birthday(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidCart("customer.birthday", f"{text!r} is not a date like 1990-05-17") from None
