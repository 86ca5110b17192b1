"""What is read from the database for one cart: limits, codes, what is left of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from api.live.promotion_board import (
    MarketPromotions,
    engine_used,
    gifts_left,
    is_limited,
    local_day,
    unique_code,
)
from api.quotes.carts import PricedCart
from api.quotes.documents import CodeState
from pricing.promotions.codes import fold_code
from pricing.promotions.evaluate import evaluate
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.explain import Explanation, evaluate_and_explain
from pricing.promotions.file_format import CartRequest
from pricing.promotions.promotion import Used
from storage.promotions.found_codes import find_codes
from storage.promotions.usage import UsedUp, code_uses, used_up

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NOTHING: Final = UsedUp()


@dataclass(frozen=True, slots=True)
class Books:
    """What was read for one cart.

    Attributes:
        promotions: that may run.
        priced: the cart at live prices, with the codes that are good.
        used: of each limited promotion.
        typed: state of each typed code.
        opened: folded unique or public code by promotion.
        shown: the typed code by what stands in the cart for it.
    """

    promotions: MarketPromotions
    priced: PricedCart
    used: Mapping[str, UsedUp]
    typed: tuple[tuple[str, CodeState], ...]
    opened: Mapping[str, str]
    shown: Mapping[str, str]


def read_books(
    conn: Connection,
    promotions: MarketPromotions,
    request: CartRequest,
    priced: PricedCart,
    without: frozenset[str],
) -> Books:
    """What one cart needs to know of limits and codes.

    Args:
        conn: an open transaction.
        promotions: that may run.
        request: the cart as it was sent.
        priced: the same at live prices.
        without: names of promotions to leave out.
    """
    cart = priced.cart
    customer = cart.customer.id or None
    limited = {name: p for name, p in promotions.by_name.items() if is_limited(p.terms)}
    days = {p.promotion_id: local_day(p.terms, cart.at) for p in limited.values()}
    by_number = used_up(conn, days, customer)
    used = {name: by_number.get(p.promotion_id, _NOTHING) for name, p in limited.items()}
    gifts = {name: gifts_left(p.terms, used[name]) for name, p in limited.items()}
    left = promotions.left_over(without, {name: g for name, g in gifts.items() if g})
    typed, codes, opened, shown = _read_codes(conn, left, request.codes, customer)
    priced = PricedCart(msgspec.structs.replace(cart, codes=codes), priced.costs)
    return Books(left, priced, used, typed, opened, shown)


def _read_codes(
    conn: Connection, promotions: MarketPromotions, typed: Sequence[str], customer: str | None
) -> tuple[
    tuple[tuple[str, CodeState], ...], tuple[str, ...], Mapping[str, str], Mapping[str, str]
]:
    """States of the codes; codes for the cart; folded codes by promotion; typed ones by code."""
    by_number = {p.promotion_id: p for p in promotions.by_name.values()}
    folded = {fold_code(code): code for code in typed}
    unique = find_codes(conn, folded)
    states: list[tuple[str, CodeState]] = []
    codes: list[str] = []
    opened: dict[str, str] = {}
    shown: dict[str, str] = {}
    for code, text in folded.items():
        found = unique.get(code)
        index = promotions.compiled.by_code.get(code)
        if found is not None:
            stored = by_number.get(found.promotion_id)
            stands_for_it = unique_code(found.promotion_id)
        else:
            name = None if index is None else promotions.compiled.rules[index].id
            stored = promotions.by_name.get(name) if name is not None else None
            stands_for_it = text
        if stored is None or stored.name in opened:
            states.append((text, "unknown" if stored is None else "not_needed"))
            continue
        most = stored.terms.most_by_code
        if found is not None and found.customer is not None and found.customer != customer:
            states.append((text, "of_another_customer"))
        elif most is not None and code_uses(conn, stored.promotion_id, [code]).get(code, 0) >= most:
            states.append((text, "used_up"))
        else:
            states.append((text, "accepted"))
            codes.append(stands_for_it)
            opened[stored.name] = code
            shown[stands_for_it] = text
    return tuple(states), tuple(codes), opened, shown


def opens(books: Books, typed: str, applied: set[str]) -> bool:
    """Whether a typed code opened one of the promotions that are applied."""
    return any(stands in applied for stands, code in books.shown.items() if code == typed)


def evaluated(books: Books, mode: Mode, *, explain: bool) -> tuple[Evaluation, Explanation | None]:
    """What the cart comes to, and why not otherwise if that is asked for."""
    cart, compiled = books.priced.cart, books.promotions.compiled
    used = engine_used_by(books)
    if explain:
        return evaluate_and_explain(cart, compiled, mode=mode, used=used)
    return evaluate(cart, compiled, mode=mode, used=used), None


def engine_used_by(books: Books) -> dict[str, Used]:
    """What was used up of each limited promotion, as the engine wants to know it."""
    guest = not books.priced.cart.customer.id
    return {
        name: engine_used(books.promotions.by_name[name].terms, taken, guest=guest)
        for name, taken in books.used.items()
        if name in books.promotions.by_name
    }
