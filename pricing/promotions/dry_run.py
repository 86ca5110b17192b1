"""`promo evaluate`: two documents in, an answer out, as data or as rows of a table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from pricing.money import Money
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.explain import Explanation, evaluate_and_explain
from pricing.promotions.file_format import parse_cart, parse_promotions


class DryRun(msgspec.Struct, frozen=True):
    """An evaluation with its explanation."""

    evaluation: Evaluation
    explanation: Explanation


def dry_run(
    cart_data: object,
    promotions_data: object,
    *,
    at: datetime | None = None,
    mode: Mode | None = None,
) -> DryRun:
    """Evaluate parsed documents.

    Args:
        cart_data: parsed cart file.
        promotions_data: parsed promotions file.
        at: moment that goes before the cart's.
        mode: goes before the one of the promotions file.

    Raises:
        InvalidPromotion: naming the field.
        InvalidCart: naming the field.
    """
    promotions, file = parse_promotions(promotions_data)
    cart, used = parse_cart(cart_data, at=at)
    return DryRun(*evaluate_and_explain(cart, promotions, mode=mode or file.mode, used=used))


def to_wire(run: DryRun) -> dict[str, Any]:
    """The answer as JSON data: amounts are decimal strings in `currency`."""
    evaluation, explanation = run.evaluation, run.explanation

    def amount(minor: int) -> str:
        return Money(minor, evaluation.currency).amount

    def amounts(minors: dict[str, int]) -> dict[str, str]:
        return {name: amount(minor) for name, minor in minors.items()}

    def pairs(discounts: tuple[tuple[str, int], ...]) -> list[dict[str, str]]:
        return [{"promotion": name, "amount": amount(minor)} for name, minor in discounts]

    return {
        "currency": evaluation.currency,
        "mode": evaluation.mode,
        "proven_optimal": evaluation.proven_optimal,
        "subtotal": amount(evaluation.subtotal),
        "discount": amount(evaluation.discount),
        "goods": amount(evaluation.goods),
        "shipping": amount(evaluation.shipping),
        "tax": amount(evaluation.tax),
        "prices_include_tax": evaluation.prices_include_tax,
        "total": amount(evaluation.total),
        "deposit": amount(evaluation.deposit),
        "lines": [
            {
                "id": line.id,
                "sku": line.sku,
                "quantity": line.quantity,
                "before": amount(line.before),
                "after": amount(line.after),
                "tax": amount(line.tax),
                "discounts": pairs(line.discounts),
                "units": [
                    {
                        "count": run.count,
                        "paid": amount(run.paid),
                        "discounts": pairs(run.discounts),
                    }
                    for run in line.units
                ],
            }
            for line in evaluation.lines
        ],
        "applied": [
            {
                "id": entry.id,
                "name": entry.name,
                "lane": entry.lane,
                "amount": amount(entry.amount),
                "units": entry.units,
                "lines": amounts(entry.lines),
                "funding": amounts(entry.funding),
                "shops": amounts(entry.shops),
                **({"code": entry.code} if entry.code else {}),
            }
            for entry in evaluation.applied
        ],
        "gifts": [
            {
                "promotion": gift.promotion,
                "sku": gift.sku,
                "quantity": gift.quantity,
                "value": amount(gift.value),
                "choices": list(gift.choices),
            }
            for gift in evaluation.gifts
        ],
        "not_applied": [
            {
                "id": entry.id,
                "name": entry.name,
                "reason": entry.reason.code,
                "text": entry.reason.text,
                "blocked_by": list(entry.reason.blocked_by),
            }
            for entry in explanation.not_applied
        ],
        "near_misses": [
            {
                "id": miss.id,
                "name": miss.name,
                **({"spend": amount(miss.spend)} if miss.spend else {}),
                **({"units": miss.units} if miss.units else {}),
                **({"saves": amount(miss.saves)} if miss.saves else {}),
                **({"gift": miss.gift} if miss.gift else {}),
            }
            for miss in explanation.near_misses
        ],
        "runner_up": None
        if explanation.runner_up is None
        else {
            "total": amount(explanation.runner_up.total),
            "applied": list(explanation.runner_up.applied),
            "without": explanation.runner_up.without,
        },
    }


Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]
"""Title, headings, rows."""


def tables(run: DryRun) -> tuple[Table, ...]:
    """The answer as tables for a terminal; empty tables are left out."""
    wire = to_wire(run)
    lines = tuple(
        (
            line["sku"],
            str(line["quantity"]),
            line["before"],
            line["after"],
            ", ".join(f"{d['promotion']} -{d['amount']}" for d in line["discounts"]),
        )
        for line in wire["lines"]
    )
    gifts = tuple(
        (gift["sku"], str(gift["quantity"]), gift["value"], "0", f"gift of {gift['promotion']}")
        for gift in wire["gifts"]
    )
    proof = "cheapest, proven" if wire["proven_optimal"] else f"mode {wire['mode']}"
    sums = [("goods", wire["subtotal"]), ("discount", f"-{wire['discount']}")]
    sums.append(("shipping", wire["shipping"]))
    if wire["tax"].strip("0."):
        sums.append(("tax contained" if wire["prices_include_tax"] else "tax", wire["tax"]))
    sums.append((f"total {wire['currency']} ({proof})", wire["total"]))
    if wire["deposit"].strip("0."):
        sums.append(("of which deposit", wire["deposit"]))
    if wire["runner_up"]:
        sums.append(
            (f"runner-up, without {wire['runner_up']['without']}", wire["runner_up"]["total"])
        )
    others = tuple((entry["id"], entry["text"]) for entry in wire["not_applied"])
    misses = tuple((miss["id"], _hint(miss, wire["currency"])) for miss in wire["near_misses"])
    found: list[Table] = [
        ("Cart", ("sku", "units", "before", "after", "discounts"), lines + gifts),
        ("Sum", ("", "amount"), tuple(sums)),
    ]
    if misses:
        found.append(("Almost", ("promotion", "what is missing"), misses))
    if others:
        found.append(("Not applied", ("promotion", "why"), others))
    return tuple(found)


def _hint(miss: dict[str, Any], currency: str) -> str:
    add = f"{miss['spend']} {currency} more" if "spend" in miss else f"{miss.get('units')} more"
    if "gift" in miss:
        return f"add {add} to get {miss['gift']} as a gift"
    return f"add {add} to save {miss['saves']}" if "saves" in miss else f"add {add}"
