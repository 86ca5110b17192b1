"""The result of a bundle plan as a JSON document, and its prices as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from api.plans.bundles.input import BundleQuestion
from api.plans.bundles.job import NOTHING, PLAN, SINGLES, BundleAnswer
from api.plans.bundles.schema import BundlesIn
from api.plans.files import money
from api.plans.outlooks import sides
from models.arrays import IntArray
from pricing.bundles.drafts import promotion_drafts
from pricing.bundles.market import NOT_OFFERED, Outcome
from pricing.bundles.problem import SHARES, BundleProblem
from pricing.bundles.subsets import names_in
from simulations.scenarios.outlook import Outlook


def bundle_document(question: BundleQuestion, answer: BundleAnswer) -> dict[str, Any]:
    """Everything, as JSON values; profits are without tax, all else with it."""
    given, plan = question.given, answer.plan
    currency, tax = given.currency, 1.0 + given.tax_rate
    report, again = plan.report, answer.replanned_poorer
    return {
        "certificate": {
            "status": report.status,
            "method": report.method,
            "value": money(report.objective / tax, currency),
            "bound": money(report.bound / tax, currency),
            "gap": report.gap,
            "seconds": round(report.seconds, 3),
            "customers_planned_by_segment": question.planned,
        },
        "prices": price_rows(question, answer),
        "bundles": _bundle_rows(question, answer),
        "if_the_indifferent_go_against": money(answer.against / tax, currency),
        "expected": _sides(answer.outlook, currency, tax),
        "if_demand_is_20_percent_lower": _sides(answer.fewer, currency, tax),
        "if_valuations_are_20_percent_lower": {
            **_sides(answer.poorer, currency, tax),
            "value_of_a_plan_made_for_it": None
            if again is None
            else money(again.report.objective / tax, currency),
        },
        "interval_level": answer.outlook.level,
        "segments": _segment_rows(question.problem, answer),
        "evidence": _evidence(question),
        "promotion_drafts": {
            "currency": currency,
            "time_zone": given.time_zone,
            "promotions": drafts_of(question, answer.plan.problem, answer.plan.outcome),
        },
        "warnings": _warnings(question, answer),
    }


def price_rows(question: BundleQuestion, answer: BundleAnswer) -> list[dict[str, Any]]:
    """A row a product: single price now and then, units now and then."""
    problem, currency = question.problem, question.given.currency
    rows = []
    for i, sku in enumerate(problem.sku.tolist()):
        rows.append(
            {
                "sku": sku,
                "price_now": money(int(problem.current[i]), currency),
                "price": money(int(answer.plan.price[i]), currency),
                "units_now": int(answer.before.units[i]),
                "units": int(answer.outcome.units[i]),
            }
        )
    return rows


def seen(question: BundleQuestion, outcome: Outcome, bound: int) -> dict[str, Any]:
    """What a person may see of a plan while the search goes on."""
    currency, tax = question.given.currency, 1.0 + question.given.tax_rate
    profit = outcome.profit
    return {
        "value": money(profit / SHARES / tax, currency),
        "bound": money(bound / SHARES / tax, currency),
        "gap": (bound - profit) / max(abs(bound), 1),
        "plan": offers(question.problem, outcome.posted, outcome.bundles),
    }


def offers(problem: BundleProblem, posted: IntArray, bundles: IntArray) -> list[dict[str, Any]]:
    """A row an offer, single or bundle: its products and its price."""
    single = 1 << np.arange(len(problem.sku))
    skus = tuple(problem.sku.tolist())
    return [
        {
            "skus": list(names_in(mask, skus)),
            "price": money(int(posted[mask]), problem.currency),
        }
        for mask in [*single.tolist(), *bundles.tolist()]
        if posted[mask] < NOT_OFFERED
    ]


def offer_table(document: Mapping[str, Any]) -> pd.DataFrame:
    """The offers as a table: `skus` (separated by semicolons), `price`, `currency`, `kind`."""
    rows = [
        (row["sku"], row["price"]["amount"], row["price"]["currency"], "single")
        for row in document["prices"]
    ] + [
        (";".join(row["skus"]), row["price"]["amount"], row["price"]["currency"], "bundle")
        for row in document["bundles"]
    ]
    return pd.DataFrame(rows, columns=["skus", "price", "currency", "kind"])


def drafts_of(
    question: BundleQuestion,
    problem: BundleProblem,
    outcome: Outcome,
) -> list[dict[str, Any]]:
    """The bundles as promotions, with the dates and the market of the document."""
    given = question.given
    return promotion_drafts(
        problem,
        {mask: int(outcome.posted[mask]) for mask in outcome.bundles.tolist()},
        payers=question.payers,
        when=_when(given),
        audience={"markets": [given.market]} if given.market else {},
    )


def _when(given: BundlesIn) -> dict[str, str]:
    when = {}
    if given.starts_on is not None:
        when["from"] = f"{given.starts_on}T00:00"
    if given.ends_on is not None:
        when["until"] = f"{given.ends_on}T00:00"
    return {**when, "time_zone": given.time_zone} if when else {}


def _bundle_rows(question: BundleQuestion, answer: BundleAnswer) -> list[dict[str, Any]]:
    problem, currency = question.problem, question.given.currency
    tax = 1.0 + question.given.tax_rate
    skus = tuple(problem.sku.tolist())
    return [
        {
            "skus": list(names_in(sales.bundle, skus)),
            "price": money(sales.price, currency),
            "parts": money(sales.parts, currency),
            "saving": round(1.0 - sales.price / max(sales.parts, 1), 4),
            "cost": money(sales.cost / tax, currency),
            "buyers": sales.buyers,
            "buyers_who_bought_nothing_of_it_before": sales.new,
            "buyers_who_bought_a_part_before": sales.some,
            "buyers_who_bought_all_of_it_before": sales.all,
            "profit_from_its_buyers": money(sales.profit / tax, currency),
            "profit_from_them_before": money(sales.profit_before / tax, currency),
            "funding": money(sales.funding / tax, currency),
        }
        for sales in answer.sales
    ]


def _segment_rows(problem: BundleProblem, answer: BundleAnswer) -> list[dict[str, Any]]:
    skus = tuple(problem.sku.tolist())
    price = answer.outcome.effective.price
    return [
        {
            "segment": name,
            "size": size,
            "buys": list(names_in(mask, skus)),
            "bought_before": list(names_in(was, skus)),
            "pays": money(int(price[mask]), problem.currency),
        }
        for name, size, mask, was in zip(
            problem.segment.tolist(),
            problem.size.tolist(),
            answer.outcome.choice.tolist(),
            answer.before.choice.tolist(),
            strict=True,
        )
    ]


def _evidence(question: BundleQuestion) -> list[dict[str, Any]]:
    if question.evidence is None:
        return []
    table = question.evidence.astype(object).where(question.evidence.notna(), None)
    rows = zip(*(table[name].tolist() for name in table.columns), strict=True)
    named = [dict(zip(table.columns.tolist(), row, strict=True)) for row in rows]
    return [{**row, "items": list(row["items"])} for row in named]


def _warnings(question: BundleQuestion, answer: BundleAnswer) -> list[str]:
    """What a person should know that no limit forbids."""
    problem, warnings = question.problem, []
    raised = problem.sku[answer.plan.price > problem.current].tolist()
    if raised:
        warnings.append(
            f"single prices rise ({', '.join(raised)}): a saving told from a price that rose just "
            "before may break the law on prior prices"
        )
    if answer.outcome.excess:
        warnings.append(
            "stock and least sales hold for customers spread out within segments; if all customers "
            "of a segment were alike they would be missed by "
            f"{answer.outcome.excess:,} units"
        )
    if question.evidence is not None and not len(problem.candidates):
        warnings.append("the baskets show no set of these products; no bundle was looked at")
    return warnings


def _sides(view: Outlook, currency: str, tax: float) -> dict[str, Any]:
    def shown(value: float, measure: str) -> object:
        if measure == "units":
            return round(value, 2)
        return money(value / tax if measure == "profit" else value, currency)

    return sides(view, PLAN, (NOTHING, SINGLES), shown)
