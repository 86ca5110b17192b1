"""Fitting price sensitivity: against the loops that people write, and for very many products."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import statsmodels.api as sm
import statsmodels.formula.api as smf

from models.arrays import FloatArray
from models.estimators.batched import least_squares
from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import build_panel
from models.sensitivity.spec import FitSpec
from pricing.catalogue import Market
from storage.database import migrate, open_engine, writing
from storage.demand.fits import save_fit
from storage.products.markets import add_markets
from storage.tables import products
from tests.benchmarks.figure import Figure, peak_megabytes, seconds

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_WEEKS = 104
_CATEGORIES = 200


def figures() -> Iterator[Figure]:
    """The usual loops, growth with the number of series, and the whole way at 100,000 series."""
    yield from _against_loops()
    yield from _growth()
    yield from _from_parquet_to_stored(100_000)


def _against_loops() -> Iterator[Figure]:
    """2,000 products, 7 parameters, HC1 errors: three ways, equal numbers."""
    rng = np.random.default_rng(0)
    s, k = 2_000, 7
    x = rng.normal(size=(s, _WEEKS, k))
    x[..., 0] = 1.0
    y = x @ rng.normal(size=k) + rng.normal(size=(s, _WEEKS))
    batched = seconds(lambda: least_squares(y, x), repeats=5)
    found = least_squares(y, x)
    bare: list[tuple[FloatArray, FloatArray]] = []

    def bare_loop() -> None:
        bare.clear()
        for i in range(s):
            result = sm.OLS(y[i], x[i]).fit(cov_type="HC1")
            bare.append((result.params, result.bse))

    bare_seconds = seconds(bare_loop, repeats=2)
    gap = max(
        np.abs(found.coefficients / np.stack([params for params, _ in bare]) - 1).max(),
        np.abs(found.std_errors / np.stack([errors for _, errors in bare]) - 1).max(),
    )
    frame = pd.DataFrame(x[..., 1:].reshape(-1, k - 1), columns=[f"x{j}" for j in range(1, k)])
    frame = frame.assign(y=y.ravel(), product=np.repeat(np.arange(s), _WEEKS))
    formula = "y ~ " + " + ".join(f"x{j}" for j in range(1, k))
    usual = seconds(
        lambda: [smf.ols(formula, part).fit(cov_type="HC1") for _, part in frame.groupby("product")]
    )
    note = f"{s:,} x {_WEEKS} x {k}, HC1; largest relative difference {gap:.1e}"
    yield Figure("batched fit", batched, "s", "smf.ols in a groupby loop", usual, note)
    yield Figure("batched fit", batched, "s", "sm.OLS in an array loop", bare_seconds, note)


def _growth() -> Iterator[Figure]:
    """Panel to pooled curves, two threads: seconds a thousand series should not grow."""
    first = None
    for series in (1_000, 10_000, 100_000):
        panel, _ = build_panel(_sales(series))
        with joblib.Parallel(n_jobs=2, prefer="threads") as parallel:
            spent = seconds(lambda p=panel, j=parallel: fit_demand(p, FitSpec(), j))  # type: ignore[misc]
        each = spent / series * 1e3
        first = first or each
        note = f"{each:.4f} s a thousand"
        yield Figure(
            f"fit {series:,} series", spent, "s", "at 1,000's pace", first * series / 1e3, note
        )


def _from_parquet_to_stored(series: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        history = Path(folder, "sales.parquet")
        writer = None
        for first in range(0, series, 10_000):
            part = pa.Table.from_pandas(_sales(10_000, first), preserve_index=False)
            writer = writer or pq.ParquetWriter(history, part.schema)
            writer.write_table(part)
        if writer is not None:
            writer.close()
        engine = open_engine(f"sqlite:///{folder}/bench.db")
        migrate(engine)
        skus = _names(0, series)
        with writing(engine) as conn:
            add_markets(conn, (Market("online", "EUR", "UTC"),))
            known = {"title": "", "category": "", "created_at": _AT, "updated_at": _AT}
            conn.execute(products.insert(), [{"sku": sku, **known} for sku in skus])
        spent: dict[str, float] = {}

        def whole() -> None:
            frames: list[pd.DataFrame] = []
            spent["read"] = seconds(lambda: frames.append(pd.read_parquet(history)))
            panels = []
            spent["clean"] = seconds(lambda: panels.append(build_panel(frames.pop())[0]))
            fits = []
            processor = time.process_time()
            with joblib.Parallel(n_jobs=2, prefer="threads") as parallel:
                spent["fit"] = seconds(
                    lambda: fits.append(fit_demand(panels[0], FitSpec(), parallel))
                )
            spent["fit, processor"] = time.process_time() - processor

            def store() -> None:
                with writing(engine) as conn:
                    save_fit(conn, fits[0].curves, created_at=_AT)

            spent["store"] = seconds(store)

        total = seconds(whole)
        engine.dispose()
    note = ", ".join(f"{name} {value:.1f} s" for name, value in spent.items())
    yield Figure(f"Parquet to stored fits, {series:,} series", total, "s", "limit", 60.0, note)
    other = (
        f"{spent['fit, processor']:.1f} s of processor time, which other processes do not disturb"
    )
    yield Figure("arithmetic of it", spent["fit"], "s", "limit", 5.0, other)
    yield Figure("peak memory of it", peak_megabytes(), "MB", "limit", 4_000.0)


def _names(first: int, count: int) -> list[str]:
    return [f"P{i:07d}" for i in range(first, first + count)]


def _sales(series: int, first: int = 0) -> pd.DataFrame:
    """Two years of weekly sales of a known law."""
    rng = np.random.default_rng(first)
    shape = (series, _WEEKS)
    cost = np.exp(np.cumsum(rng.normal(0, 0.01, shape), axis=1))
    deal = rng.random(shape) < 0.2
    feature = deal & (rng.random(shape) < 0.5)
    regular = 1.6 * cost**0.7
    price = np.round(regular * np.where(deal, rng.choice([0.8, 0.9], shape), 1.0), 4)
    expected = np.exp(4.0 - 2.0 * np.log(price) + 0.3 * feature + rng.normal(0, 0.2, shape))
    weeks = np.datetime64("2024-01-01") + 7 * np.arange(_WEEKS)
    code = np.repeat(np.arange(series), _WEEKS)
    category = (np.arange(first, first + series) % _CATEGORIES)[code]
    labels = pd.Index([f"category {i}" for i in range(_CATEGORIES)])
    return pd.DataFrame(
        {
            "sku": pd.Categorical.from_codes(code, pd.Index(_names(first, series))),
            "market": pd.Categorical.from_codes(
                np.zeros(code.size, np.int64), pd.Index(["online"])
            ),
            "category": pd.Categorical.from_codes(category, labels),
            "period_start": np.tile(weeks.astype("datetime64[s]"), series),
            "units": rng.poisson(expected).ravel().astype(np.float64),
            "price": price.ravel(),
            "regular_price": regular.ravel(),
            "cost": cost.ravel(),
            "deal": deal.ravel().astype(np.float64),
            "feature": feature.ravel().astype(np.float64),
        }
    )
