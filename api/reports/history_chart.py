"""A product's price at its competitors as a picture: steps where it is known, holes where not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from api.jobs.market_analysis import PriceRecord
from api.reports.charts import drawable, save_figure, write_notes
from models.competitors.history import OBSERVED, UNSEEN

_LINES: Final = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d", "#439894", "#d67195")
_GAPS: Final = {
    "missing": "#bab0ac",
    "blocked": "#e45756",
    "failed": "#ff9da6",
    "gone": "#79706e",
    "held": "#eeca3b",
    UNSEEN: "#eeeeee",
}


def draw_price_record(record: PriceRecord, path: Path) -> tuple[str, ...]:
    """Draw every page's price over time; below, a strip a page in the colour of each gap.

    No line is drawn across a gap: what was not seen has no price. A price that cannot be drawn
    makes a hole and does not stop it.

    Args:
        record: what is known.
        path: where to write; .png or .svg.

    Returns:
        sentences on what is not drawn; they are in the chart, too.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    observed = record.spans["state"] == OBSERVED
    shown, _ = drawable(record.spans["price"])
    notes = []
    if left_out := int((np.isnan(shown) & observed).sum()):
        notes.append(
            f"{left_out} of {int(observed.sum())} prices are no numbers, or greater than any "
            "price, and are not drawn"
        )
    pages = list(record.spans.assign(price=shown).groupby(["site", "url"], sort=True))
    rows = max(len(pages), 1)
    figure = Figure(figsize=(12, 4 + 0.28 * rows), layout="constrained")
    prices, gaps = figure.subplots(2, 1, sharex=True, height_ratios=[4.0, 0.3 * rows + 0.2])
    seen: set[str] = set()
    names = []
    for row, ((site, _), spans) in enumerate(pages):
        colour = _LINES[row % len(_LINES)]
        names.append(str(site))
        known = spans[spans["state"] == OBSERVED]
        for number, run in enumerate(_unbroken(known)):
            label = f"{site}" if number == 0 else None
            prices.step(
                [*run["start"], run["end"].iloc[-1]],
                [*run["price"], run["price"].iloc[-1]],
                where="post", color=colour, linewidth=1.6, label=label,
            )  # fmt: skip
        for state, dark in spans[spans["state"] != OBSERVED].groupby("state", sort=True):
            name = str(state)
            gaps.broken_barh(
                list(zip(dark["start"], dark["end"] - dark["start"], strict=True)),
                (row - 0.4, 0.8),
                facecolors=_GAPS[name],
                label=None if name in seen else name,
            )
            seen.add(name)
    prices.set_title(f"{record.sku} in {record.market}")
    prices.set_ylabel(record.currency)
    gaps.set_yticks(range(len(names)), names)
    gaps.set_ylim(rows - 0.5, -0.5)
    gaps.set_xlabel("gaps: times without a known price (UTC)")
    for axes in (prices, gaps):
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8, ncols=6, loc="best")
    write_notes(figure, notes)
    save_figure(figure, path)
    return tuple(notes)


def _unbroken(known: pd.DataFrame) -> list[pd.DataFrame]:
    """Spans that touch each other, as one frame each."""
    apart = (known["start"] != known["end"].shift()).cumsum()
    return [run for _, run in known.groupby(apart, sort=True)]
