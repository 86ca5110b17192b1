"""From a settlement to the answer: shares per unit, taxes, funding, gifts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from pricing.promotions.allocation import largest_remainder, spread
from pricing.promotions.cart import MILLION, Line
from pricing.promotions.codes import fold_code
from pricing.promotions.evaluation import (
    Applied,
    Evaluation,
    GiftResult,
    LineResult,
    Mode,
    UnitRun,
)
from pricing.promotions.later_lanes import Settlement, gift_spend
from pricing.promotions.order_benefits import GiftOption
from pricing.promotions.problem import GiftOffer, Problem
from pricing.promotions.rules import LANES, Rule


def write_receipt(
    problem: Problem, settlement: Settlement, mode: Mode, *, proven: bool
) -> Evaluation:
    """The answer in full.

    Args:
        problem: the cart.
        settlement: what was decided.
        mode: how it was decided.
        proven: whether nothing permitted is cheaper.
    """
    cart, view = problem.view.cart, problem.view
    per_line, item_off = _item_discounts(problem, settlement)
    later_off = _later_discounts_per_line(problem, settlement)
    results: dict[str, LineResult] = {}
    for line, cart_line in enumerate(view.lines):
        after = settlement.goods[line]
        results[cart_line.id] = LineResult(
            id=cart_line.id,
            sku=cart_line.sku,
            quantity=cart_line.quantity,
            before=view.line_total[line],
            after=after,
            discounts=(*per_line[line].items(), *later_off[line]),
            units=_unit_runs(problem, settlement, line, item_off, later_off[line]),
            tax=tax_of(after, cart_line.tax_rate, included=cart.prices_include_tax),
        )
    tax = sum(result.tax for result in results.values())
    tax += tax_of(settlement.shipping, cart.shipping_tax_rate, included=cart.prices_include_tax)
    goods = sum(settlement.goods)
    gifts = tuple(_gifts(problem, settlement))
    total = goods + settlement.shipping + (0 if cart.prices_include_tax else tax)
    return Evaluation(
        currency=cart.currency,
        mode=mode,
        proven_optimal=proven,
        subtotal=view.subtotal,
        goods=goods,
        shipping_before=cart.shipping,
        shipping=settlement.shipping,
        prices_include_tax=cart.prices_include_tax,
        tax=tax,
        total=total,
        deposit=_deposit(problem, settlement),
        lines=tuple(results[line.id] for line in cart.lines),
        applied=_applied(problem, settlement, gifts),
        gifts=gifts,
    )


def tax_of(amount: int, rate: int, *, included: bool) -> int:
    """Tax contained in an amount, or to be added to it; halves rounded up.

    Args:
        amount: minor units.
        rate: millionths.
        included: whether the amount contains it.
    """
    whole = MILLION + rate if included else MILLION
    return (2 * amount * rate + whole) // (2 * whole)


def _later_discounts_per_line(
    problem: Problem, settlement: Settlement
) -> list[list[tuple[str, int]]]:
    """Of each line, (promotion, minor units off) in the order and coupon lanes, in that order."""
    off: list[list[tuple[str, int]]] = [[] for _ in problem.view.lines]
    for index, shares in settlement.shares.items():
        name = problem.rules[index].source.id
        for line, less in shares:
            off[line].append((name, less))
    return off


def _item_discounts(
    problem: Problem, settlement: Settlement
) -> tuple[list[dict[str, int]], dict[int, list[tuple[str, int]]]]:
    """Minor units off by item promotion, in the order applied: of each line, and of each unit."""
    line_of = problem.view.line_of
    per_line: list[dict[str, int]] = [{} for _ in problem.view.lines]
    per_unit: dict[int, list[tuple[str, int]]] = {}
    for index, shares in settlement.items.shares.items():
        name = problem.rules[index].source.id
        for unit, less in shares:
            own = per_line[line_of[unit]]
            own[name] = own.get(name, 0) + less
            per_unit.setdefault(unit, []).append((name, less))
    return per_line, per_unit


def _unit_runs(
    problem: Problem,
    settlement: Settlement,
    line: int,
    item_off: dict[int, list[tuple[str, int]]],
    later_off: list[tuple[str, int]],
) -> tuple[UnitRun, ...]:
    """Units of a line, those paid alike together; later discounts by largest remainder."""
    view = problem.view
    first, quantity = view.first_unit[line], view.quantity[line]
    if quantity == 1:
        runs = (*item_off.get(first, ()), *later_off)
        return (UnitRun(1, settlement.goods[line], runs),)
    paid = settlement.items.units[first : first + quantity]
    off = [item_off.get(unit, []) for unit in range(first, first + quantity)]
    for name, amount in later_off:
        shares = spread(amount, paid, [max(0, own - view.floor[line]) for own in paid])
        off = [
            [*entry, (name, less)] if less else entry
            for entry, less in zip(off, shares, strict=True)
        ]
        paid = [own - less for own, less in zip(paid, shares, strict=True)]
    units = sorted(zip(paid, map(tuple, off), strict=True), key=lambda unit: (-unit[0], unit[1]))
    return tuple(UnitRun(len(list(own)), unit[0], unit[1]) for unit, own in groupby(units))


def _applied(
    problem: Problem, settlement: Settlement, gifts: Sequence[GiftResult]
) -> tuple[Applied, ...]:
    view = problem.view
    given = {gift.promotion for gift in gifts}
    found = []
    for rule in problem.rules:
        index = rule.index
        by_line: dict[int, int] = {}
        units = 0
        if index in settlement.items.shares:
            for unit, less in settlement.items.shares[index]:
                line = view.line_of[unit]
                by_line[line] = by_line.get(line, 0) + less
            units = len(settlement.items.claims[index])
        elif index in settlement.shares:
            by_line = dict(settlement.shares[index])
        elif index not in settlement.shipping_off and rule.id not in given:
            continue
        amount = sum(by_line.values()) + settlement.shipping_off.get(index, 0)
        found.append(
            Applied(
                id=rule.id,
                name=rule.source.name,
                lane=LANES[rule.lane],
                amount=amount,
                lines={view.lines[line].id: less for line, less in by_line.items()},
                units=units,
                funding=_funding(rule, amount),
                shops=_shops([(view.lines[line], less) for line, less in by_line.items()]),
                code=_typed_code(rule, view.cart.codes),
            )
        )
    return tuple(found)


def _funding(rule: Rule, amount: int) -> dict[str, int]:
    funding = rule.source.funding
    if not funding:
        return {}
    funders = sorted(funding)
    weights = [int(funding[funder] * 10_000) for funder in funders]
    return dict(zip(funders, largest_remainder(amount, weights), strict=True))


def _shops(shares: Sequence[tuple[Line, int]]) -> dict[str, int]:
    shops: dict[str, int] = {}
    for line, less in shares:
        if line.shop:
            shops[line.shop] = shops.get(line.shop, 0) + less
    return shops


def _typed_code(rule: Rule, codes: Sequence[str]) -> str:
    if not rule.codes:
        return ""
    return next((code for code in codes if fold_code(code) in rule.codes), "")


def _deposit(problem: Problem, settlement: Settlement) -> int:
    claims = settlement.items.claims
    return sum(
        problem.rules[index].deposit * len(claims[index]) for index in settlement.items.shares
    )


def _gifts(problem: Problem, settlement: Settlement) -> list[GiftResult]:
    """Gifts never change the total: they join what was decided, in canonical order."""
    applied = settlement.applied
    found: list[GiftResult] = []
    for gift in problem.gifts:
        rule = problem.rules[gift.index]
        if rule.clash & applied or rule.requires & ~applied:
            continue
        times = gift.benefit.times(gift_spend(problem, gift, settlement.goods))
        option = _option(problem, gift, rule.id, times) if times else None
        if option is None:
            continue
        applied |= 1 << gift.index
        others = tuple(o.sku for o in gift.benefit.options if o.sku != option.sku)
        found.append(
            GiftResult(rule.id, option.sku, option.quantity * times, option.value * times, others)
        )
    return found


def _option(problem: Problem, gift: GiftOffer, promotion: str, times: int) -> GiftOption | None:
    """The chosen gift if in stock, else the first in stock."""
    wanted = problem.view.cart.gift_choices.get(promotion)
    in_stock = [
        option
        for option in gift.benefit.options
        if option.stock is None or option.stock >= option.quantity * times
    ]
    chosen = [option for option in in_stock if option.sku == wanted]
    return next(iter(chosen or in_stock), None)
