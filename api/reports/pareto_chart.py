"""A Pareto front as a picture."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from api.jobs.result_files import refuse_unwritable
from api.reports.charts import CHART_ENDINGS, drawable, save_figure, write_notes


def draw_front(frame: pd.DataFrame, figures: tuple[str, str], path: Path) -> tuple[str, ...]:
    """Draw the points of a front over two of its figures; what cannot be drawn does not stop it.

    Args:
        frame: one row a point, as `api.jobs.pareto.front_frame` makes it.
        figures: the columns across and up.
        path: where to write; .png or .svg.

    Returns:
        sentences on what is not drawn; they are in the chart, too.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    refuse_unwritable(path, CHART_ENDINGS)
    across, up = figures
    points = frame.assign(**{name: drawable(frame[name])[0] for name in figures})
    points = points.dropna(subset=list(figures)).sort_values(across)
    notes = []
    if left_out := len(frame) - len(points):
        notes.append(
            f"{left_out} of {len(frame)} answers are not drawn: their {across} or {up} is no "
            "number, or greater than any shop's; look at the demand curves behind them"
        )
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(points[across], points[up], color="#4c78a8", marker="o")
    weights = [name for name in frame.columns if name.startswith("weight_")]
    for _, point in points.iterrows():
        label = ", ".join(f"{name.removeprefix('weight_')} {point[name]:g}" for name in weights)
        axes.annotate(
            label, (point[across], point[up]), xytext=(6, 4), textcoords="offset points", fontsize=8
        )
    axes.set_xlabel(f"expected {across} a period")
    axes.set_ylabel(f"expected {up} a period")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"{len(frame)} answers that none of the others beats")
    write_notes(figure, notes)
    save_figure(figure, path)
    return tuple(notes)
