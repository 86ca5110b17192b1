"""From the checked columns of a chunk to rows of a table, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray, StrArray
from pricing.catalogue import Market
from pricing.currencies import decimals
from pricing.errors import InvalidCatalogue, UnknownCurrency
from storage import tables
from storage.errors import LayoutRefused
from storage.imports.kinds import Kind
from storage.imports.values import EARLIEST, MAX_MINOR, Checker, to_minor

UNCATEGORISED: Final = "uncategorised"

_NEVER: Final = date(2200, 1, 1)
"""No goods keep as long as that."""

_LIMITS: Final = {
    "minimum_price": "minimum_minor",
    "maximum_price": "maximum_minor",
    "rrp": "rrp_minor",
    "map": "map_minor",
}
"""Columns of a file of price limits, and of its table."""


@dataclass(frozen=True, slots=True)
class NewMarkets:
    """How to make the markets of a file that are not known yet.

    Attributes:
        currency: ISO 4217 code of all amounts in them.
        time_zone: IANA name.
        channel: `online` or `store`.
    """

    currency: str
    time_zone: str = "UTC"
    channel: str = "store"


@dataclass(slots=True)
class KnownKeys:
    """The database's numbers of SKUs and markets, with the markets that this import adds.

    Attributes:
        skus: product numbers by SKU.
        markets: market numbers by code.
        currencies: currency by market code.
        allowed: how to make new markets; None where unknown ones are refused.
        added: the markets to make, in the order of their numbers.
    """

    skus: Mapping[str, int]
    markets: dict[str, int]
    currencies: dict[str, str]
    allowed: NewMarkets | None
    added: list[Market] = field(default_factory=list)

    def add(self, code: str, allowed: NewMarkets) -> None:
        """Give a new market its number."""
        self.added.append(Market(code, allowed.currency, allowed.time_zone, allowed.channel))
        self.markets[code] = max(self.markets.values(), default=0) + 1
        self.currencies[code] = allowed.currency


@dataclass(frozen=True, slots=True)
class Target:
    """Where a kind goes.

    Attributes:
        table: the table.
        key: the columns that tell its rows apart.
        constants: for new rows only: columns that no file gives.
        build: from a chunk to columns of the table.
    """

    table: sa.Table
    key: tuple[str, ...]
    build: Callable[[Checker, KnownKeys, date], dict[str, pa.Array]]
    constants: Mapping[str, object] = field(default_factory=dict)


def _products(check: Checker, known: KnownKeys, today: date) -> dict[str, pa.Array]:  # noqa: ARG001
    columns = {"sku": pa.array(check.text("sku", required=True).tolist())}
    columns["title"] = pa.array(check.text("title", required=True).tolist())
    if check.has("category"):
        category = check.text("category")
        columns["category"] = pa.array(np.where(category == "", UNCATEGORISED, category).tolist())
    for name in ("brand", "gtin", "mpn", "pack_unit"):
        if check.has(name):
            values = check.text(name)
            if name == "gtin":
                right = np.isin(np.char.str_len(values), (0, 8, 12, 13, 14))
                right &= np.char.isdigit(values) | (values == "")
                check.refuse(~right, name, "is no GTIN: 8, 12, 13 or 14 digits")
            columns[name] = _text(values)
    if check.has("pack_size"):
        size = check.numbers("pack_size")
        check.refuse(size <= 0, "pack_size", "must be above zero; leave it blank where unknown")
        columns["pack_size"] = pa.array(size, from_pandas=True)
    if check.has("kvi"):
        columns["kvi"] = pa.array(check.flags("kvi"))
    return columns


def _markets(check: Checker, known: KnownKeys, today: date) -> dict[str, pa.Array]:  # noqa: ARG001
    values = {name: check.text(name, required=True) for name in ("code", "currency")}
    for name, default in (("time_zone", "UTC"), ("channel", "online"), ("name", "")):
        if check.has(name):
            given = check.text(name)
            values[name] = np.where(given == "", default or values["code"], given)
    columns = {name: pa.array(column.tolist()) for name, column in values.items()}
    zone = values.get("time_zone", np.full(len(check), "UTC"))
    tax = np.zeros(len(check))
    if check.has("tax_rate"):
        tax = np.nan_to_num(check.numbers("tax_rate"))
        columns["tax_rate"] = pa.array(tax)
    for at in np.flatnonzero(check.good).tolist():
        code, currency = str(values["code"][at]), str(values["currency"][at])
        try:
            Market(code, currency, str(zone[at]), tax_rate=float(tax[at]))
        except UnknownCurrency as problem:
            check.refuse_row(at, "currency", f"is refused: {problem}")
        except InvalidCatalogue as problem:
            about_tax = "tax_rate" in str(problem)
            check.refuse_row(at, "tax_rate" if about_tax else "time_zone", f"is refused: {problem}")
        old = known.currencies.get(code, currency)
        if old != currency:
            check.refuse_row(
                at,
                "currency",
                f"is not {old}, in which the amounts of market {code!r} are stored; "
                "add a market under another code",
            )
    return columns


def _sales(check: Checker, known: KnownKeys, today: date) -> dict[str, pa.Array]:  # noqa: ARG001
    product = _product_numbers(check, known)
    market, scale = _market_numbers(check, known)
    day = check.days("period_start")
    units = check.numbers("units", required=True)
    check.refuse(units < 0, "units", "is negative; returns are not sales, leave them out")
    columns = {
        "product_id": pa.array(product),
        "market_id": pa.array(market),
        "period_start": _iso(day),
        "units": pa.array(units, from_pandas=True),
    }
    price = _money(check, "price", scale) if check.has("price") else np.full(len(check), np.nan)
    if check.has("revenue"):
        revenue = _money(check, "revenue", scale)
        from_price = np.isnan(revenue)
        if check.has("price"):
            revenue = np.where(from_price, price * units, revenue)
        check.refuse(np.isnan(revenue), "revenue", "is blank")
    else:
        revenue = price * units
        # A week without sales needs no price.
        revenue = np.where((units == 0) & np.isnan(price), 0.0, revenue)
        check.refuse(np.isnan(revenue), "price", "is blank")
    _refuse_too_much(check, revenue * scale, "revenue" if check.has("revenue") else "price")
    columns["revenue_minor"] = pa.array(to_minor(revenue, scale))
    regular = np.full(len(check), np.nan)
    if check.has("regular_price"):
        regular = _money(check, "regular_price", scale)
        nothing = to_minor(np.nan_to_num(regular, nan=1.0), scale) == 0
        reason = "is less than the smallest coin; leave it blank where unknown"
        check.refuse(nothing, "regular_price", reason)
    if check.has("regular_price") or check.has("price"):
        # Where nothing was sold, revenue does not tell the price: keep it here.
        kept = np.isnan(regular) & (units == 0) & (to_minor(np.nan_to_num(price), scale) > 0)
        regular = np.where(kept, price, regular)
        columns["regular_price_minor"] = _minor(regular, scale)
    for name in ("deal", "feature", "display"):
        if check.has(name):
            columns[name] = pa.array(check.shares(name))
    if check.has("stock_out"):
        columns["stock_out"] = pa.array(check.flags("stock_out"))
    return columns


def _stock(check: Checker, known: KnownKeys, today: date) -> dict[str, pa.Array]:
    product = _product_numbers(check, known)
    market, _ = _market_numbers(check, known)
    units = check.numbers("units", required=True)
    check.refuse(units < 0, "units", "is negative")
    day = check.days("counted_at") if check.has("counted_at") else _always(check, today)
    columns = {
        "product_id": pa.array(product),
        "market_id": pa.array(market),
        "counted_at": _iso(day),
        "units": pa.array(units, from_pandas=True),
    }
    if check.has("expires_at"):
        columns["expires_at"] = _iso(check.days("expires_at", required=False, latest=_NEVER))
    return columns


def _costs(check: Checker, known: KnownKeys, today: date) -> dict[str, pa.Array]:
    product = _product_numbers(check, known)
    day = check.days("valid_from") if check.has("valid_from") else _always(check, EARLIEST)
    market, scale, copies = _markets_meant(check, known, "costs")
    foreign: StrArray | None = None
    if check.has("currency"):
        foreign, scale = _stated_currency(check, known, market[: len(check)], scale)
    name = "cost" if check.has("cost") else "margin_pct"
    if check.has("cost"):
        cost = _money(check, "cost", scale)
        check.refuse(np.isnan(cost), "cost", "is blank")
    else:
        price = _money(check, "price", scale)
        check.refuse(np.isnan(price), "price", "is blank")
        cost = price * (1.0 - check.numbers("margin_pct", required=True) / 100.0)
    _refuse_too_much(check, cost * scale, name)
    minor = to_minor(cost, scale)
    zero = "is a cost of zero; leave the row out where the cost is unknown"
    if name == "margin_pct":
        zero = "leaves a cost of zero or less; is it a share and not a percentage of the price?"
    check.refuse(minor <= 0, name, zero)
    columns = {
        "product_id": pa.array(np.tile(product, copies)),
        "market_id": pa.array(market),
        "valid_from": pa.concat_arrays([_iso(day)] * copies),
        "cost_minor": pa.array(np.tile(minor, copies)),
    }
    if foreign is not None:
        columns["currency"] = _text(np.tile(foreign, copies))
    if check.has("as_of"):
        as_of = _iso(check.days("as_of", required=False, latest=today + timedelta(days=1)))
        columns["as_of"] = pa.concat_arrays([as_of] * copies)
    return columns


def _price_limits(check: Checker, known: KnownKeys, today: date) -> dict[str, pa.Array]:  # noqa: ARG001
    product = _product_numbers(check, known)
    day = check.days("valid_from") if check.has("valid_from") else _always(check, EARLIEST)
    market, scale, copies = _markets_meant(check, known, "price limits")
    columns = {
        "product_id": pa.array(np.tile(product, copies)),
        "market_id": pa.array(market),
        "valid_from": pa.concat_arrays([_iso(day)] * copies),
    }
    amounts: dict[str, FloatArray] = {}
    for name, column in _LIMITS.items():
        if check.has(name):
            amounts[name] = _money(check, name, scale)
            small = to_minor(np.nan_to_num(amounts[name], nan=1.0), scale) == 0
            check.refuse(small, name, "is less than the smallest coin; leave it blank for no limit")
            columns[column] = pa.concat_arrays([_minor(amounts[name], scale)] * copies)
    for floor in ("minimum_price", "map"):
        for cap in ("maximum_price", "rrp"):
            if floor in amounts and cap in amounts:
                check.refuse(
                    amounts[floor] > amounts[cap], floor, f"is above {cap} of the same row"
                )
    return columns


TARGETS: Final[dict[Kind, Target]] = {
    "markets": Target(tables.markets, ("code",), _markets),
    "products": Target(tables.products, ("sku",), _products, {"category": UNCATEGORISED}),
    "sales": Target(tables.sales, ("product_id", "market_id", "period_start"), _sales),
    "stock": Target(tables.stock, ("product_id", "market_id", "counted_at"), _stock),
    "costs": Target(tables.costs, ("product_id", "market_id", "valid_from"), _costs),
    "price-limits": Target(
        tables.price_limits, ("product_id", "market_id", "valid_from"), _price_limits
    ),
}


def _product_numbers(check: Checker, known: KnownKeys) -> IntArray:
    names, codes = check.keys("sku")
    numbers = _each([known.skus.get(name, -1) for name in names], codes)
    check.refuse(numbers < 0, "sku", "is not a known product; import products first")
    return numbers


def _market_numbers(check: Checker, known: KnownKeys) -> tuple[IntArray, FloatArray]:
    """(n,) market numbers, and minor units in a major unit of each one's currency."""
    names, codes = check.keys("market")
    if known.allowed is not None:
        for name in sorted(set(names) - {""} - set(known.markets)):
            known.add(name, known.allowed)
    numbers = _each([known.markets.get(name, -1) for name in names], codes)
    reason = "is not a known market; import markets first, or create it with --new-markets CURRENCY"
    check.refuse(numbers < 0, "market", reason)
    digits = _each([decimals(known.currencies.get(name, "EUR")) for name in names], codes)
    return numbers, np.power(10.0, digits, dtype=np.float64)


def _each(of_name: list[int], codes: IntArray) -> IntArray:
    """(n,) the number of each row's name."""
    return np.array(of_name or [0], dtype=np.int64)[codes]


def _markets_meant(check: Checker, known: KnownKeys, what: str) -> tuple[IntArray, FloatArray, int]:
    """Market numbers of the rows, minor units of each row (n,), and how often the rows are meant.

    Without a market column the rows hold in every market: numbers (m * n,), all rows of one market
    after all rows of another.
    """
    if check.has("market"):
        return (*_market_numbers(check, known), 1)
    currencies = sorted(set(known.currencies.values()))
    if len(currencies) != 1:
        have = f"there are markets in {currencies}" if currencies else "there are no markets yet"
        raise LayoutRefused(
            f"{what} without a market column hold in every market, but {have}; "
            "add a column that names the market"
        )
    numbers = np.array(sorted(known.markets.values()), dtype=np.int64)
    scale = np.full(len(check), 10.0 ** decimals(currencies[0]))
    return np.repeat(numbers, len(check)), scale, len(numbers)


def _stated_currency(
    check: Checker, known: KnownKeys, market: IntArray, scale: FloatArray
) -> tuple[StrArray, FloatArray]:
    """(n,) currency of each row where it is not its market's, else `""`; and minor units of it."""
    stated = check.text("currency")
    digits: dict[str, int] = {"": 0}
    for name in np.unique(stated[stated != ""]).tolist():
        try:
            digits[name] = decimals(name)
        except UnknownCurrency as problem:
            check.refuse(stated == name, "currency", f"is refused: {problem}")
            digits[name] = 0
    ours = {known.markets[code]: currency for code, currency in known.currencies.items()}
    own = np.array([ours.get(number, "") for number in market.tolist()], dtype=np.str_)
    foreign = np.where(stated == own, "", stated)
    theirs = np.array([10.0 ** digits[name] for name in foreign.tolist()])
    return foreign, np.where(foreign == "", scale, theirs)


def _money(check: Checker, name: str, scale: FloatArray) -> FloatArray:
    """(n,) amounts in major units, none of them negative; NaN for blank."""
    values = check.numbers(name)
    check.refuse(values < 0, name, "is negative")
    _refuse_too_much(check, values * scale, name)
    return values


def _refuse_too_much(check: Checker, minor: FloatArray, name: str) -> None:
    check.refuse(minor > MAX_MINOR, name, "is more money than there is; check the decimal point")


def _minor(values: FloatArray, scale: FloatArray) -> pa.Array:
    missing: BoolArray = np.isnan(values)
    return pa.array(to_minor(values, scale), mask=missing)


def _text(values: StrArray) -> pa.Array:
    return pa.array(values.tolist(), pa.string(), mask=values == "")


def _always(check: Checker, day: date) -> NDArray[np.datetime64]:
    return np.full(len(check), np.datetime64(day, "D"))


def _iso(day: NDArray[np.datetime64]) -> pa.Array:
    return pa.array(day.astype("datetime64[D]")).cast(pa.string())
