"""Invoice lines made fit for counting: every line that is left out is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from models.cleaning import CleaningReport
from models.errors import InvalidPanel
from models.model_frame import require_columns

COLUMNS: Final = ("order", "customer", "sku", "date", "units", "price")


def clean_invoices(
    frame: pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    *,
    cancelled_prefix: str = "C",
    product_pattern: str | None = None,
    need_customer: bool = True,
    wholesale_units: float | None = None,
) -> tuple[pd.DataFrame, CleaningReport]:
    r"""Lines of real sales, and what became of the others.

    Args:
        frame: one row an invoice line.
        columns: our name to theirs, for `order`, `customer`, `sku`, `date`, `units`, `price`.
        cancelled_prefix: of invoice numbers that take a sale back; "" for none.
        product_pattern: regular expression that product codes begin with, such as `\d{5}`; other
            codes are postage, samples, fees. None takes every code for a product.
        need_customer: leave out lines without a customer.
        wholesale_units: lines of more units than this are a reseller's, and left out.

    Returns:
        `order`, `customer`, `sku`, `date`, `units`, `price`, `revenue`; and the report.

    Raises:
        InvalidPanel: a column is missing, or dates are not dates.
    """
    theirs = {name: (columns or {}).get(name, name) for name in COLUMNS}
    require_columns(frame, list(theirs.values()))
    lines = pd.DataFrame({name: frame[column] for name, column in theirs.items()})
    dates = pd.to_datetime(lines["date"], errors="coerce", utc=False)
    if dates.isna().all() and len(lines):
        raise InvalidPanel(f"{theirs['date']!r} holds no dates; convert it with pandas.to_datetime")
    order = lines["order"].astype("str")
    units = pd.to_numeric(lines["units"], errors="coerce").to_numpy(np.float64)
    price = pd.to_numeric(lines["price"], errors="coerce").to_numpy(np.float64)
    cancelled = np.zeros(len(lines), dtype=np.bool_)
    if cancelled_prefix:
        cancelled = order.str.startswith(cancelled_prefix).to_numpy()
    other = np.zeros(len(lines), dtype=np.bool_)
    if product_pattern is not None:
        other = ~lines["sku"].astype("str").str.match(product_pattern).to_numpy()
    reasons = {
        "cancelled": cancelled,
        "returned_or_written_off": units <= 0,
        "not_a_number": ~(np.isfinite(units) & np.isfinite(price)) | dates.isna().to_numpy(),
        "not_a_product": other,
        "free_or_negative_price": price <= 0,
        "duplicate": frame.duplicated().to_numpy(),
        "wholesale": units > (np.inf if wholesale_units is None else wholesale_units),
        "no_customer": lines["customer"].isna().to_numpy() & need_customer,
    }
    left = np.ones(len(lines), dtype=np.bool_)
    dropped = {}
    for name, hit in reasons.items():
        if count := int((left & hit).sum()):
            dropped[name] = count
        left &= ~hit
    kept = pd.DataFrame(
        {
            "order": order[left],
            "customer": lines.loc[left, "customer"],
            "sku": lines.loc[left, "sku"].astype("str"),
            "date": dates[left],
            "units": units[left],
            "price": price[left],
            "revenue": units[left] * price[left],
        }
    ).reset_index(drop=True)
    return kept, CleaningReport(len(frame), len(kept), dropped, len(kept))
