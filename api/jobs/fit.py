"""Fit price sensitivity from the stored sales history, and store the curves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy.engine import Engine

from api.jobs.progress import Progress, silent
from models.demand import FittedCurves
from models.errors import InvalidPanel
from models.fit import DemandFit, fit_demand
from models.panel import CleaningReport, build_panel
from models.spec import FitSpec
from storage.database import reading, writing
from storage.errors import FitNotFound
from storage.fits import load_fit, save_fit
from storage.sales import read_sales


@dataclass(frozen=True, slots=True, eq=False)
class FitOutcome:
    """What a fit left behind.

    Attributes:
        fit_id: the stored fit.
        curves: all its curves: those fitted now, then those carried over.
        fit: what was fitted now.
        cleaning: what became of each sales row.
        carried: curves taken over from the fit before, because the fit was asked for a part only.
    """

    fit_id: int
    curves: FittedCurves
    fit: DemandFit
    cleaning: CleaningReport
    carried: int


def fit(
    engine: Engine,
    *,
    now: datetime,
    spec: FitSpec | None = None,
    market: str | None = None,
    category: str | None = None,
    since: date | None = None,
    progress: Progress = silent,
) -> FitOutcome:
    """Read the sales history, fit every series, store the curves as a new version.

    Asked for one market or category, it carries the curves of all other series over from the
    newest fit, so that the newest fit always covers everything that was ever fitted.

    Args:
        engine: the database.
        now: time of the fit, UTC.
        spec: how to fit; the defaults of `FitSpec` where None.
        market: fit this market only.
        category: fit this category only.
        since: use sales from this day on.
        progress: told after reading, cleaning, fitting and storing.

    Raises:
        InvalidPanel: there is no sales history to fit.
    """
    spec = spec or FitSpec()
    progress("read sales", 0, 4)
    with reading(engine) as conn:
        sales = read_sales(conn, market=market, category=category, since=since)
    if sales.empty:
        asked = {"market": market, "category": category, "since": since}
        which = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
        raise InvalidPanel(
            f"there are no sales to fit{f' for {which}' if which else ''}; "
            "import some with `pricewright import sales FILE`"
        )
    progress("clean", 1, 4)
    panel, cleaning = build_panel(sales)
    progress("fit", 2, 4)
    found = fit_demand(panel, spec)
    progress("store", 3, 4)
    report: dict[str, Any] = {
        **found.report.as_dict(),
        "cleaning": cleaning.as_dict(),
        "spec": asdict(spec),
    }
    with writing(engine) as conn:
        try:
            before = load_fit(conn) if market or category else None
        except FitNotFound:
            before = None
        curves, carried = found.curves, 0
        if before is not None:
            others = _not_in(before.curves, found.curves)
            curves, carried = found.curves.joined_by(others), len(others)
            report["carried_over"] = {"from_fit": before.fit_id, "series": carried}
        fit_id = save_fit(conn, curves, created_at=now, report=report)
    progress("store", 4, 4)
    return FitOutcome(fit_id, curves, found, cleaning, carried)


def _not_in(old: FittedCurves, new: FittedCurves) -> FittedCurves:
    """The series of the old fit that the new one does not have."""
    return old.select(np.flatnonzero(new.rows_of(old.sku, old.market) < 0))
