"""JSON forms of evaluated carts and quotes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from api.http.wire import MoneyDocument, utc_text
from pricing.money import Money
from pricing.promotions.cart import Cart
from pricing.promotions.evaluation import Applied, Evaluation, LineResult, UnitRun
from pricing.promotions.explain import Explanation

CodeState = Literal["accepted", "not_needed", "unknown", "used_up", "of_another_customer"]
"""What became of a typed code; `not_needed`: it is good, but its promotion is not applied."""


class Share(msgspec.Struct, frozen=True):
    """What one promotion takes off."""

    promotion: str
    amount: MoneyDocument


class Units(msgspec.Struct, frozen=True):
    """Units of a line that are paid alike; `paid` and `discounts` are of each."""

    count: int
    paid: MoneyDocument
    discounts: list[Share]


class PricedLine(msgspec.Struct, frozen=True):
    """One line: before and after promotions."""

    id: str
    sku: str
    quantity: int
    price: MoneyDocument
    before: MoneyDocument
    after: MoneyDocument
    tax: MoneyDocument
    discounts: list[Share]
    units: list[Units]


class AppliedPromotion(msgspec.Struct, frozen=True):
    """A promotion that gives something. `funding` says who pays."""

    id: str
    name: str
    lane: str
    amount: MoneyDocument
    code: str
    lines: dict[str, MoneyDocument]
    funding: dict[str, MoneyDocument]
    shops: dict[str, MoneyDocument]


class GiftDocument(msgspec.Struct, frozen=True):
    """A gift that goes with the order, and what could be chosen instead."""

    promotion: str
    sku: str
    quantity: int
    value: MoneyDocument
    choices: list[str]


class RefusedPromotion(msgspec.Struct, frozen=True):
    """A promotion that does not apply: `reason` is a stable name, `text` is for people."""

    id: str
    name: str
    reason: str
    text: str
    blocked_by: list[str]


class NearMissDocument(msgspec.Struct, frozen=True):
    """What a little more in the cart would bring."""

    id: str
    name: str
    spend: MoneyDocument
    units: int
    saves: MoneyDocument
    gift: str


class RunnerUpDocument(msgspec.Struct, frozen=True):
    """The cheapest combination without one of the promotions applied."""

    total: MoneyDocument
    applied: list[str]
    without: str


class TypedCode(msgspec.Struct, frozen=True):
    """A code as typed, and what became of it."""

    code: str
    state: CodeState


class CartDocument(msgspec.Struct, frozen=True):
    """What a cart comes to.

    Attributes:
        price_book: number of the book that the prices are from; null where the cart brought its
            own, as one of a file does.
        prices_include_tax: false where the tax comes on top.
        notice: text that the market's law wants beside these prices, word for word, where one of
            them is not the same for everybody; blank where none is needed.
    """

    currency: str
    at: str
    price_book: int | None
    stale: bool
    mode: str
    proven_optimal: bool
    subtotal: MoneyDocument
    discount: MoneyDocument
    goods: MoneyDocument
    shipping: MoneyDocument
    tax: MoneyDocument
    total: MoneyDocument
    deposit: MoneyDocument
    lines: list[PricedLine]
    applied: list[AppliedPromotion]
    gifts: list[GiftDocument]
    codes: list[TypedCode]
    not_applied: list[RefusedPromotion]
    near_misses: list[NearMissDocument]
    runner_up: RunnerUpDocument | None
    notice: str = ""
    prices_include_tax: bool = True


class QuoteDocument(msgspec.Struct, frozen=True):
    """A quote: what the cart costs as long as it is open.

    Attributes:
        status: `open`, `committed`, `cancelled` or `expired`.
        reserved: whether its share of every limit is held for it; where not, it is taken when the
            quote is committed, if there still is so much left.
        token: the quote as a signed JWS, for whoever must trust its total.
        groups: the group that the order joins when it is committed, by group buy.
        held_until: until when that share is held; null where nothing is held (any more).
        notice: what to know of the hold, for people; blank where it lasts as long as the quote.
        test: a test key made it: it redeems nothing, and only a test key commits it.
    """

    id: str
    status: str
    market: str
    created_at: str
    expires_at: str
    settled_at: str | None
    order: str | None
    reserved: bool
    cart: CartDocument
    token: str
    groups: dict[str, str] = {}
    held_until: str | None = None
    notice: str = ""
    test: bool = False


def cart_document(
    cart: Cart,
    evaluation: Evaluation,
    explanation: Explanation | None,
    *,
    typed: Iterable[TypedCode],
    shown: Mapping[str, str],
    price_book: int | None,
    stale: bool,
    notice: str = "",
) -> CartDocument:
    """The wire form of an evaluated cart.

    Args:
        cart: as evaluated.
        evaluation: what came out.
        explanation: why not otherwise.
        typed: the codes.
        shown: what a customer typed, by what stood in the cart for it.
        price_book: number of the book that the prices are from; None where it was none.
        stale: whether a newer book could exist.
        notice: what the law wants to stand beside the prices.
    """
    wire = _Wire(evaluation.currency)
    prices = {line.id: line.price for line in cart.lines}
    return CartDocument(
        currency=evaluation.currency,
        at=utc_text(cart.at),
        price_book=price_book,
        stale=stale,
        mode=evaluation.mode,
        proven_optimal=evaluation.proven_optimal,
        subtotal=wire(evaluation.subtotal),
        discount=wire(evaluation.discount),
        goods=wire(evaluation.goods),
        shipping=wire(evaluation.shipping),
        tax=wire(evaluation.tax),
        total=wire(evaluation.total),
        deposit=wire(evaluation.deposit),
        lines=[wire.line(line, prices[line.id]) for line in evaluation.lines],
        applied=[wire.applied(entry, shown) for entry in evaluation.applied],
        gifts=[
            GiftDocument(g.promotion, g.sku, g.quantity, wire(g.value), list(g.choices))
            for g in evaluation.gifts
        ],
        codes=list(typed),
        **wire.explained(explanation),
        notice=notice,
        prices_include_tax=evaluation.prices_include_tax,
    )


class _Wire:
    """Amounts of one currency on the wire."""

    def __init__(self, currency: str) -> None:
        self._currency = currency

    def __call__(self, minor: int) -> MoneyDocument:
        return MoneyDocument.of(Money(minor, self._currency))

    def amounts(self, minor: Mapping[str, int]) -> dict[str, MoneyDocument]:
        return {name: self(amount) for name, amount in minor.items()}

    def shares(self, discounts: Iterable[tuple[str, int]]) -> list[Share]:
        return [Share(name, self(amount)) for name, amount in discounts]

    def units(self, run: UnitRun) -> Units:
        return Units(run.count, self(run.paid), self.shares(run.discounts))

    def line(self, line: LineResult, price: int) -> PricedLine:
        return PricedLine(
            id=line.id,
            sku=line.sku,
            quantity=line.quantity,
            price=self(price),
            before=self(line.before),
            after=self(line.after),
            tax=self(line.tax),
            discounts=self.shares(line.discounts),
            units=[self.units(run) for run in line.units],
        )

    def applied(self, entry: Applied, shown: Mapping[str, str]) -> AppliedPromotion:
        return AppliedPromotion(
            id=entry.id,
            name=entry.name,
            lane=entry.lane,
            amount=self(entry.amount),
            code=shown.get(entry.code, entry.code),
            lines=self.amounts(entry.lines),
            funding=self.amounts(entry.funding),
            shops=self.amounts(entry.shops),
        )

    def explained(self, explanation: Explanation | None) -> dict[str, Any]:
        if explanation is None:
            return {"not_applied": [], "near_misses": [], "runner_up": None}
        best = explanation.runner_up
        return {
            "not_applied": [
                RefusedPromotion(
                    n.id, n.name, n.reason.code, n.reason.text, list(n.reason.blocked_by)
                )
                for n in explanation.not_applied
            ],
            "near_misses": [
                NearMissDocument(m.id, m.name, self(m.spend), m.units, self(m.saves), m.gift)
                for m in explanation.near_misses
            ],
            "runner_up": None
            if best is None
            else RunnerUpDocument(self(best.total), list(best.applied), best.without),
        }
