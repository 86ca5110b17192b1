"""Charts as files. The figure is made without a window or a global state."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from api.errors import CannotWrite
from api.tables import refuse_unwritable
from simulations.what_if import MEASURES, WhatIf

_CANVAS: Final = {".png": FigureCanvasAgg, ".svg": FigureCanvasSVG}
CHART_ENDINGS: Final = tuple(_CANVAS)
_COLOURS: Final = {"units": "#4c78a8", "revenue": "#f58518", "profit": "#54a24b"}


def draw_what_if(answer: WhatIf, path: Path) -> None:
    """Draw the change of units, revenue and profit in each scenario, with its interval.

    Args:
        answer: what was simulated.
        path: where to write; .png or .svg.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    refuse_unwritable(path, CHART_ENDINGS)
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, measure in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        base = answer.base_draws[MEASURES.index(measure)].mean()
        differences = [answer.difference(name, measure) for name in answer.scenarios]
        means = [100 * d.mean / base for d in differences]
        below = [100 * (d.mean - d.low) / base for d in differences]
        above = [100 * (d.high - d.mean) / base for d in differences]
        axes.axhline(0, color="#888888", linewidth=0.8)
        axes.bar(answer.scenarios, means, color=_COLOURS[measure], alpha=0.75)
        axes.errorbar(
            answer.scenarios, means, yerr=[below, above], fmt="none", ecolor="#222222", capsize=4
        )
        axes.set_title(measure)
        axes.set_ylabel(f"change against {answer.base}, %")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"What if: {answer.rows} prices, {answer.periods} weeks, {answer.level:.0%} intervals"
    )
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as .png or .svg, by the file's ending.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    refuse_unwritable(path, CHART_ENDINGS)
    try:
        _CANVAS[path.suffix](figure).print_figure(path, dpi=120)
    except OSError as error:
        raise CannotWrite(f"{path}: {error.strerror or error}") from error
