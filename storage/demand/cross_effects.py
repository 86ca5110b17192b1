"""Cross-price effects of a fit: what the price of one product does to the units of another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import Catalogue
from pricing.cross_effects import CrossEffects
from storage.arrow_rows import append, constant_in
from storage.bulk import read_columns, refresh_statistics
from storage.database import require_writer
from storage.products.products import product_ids
from storage.tables import fit_cross_effects as table
from storage.tables import products


def save_cross_effects(conn: Connection, fit_id: int, pairs: pd.DataFrame) -> None:
    """Store the effects of a fit.

    Args:
        conn: a transaction that writes.
        fit_id: the fit that they belong to.
        pairs: columns `sku` (whose units), `other` (whose price), `elasticity`, `std_error`.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    if pairs.empty:
        return
    numbers = product_ids(conn, {*pairs["sku"], *pairs["other"]})
    rows = pa.table(
        {
            "fit_id": constant_in(fit_id, len(pairs)),
            "product_id": pa.array(pairs["sku"].map(numbers).to_numpy(dtype=np.int64)),
            "other_id": pa.array(pairs["other"].map(numbers).to_numpy(dtype=np.int64)),
            "elasticity": pa.array(pairs["elasticity"].to_numpy(dtype=np.float64)),
            "std_error": pa.array(pairs["std_error"].to_numpy(dtype=np.float64)),
        }
    )
    append(conn, table, rows)
    refresh_statistics(conn, table)


def read_cross_effects(conn: Connection, fit_id: int) -> pd.DataFrame:
    """The effects of a fit as `save_cross_effects` takes them, sorted; empty where it has none."""
    mine, theirs = products.alias("mine"), products.alias("theirs")
    query = (
        sa.select(mine.c.sku, theirs.c.sku, table.c.elasticity, table.c.std_error)
        .join_from(table, mine, table.c.product_id == mine.c.product_id)
        .join(theirs, table.c.other_id == theirs.c.product_id)
        .where(table.c.fit_id == fit_id)
    )
    sku, other, elasticity, std_error = read_columns(conn, query, ("str", "str", "float", "float"))
    order = np.lexsort((other, sku))
    return pd.DataFrame(
        {
            "sku": sku[order],
            "other": other[order],
            "elasticity": elasticity[order],
            "std_error": std_error[order],
        }
    )


def last_with_cross_effects(conn: Connection, *, before: int) -> int | None:
    """The newest fit before this one that has cross effects; None where none has."""
    number: int | None = conn.scalar(
        sa.select(sa.func.max(table.c.fit_id)).where(table.c.fit_id < before)
    )
    return number


def cross_effects_of(conn: Connection, fit_id: int, catalogue: Catalogue) -> CrossEffects | None:
    """The effects between the rows of a catalogue; None where the fit has none of them."""
    pairs = read_cross_effects(conn, fit_id)
    if pairs.empty:
        return None
    found = CrossEffects.of_pairs(
        catalogue,
        pairs["sku"].to_numpy(dtype=np.str_),
        pairs["other"].to_numpy(dtype=np.str_),
        pairs["elasticity"].to_numpy(dtype=np.float64),
    )
    return found if found.any else None
