"""Products, as their owner describes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import Product
from storage.bulk import listed
from storage.errors import UnknownProduct
from storage.tables import products as table


def all_products(conn: Connection) -> tuple[Product, ...]:
    """All products, sorted by SKU."""
    columns = [table.c[name] for name in Product.__dataclass_fields__]
    found = [Product(*row) for row in conn.execute(sa.select(*columns))]
    return tuple(sorted(found, key=lambda product: product.sku))


def read_product(conn: Connection, sku: str) -> Product:
    """One product.

    Raises:
        UnknownProduct: no product has this SKU.
    """
    columns = [table.c[name] for name in Product.__dataclass_fields__]
    row = conn.execute(sa.select(*columns).where(table.c.sku == sku)).one_or_none()
    if row is None:
        raise _unknown(sku)
    return Product(*row)


def product_ids(conn: Connection, skus: Iterable[str] | None = None) -> dict[str, int]:
    """The database's number of each SKU: of all, or of those asked for that exist."""
    query = sa.select(table.c.sku, table.c.product_id)
    if skus is not None:
        query = query.where(table.c.sku.in_(listed(conn, skus)))
    return {row.sku: row.product_id for row in conn.execute(query)}


def categories(conn: Connection) -> tuple[str, ...]:
    """Names of all categories that products are in, sorted."""
    found = conn.scalars(sa.select(table.c.category).distinct()).all()
    return tuple(sorted(found))


def categories_of(conn: Connection, skus: Iterable[str]) -> frozenset[str]:
    """The categories of those of these products that exist."""
    query = sa.select(table.c.category).where(table.c.sku.in_(set(skus))).distinct()
    return frozenset(conn.scalars(query))


def product_id(conn: Connection, sku: str) -> int:
    """The database's number of one product.

    Raises:
        UnknownProduct: no product has this SKU.
    """
    number: int | None = conn.scalar(sa.select(table.c.product_id).where(table.c.sku == sku))
    if number is None:
        raise _unknown(sku)
    return number


def find_products(
    conn: Connection,
    search: str = "",
    *,
    category: str = "",
    by: Literal["sku", "title", "category", "brand"] = "sku",
    descending: bool = False,
    offset: int = 0,
    limit: int = 50,
) -> tuple[tuple[Product, ...], int]:
    """Products by a part of their SKU, title or GTIN in any case, and how many there are.

    Args:
        conn: an open transaction.
        search: the part; all products where empty.
        category: a part of the category's name.
        by: the order; equal ones by SKU.
        descending: the last first.
        offset: products to skip.
        limit: products at most.
    """
    fits: list[sa.ColumnElement[bool]] = []
    if search:
        columns = (table.c.sku, table.c.title, table.c.gtin)
        fits.append(sa.or_(*(column.icontains(search, autoescape=True) for column in columns)))
    if category:
        fits.append(table.c.category.icontains(category, autoescape=True))
    total = conn.scalar(sa.select(sa.func.count()).select_from(table).where(*fits))
    order = table.c[by].desc() if descending else table.c[by].asc()
    query = (
        sa.select(*(table.c[name] for name in Product.__dataclass_fields__))
        .where(*fits)
        .order_by(order, table.c.sku)
        .limit(limit)
        .offset(offset)
    )
    return tuple(Product(*row) for row in conn.execute(query)), total or 0


def chosen_products(
    conn: Connection, *, category: str | None = None, skus: Iterable[str] | None = None
) -> sa.Select[int] | None:
    """Numbers of the products of a category, or of these SKUs, or both; None for no choice."""
    if category is None and skus is None:
        return None
    query = sa.select(table.c.product_id)
    if category is not None:
        query = query.where(table.c.category == category)
    if skus is not None:
        query = query.where(table.c.sku.in_(listed(conn, skus)))
    return query


def _unknown(sku: str) -> UnknownProduct:
    return UnknownProduct(f"product {sku!r} is unknown; import it with `pricewright import`")
