"""Measure a promotion after the fact from the stored sales history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sqlalchemy.engine import Engine

from models.errors import InvalidPanel, InvalidSpec
from models.uplift import Method, Uplift, measure_uplift
from storage.database import reading
from storage.sales import read_sales


@dataclass(frozen=True, slots=True)
class PromotionQuestion:
    """Which promotion, and what to hold it against.

    Attributes:
        start: first day.
        end: last day.
        skus: products that had it; then other products of the category are the controls.
        markets: markets that had it; then other markets are the controls.
        category: products counted; all where None.
        method: how what would have been is found.
        seed: of the simulated paths.
    """

    start: date
    end: date
    skus: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    category: str | None = None
    method: Method = Method.AUTO
    seed: int = 1

    def __post_init__(self) -> None:
        if bool(self.skus) == bool(self.markets):
            raise InvalidSpec(
                "name the products or the markets that had the promotion, one of them"
            )
        if self.end < self.start:
            raise InvalidSpec(f"the promotion ends ({self.end}) before it starts ({self.start})")


def measure(engine: Engine, question: PromotionQuestion) -> dict[str, Uplift]:
    """Lift of units and of revenue, and of margin where costs are known.

    Raises:
        InvalidPanel: there are no sales, or no unit has all periods.
        InvalidSpec, NotIdentified: as `models.uplift.measure_uplift`.
    """
    with reading(engine) as conn:
        sales = read_sales(conn, category=question.category)
    if sales.empty:
        raise InvalidPanel("there are no sales; import some with `pricewright import sales FILE`")
    unit = "sku" if question.skus else "market"
    treated = question.skus or question.markets
    if question.skus and question.category is None:
        own = set(sales.loc[sales["sku"].isin(treated), "category"])
        sales = sales[sales["category"].isin(own)]
    sales = sales.assign(
        revenue=(sales["units"] * sales["price"]).fillna(0.0),
        margin=(sales["units"] * (sales["price"] - sales["cost"])).clip(lower=0.0),
    )
    answers = {}
    for outcome in ("units", "revenue", "margin"):
        known = sales[sales[outcome].notna()]
        complete = _complete(known, unit, outcome, treated)
        if complete is None:
            continue
        answers[outcome] = measure_uplift(
            complete,
            unit=unit,
            period="period_start",
            outcome=outcome,
            treated=treated,
            start=pd.Timestamp(question.start),
            end=pd.Timestamp(question.end),
            method=question.method,
            rng=np.random.default_rng(question.seed),
        )
    if not answers:
        raise InvalidPanel(f"{unit} {', '.join(treated)} does not have sales in every period")
    return answers


def _complete(
    sales: pd.DataFrame, unit: str, outcome: str, treated: Sequence[str]
) -> pd.DataFrame | None:
    """Sums a unit and period, of units that are there in every period; None without the treated."""
    summed = sales.groupby([unit, "period_start"], as_index=False, observed=True)[outcome].sum()
    periods = summed["period_start"].nunique()
    counts = summed.groupby(unit)[outcome].transform("size")
    whole = summed[counts == periods]
    return whole if set(treated) <= set(whole[unit]) else None
