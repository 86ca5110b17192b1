"""The result of a clearance plan: JSON with everything, or a table with a row an item and week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from api.plans.files import money
from api.plans.markdown.job import CURRENT, KEEP, PLAN, MarkdownAnswer, MarkdownQuestion
from api.plans.outlooks import sides
from models.arrays import IntArray
from pricing.currencies import decimals
from pricing.markdown import ClearanceItems
from pricing.markdown.infeasible import MONEY_LIMITS
from simulations.scenarios.outlook import Outlook

PLAN_ENDINGS: Final = (".json", ".csv", ".parquet")


def week_rows(answer: MarkdownAnswer) -> pd.DataFrame:
    """A row an item and week that it sells: price, expected units, stock left."""
    items, found = answer.items, answer.plan
    weeks = items.weeks
    digits = decimals(items.currency)
    rows = np.repeat(np.arange(len(items)), weeks)
    week = np.tile(np.arange(weeks), len(items))
    frame = pd.DataFrame(
        {
            "sku": items.sku[rows],
            "market": items.market[rows],
            "week": answer.week + week + 1,
            "price": [f"{p / 10**digits:.{digits}f}" for p in found.price.ravel().tolist()],
            "currency": items.currency,
            "label_change": found.course.changed.ravel(),
            "expected_units": found.course.units.ravel().round(4),
            "expected_stock_left": found.course.left.ravel().round(4),
        }
    )
    return frame[items.open_weeks.ravel()]


def week_table(document: Mapping[str, Any]) -> pd.DataFrame:
    """The weeks of a result as one table."""
    currency = document["certificate"]["value"]["currency"]
    return pd.DataFrame(
        {
            "sku": item["sku"],
            "market": item["market"],
            "week": week["week"],
            "price": week["price"],
            "currency": currency,
            **{key: week[key] for key in week if key not in ("week", "price")},
        }
        for item in document["items"]
        for week in item["weeks"]
    )


def markdown_document(question: MarkdownQuestion, answer: MarkdownAnswer) -> dict[str, Any]:
    """Everything, as JSON values; amounts are objects of amount and currency."""
    report, currency = answer.plan.report, question.items.currency
    replanned = answer.replanned_lower
    return {
        "certificate": {
            "status": report.status,
            "method": report.method,
            "value": money(report.objective, currency),
            "bound": money(report.bound, currency),
            "gap": report.gap,
        },
        "first_week": answer.week + 1,
        "limits": {
            name: {"used": answer.plan.used[name], "worth_of_one_more": answer.plan.charges[name]}
            for name in answer.plan.used
        },
        "limits_that_gave": _relaxed(question, answer),
        "expected": _sides(answer.outlook, currency),
        "if_demand_is_20_percent_lower": {
            **_sides(answer.lower, currency),
            "value_of_a_plan_made_for_it": None
            if replanned is None
            else money(replanned.report.objective, currency),
        },
        "interval_level": answer.outlook.level,
        "learned": _learned(question, answer),
        "items": _items(answer),
    }


def best_so_far(
    items: ClearanceItems, week: int, value: float, bound: float, rungs: IntArray
) -> dict[str, Any]:
    """What a person may see of a plan while the search goes on."""
    digits, price = decimals(items.currency), np.take_along_axis(items.ladder, rungs, axis=1)
    known = bool(np.isfinite(bound))
    return {
        "value": money(value, items.currency),
        "bound": money(bound, items.currency) if known else None,
        "gap": max(bound - value, 0.0) / max(abs(bound), 1e-9) if known else None,
        "first_week": week + 1,
        "plan": [
            {
                "sku": str(sku),
                "market": str(market),
                "prices": [f"{p / 10**digits:.{digits}f}" for p in row],
            }
            for sku, market, row in zip(items.sku, items.market, price.tolist(), strict=True)
        ],
    }


def _items(answer: MarkdownAnswer) -> list[dict[str, Any]]:
    frame = week_rows(answer)
    plain = frame.drop(columns=["sku", "market", "currency"]).to_dict("records")
    found: list[dict[str, Any]] = []
    keys = zip(frame["sku"].tolist(), frame["market"].tolist(), strict=True)
    for (sku, market), row in zip(keys, plain, strict=True):
        if not found or (found[-1]["sku"], found[-1]["market"]) != (sku, market):
            found.append({"sku": sku, "market": market, "weeks": []})
        found[-1]["weeks"].append({str(key): value for key, value in row.items()})
    for item, stores in zip(found, answer.allocation, strict=False):
        if stores:
            item["stores"] = {
                name: {"units": units, "expected_units": round(sold, 4)}
                for name, (units, sold) in stores.items()
            }
    return found


def _relaxed(question: MarkdownQuestion, answer: MarkdownAnswer) -> dict[str, Any]:
    """The limits that could no longer be held: what was asked, and what the plan keeps to."""
    if answer.learned is None:
        return {}
    currency = question.items.currency

    def shown(name: str, setting: object) -> object:
        if isinstance(setting, Mapping):
            return {key: shown(name, value) for key, value in setting.items()}
        if name in MONEY_LIMITS:
            return money(float(str(setting)), currency)
        return round(float(str(setting)), 6)

    return {
        name: {"asked": shown(name, getattr(question.limits, name)), "kept": shown(name, setting)}
        for name, setting in answer.learned.relaxed.items()
    }


def _learned(question: MarkdownQuestion, answer: MarkdownAnswer) -> dict[str, Any] | None:
    """What the season has taught of demand, against what was expected before it."""
    if answer.learned is None:
        return None
    belief = answer.learned.belief
    deviation = np.sqrt(np.einsum("nii->ni", belief.covariance))
    return {
        "deviations_from_the_plan_in_force": answer.learned.deviations,
        "items": [
            {
                "sku": str(sku),
                "market": str(market),
                "demand_factor": round(float(np.exp(mean[0])), 4),
                "elasticity_shift": round(float(mean[1]), 4),
                "drift_a_week": round(float(mean[2]), 4),
                "doubt": [round(float(value), 4) for value in spread],
            }
            for sku, market, mean, spread in zip(
                question.items.sku, question.items.market, belief.mean, deviation, strict=True
            )
        ],
    }


def _sides(view: Outlook, currency: str) -> dict[str, Any]:
    def shown(value: float, measure: str) -> object:
        return round(value, 6) if measure == "sell_through" else money(value, currency)

    return sides(view, PLAN, (KEEP, CURRENT), shown)
