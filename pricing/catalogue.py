"""What is for sale, where, and what is known about it: the input side of every decision.

`Product` and `Market` are single records for the borders (imports, matching, pages). Decisions
work on a `Catalogue`: the same knowledge as columns, one row a (sku, market) pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray, StrArray, frozen
from pricing.currencies import decimals
from pricing.errors import InvalidCatalogue

TimeArray = NDArray[np.datetime64]
"""Times in UTC, to the second; NaT where none is known."""

UNKNOWN: Final = -1
"""In a column of money: no amount is known. Prices and costs are never negative."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product as its owner describes it.

    Attributes:
        sku: the shop's own key.
        title: what a customer reads.
        category: the group in which products compete and thin data borrow strength.
        brand: maker's brand.
        gtin: GTIN-8/12/13/14 digits.
        mpn: the maker's part number.
        pack_size: how much is in a pack, in `pack_unit`; 6 x 330 ml is 1980 ml.
        pack_unit: `ml`, `g`, `piece`, ...
    """

    sku: str
    title: str
    category: str
    brand: str | None = None
    gtin: str | None = None
    mpn: str | None = None
    pack_size: float | None = None
    pack_unit: str | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """Where prices hold: a channel or store with one currency and one local midnight.

    Attributes:
        code: short key, such as `online` or `store-01`.
        currency: ISO 4217 code of every price in this market.
        time_zone: IANA name; promotions, weeks and legal windows start at its midnight.
        channel: `online` or `store`.
        tax_rate: value-added tax included in shelf prices, as a share of the net price (0.19);
            0 where prices are net of tax.
        name: what a person reads; the code where none is given.
    """

    code: str
    currency: str
    time_zone: str = "UTC"
    channel: str = "online"
    tax_rate: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        if not self.code.strip():
            raise InvalidCatalogue("market code is blank; give it a short key such as 'online'")
        decimals(self.currency)
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InvalidCatalogue(
                f"market {self.code!r}: time_zone {self.time_zone!r} is not an IANA name "
                "like 'Europe/Berlin'"
            ) from None
        if not 0.0 <= self.tax_rate < 1.0:
            raise InvalidCatalogue(
                f"market {self.code!r}: tax_rate {self.tax_rate} must be a share from 0 up to 1 "
                "(0.19, not 19)"
            )
        if not self.name:
            object.__setattr__(self, "name", self.code)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A column of repeated names, kept as codes into a short vocabulary.

    Attributes:
        codes: (n,) index into `names`.
        names: the vocabulary; a name stands in it once.
    """

    codes: IntArray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        codes = np.asarray(self.codes, dtype=np.int64)
        if codes.ndim != 1 or (
            len(codes) and not 0 <= codes.min() <= codes.max() < len(self.names)
        ):
            raise InvalidCatalogue("label codes must be one column of indices into the names")
        if len(set(self.names)) != len(self.names):
            raise InvalidCatalogue("label names must be unique")
        object.__setattr__(self, "codes", frozen(codes))

    @classmethod
    def of(cls, values: Iterable[str]) -> Labels:
        """Labels of plain strings; the vocabulary is sorted."""
        array = np.asarray(list(values), dtype=np.str_)
        names, codes = np.unique(array, return_inverse=True)
        return cls(codes.astype(np.int64), tuple(names.tolist()))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str:
        return self.names[int(self.codes[row])]

    def values(self) -> StrArray:
        """(n,) the names themselves, one a row."""
        return (
            np.asarray(self.names, dtype=np.str_)[self.codes] if self.names else np.empty(0, "U1")
        )

    def take(self, rows: IntArray) -> Labels:
        """The labels of these rows, over the same vocabulary."""
        return Labels(self.codes[rows], self.names)

    def part(self, rows: slice) -> Labels:
        """The labels of a run of rows, without a copy."""
        part = object.__new__(Labels)
        object.__setattr__(part, "codes", self.codes[rows])
        object.__setattr__(part, "names", self.names)
        return part

    def equal(self, name: str) -> BoolArray:
        """(n,) True where the row carries this name."""
        same: BoolArray = self.codes == (self.names.index(name) if name in self.names else -1)
        return same


def _left_out() -> NDArray[Any]:
    """The default of a column that may be left out."""
    return np.empty(0, dtype=np.int64)


# Columns that may be left out, by what stands in a row of which nothing is known.
_OPTIONAL: Final[dict[str, tuple[Any, Any]]] = {
    "kvi": (np.bool_, False),
    "minimum_price": (np.int64, UNKNOWN),
    "maximum_price": (np.int64, UNKNOWN),
    "rrp": (np.int64, UNKNOWN),
    "map_floor": (np.int64, UNKNOWN),
    "price_day_ago": (np.int64, UNKNOWN),
    "price_week_ago": (np.int64, UNKNOWN),
    "changed_at": ("datetime64[s]", np.datetime64("NaT")),
    "inputs_at": ("datetime64[s]", np.datetime64("NaT")),
    "trusted_cost": (np.int64, UNKNOWN),
    "money_currency": (np.str_, ""),
    "pack_size": (np.float64, np.nan),
    "recent_units": (np.float64, np.nan),
    "expires_at": ("datetime64[s]", np.datetime64("NaT")),
}
_MONEY: Final = (
    "price",
    "cost",
    "minimum_price",
    "maximum_price",
    "rrp",
    "map_floor",
    "price_day_ago",
    "price_week_ago",
    "trusted_cost",
)


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """All that a price decision knows of n (sku, market) pairs, as columns of equal length.

    Attributes:
        sku: (n,) product keys.
        market: (n,) market codes; `markets` has the record of each, in the vocabulary's order.
        markets: the markets of `market.names`, in that order.
        category: (n,) category names.
        brand: (n,) brand names, `""` where there is none.
        price: (n,) int, the price in force in minor units, tax included; UNKNOWN where none is.
        cost: (n,) int, unit cost in minor units, net of tax; UNKNOWN where none is known.
        stock: (n,) units on hand; NaN where nobody counted.

    The columns from here on may be left out; then nothing is known in any row.

    Attributes:
        kvi: (n,) True for key value items: the products by which customers judge the shop.
        minimum_price: (n,) int, lowest price the owner allows, minor units, tax included.
        maximum_price: (n,) int, highest price the owner allows.
        rrp: (n,) int, recommended retail price: a cap where it is known.
        map_floor: (n,) int, minimum advertised price; holds only in markets whose law allows it.
        price_day_ago: (n,) int, the price in force 24 hours ago.
        price_week_ago: (n,) int, the price in force seven days ago.
        changed_at: (n,) when the price in force came into force.
        inputs_at: (n,) age of the oldest input: when cost and sales of the row were last known.
        trusted_cost: (n,) int, the cost that was last confirmed, or first used: prices move by a
            cost near it, and by one far from it only when somebody says yes.
        money_currency: (n,) ISO code in which cost and price were stated; `""` where the source
            said none and the market's own is taken.
        pack_size: (n,) content of a pack in the product's own unit.
        recent_units: (n,) units sold in the last full period.
        expires_at: (n,) when the goods on hand expire.

    Raises:
        InvalidCatalogue: columns of unequal length, a repeated (sku, market), or a value that
            the column cannot hold.
    """

    sku: StrArray
    market: Labels
    markets: tuple[Market, ...]
    category: Labels
    brand: Labels
    price: IntArray
    cost: IntArray
    stock: FloatArray
    kvi: BoolArray = field(default_factory=_left_out)
    minimum_price: IntArray = field(default_factory=_left_out)
    maximum_price: IntArray = field(default_factory=_left_out)
    rrp: IntArray = field(default_factory=_left_out)
    map_floor: IntArray = field(default_factory=_left_out)
    price_day_ago: IntArray = field(default_factory=_left_out)
    price_week_ago: IntArray = field(default_factory=_left_out)
    changed_at: TimeArray = field(default_factory=_left_out)
    inputs_at: TimeArray = field(default_factory=_left_out)
    trusted_cost: IntArray = field(default_factory=_left_out)
    money_currency: StrArray = field(default_factory=_left_out)
    pack_size: FloatArray = field(default_factory=_left_out)
    recent_units: FloatArray = field(default_factory=_left_out)
    expires_at: TimeArray = field(default_factory=_left_out)

    def __post_init__(self) -> None:
        n = len(self.sku)
        for name, (kind, nothing) in _OPTIONAL.items():
            given = np.asarray(getattr(self, name))
            # A column left out is one value seen n times: it takes no memory.
            column = given if len(given) else np.broadcast_to(np.asarray(nothing, dtype=kind), n)
            object.__setattr__(self, name, frozen(column.astype(kind, copy=False)))
        for name, kind in (
            ("sku", np.str_),
            ("price", np.int64),
            ("cost", np.int64),
            ("stock", np.float64),
        ):
            array = np.asarray(getattr(self, name))
            if kind is np.int64 and not np.issubdtype(array.dtype, np.integer) and len(array):
                raise InvalidCatalogue(
                    f"{name} must hold integers (minor units), not {array.dtype}"
                )
            object.__setattr__(self, name, frozen(array.astype(kind, copy=False)))
        for item in fields(self):
            if item.name != "markets" and len(getattr(self, item.name)) != n:
                raise InvalidCatalogue(
                    f"{item.name} has {len(getattr(self, item.name))} rows, sku has {n}"
                )
        if tuple(market.code for market in self.markets) != self.market.names:
            raise InvalidCatalogue("markets must list the records of market.names, in that order")
        for name in _MONEY:
            money: IntArray = getattr(self, name)
            self._refuse(money < UNKNOWN, name, "is negative")
            self._refuse(money == 0, name, "is zero; leave it unknown instead")
        self._refuse(self.pack_size <= 0, "pack_size", "is not above zero")
        self._refuse(self.stock < 0, "stock", "is negative")
        self._refuse_repeated_keys()

    def __len__(self) -> int:
        return len(self.sku)

    @property
    def scale(self) -> FloatArray:
        """(n,) minor units in one major unit of the row's currency: 100 for EUR, 1 for JPY."""
        by_market = np.array([10.0 ** decimals(m.currency) for m in self.markets])
        return by_market[self.market.codes] if len(self) else np.empty(0)

    @property
    def tax_rate(self) -> FloatArray:
        """(n,) value-added tax included in prices, as a share of the net price."""
        by_market = np.array([m.tax_rate for m in self.markets])
        return by_market[self.market.codes] if len(self) else np.empty(0)

    def currency(self, row: int) -> str:
        """ISO 4217 code of one row's amounts."""
        return self.markets[int(self.market.codes[row])].currency

    def take(self, rows: IntArray) -> Catalogue:
        """These rows only, in this order."""
        return Catalogue(
            sku=self.sku[rows],
            market=self.market.take(rows),
            markets=self.markets,
            category=self.category.take(rows),
            brand=self.brand.take(rows),
            price=self.price[rows],
            cost=self.cost[rows],
            stock=self.stock[rows],
            **{name: getattr(self, name)[rows] for name in _OPTIONAL},
        )

    def part(self, rows: slice) -> Catalogue:
        """A run of these rows, in their order, without a copy: rows of a catalogue are valid."""
        part = object.__new__(Catalogue)
        for item in fields(self):
            column = getattr(self, item.name)
            if isinstance(column, Labels):
                column = column.part(rows)
            elif item.name != "markets":
                column = column[rows]
            object.__setattr__(part, item.name, column)
        return part

    def where(
        self,
        *,
        market: str | None = None,
        category: str | None = None,
        skus: Sequence[str] | None = None,
    ) -> IntArray:
        """Row numbers of the pairs that satisfy every condition given."""
        keep = np.ones(len(self), dtype=np.bool_)
        if market is not None:
            keep &= self.market.equal(market)
        if category is not None:
            keep &= self.category.equal(category)
        if skus is not None:
            keep &= np.isin(self.sku, np.asarray(skus, dtype=np.str_))
        return np.flatnonzero(keep)

    def _refuse(self, wrong: BoolArray, column: str, what: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            sku = str(self.sku[row])
            raise InvalidCatalogue(
                f"{column} of {sku!r} in {self.market[row]!r} {what} ({int(wrong.sum())} such rows)"
            )

    def _refuse_repeated_keys(self) -> None:
        order = np.lexsort((self.sku, self.market.codes))
        skus, markets = self.sku[order], self.market.codes[order]
        again = (skus[1:] == skus[:-1]) & (markets[1:] == markets[:-1])
        if again.any():
            row = int(order[1:][again][0])
            raise InvalidCatalogue(
                f"{str(self.sku[row])!r} in {self.market[row]!r} stands in the catalogue twice"
            )


@dataclass(frozen=True, slots=True, eq=False)
class CompetitorPrices:
    """What the competition asks for the same products, aligned to the rows of a catalogue.

    Only matched, in-stock, fresh offers in the row's own market and currency belong here.

    Attributes:
        lowest: (n,) int, lowest offer in minor units; UNKNOWN where there is none.
        offers: (n,) int, how many offers stand behind it.
        named: (n,) int, lowest offer of single competitors by their name; of those that somebody
            asked for.
    """

    lowest: IntArray
    offers: IntArray
    named: Mapping[str, IntArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lowest.shape != self.offers.shape or self.lowest.ndim != 1:
            raise InvalidCatalogue("lowest and offers must be columns of equal length")
        if ((self.lowest == UNKNOWN) != (self.offers == 0)).any():
            raise InvalidCatalogue("a lowest offer must be known exactly where offers are counted")
        for name in ("lowest", "offers"):
            column = np.asarray(getattr(self, name), dtype=np.int64)
            object.__setattr__(self, name, frozen(column))
        for name, offer in self.named.items():
            if offer.shape != self.lowest.shape:
                raise InvalidCatalogue(f"offers of {name!r} must have a row for each of lowest")

    @classmethod
    def none(cls, n: int) -> CompetitorPrices:
        """No offer for any of n rows."""
        return cls(np.full(n, UNKNOWN, dtype=np.int64), np.zeros(n, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.lowest)

    def of(self, competitor: str) -> IntArray:
        """(n,) lowest offer of one competitor, of all for `""`; UNKNOWN where there is none."""
        if not competitor:
            return self.lowest
        return self.named.get(competitor, np.full(len(self), UNKNOWN, dtype=np.int64))

    def take(self, rows: IntArray) -> CompetitorPrices:
        """The offers of these catalogue rows, in this order."""
        named = {name: offer[rows] for name, offer in self.named.items()}
        return CompetitorPrices(self.lowest[rows], self.offers[rows], named)

    def part(self, rows: slice) -> CompetitorPrices:
        """The offers of a run of catalogue rows."""
        named = {name: offer[rows] for name, offer in self.named.items()}
        return CompetitorPrices(self.lowest[rows], self.offers[rows], named)
