"""The input file of a clearance plan: JSON, or a CSV of items with the limits as options.

Amounts are decimal strings or numbers in major units, prices with tax; shares are between 0 and 1;
weeks count from 1. A CSV has a row an item, lists separated by semicolons: `60;54;48;36`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from api.plans.errors import PlanInputInvalid
from models.arrays import FloatArray
from pricing.catalogue import UNKNOWN
from pricing.currencies import decimals
from pricing.errors import UnknownCurrency
from pricing.markdown import ClearanceItems, MarkdownLimits, Prior
from pricing.money import Money

MOST_BYTES = 512 * 1024 * 1024
"""A larger input is refused before it fills the memory."""


def _split(value: object) -> object:
    """A CSV cell with semicolons is a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    return value


def _split_many(value: object) -> object:
    return _split(value) if isinstance(value, str) and ";" in value else value


Amount = Decimal


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ItemIn(_Strict):
    """One product in one market."""

    sku: str = Field(min_length=1)
    market: str = "all"
    ladder: Annotated[list[Amount], BeforeValidator(_split)]
    full_price: Amount | None = None
    demand: Annotated[float | list[float], BeforeValidator(_split_many)]
    elasticity: float | None = None
    response: Annotated[list[float] | None, BeforeValidator(_split)] = None
    stock: float = Field(ge=0)
    arrivals: Annotated[list[float] | None, BeforeValidator(_split)] = None
    exit_week: int | None = None
    salvage: Amount = Decimal(0)
    holding: Amount = Decimal(0)
    cost: Amount | None = None
    tax_rate: float = 0.0
    max_changes: int = 3
    weeks_between: int = 1
    first_week: int = 1
    last_week: int | None = None
    labels: int = 1
    label_cost: Amount = Decimal(0)
    target: float = 0.0
    shortfall: Amount | None = None
    broken_at: float = 0.0
    broken_power: float = 0.5
    reference_effect: float = 0.0
    reference_memory: float = 0.7

    @model_validator(mode="after")
    def _one_response(self) -> ItemIn:
        if (self.elasticity is None) == (self.response is None):
            raise ValueError("give either elasticity or response")
        if self.response is not None and len(self.response) != len(self.ladder):
            raise ValueError(f"response has {len(self.response)} values, ladder {len(self.ladder)}")
        return self


class LimitsIn(_Strict):
    """Joint limits; what is missing is not limited."""

    budget: Amount | None = None
    labels_per_week: int | dict[str, int] | None = None
    average_discount: float | None = None
    revenue_floor: Amount | None = None
    marked_down_at_once: int | None = None


class RiskIn(_Strict):
    """How much the worst futures count, and how many are drawn."""

    weight: float = Field(default=0.0, ge=0, le=1)
    level: float = Field(default=0.9, ge=0, lt=1)
    draws: int = Field(default=20, ge=2, le=200)


class DoubtIn(_Strict):
    """Standard deviations of what is not known of demand; see `pricing.markdown.Prior`."""

    common_scale: float = 0.3
    common_elasticity: float = 0.4
    common_drift: float = 0.02
    own_scale: float = 0.4
    own_elasticity: float = 0.5
    own_drift: float = 0.01
    noise: float = 0.15


class MarkdownIn(_Strict):
    """A clearance."""

    currency: str
    weeks: int = Field(ge=1, le=104)
    items: list[ItemIn] = Field(min_length=1)
    limits: LimitsIn = LimitsIn()
    risk: RiskIn | None = None
    doubt: DoubtIn = DoubtIn()
    current_policy: dict[int, float] = Field(
        default={5: 0.2, 7: 0.4, 9: 0.6}, description="discount by the week from which it holds"
    )

    def columns(self) -> tuple[ClearanceItems, FloatArray]:
        """The items as columns, and their (n,) unit costs in minor units, NaN where unknown."""
        _check(self)
        items = self.items
        rungs = max(len(item.ladder) for item in items)
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
        cost = [math.nan if i.cost is None else float(self._minor(i.cost)) for i in items]
        unit = 10.0 ** decimals(self.currency)
        full = [
            max(int(ladder[row, 0]), 0) if i.full_price is None else self._minor(i.full_price)
            for row, i in enumerate(items)
        ]
        columns = ClearanceItems.of(
            [item.sku for item in items],
            ladder,
            np.array([self._by_week(item.demand, item, "demand") for item in items]),
            np.array([item.stock for item in items]),
            currency=self.currency,
            response=response,
            market=np.array([item.market for item in items]),
            full_price=np.array(full, dtype=np.int64),
            arrivals=np.array([self._by_week(i.arrivals or 0.0, i, "arrivals") for i in items]),
            exit_week=np.array(
                [self.weeks if i.exit_week is None else i.exit_week for i in items]
            ),
            salvage=np.array([self._minor(i.salvage) for i in items], dtype=np.int64),
            holding=np.array([float(i.holding) * unit for i in items]),
            label_cost=np.array([float(i.label_cost) * unit for i in items]),
            shortfall=np.array(
                [np.inf if i.shortfall is None else float(i.shortfall) * unit for i in items]
            ),
            first_week=np.array([i.first_week - 1 for i in items]),
            last_week=np.array(
                [self.weeks - 1 if i.last_week is None else i.last_week - 1 for i in items]
            ),
            **{
                name: np.array([getattr(item, name) for item in items])
                for name in (
                    "tax_rate", "max_changes", "weeks_between", "labels", "target", "broken_at",
                    "broken_power", "reference_effect", "reference_memory",
                )
            },
        )  # fmt: skip
        return columns, np.array(cost)

    def joint_limits(self) -> MarkdownLimits:
        """The limits in minor units."""
        given = self.limits
        return MarkdownLimits(
            budget=None if given.budget is None else self._minor(given.budget),
            labels_per_week=given.labels_per_week,
            average_discount=given.average_discount,
            revenue_floor=None if given.revenue_floor is None else self._minor(given.revenue_floor),
            marked_down_at_once=given.marked_down_at_once,
        )

    def prior(self) -> Prior:
        """What may be wrong with the demand given."""
        return Prior(**self.doubt.model_dump())

    def _minor(self, amount: Decimal) -> int:
        return Money.parse(amount, self.currency).minor

    def _by_week(self, values: float | list[float], item: ItemIn, name: str) -> list[float]:
        if not isinstance(values, list):
            return [values] * self.weeks
        if len(values) != self.weeks:
            raise PlanInputInvalid(
                f"{item.sku!r}: {name} has {len(values)} values, the plan {self.weeks} weeks"
            )
        return values


def _check(given: MarkdownIn) -> None:
    for week, share in given.current_policy.items():
        if week < 1 or not 0.0 <= share < 1.0:
            raise PlanInputInvalid(
                f"current_policy: {week}: {share} must be a week from 1 and a share from 0 up to 1"
            )


def read_markdown_input(path: Path, options: Mapping[str, Any]) -> MarkdownIn:
    """Read a clearance.

    Args:
        path: .json, or .csv with a row an item.
        options: what stands on the command line: `currency`, `weeks`, and the names of
            `LimitsIn`; they go before what is in the file.

    Raises:
        PlanInputInvalid: no such file, not JSON or CSV, or a value that cannot be used.
    """
    document = _document(path)
    limits = {k: v for k, v in options.items() if v is not None and k in LimitsIn.model_fields}
    for name in ("currency", "weeks"):
        if options.get(name) is not None:
            document[name] = options[name]
    if limits:
        document["limits"] = {**(document.get("limits") or {}), **limits}
    try:
        given = MarkdownIn.model_validate(document)
        decimals(given.currency)
    except ValidationError as error:
        raise PlanInputInvalid(_explained(path, error)) from error
    except UnknownCurrency as error:
        raise PlanInputInvalid(f"{path}: {error}") from error
    return given


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PlanInputInvalid(f"{path}: larger than {MOST_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PlanInputInvalid(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PlanInputInvalid(f"{path}: not UTF-8 text (byte {error.start})") from error
    if path.suffix.lower() == ".csv":
        rows = list(csv.DictReader(text.splitlines()))
        items = [{k: v for k, v in row.items() if v not in ("", None)} for row in rows]
        return {"items": items}
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise PlanInputInvalid(f"{path}: line {error.lineno}: not JSON: {error.msg}") from error
    if not isinstance(document, dict):
        raise PlanInputInvalid(f"{path}: the outermost value must be an object")
    return document


def _explained(path: Path, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    more = f" ({error.error_count()} problems)" if error.error_count() > 1 else ""
    return f"{path}: {place}: {first['msg']}{more}"
