"""Between the keys of the domain and the database's numbers, by the column."""

from __future__ import annotations

from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray, StrArray
from storage.bulk import read_columns
from storage.errors import NotStored, UnknownMarket, UnknownProduct
from storage.products.markets import market_ids
from storage.products.products import product_ids
from storage.tables import markets, products

_FEW: Final = 500
"""Names that are looked up one by one rather than all read."""


def key_ids(conn: Connection, sku: StrArray, market: StrArray) -> tuple[IntArray, IntArray]:
    """(n,) numbers of products and of markets.

    Raises:
        UnknownProduct: a SKU that is not stored.
        UnknownMarket: a market code that is not stored.
    """
    skus, sku_codes = np.unique(sku, return_inverse=True)
    known = product_ids(conn, skus.tolist())
    product = _numbers(skus.tolist(), known, UnknownProduct)[sku_codes]
    codes, market_codes = np.unique(market, return_inverse=True)
    return product, _numbers(codes.tolist(), market_ids(conn), UnknownMarket)[market_codes]


def skus_of(conn: Connection, product: IntArray) -> StrArray:
    """(n,) the SKU of each product number."""
    return _names(conn, products.c.product_id, products.c.sku, product)


def market_codes_of(conn: Connection, market: IntArray) -> StrArray:
    """(n,) the code of each market number."""
    return _names(conn, markets.c.market_id, markets.c.code, market)


def _numbers(names: list[str], known: dict[str, int], error: type[NotStored]) -> IntArray:
    missing = [name for name in names if name not in known]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        what = "market" if error is UnknownMarket else "product"
        raise error(f"{what} {missing[0]!r}{more} is not stored; import it first")
    return np.array([known[name] for name in names], dtype=np.int64)


def _names(
    conn: Connection, number: sa.Column[int], name: sa.Column[str], wanted: IntArray
) -> StrArray:
    if not len(wanted):
        return np.empty(0, dtype=np.str_)
    query = sa.select(number, name).order_by(number)
    if len(wanted) <= _FEW:
        query = query.where(number.in_(np.unique(wanted).tolist()))
    numbers, names = read_columns(conn, query, ("int", "str"))
    return names[np.searchsorted(numbers, wanted)]
