"""Products, as their owner describes them."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import Product
from storage.bulk import pieces
from storage.errors import UnknownProduct
from storage.tables import products as table


def all_products(conn: Connection) -> tuple[Product, ...]:
    """All products, sorted by SKU."""
    columns = [table.c[name] for name in Product.__dataclass_fields__]
    found = [Product(*row) for row in conn.execute(sa.select(*columns))]
    return tuple(sorted(found, key=lambda product: product.sku))


def product_ids(conn: Connection, skus: Iterable[str] | None = None) -> dict[str, int]:
    """The database's number of each SKU: of all, or of those asked for that exist."""
    query = sa.select(table.c.sku, table.c.product_id)
    if skus is None:
        return {row.sku: row.product_id for row in conn.execute(query)}
    found: dict[str, int] = {}
    for piece in pieces(set(skus)):
        rows = conn.execute(query.where(table.c.sku.in_(piece)))
        found.update({row.sku: row.product_id for row in rows})
    return found


def product_id(conn: Connection, sku: str) -> int:
    """The database's number of one product.

    Raises:
        UnknownProduct: no product has this SKU.
    """
    number: int | None = conn.scalar(sa.select(table.c.product_id).where(table.c.sku == sku))
    if number is None:
        raise UnknownProduct(f"product {sku!r} is unknown; import it with `pricewright import`")
    return number
