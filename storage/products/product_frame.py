"""Products as a frame, for who computes with all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.bulk import Kind, read_columns
from storage.tables import products as table


def product_frame(conn: Connection, chosen: sa.Select[int] | None = None) -> pd.DataFrame:
    """Columns `sku`, `category`, `brand` (`""` for none), `pack_size`, `kvi`, by product number.

    Of the products that `chosen_products` gives, or of all, sorted by SKU.
    """
    query = sa.select(
        table.c.product_id,
        table.c.sku,
        table.c.category,
        sa.func.coalesce(table.c.brand, ""),
        table.c.pack_size,
        table.c.kvi,
    )
    if chosen is not None:
        query = query.where(table.c.product_id.in_(chosen))
    kinds: tuple[Kind, ...] = ("int", "str", "str", "str", "float", "bool")
    number, sku, category, brand, pack_size, kvi = read_columns(conn, query, kinds)
    order = np.argsort(sku, kind="stable")
    frame = pd.DataFrame(
        {
            name: pd.array(values[order].tolist(), dtype="str")
            for name, values in (("sku", sku), ("category", category), ("brand", brand))
        },
        index=pd.Index(number[order]),
    )
    return frame.assign(pack_size=np.where(pack_size > 0, pack_size, np.nan)[order], kvi=kvi[order])
