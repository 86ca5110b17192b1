"""Charts as files. The figure is made without a window or a global state."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from api.errors import CannotWrite
from api.jobs.result_files import refuse_unwritable
from models.arrays import FloatArray
from simulations.scenarios.what_if import MEASURES, WhatIf

_CANVAS: Final = {".png": FigureCanvasAgg, ".svg": FigureCanvasSVG}
CHART_ENDINGS: Final = tuple(_CANVAS)
_COLOURS: Final = {"units": "#4c78a8", "revenue": "#f58518", "profit": "#54a24b"}
GREATEST: Final = 1e15
"""Beyond it an amount is a fault, and the arithmetic of axes fails not far above."""
_MOST_PER_CENT: Final = 1e6
_LINE: Final = 150


def drawable(values: object, most: float = GREATEST) -> tuple[FloatArray, int]:
    """What can be drawn of some numbers, NaN for the rest, and how many those are.

    Args:
        values: numbers of any shape.
        most: greatest absolute value that is drawn.
    """
    numbers = np.asarray(values, dtype=np.float64)
    shown = np.isfinite(numbers) & (np.abs(numbers) <= most)
    return np.where(shown, numbers, np.nan), int((~shown).sum())


def draw_what_if(answer: WhatIf, path: Path) -> tuple[str, ...]:
    """Draw the change of units, revenue and profit in each scenario, with its interval.

    Numbers that cannot be drawn, or that cannot be meant, do not stop it.

    Args:
        answer: what was simulated.
        path: where to write; .png or .svg.

    Returns:
        sentences on what is not drawn, or not to be believed; they are in the chart, too.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    refuse_unwritable(path, CHART_ENDINGS)
    notes = []
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, measure in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        found = [answer.difference(name, measure) for name in answer.scenarios]
        parts = np.array([(one.low, one.mean, one.high) for one in found])
        with np.errstate(all="ignore"):
            # A loss grows where its difference is negative, so the sign is that of the difference.
            base = np.abs(answer.base_draws[MEASURES.index(measure)].mean())
            share = np.where(parts == 0.0, 0.0, 100.0 * (parts / base))
            (low, means, high), left_out = drawable(share.T, _MOST_PER_CENT)
        axes.axhline(0, color="#888888", linewidth=0.8)
        axes.bar(answer.scenarios, means, color=_COLOURS[measure], alpha=0.75)
        # From end to end: a mean that a few draws make lies outside its own interval.
        axes.errorbar(
            answer.scenarios, (low + high) / 2.0, yerr=(high - low) / 2.0,
            fmt="none", ecolor="#222222", capsize=4,
        )  # fmt: skip
        notes += _doubts(measure, answer, low, means, high, left_out)
        axes.set_title(measure)
        axes.set_ylabel("change against price in force, %")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"What if: {answer.rows} prices, {answer.periods} weeks, {answer.level:.0%} intervals"
    )
    write_notes(figure, notes)
    save_figure(figure, path)
    return tuple(notes)


def _doubts(
    measure: str,
    answer: WhatIf,
    low: FloatArray,
    means: FloatArray,
    high: FloatArray,
    left_out: int,
) -> list[str]:
    """Sentences on the figures of one measure that cannot be drawn or meant."""
    said = []
    if left_out:
        said.append(
            f"{measure}: {left_out} of {3 * len(means)} figures are no numbers or lie beyond "
            f"{_MOST_PER_CENT:,.0f} % and are not drawn; look at the demand curves with "
            "`pricewright diagnose`"
        )
    outside = (means < low) | (means > high)
    if outside.any():
        names = ", ".join(np.array(answer.scenarios)[outside].tolist())
        said.append(
            f"{measure} at {names}: the mean lies outside its own {answer.level:.0%} interval, "
            "because a few of the simulated futures make all of it; do not decide by it"
        )
    return said


def write_notes(figure: Figure, notes: list[str]) -> None:
    """Put sentences under a figure, where there are some."""
    if notes:
        text = "\n".join(fill(note, _LINE) for note in notes)
        figure.supxlabel(text, fontsize=7, x=0.01, ha="left", color="#a33333")


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
