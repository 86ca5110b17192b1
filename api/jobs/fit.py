"""Fit price sensitivity from the stored sales history, and store the curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

import joblib
import numpy as np
from sqlalchemy.engine import Connection, Engine

from api.work.partitions import LOCAL, Partitions
from api.work.progress import Progress, silent
from models.demand import FittedCurves
from models.errors import InvalidPanel, InvalidSpec
from models.sensitivity.cleaning import CleaningReport, PanelSpec
from models.sensitivity.fit import DemandFit, fit_demand
from models.sensitivity.health import Acceptance, accept
from models.sensitivity.outliers import OutlierAction, Outliers, treat_outliers
from models.sensitivity.panel import Panel, build_panel
from models.sensitivity.spec import FitSpec
from storage.database import reading, writing
from storage.demand.fits import StoredFit, load_fit, save_fit
from storage.errors import FitNotFound
from storage.products.sales import read_sales

_HELD_OUT_DAYS: Final = 8 * 7
_FIRST: Final = Acceptance(
    accepted=True, rows=0, new_error=math.nan, old_error=math.nan, why="the first fit"
)


@dataclass(frozen=True, slots=True, eq=False)
class FitOutcome:
    """What a fit left behind.

    Attributes:
        fit_id: the stored fit.
        curves: all its curves: those fitted now, then those carried over.
        fit: what was fitted now.
        cleaning: what became of each sales row.
        outliers: periods far from what their series' regression expects.
        acceptance: how it did against the fit in use on weeks that neither had seen. Where it was
            not accepted, nothing was stored: `fit_id` and `curves` are those of the fit in use.
    """

    fit_id: int
    curves: FittedCurves
    fit: DemandFit
    cleaning: CleaningReport
    outliers: Outliers
    acceptance: Acceptance


def fit(
    engine: Engine,
    *,
    now: datetime,
    spec: FitSpec | None = None,
    market: str | None = None,
    category: str | None = None,
    since: date | None = None,
    panel_spec: PanelSpec | None = None,
    outliers: OutlierAction = OutlierAction.REPORT,
    accept_worse: bool = False,
    progress: Progress = silent,
    partitions: Partitions = LOCAL,
    stored: Callable[[Connection, int], None] = lambda _conn, _fit: None,
) -> FitOutcome:
    """Read the sales history, fit every series, store the curves as a new version.

    Asked for one market or category, it carries the curves of all other series over from the
    newest fit, so that the newest fit always covers everything that was ever fitted.

    Where there are weeks that the fit in use has not seen, both fits are judged on the last of
    them, the new one fitted without them; a new fit that errs more is not stored.

    Args:
        engine: the database.
        now: time of the fit, UTC.
        spec: how to fit; the defaults of `FitSpec` where None.
        market: fit this market only.
        category: fit this category only.
        since: use sales from this day on.
        panel_spec: weeks or days; the defaults of `PanelSpec` where None.
        outliers: what becomes of periods far from what their series' regression expects.
        accept_worse: store the fit whatever the judgement.
        progress: told after reading, cleaning, fitting and storing.
        partitions: who works on the parts of the panel.
        stored: called with the fit's number in the transaction that stores it, if one is.

    Raises:
        InvalidPanel: there is no sales history to fit.
        InvalidSpec: a part is fitted by day, and the rest is held by week, or the other way.
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
    panel, cleaning = build_panel(sales, panel_spec)
    panel, far = treat_outliers(panel, spec, action=outliers)
    progress("fit", 2, 4)
    in_use = _in_use(engine)
    if in_use is not None and in_use.curves.provenance.period_days != panel.period_days:
        if market or category:
            raise InvalidSpec(
                f"the fit in use has periods of {in_use.curves.provenance.period_days} days, this "
                f"one of {panel.period_days}: fit everything, not a part"
            )
        in_use = None  # Units a day and units a week can not be held against each other.
    with partitions.workers() as parallel:
        acceptance = _judged(panel, spec, in_use, parallel)
        found = fit_demand(panel, spec, parallel)
    progress("store", 3, 4)
    if in_use is not None and not acceptance.accepted and not accept_worse:
        progress("store", 4, 4)
        return FitOutcome(in_use.fit_id, in_use.curves, found, cleaning, far, acceptance)
    report: dict[str, Any] = {
        **found.report.as_dict(),
        "cleaning": cleaning.as_dict(),
        "outliers": {"action": far.action.value, "limit": far.limit, "rows": len(far.table)},
        "spec": asdict(spec),
        "acceptance": {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in asdict(acceptance).items()
        },
    }
    curves = found.curves
    if in_use is not None and (market or category):
        others = _not_in(in_use.curves, found.curves)
        curves = curves.joined_by(others)
        report["carried_over"] = {"from_fit": in_use.fit_id, "series": len(others)}
        report["implausible_levels"] = [
            *report["implausible_levels"],
            *_doubts_about(others, in_use.report),
        ]
    with writing(engine) as conn:
        fit_id = save_fit(conn, curves, created_at=now, report=report)
        stored(conn, fit_id)
    progress("store", 4, 4)
    return FitOutcome(fit_id, curves, found, cleaning, far, acceptance)


def _in_use(engine: Engine) -> StoredFit | None:
    with reading(engine) as conn:
        try:
            return load_fit(conn)
        except FitNotFound:
            return None


def _judged(
    panel: Panel, spec: FitSpec, in_use: StoredFit | None, parallel: joblib.Parallel
) -> Acceptance:
    """Fit without the newest weeks that the fit in use has not seen, and compare on them."""
    if in_use is None or not len(panel.period_start):
        return _FIRST
    last = panel.period_start.max()
    seen = np.datetime64(in_use.curves.provenance.window_end, "D")
    cut = max(seen, last - np.timedelta64(_HELD_OUT_DAYS, "D"))
    earlier = panel.until(cut)
    if cut >= last or not len(earlier.period_start):
        return accept(in_use.curves, in_use.curves, panel)
    return accept(fit_demand(earlier, spec, parallel).curves, in_use.curves, panel)


def _doubts_about(curves: FittedCurves, report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The curves of a fit that were not believed for their level, of these series only."""
    keys = set(zip(curves.sku.tolist(), curves.market.tolist(), strict=True))
    known = report.get("implausible_levels") or ()
    return [doubt for doubt in known if (doubt["sku"], doubt["market"]) in keys]


def _not_in(old: FittedCurves, new: FittedCurves) -> FittedCurves:
    """The series of the old fit that the new one does not have."""
    return old.select(np.flatnonzero(new.rows_of(old.sku, old.market) < 0))
