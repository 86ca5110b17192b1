"""Fit what the price of one product does to the units of another, category by category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy.engine import Engine

from api.work.progress import Progress, silent
from models.cross.cross_price import fit_cross
from models.errors import InvalidPanel
from models.sensitivity.panel import Panel, build_panel
from storage.database import reading, writing
from storage.demand.cross_effects import (
    last_with_cross_effects,
    read_cross_effects,
    save_cross_effects,
)
from storage.products.sales import read_sales

_MOST_PRODUCTS: Final = 400
"""Each product of a category is regressed on the prices of all others."""

_COLUMNS: Final = ["sku", "other", "elasticity", "std_error"]


@dataclass(frozen=True, slots=True)
class CrossFit:
    """What was found.

    Attributes:
        pairs: effects stored with the fit: those found now, then those carried over.
        categories: how many categories were fitted.
        left_out: categories without an answer, with the reason.
    """

    pairs: int
    categories: int
    left_out: dict[str, str]


def fit_cross_effects(
    engine: Engine,
    fit_id: int,
    *,
    market: str | None = None,
    category: str | None = None,
    since: date | None = None,
    progress: Progress = silent,
) -> CrossFit:
    """Estimate cross effects from the stored sales and keep them with a fit.

    Only effects that are more than chance are kept, shrunk. Markets are pooled, each with a level
    of its own; feature and display are held constant. Only substitutes and complements within one
    category are looked for. Asked for a part, it carries the effects on all other products over
    from the last fit that has any.

    Args:
        engine: the database.
        fit_id: the fit that they become part of.
        market: sales of this market only.
        category: this category only.
        since: sales from this day on.
        progress: told after each category.
    """
    with reading(engine) as conn:
        sales = read_sales(conn, market=market, category=category, since=since)
        before = last_with_cross_effects(conn, before=fit_id) if market or category else None
        earlier = None if before is None else read_cross_effects(conn, before)
    frame = _weeks(build_panel(sales)[0])
    names = sorted(frame["category"].unique().tolist())
    found, left_out, fitted = [], {}, set[str]()
    for done, name in enumerate(names):
        progress(name, done, len(names))
        part = frame[frame["category"] == name]
        try:
            found.append(_effects(part))
            fitted |= set(part["sku"].tolist())
        except InvalidPanel as error:
            left_out[str(name) or "(none)"] = str(error)
    carried = pd.DataFrame(columns=_COLUMNS)
    if earlier is not None:
        carried = earlier[~earlier["sku"].isin(fitted)]
    pairs = pd.concat([*_some(found), *_some([carried])] or [carried], ignore_index=True)
    with writing(engine) as conn:
        save_cross_effects(conn, fit_id, pairs)
    progress("", len(names), len(names))
    return CrossFit(len(pairs), len(found), left_out)


def _weeks(panel: Panel) -> pd.DataFrame:
    """The rows of a panel with their keys."""
    series = np.repeat(np.arange(len(panel.sku)), np.diff(panel.offset))
    keys = {name: getattr(panel, name)[series] for name in ("sku", "market", "category")}
    columns = ("period_start", "units", "price", "feature", "display")
    return pd.DataFrame({**keys, **{name: getattr(panel, name) for name in columns}})


def _effects(part: pd.DataFrame) -> pd.DataFrame:
    """The kept effects within one category."""
    products = part["sku"].nunique()
    if products > _MOST_PRODUCTS:
        raise InvalidPanel(
            f"{products} products in one category; split it into groups that compete, of at most "
            f"{_MOST_PRODUCTS}"
        )
    controls = [name for name in ("feature", "display") if part[name].max() > part[name].min()]
    effects = fit_cross(part, controls=controls)
    kept = effects.pairs[(effects.pairs["kind"] != "none") & np.isfinite(effects.pairs["effect"])]
    renamed: pd.DataFrame = kept.rename(columns={"product": "sku", "effect": "elasticity"})
    return renamed.loc[:, _COLUMNS]


def _some(frames: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    return (frame for frame in frames if not frame.empty)
