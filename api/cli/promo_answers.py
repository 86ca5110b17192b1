"""What a cart comes to under a file of promotions: the answer of the service, and as tables."""

from __future__ import annotations

from api.http.wire import MoneyDocument
from api.quotes.documents import (
    CartDocument,
    CodeState,
    NearMissDocument,
    PricedLine,
    TypedCode,
    cart_document,
)
from pricing.promotions.codes import fold_code
from pricing.promotions.dry_run import DryRun

Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]
"""Title, headings, rows."""


def answer_of(run: DryRun) -> CartDocument:
    """What the service answers to the same cart; no price book knows its prices."""
    applied = {fold_code(entry.code) for entry in run.evaluation.applied if entry.code}

    def state(code: str) -> CodeState:
        folded = fold_code(code)
        if folded in applied:
            return "accepted"
        return "not_needed" if folded in run.promotions.by_code else "unknown"

    return cart_document(
        run.cart,
        run.evaluation,
        run.explanation,
        typed=[TypedCode(code, state(code)) for code in run.cart.codes],
        shown={},
        price_book=None,
        stale=False,
    )


def tables(answer: CartDocument) -> tuple[Table, ...]:
    """The answer as tables for a terminal; empty tables are left out."""
    lines = tuple(_row(line) for line in answer.lines)
    gifts = tuple(
        (gift.sku, str(gift.quantity), gift.value.amount, "0", f"gift of {gift.promotion}")
        for gift in answer.gifts
    )
    proof = "cheapest, proven" if answer.proven_optimal else f"mode {answer.mode}"
    sums = [("goods", answer.subtotal.amount), ("discount", f"-{answer.discount.amount}")]
    sums.append(("shipping", answer.shipping.amount))
    if _some(answer.tax):
        sums.append(("tax contained" if answer.prices_include_tax else "tax", answer.tax.amount))
    sums.append((f"total {answer.currency} ({proof})", answer.total.amount))
    if _some(answer.deposit):
        sums.append(("of which deposit", answer.deposit.amount))
    if (other := answer.runner_up) is not None:
        sums.append((f"runner-up, without {other.without}", other.total.amount))
    found: list[Table] = [
        ("Cart", ("sku", "units", "before", "after", "discounts"), lines + gifts),
        ("Sum", ("", "amount"), tuple(sums)),
    ]
    if answer.near_misses:
        misses = tuple((miss.id, _hint(miss)) for miss in answer.near_misses)
        found.append(("Almost", ("promotion", "what is missing"), misses))
    if answer.not_applied:
        others = tuple((entry.id, entry.text) for entry in answer.not_applied)
        found.append(("Not applied", ("promotion", "why"), others))
    return tuple(found)


def _row(line: PricedLine) -> tuple[str, ...]:
    shares = ", ".join(f"{share.promotion} -{share.amount.amount}" for share in line.discounts)
    return line.sku, str(line.quantity), line.before.amount, line.after.amount, shares


def _some(money: MoneyDocument) -> bool:
    return bool(money.amount.strip("0."))


def _hint(miss: NearMissDocument) -> str:
    short = f"{miss.spend.amount} {miss.spend.currency}" if _some(miss.spend) else f"{miss.units}"
    if miss.gift:
        return f"add {short} more to get {miss.gift} as a gift"
    return f"add {short} more" + (f" to save {miss.saves.amount}" if _some(miss.saves) else "")
