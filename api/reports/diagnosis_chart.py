"""The evidence behind a curve as a picture: scatter with band, residuals, first stage."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from api.reports.charts import drawable, save_figure, write_notes
from models.sensitivity.diagnostics import Diagnosis

_BLUE: Final = "#4c78a8"
_RED: Final = "#e45756"
_TIMES_BEST: Final = 100.0
"""Times the best week above which the curve and its band are cut off."""


def draw_diagnosis(found: Diagnosis, path: Path) -> tuple[str, ...]:
    """Draw one diagnosis; numbers that cannot be drawn do not stop it.

    Args:
        found: what was found.
        path: where to write; .png or .svg.

    Returns:
        sentences on what is not drawn; they are in the chart, too.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    columns = ("price", "units", "residual", "first_stage", "price_left")
    weeks, left_out = found.weeks.copy(), 0
    for name in columns:
        weeks[name], missing = drawable(weeks[name])
        left_out += missing
    notes = []
    if left_out:
        notes.append(
            f"{left_out} of {len(columns) * len(weeks)} figures of the weeks are no numbers, or "
            "greater than any sale, and are not drawn"
        )
    figure = Figure(figsize=(13, 4), layout="constrained")
    curve, residuals, first = figure.subplots(1, 3)
    price = np.linspace(weeks["price"].min(), weeks["price"].max(), 100)[None, :]
    most = _TIMES_BEST * max(float(np.nan_to_num(weeks["units"].max())), 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = found.curve.interval(price)
        units = found.curve.units(price)
    if (cut := drawable(np.stack([low, units, high]), most)[1]) and np.isfinite(price).all():
        notes.append(
            f"the curve or its band exceeds {_TIMES_BEST:.0f} times the best week at {cut} of "
            f"{3 * price.size} points and is cut off there: its level or its interval is not to be "
            "believed"
        )
    curve.scatter(weeks["price"], weeks["units"], s=12, color=_BLUE, alpha=0.6)
    curve.plot(price[0], drawable(units[0], most)[0], color=_RED)
    ends = np.clip(np.nan_to_num(np.stack([low[0], high[0]]), posinf=most), 0.0, most)
    curve.fill_between(price[0], *ends, color=_RED, alpha=0.2)
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
    write_notes(figure, notes)
    save_figure(figure, path)
    return tuple(notes)
