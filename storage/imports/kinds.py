"""What can be imported, and the columns of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["markets", "products", "sales", "stock", "costs", "price-limits"]


class Holds(Enum):
    """What the values of a column are."""

    TEXT = "text"
    NUMBER = "a number"
    MONEY = "an amount in major units, such as 12.50"
    SHARE = "a share from 0 to 1, or yes/no"
    FLAG = "yes or no"
    DAY = "a date like 2024-03-31"


@dataclass(frozen=True, slots=True)
class ImportColumn:
    """One column that an import can take.

    Attributes:
        name: how we call it; a file that does too needs no mapping.
        holds: what its values are.
        required: whether every file of the kind must have it.
        synonyms: other names under which it is found without a mapping.
    """

    name: str
    holds: Holds
    required: bool = False
    synonyms: tuple[str, ...] = ()


_SKU: Final = ImportColumn("sku", Holds.TEXT, required=True)
_MARKET: Final = ImportColumn("market", Holds.TEXT, required=True)

COLUMNS: Final[dict[Kind, tuple[ImportColumn, ...]]] = {
    "markets": (
        ImportColumn("code", Holds.TEXT, required=True, synonyms=("market",)),
        ImportColumn("currency", Holds.TEXT, required=True),
        ImportColumn("time_zone", Holds.TEXT, synonyms=("timezone",)),
        ImportColumn("channel", Holds.TEXT),
        ImportColumn("tax_rate", Holds.NUMBER),
        ImportColumn("name", Holds.TEXT),
    ),
    "products": (
        _SKU,
        ImportColumn("title", Holds.TEXT, required=True, synonyms=("name",)),
        ImportColumn("category", Holds.TEXT),
        ImportColumn("brand", Holds.TEXT),
        ImportColumn("gtin", Holds.TEXT, synonyms=("ean", "upc")),
        ImportColumn("mpn", Holds.TEXT),
        ImportColumn("pack_size", Holds.NUMBER),
        ImportColumn("pack_unit", Holds.TEXT),
        ImportColumn("kvi", Holds.FLAG, synonyms=("key_value_item",)),
    ),
    "sales": (
        _SKU,
        _MARKET,
        ImportColumn("period_start", Holds.DAY, required=True, synonyms=("date", "week_start")),
        ImportColumn("units", Holds.NUMBER, required=True),
        ImportColumn("revenue", Holds.MONEY),
        ImportColumn("price", Holds.MONEY),
        ImportColumn("regular_price", Holds.MONEY),
        ImportColumn("deal", Holds.SHARE),
        ImportColumn("feature", Holds.SHARE),
        ImportColumn("display", Holds.SHARE),
        ImportColumn("stock_out", Holds.FLAG),
    ),
    "stock": (
        _SKU,
        _MARKET,
        ImportColumn("units", Holds.NUMBER, required=True, synonyms=("stock",)),
        ImportColumn("counted_at", Holds.DAY, synonyms=("date",)),
        ImportColumn(
            "expires_at",
            Holds.DAY,
            synonyms=("best_before", "expiry", "expiry_date", "use_by"),
        ),
    ),
    "costs": (
        _SKU,
        ImportColumn("market", Holds.TEXT),
        ImportColumn("valid_from", Holds.DAY, synonyms=("date", "week_start")),
        ImportColumn("cost", Holds.MONEY),
        ImportColumn("price", Holds.MONEY),
        ImportColumn("margin_pct", Holds.NUMBER),
        ImportColumn("currency", Holds.TEXT),
        ImportColumn("as_of", Holds.DAY, synonyms=("confirmed_at", "updated_at")),
    ),
    "price-limits": (
        _SKU,
        ImportColumn("market", Holds.TEXT),
        ImportColumn("valid_from", Holds.DAY, synonyms=("date",)),
        ImportColumn("minimum_price", Holds.MONEY, synonyms=("min_price",)),
        ImportColumn("maximum_price", Holds.MONEY, synonyms=("max_price",)),
        ImportColumn("rrp", Holds.MONEY, synonyms=("msrp", "recommended_price")),
        ImportColumn("map", Holds.MONEY, synonyms=("minimum_advertised_price",)),
    ),
}

ALTERNATIVES: Final[dict[Kind, tuple[tuple[str, ...], ...]]] = {
    "sales": (("revenue",), ("price",)),
    "costs": (("cost",), ("price", "margin_pct")),
    "price-limits": (("minimum_price",), ("maximum_price",), ("rrp",), ("map",)),
}
"""Sets of columns of which a file needs at least one whole set."""
