"""From the document of a clearance to the columns of the planner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import asdict
from scipy import sparse

from api.plans.errors import PlanInputInvalid
from api.plans.files import amounts_placed, parsed, read_plan_file, set_options
from api.plans.markdown.job import MarkdownQuestion
from api.plans.markdown.schema import ItemIn, LimitsIn, MarkdownIn
from models.arrays import IntArray
from pricing.catalogue import UNKNOWN
from pricing.currencies import decimals
from pricing.documents import Document
from pricing.markdown import (
    ClearanceHistory,
    ClearanceItems,
    MarkdownLimits,
    PlanInForce,
    Prior,
    Risk,
)
from pricing.markdown.prior_price import announced, prior_by_week
from pricing.money import Money

Key = tuple[str, str]
_MOST_RUNGS: Final = 20_000_000
"""Items times the prices of the longest ladder: more would fill the memory of the service."""


def read_markdown_document(path: Path, options: Mapping[str, Any]) -> Document:
    """A clearance from a file, before it is checked.

    Args:
        path: .json, or .csv with a row an item.
        options: what stands on the command line: `currency`, `weeks`, and the names of
            `LimitsIn`; they go before what is in the file.

    Raises:
        PlanInputInvalid: no such file, not JSON or CSV.
    """
    read = read_plan_file(path, "items", ItemIn)
    document = dict(read.value)
    given = {name: value for name, value in options.items() if value is not None}
    limits = {name: given.pop(name) for name in LimitsIn.__struct_fields__ if name in given}
    search: dict[str, Any] = {
        name: given.pop(name) for name in ("draws", "seed", "gap", "threads") if name in given
    }
    document.update(given)
    set_options(document, "limits", limits)
    set_options(document, "search", search)
    return replace(read, value=document)


def read_markdown_question(document: Mapping[str, Any]) -> MarkdownQuestion:
    """What a document asks.

    Raises:
        PlanInputInvalid, InvalidClearance, InvalidLimits: names the field and the fix.
    """
    given = parsed(document, MarkdownIn)
    with amounts_placed(given):
        return _Reader(given).question()


class _Reader:
    """From the records of a document to columns."""

    def __init__(self, given: MarkdownIn) -> None:
        self._given = given
        self._keys = {(item.sku, item.market): row for row, item in enumerate(given.items)}
        self._unit = 10.0 ** decimals(given.currency)

    def question(self) -> MarkdownQuestion:
        given = self._given
        items = self._items()
        costs = [math.nan if i.cost is None else float(self._minor(i.cost)) for i in given.items]
        stock = None
        if any(item.stock_now is not None for item in given.items):
            stock = np.array(
                [math.nan if i.stock_now is None else i.stock_now for i in given.items]
            )
        return MarkdownQuestion(
            items=items,
            cost=np.array(costs),
            limits=self._limits(),
            prior=Prior(**asdict(given.doubt)),
            current_policy={week - 1: share for week, share in given.current_policy.items()},
            risk=None if given.risk is None else Risk(given.risk.weight, given.risk.level),
            risk_draws=20 if given.risk is None else given.risk.draws,
            history=self._history(),
            stock_now=stock,
            in_force=self._in_force(items),
            cross=self._cross(),
            stores=[dict(item.stores or {}) for item in given.items],
            look_ahead=given.look_ahead,
            relax=given.relax,
        )

    def _items(self) -> ClearanceItems:
        given = self._given
        items = given.items
        rungs = max(len(item.ladder) for item in items)
        if len(items) * rungs > _MOST_RUNGS:
            raise PlanInputInvalid(
                f"{len(items):,} of them with up to {rungs:,} prices each are too many; plan "
                "fewer at once, or give shorter ladders",
                ("items",),
            )
        ladder = np.full((len(items), rungs), UNKNOWN, dtype=np.int64)
        response = np.ones((len(items), rungs))
        for row, item in enumerate(items):
            prices = [self._minor(price) for price in item.ladder]
            ladder[row, : len(prices)] = prices
            if item.response is not None:
                response[row, : len(prices)] = item.response
            elif prices and prices[0] > 0 and item.elasticity is not None:
                ratio = np.maximum(np.array(prices), 1) / prices[0]
                response[row, : len(prices)] = ratio**item.elasticity
        full = [
            max(int(ladder[row, 0]), 0) if i.full_price is None else self._minor(i.full_price)
            for row, i in enumerate(items)
        ]
        reference = [
            float(max(int(ladder[row, 0]), 1))
            if i.reference is None
            else float(self._minor(i.reference))
            for row, i in enumerate(items)
        ]
        columns = ClearanceItems.of(
            [item.sku for item in items],
            ladder,
            np.array([self._by_week(item.demand, i, "demand") for i, item in enumerate(items)]),
            np.array([item.stock for item in items]),
            currency=given.currency,
            response=response,
            market=np.array([item.market for item in items]),
            full_price=np.array(full, dtype=np.int64),
            arrivals=np.array(
                [self._by_week(item.arrivals or 0.0, i, "arrivals") for i, item in enumerate(items)]
            ),
            exit_week=np.array(
                [given.weeks if i.exit_week is None else i.exit_week for i in items]
            ),
            salvage=np.array([self._minor(i.salvage) for i in items], dtype=np.int64),
            holding=np.array([float(i.holding) * self._unit for i in items]),
            label_cost=np.array([float(i.label_cost) * self._unit for i in items]),
            shortfall=np.array(
                [np.inf if i.shortfall is None else float(i.shortfall) * self._unit for i in items]
            ),
            first_week=np.array([i.first_week - 1 for i in items]),
            last_week=np.array(
                [given.weeks - 1 if i.last_week is None else i.last_week - 1 for i in items]
            ),
            reference=np.array(reference),
            pins=self._pins(ladder),
            **{
                name: np.array([getattr(item, name) for item in items])
                for name in (
                    "tax_rate", "max_changes", "weeks_between", "labels", "target", "broken_at",
                    "broken_power", "reference_effect", "reference_memory",
                )
            },
        )  # fmt: skip
        return self._lawful(columns)

    def _lawful(self, items: ClearanceItems) -> ClearanceItems:
        """The items with what the law on prior prices asks of announced discounts."""
        rule = self._given.prior_price
        if rule is None:
            return items
        window = -(-rule.days // 7)
        past = np.full((len(items), window), np.nan)
        for row, item in enumerate(self._given.items):
            if item.past_prices is None:
                raise PlanInputInvalid(
                    "is missing; prior_price needs the lowest price of each of the "
                    f"{window} weeks before the plan (fewer where {item.sku!r} is new)",
                    ("items", row, "past_prices"),
                )
            asked = [self._minor(price) for price in item.past_prices][-window:]
            past[row, window - len(asked) :] = asked
        prior = prior_by_week(past, items.price[:, 0], items.weeks, window)
        return announced(items, prior, progressive=rule.progressive)

    def _pins(self, ladder: IntArray) -> IntArray:
        pins = np.full((len(ladder), self._given.weeks), UNKNOWN, dtype=np.int64)
        for i, pin in enumerate(self._given.pins):
            row = self._keys[pin.sku, pin.market]
            at = np.flatnonzero(ladder[row] == self._minor(pin.price))
            if not len(at):
                raise PlanInputInvalid(
                    f"{pin.price} is not on the ladder of {pin.sku!r}", ("pins", i, "price")
                )
            pins[row, pin.week - 1] = int(at[0])
        return pins

    def _limits(self) -> MarkdownLimits:
        given = self._given.limits
        return MarkdownLimits(
            budget=None if given.budget is None else self._minor(given.budget),
            labels_per_week=given.labels_per_week,
            average_discount=given.average_discount,
            revenue_floor=None if given.revenue_floor is None else self._minor(given.revenue_floor),
            marked_down_at_once=given.marked_down_at_once,
            deviations=given.deviations,
        )

    def _history(self) -> ClearanceHistory | None:
        """What happened: every item has a row for every week up to the last one told."""
        rows = self._given.history
        if not rows:
            return None
        weeks = max(row.week for row in rows)
        shape = (len(self._keys), weeks)
        price = np.full(shape, UNKNOWN, dtype=np.int64)
        units, out = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
        for i, row in enumerate(rows):
            at = self._keys[row.sku, row.market], row.week - 1
            if price[at] != UNKNOWN:
                raise PlanInputInvalid(
                    f"week {row.week} of {row.sku!r} stands there twice", ("history", i)
                )
            price[at], units[at], out[at] = self._minor(row.price), row.units, row.sold_out
        for item, week in np.argwhere(price == UNKNOWN).tolist():
            named = self._given.items[item]
            raise PlanInputInvalid(
                f"week {week + 1} of {named.sku!r} in {named.market!r} is missing; every item "
                f"needs a row for each of the weeks 1 to {weeks}",
                ("history",),
            )
        return ClearanceHistory(price, units, out)

    def _in_force(self, items: ClearanceItems) -> PlanInForce | None:
        """The plan that was announced; weeks that it does not name keep the price before."""
        if not self._given.in_force:
            if self._given.limits.deviations is not None:
                raise PlanInputInvalid(
                    "counts from the plan `in_force`, and none is given", ("limits", "deviations")
                )
            return None
        price = np.full((len(items), items.weeks), UNKNOWN, dtype=np.int64)
        for row in self._given.in_force:
            price[self._keys[row.sku, row.market], row.week - 1] = self._minor(row.price)
        before = items.ladder[:, 0]
        for week in range(items.weeks):
            price[:, week] = np.where(price[:, week] == UNKNOWN, before, price[:, week])
            before = price[:, week]
        return PlanInForce(items.sku, items.market, price)

    def _cross(self) -> sparse.csr_array | None:
        effects = self._given.cross
        if not effects:
            return None
        n = len(self._keys)
        at = (
            [self._keys[e.sku, e.market] for e in effects],
            [self._keys[e.rival, e.market] for e in effects],
        )
        return sparse.csr_array(([e.elasticity for e in effects], at), shape=(n, n))

    def _minor(self, amount: Decimal) -> int:
        return Money.parse(amount, self._given.currency).minor

    def _by_week(self, values: float | list[float], row: int, name: str) -> list[float]:
        if not isinstance(values, list):
            return [values] * self._given.weeks
        if len(values) != self._given.weeks:
            raise PlanInputInvalid(
                f"has {len(values)} values, the plan {self._given.weeks} weeks; give one for each, "
                "or a single number for all",
                ("items", row, name),
            )
        return values
