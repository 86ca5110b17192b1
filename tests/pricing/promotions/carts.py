"""Carts and promotions for tests, in few words. Amounts are euros as text or whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pricing.promotions.cart import Cart
from pricing.promotions.evaluate import evaluate
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.explain import Explanation, evaluate_and_explain
from pricing.promotions.file_format import parse_cart, parse_promotions
from pricing.promotions.promotion_set import PromotionSet

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)


def line(sku: str, price: object, quantity: int = 1, **more: object) -> dict[str, object]:
    """A cart line; its id is the SKU."""
    return {"sku": sku, "id": sku, "price": str(price), "quantity": quantity, **more}


def cart(*lines: Mapping[str, object], **more: object) -> Cart:
    """A cart at noon on 11 November 2026, UTC, in euros."""
    data = {"currency": "EUR", "at": NOON.isoformat(), "lines": list(lines), **more}
    return parse_cart(data)[0]


def promotions(*entries: Mapping[str, object], currency: str = "EUR") -> PromotionSet:
    """A compiled set; entries without an id are called p0, p1, ..."""
    named = [{"id": f"p{i}", **entry} for i, entry in enumerate(entries)]
    return parse_promotions({"currency": currency, "promotions": named})[0]


def price(shopping: Cart, *entries: Mapping[str, object], mode: Mode = "best") -> Evaluation:
    """What the cart comes to under some promotions."""
    return evaluate(shopping, promotions(*entries), mode=mode)


def explain(
    shopping: Cart, *entries: Mapping[str, object], mode: Mode = "best"
) -> tuple[Evaluation, Explanation]:
    """The same with the explanation."""
    return evaluate_and_explain(shopping, promotions(*entries), mode=mode)


def check_sums(shopping: Cart, answer: Evaluation) -> None:
    """Everything adds up, and nothing is below its floor or zero."""
    by_id = {entry.id: entry for entry in shopping.lines}
    taken: dict[str, int] = {}
    for result in answer.lines:
        own = by_id[result.id]
        assert result.before == own.price * own.quantity
        assert result.after == result.before - sum(off for _, off in result.discounts)
        assert sum(run.count for run in result.units) == own.quantity
        assert sum(run.count * run.paid for run in result.units) == result.after
        for run in result.units:
            assert run.paid == own.price - sum(off for _, off in run.discounts)
            assert run.paid >= min(own.price, own.floor) >= 0
            assert all(off > 0 for _, off in run.discounts)
        for name, off in result.discounts:
            per_unit = sum(run.count * dict(run.discounts).get(name, 0) for run in result.units)
            assert per_unit == off
            taken[name] = taken.get(name, 0) + off
    for entry in answer.applied:
        assert sum(entry.lines.values()) == taken.get(entry.id, 0)
        if entry.lane != "shipping":
            assert entry.amount == taken.get(entry.id, 0)
        if entry.funding:
            assert sum(entry.funding.values()) == entry.amount
        assert entry.amount > 0 or entry.lane == "gift"
    assert answer.goods == sum(result.after for result in answer.lines)
    assert 0 <= answer.shipping <= answer.shipping_before
    shipping_off = sum(entry.amount for entry in answer.applied if entry.lane == "shipping")
    assert answer.shipping == answer.shipping_before - shipping_off
    added = 0 if answer.prices_include_tax else answer.tax
    assert answer.total == answer.goods + answer.shipping + added
    assert answer.discount == sum(entry.amount for entry in answer.applied)
