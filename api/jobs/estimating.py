"""Fits and forecasts as jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec

from api.jobs.text_files import TextFile, local_place, opened
from api.work.context import Context
from api.work.kinds import Kind

_MOST_ROWS: Final = 20_000
"""Rows of a forecast that a result holds; a larger one goes to a file."""


class FitAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to fit, as `pricewright fit` takes it.

    Attributes:
        market, category: this part only; all where nothing is said.
        since: sales from this day on.
        country: hold its public holidays constant.
        estimator: `auto`, or the name of one.
        pooled: let thin products borrow from their category.
        form: form of demand, or `auto` for each series' best.
        daily: fit days, not weeks.
        outliers: what becomes of periods that nothing in the data explains.
        accept_worse: use the fit even if the one in use errs less.
    """

    market: str | None = None
    category: str | None = None
    since: date | None = None
    country: str | None = None
    estimator: str = "auto"
    pooled: bool = True
    form: Literal["auto", "log-log", "semi-log", "poisson", "negative-binomial"] = "log-log"
    daily: bool = False
    outliers: Literal["report", "drop", "clip"] = "report"
    accept_worse: bool = False


class ForecastAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to forecast, as `pricewright forecast` takes it.

    Attributes:
        weeks: weeks ahead.
        market, category: this part only; all where nothing is said.
        plan: planned prices and promotions, a CSV of sku, market, period_start and any of price,
            deal, feature, display.
        out: the .csv or .parquet file that takes the forecast; in the result where none is named.
    """

    weeks: Annotated[int, msgspec.Meta(ge=1, le=52)] = 13
    market: str | None = None
    category: str | None = None
    plan: TextFile | None = None
    out: str | None = None


def _check_fit(asked: FitAsked) -> None:
    from api.work.errors import RequestInvalid
    from models.sensitivity.spec import Estimator

    names = [estimator.value for estimator in Estimator]
    if asked.estimator not in names:
        raise RequestInvalid(
            f"{asked.estimator!r} is not one of {', '.join(names)}", ("estimator",)
        )


def _fit(asked: FitAsked, context: Context) -> Mapping[str, Any]:
    from api.jobs.fit import fit
    from models.sensitivity.cleaning import PanelSpec, Period
    from models.sensitivity.outliers import OutlierAction
    from models.sensitivity.spec import DemandForm, Estimator, FitSpec

    spec = FitSpec(
        estimator=Estimator(asked.estimator),
        country=asked.country,
        pooled=asked.pooled,
        forms=tuple(DemandForm) if asked.form == "auto" else (DemandForm(asked.form),),
    )
    outcome = fit(
        context.engine,
        now=context.now(),
        spec=spec,
        market=asked.market,
        category=asked.category,
        since=asked.since,
        panel_spec=PanelSpec(period=Period.DAY if asked.daily else Period.WEEK),
        outliers=OutlierAction(asked.outliers),
        accept_worse=asked.accept_worse,
        progress=context.progress,
        stored=lambda conn, number: context.end(conn, {"fit": number, "stored": True}),
    )
    context.log(outcome.acceptance.why)
    return {"fit": outcome.fit_id, "stored": False, "why": outcome.acceptance.why}


def _forecast(asked: ForecastAsked, context: Context) -> Mapping[str, Any]:
    from pathlib import Path

    import pandas as pd

    from api.jobs.forecast import forecast_demand
    from api.jobs.result_files import write_table
    from api.work.errors import RequestInvalid
    from models.errors import InvalidPanel
    from models.forecasting.history import ForecastSpec

    future = None
    if asked.plan is not None:
        try:
            with opened(asked.plan, "plan") as path:
                frame = pd.read_csv(path)
            future = frame.assign(period_start=pd.to_datetime(frame["period_start"]))
        except (OSError, KeyError, ValueError) as error:
            raise InvalidPanel(f"plan: no plan can be read from it: {error}") from error
    found, error_share = forecast_demand(
        context.engine,
        ForecastSpec(horizon=asked.weeks),
        market=asked.market,
        category=asked.category,
        future=future,
        progress=context.progress,
    )
    said = {"rows": len(found.table), "error_in_back_test": error_share}
    if asked.out is not None:
        write_table(found.table, Path(asked.out))
        return {**said, "out": asked.out}
    if len(found.table) > _MOST_ROWS:
        raise RequestInvalid(
            f"the forecast has {len(found.table):,} rows; name a file, or ask for a part",
            ("out",),
        )
    table = found.table.assign(period_start=found.table["period_start"].dt.strftime("%Y-%m-%d"))
    return {**said, "forecast": table.to_dict("records")}


def _forecast_file(asked: ForecastAsked) -> str | None:
    return "out" if asked.out is not None else local_place(asked, "plan")


FIT: Final = Kind(
    "fit",
    "Fit a demand curve with its uncertainty to every product.",
    FitAsked,
    _fit,
    scope=lambda _: "fit",
    check=_check_fit,
)
FORECAST: Final = Kind(
    "forecast",
    "Forecast demand of every product, with prediction intervals.",
    ForecastAsked,
    _forecast,
    local=_forecast_file,
)
