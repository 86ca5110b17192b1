"""Small panels whose law is known, made as arrays so that hundreds of replications are quick."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from models.arrays import FloatArray
from models.demand import Provenance

PROVENANCE = Provenance(
    window_start=date(2024, 1, 1),
    window_end=date(2025, 12, 28),
    rows=208,
    period_days=7,
    method="log-log auto",
    software={"numpy": "2"},
)


def clean_panel(
    rng: np.random.Generator, series: int = 500, weeks: int = 104, elasticity: float = -2.0
) -> pd.DataFrame:
    """Prices that follow nothing; season, features that go with low prices, uneven noise."""
    week = np.arange(weeks)
    price = 4.0 * np.exp(rng.normal(0, 0.15, (series, weeks)))
    feature = rng.random((series, weeks)) < 0.1 + 0.3 * (price < 3.6)
    noise = rng.normal(0, 0.25, (series, weeks)) * np.where(feature, 1.6, 1.0)
    log_units = (
        4.0
        + elasticity * np.log(price)
        + 0.4 * feature
        + 0.2 * np.sin(2 * np.pi * week / 52)
        + noise
    )
    return long_frame(
        price=price,
        feature=feature.astype(float),
        season=np.broadcast_to(np.sin(2 * np.pi * week / 52), price.shape),
        units=np.exp(log_units),
    )


def followed_panel(
    rng: np.random.Generator, series: int = 500, weeks: int = 104, elasticity: float = -2.0
) -> pd.DataFrame:
    """Prices that rise with demand that nobody wrote down; cost moves them too."""
    hidden = rng.normal(0, 0.3, (series, weeks))
    cost = rng.normal(0, 0.12, (series, weeks))
    fuel = rng.normal(0, 0.06, (series, weeks))
    log_price = 1.0 + cost + fuel + 0.3 * hidden + rng.normal(0, 0.05, (series, weeks))
    units = np.exp(4.0 + elasticity * log_price + hidden + rng.normal(0, 0.2, (series, weeks)))
    return long_frame(price=np.exp(log_price), cost=cost, fuel=fuel, units=units)


def long_frame(**columns: FloatArray) -> pd.DataFrame:
    """(series, weeks) arrays as a frame with `series` and `week`."""
    series, weeks = next(iter(columns.values())).shape
    keys = {
        "series": np.repeat(np.arange(series), weeks),
        "week": np.tile(np.arange(weeks), series),
    }
    return pd.DataFrame({**keys, **{name: values.ravel() for name, values in columns.items()}})
