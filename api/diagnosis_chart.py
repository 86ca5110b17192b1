"""The evidence behind a curve as a picture: scatter with band, residuals, first stage."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from api.charts import save_figure
from models.diagnostics import Diagnosis

_BLUE: Final = "#4c78a8"
_RED: Final = "#e45756"


def draw_diagnosis(found: Diagnosis, path: Path) -> None:
    """Draw one diagnosis.

    Args:
        found: what was found.
        path: where to write; .png or .svg.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    weeks = found.weeks
    figure = Figure(figsize=(13, 4), layout="constrained")
    curve, residuals, first = figure.subplots(1, 3)
    price = np.linspace(weeks["price"].min(), weeks["price"].max(), 100)[None, :]
    low, high = found.curve.interval(price)
    curve.scatter(weeks["price"], weeks["units"], s=12, color=_BLUE, alpha=0.6)
    curve.plot(price[0], found.curve.units(price)[0], color=_RED)
    curve.fill_between(price[0], low[0], high[0], color=_RED, alpha=0.2)
    curve.set(title="sales and curve of a plain week", xlabel="price", ylabel="units a week")
    residuals.axhline(0, color="#888888", linewidth=0.8)
    residuals.plot(weeks["period_start"], weeks["residual"], color=_BLUE, linewidth=1)
    residuals.set(title="what is left (log units)")
    residuals.tick_params(axis="x", rotation=30)
    first.scatter(weeks["first_stage"], weeks["price_left"], s=12, color=_BLUE, alpha=0.6)
    first.axline((0.0, 0.0), slope=1.0, color=_RED, linewidth=1)
    first.set(title="first stage", xlabel="what instruments explain", ylabel="log price")
    for axes in (curve, residuals, first):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{found.sku} in {found.market}")
    save_figure(figure, path)
