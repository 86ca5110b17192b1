"""The result of a clearance plan: JSON with everything, or CSV with a row an item and week."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from api.errors import CannotWrite
from api.jobs.plan_markdown import CURRENT, KEEP, PLAN, MarkdownAnswer, MarkdownQuestion
from api.tables import refuse_unwritable, write_table
from pricing.currencies import decimals
from pricing.money import Money
from simulations.clearance_outlook import MEASURES, Outlook

PLAN_ENDINGS: Final = (".json", ".csv", ".parquet")


def week_rows(question: MarkdownQuestion, answer: MarkdownAnswer) -> pd.DataFrame:
    """A row an item and week that it sells: price, expected units, stock left."""
    items, found = question.items, answer.plan
    weeks = items.weeks
    digits = decimals(items.currency)
    rows = np.repeat(np.arange(len(items)), weeks)
    week = np.tile(np.arange(weeks), len(items))
    frame = pd.DataFrame(
        {
            "sku": items.sku[rows],
            "market": items.market[rows],
            "week": week + 1,
            "price": [f"{p / 10**digits:.{digits}f}" for p in found.price.ravel().tolist()],
            "currency": items.currency,
            "label_change": found.course.changed.ravel(),
            "expected_units": found.course.units.ravel().round(4),
            "expected_stock_left": found.course.left.ravel().round(4),
        }
    )
    return frame[items.open_weeks.ravel()]


def document(question: MarkdownQuestion, answer: MarkdownAnswer) -> dict[str, Any]:
    """Everything, as JSON values; amounts are objects of amount and currency."""
    report, currency = answer.plan.report, question.items.currency
    frame = week_rows(question, answer)
    replanned = answer.replanned_lower
    return {
        "certificate": {
            "status": report.status,
            "method": report.method,
            "value": _money(report.objective, currency),
            "bound": _money(report.bound, currency),
            "gap": report.gap,
        },
        "limits": {
            name: {"used": answer.plan.used[name], "worth_of_one_more": answer.plan.charges[name]}
            for name in answer.plan.used
        },
        "expected": _sides(answer.outlook, currency),
        "if_demand_is_20_percent_lower": {
            **_sides(answer.lower, currency),
            "value_of_a_plan_made_for_it": None
            if replanned is None
            else _money(replanned.report.objective, currency),
        },
        "interval_level": answer.outlook.level,
        "items": [
            {
                "sku": str(sku),
                "market": str(market),
                "weeks": part.drop(columns=["sku", "market", "currency"]).to_dict("records"),
            }
            for (sku, market), part in frame.groupby(["sku", "market"], sort=False)
        ],
    }


def write_plan(question: MarkdownQuestion, answer: MarkdownAnswer, path: Path) -> None:
    """Write the plan, whole or not at all.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    refuse_unwritable(path, PLAN_ENDINGS)
    if path.suffix != ".json":
        write_table(week_rows(question, answer), path)
        return
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(document(question, answer), indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CannotWrite(f"{path}: {error.strerror or error}") from error


def _sides(view: Outlook, currency: str) -> dict[str, Any]:
    sides: dict[str, Any] = {name: _figures(view, name, currency) for name in view.plans}
    for other in (KEEP, CURRENT):
        sides[f"{PLAN} less {other}"] = {
            measure: _interval(view.difference(PLAN, other, measure), measure, currency)
            for measure in MEASURES
        }
    return sides


def _figures(view: Outlook, name: str, currency: str) -> dict[str, Any]:
    return {measure: _interval(view.of(name, measure), measure, currency) for measure in MEASURES}


def _interval(estimate: Any, measure: str, currency: str) -> dict[str, Any] | None:  # noqa: ANN401
    if np.isnan(estimate.mean):
        return None
    values = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
    if measure == "sell_through":
        return {key: round(value, 6) for key, value in values.items()}
    return {key: _money(value, currency) for key, value in values.items()}


def _money(minor: float, currency: str) -> dict[str, str]:
    amount = Money(round(minor), currency)
    digits = decimals(currency)
    return {"amount": f"{amount.minor / 10**digits:.{digits}f}", "currency": currency}
