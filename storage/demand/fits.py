"""Demand fits: every one is kept, the newest is in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import StrArray
from models.demand import ConstantElasticityDemand, FittedCurves, Provenance
from pricing.deciding.level_doubts import LevelDoubts
from storage.arrow_rows import append, constant_in, floats_in
from storage.bulk import Kind, read_columns, refresh_statistics
from storage.database import require_writer
from storage.errors import FitNotFound
from storage.products.keys import key_ids, market_codes_of, skus_of
from storage.products.markets import market_id
from storage.products.products import product_id
from storage.tables import fit_curves, fits

_CURVE = (
    "reference_price",
    "log_base",
    "elasticity",
    "var_log_base",
    "cov_log_base_elasticity",
    "var_elasticity",
    "residual_variance",
    "own_elasticity",
    "own_std_error",
    "exponent",
)
_COLUMNS: dict[str, Kind] = {
    "product_id": "int",
    "market_id": "int",
    **dict.fromkeys(_CURVE, "float"),
    "n_obs": "int",
    "method": "str",
    "status": "str",
}


@dataclass(frozen=True, slots=True, eq=False)
class StoredFit:
    """A fit with its place in the history.

    Attributes:
        fit_id: grows with time.
        created_at: when it was stored, UTC.
        curves: the fitted curves, sorted by (sku, market).
        report: what the fit said of itself.
    """

    fit_id: int
    created_at: datetime
    curves: FittedCurves
    report: Mapping[str, Any]


def save_fit(
    conn: Connection,
    curves: FittedCurves,
    *,
    created_at: datetime,
    report: Mapping[str, Any] | None = None,
) -> int:
    """Store a fit; returns its number.

    Raises:
        UnknownProduct, UnknownMarket: a curve of something that is not stored.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    origin = curves.provenance
    statement = fits.insert().values(
        created_at=created_at,
        window_start=origin.window_start,
        window_end=origin.window_end,
        rows=origin.rows,
        period_days=origin.period_days,
        method=origin.method,
        software=dict(origin.software),
        report=dict(report or {}),
    )
    fit_id: int = conn.execute(statement.returning(fits.c.fit_id)).scalar_one()
    product, market = key_ids(conn, curves.sku, curves.market)
    demand = curves.demand
    numbers = {
        "reference_price": demand.reference_price,
        "log_base": demand.log_base,
        "elasticity": demand.elasticity,
        "var_log_base": demand.covariance[:, 0, 0],
        "cov_log_base_elasticity": demand.covariance[:, 0, 1],
        "var_elasticity": demand.covariance[:, 1, 1],
        "residual_variance": demand.residual_variance,
        "own_elasticity": curves.own_elasticity,
        "own_std_error": curves.own_std_error,
        "exponent": np.nan_to_num(demand.exponent),
    }
    rows = pa.table(
        {
            "fit_id": constant_in(fit_id, len(curves)),
            "product_id": pa.array(product),
            "market_id": pa.array(market),
            **{name: floats_in(numbers[name]) for name in _CURVE},
            "n_obs": pa.array(curves.n_obs),
            "method": pa.array(curves.method.tolist(), pa.string()),
            "status": pa.array(curves.status.tolist(), pa.string()),
        }
    )
    append(conn, fit_curves, rows)
    refresh_statistics(conn, fit_curves)
    return fit_id


def load_fit(conn: Connection, fit_id: int | None = None) -> StoredFit:
    """A fit by its number, or the newest.

    Raises:
        FitNotFound: there is no such fit, or nothing was fitted yet.
    """
    query = sa.select(fits).order_by(fits.c.fit_id.desc()).limit(1)
    if fit_id is not None:
        query = query.where(fits.c.fit_id == fit_id)
    head = conn.execute(query).one_or_none()
    if head is None:
        raise FitNotFound(
            "nothing was fitted yet; run `pricewright fit`"
            if fit_id is None
            else f"there is no fit {fit_id}"
        )
    return StoredFit(head.fit_id, head.created_at, _curves(conn, head), head.report)


def curve_of(conn: Connection, fit_id: int, sku: str, market: str) -> FittedCurves:
    """The curve of one product in a market, of a fit; none where it has none there.

    Raises:
        FitNotFound: there is no such fit.
        UnknownProduct, UnknownMarket: no such product or market.
    """
    head = conn.execute(sa.select(fits).where(fits.c.fit_id == fit_id)).one_or_none()
    if head is None:
        raise FitNotFound(f"there is no fit {fit_id}")
    return _curves(
        conn,
        head,
        fit_curves.c.product_id == product_id(conn, sku),
        fit_curves.c.market_id == market_id(conn, market),
    )


def level_doubts(report: Mapping[str, Any], sku: StrArray, market: StrArray) -> LevelDoubts | None:
    """The curves of a fit that are not believed for their level, as rows of a catalogue.

    Args:
        report: of the fit.
        sku: (n,) products of the rows.
        market: (n,) their markets.

    Returns:
        None where none of these rows is doubted.
    """
    doubted = pd.DataFrame(list(report.get("implausible_levels") or ()))
    if doubted.empty:
        return None
    keys = pd.MultiIndex.from_arrays([doubted["sku"], doubted["market"]])
    at = keys.get_indexer(pd.MultiIndex.from_arrays([sku, market]))
    if (at < 0).all():
        return None
    figures = doubted[["level", "best", "usual"]].to_numpy(np.float64)
    return LevelDoubts(*np.where(at[:, None] >= 0, figures[at], np.nan).T)


def doubts_of_fit(
    conn: Connection, fit_id: int | None, sku: StrArray, market: StrArray
) -> LevelDoubts | None:
    """As `level_doubts`, of a fit by its number; None where there is no such fit."""
    report = conn.scalar(sa.select(fits.c.report).where(fits.c.fit_id == fit_id))
    return None if report is None else level_doubts(report, sku, market)


def _curves(conn: Connection, head: sa.Row[Any], *only: sa.ColumnElement[bool]) -> FittedCurves:
    query = sa.select(*(fit_curves.c[name] for name in _COLUMNS))
    query = query.where(fit_curves.c.fit_id == head.fit_id, *only)
    values = read_columns(conn, query, tuple(_COLUMNS.values()))
    columns = dict(zip(_COLUMNS, values, strict=True))
    sku, market = skus_of(conn, columns["product_id"]), market_codes_of(conn, columns["market_id"])
    order = np.lexsort((market, sku))
    column = {name: values[order] for name, values in columns.items()}
    across = column["cov_log_base_elasticity"]
    covariance = np.stack(
        [
            np.stack([column["var_log_base"], across], axis=-1),
            np.stack([across, column["var_elasticity"]], axis=-1),
        ],
        axis=-2,
    )
    return FittedCurves(
        sku=sku[order],
        market=market[order],
        demand=ConstantElasticityDemand(
            reference_price=column["reference_price"],
            log_base=column["log_base"],
            elasticity=column["elasticity"],
            covariance=covariance,
            residual_variance=column["residual_variance"],
            exponent=column["exponent"],
        ),
        own_elasticity=column["own_elasticity"],
        own_std_error=column["own_std_error"],
        n_obs=column["n_obs"],
        method=column["method"],
        status=column["status"],
        provenance=Provenance(
            window_start=head.window_start,
            window_end=head.window_end,
            rows=head.rows,
            period_days=head.period_days,
            method=head.method,
            software=head.software,
        ),
    )
