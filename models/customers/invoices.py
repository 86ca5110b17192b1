"""Invoice lines made fit for counting: every line that is left out is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from models.errors import InvalidPanel, InvalidSpec
from models.estimators.model_frame import require_columns
from models.sensitivity.cleaning import CleaningReport

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


def without_wholesale(
    lines: pd.DataFrame,
    report: CleaningReport,
    *,
    units_ratio: float | None = 3.0,
    spend_share: float | None = 0.001,
) -> tuple[pd.DataFrame, CleaningReport]:
    """The lines of people who buy for themselves, and the report with those of resellers.

    A reseller buys by the case: the middle one of a customer's lines holds several times as many
    units as such lines usually do; or spends so much that no household could. Their prices come
    with their quantities, so that they look sensitive to prices whatever they are. A customer is
    left out whole, so that segments are of people, not of single orders.

    Args:
        lines: as `clean_invoices` gives them.
        report: likewise.
        units_ratio: a customer whose middle line has at least so many times the units of the
            product's middle line is a reseller; None does not ask.
        spend_share: so is one who has at least this share of all revenue; None does not ask.

    Raises:
        InvalidPanel: a column is missing.
        InvalidSpec: a ratio of 1 or less, or a share outside 0..1.
    """
    require_columns(lines, ["customer", "sku", "units", "revenue"])
    if units_ratio is not None and not units_ratio > 1.0:
        raise InvalidSpec(f"units_ratio must lie above 1, it is {units_ratio}")
    if spend_share is not None and not 0.0 < spend_share < 1.0:
        raise InvalidSpec(f"spend_share must lie between 0 and 1, it is {spend_share}")
    customer = lines["customer"]
    usual = lines.groupby("sku", observed=True)["units"].transform("median")
    by_case = np.zeros(len(lines), dtype=np.bool_)
    if units_ratio is not None:
        middle = (lines["units"] / usual).groupby(customer).transform("median")
        by_case = (middle >= units_ratio).to_numpy(np.bool_)
    big = np.zeros(len(lines), dtype=np.bool_)
    if spend_share is not None:
        spent = lines["revenue"].groupby(customer).transform("sum")
        big = (spent >= spend_share * lines["revenue"].sum()).to_numpy(np.bool_)
    dropped = dict(report.dropped)
    for name, hit in (("wholesale_by_quantity", by_case), ("wholesale_by_spend", big & ~by_case)):
        if count := int(hit.sum()):
            dropped[name] = count
    kept = lines[~(by_case | big)].reset_index(drop=True)
    return kept, replace(report, rows_kept=len(kept), periods=len(kept), dropped=dropped)
