"""From the document of a promotion calendar to the columns of the planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from msgspec.structs import asdict
from scipy import sparse

from api.plans.calendar.schema import EventIn, MechanicIn, ProductIn, PromotionsIn, WeekIn
from api.plans.errors import PlanInputInvalid
from api.plans.files import amounts_placed, parsed
from models.arrays import BoolArray, FloatArray, IntArray
from pricing.calendar.demand import PromotionProblem
from pricing.calendar.limits import CalendarLimits
from pricing.money import Money
from pricing.promotions.errors import PromotionError
from pricing.promotions.file_format import parse_promotions
from simulations.scenarios.calendar_outlook import CalendarDoubt


@dataclass(frozen=True, slots=True, eq=False)
class CalendarQuestion:
    """What is to be planned.

    Attributes:
        given: the document.
        problem: products, weeks, mechanics.
        limits: joint limits.
        last_year: (n, t) last year's calendar; None where none is given.
        price: (n, 1 + m) what a customer pays by action, minor units, tax included; the mean over
            channels where the action runs in one only.
        paid: (n, 1 + m) the same, net of tax, with what brands pay.
        doubt: what is not known.
    """

    given: PromotionsIn
    problem: PromotionProblem
    limits: CalendarLimits
    last_year: IntArray | None
    price: FloatArray
    paid: FloatArray
    doubt: CalendarDoubt


def read_question(document: Mapping[str, Any]) -> CalendarQuestion:
    """What a document asks.

    Raises:
        PlanInputInvalid, InvalidLimits, InvalidScenario: names the field and the fix.
    """
    given = parsed(document, PromotionsIn)
    with amounts_placed(given):
        return _Reader(given).question()


class _Reader:
    """From the records of a document to columns."""

    def __init__(self, given: PromotionsIn) -> None:
        self._given = given
        self._mechanics = {mechanic.name: a for a, mechanic in enumerate(given.mechanics)}
        self._rows = {product.sku: i for i, product in enumerate(given.products)}
        self._price = _floats([self._minor(p.price) for p in given.products])
        self._tax = _floats([p.tax_rate for p in given.products])
        self._cost = _floats([self._minor(p.cost) for p in given.products])

    def question(self) -> CalendarQuestion:
        given = self._given
        for a, mechanic in enumerate(given.mechanics):
            check_template(mechanic, given, a)
        share = np.array([self._channel_share(m) for m in given.mechanics])
        depth = self._depths()
        lift = self._lifts(depth)
        funding = np.array(
            [[p.funding.get(m.name, m.funding) for m in given.mechanics] for p in given.products]
        )
        # A promotion in one channel reaches that channel's share of demand.
        reached = 1.0 + share * (lift - 1.0)
        promoted = share * lift / reached
        net = (self._price / (1.0 + self._tax))[:, None]
        own_net = net * (1.0 - depth * (1.0 - funding))
        margin = net[:, 0] - self._cost
        promotion_margin = (
            promoted * (own_net - self._cost[:, None]) + (1.0 - promoted) * (margin[:, None])
        )
        base = self._base()
        problem = PromotionProblem(
            sku=np.array([p.sku for p in given.products], dtype=np.str_),
            category=np.array([p.category for p in given.products], dtype=np.str_),
            mechanics=tuple(m.name for m in given.mechanics),
            base=base,
            margin=margin,
            promotion_margin=promotion_margin,
            discount=promoted * depth * self._price[:, None],
            lift=reached,
            fixed_cost=np.tile(
                _floats([self._minor(m.cost) for m in given.mechanics]), (len(base), 1)
            ),
            pull=self._pull(),
            cross=self._cross(),
            allowed=self._allowed(base, lift, own_net),
            most=np.array([_or(p.most, given.limits.most_per_product) for p in given.products]),
            gap=np.array([_or(p.gap, given.limits.gap) for p in given.products]),
            features=tuple(tuple(m.features) for m in given.mechanics),
            pins=self._calendar(given.pins, -1),
            announced=np.tile([m.announced for m in given.mechanics], (len(base), 1)),
            lowers=(depth > 0) & np.array([lowers(m) for m in given.mechanics]),
            clean_weeks=self._clean_weeks,
            progressive=bool(given.prior_price and given.prior_price.progressive),
        )
        limits = CalendarLimits(
            slots=given.limits.slots,
            budget=None if given.limits.budget is None else self._minor(given.limits.budget),
            category_share=given.limits.category_share,
        )
        asked = promoted * (1.0 - depth) + (1.0 - promoted)
        paid = promoted * own_net + (1.0 - promoted) * net
        return CalendarQuestion(
            given=given,
            problem=problem,
            limits=limits,
            last_year=self._calendar(given.last_year, 0) if given.last_year else None,
            price=np.column_stack([self._price, self._price[:, None] * asked]),
            paid=np.column_stack([net, paid]),
            doubt=CalendarDoubt(**asdict(given.doubt)),
        )

    @property
    def _clean_weeks(self) -> int:
        rule = self._given.prior_price
        return 0 if rule is None else -(-rule.days // 7)

    def _minor(self, amount: Decimal) -> int:
        return Money.parse(amount, self._given.currency).minor

    def _channel_share(self, mechanic: MechanicIn) -> float:
        return 1.0 if mechanic.channel is None else self._given.channels[mechanic.channel]

    def _depths(self) -> FloatArray:
        """(n, m) share of the price that a mechanic gives away."""
        depth = np.empty((len(self._given.products), len(self._given.mechanics)))
        for a, mechanic in enumerate(self._given.mechanics):
            for i, product in enumerate(self._given.products):
                depth[i, a] = _depth(mechanic, product, a)
        return depth

    def _lifts(self, depth: FloatArray) -> FloatArray:
        lift = np.empty(depth.shape)
        for i, product in enumerate(self._given.products):
            for a, mechanic in enumerate(self._given.mechanics):
                known = product.lift.get(mechanic.name, mechanic.lift)
                if known is None and product.elasticity is not None:
                    known = float((1.0 - min(depth[i, a], 0.95)) ** product.elasticity)
                if known is None:
                    raise PlanInputInvalid(
                        f"nothing is known of {product.sku!r} under {mechanic.name!r}; give its "
                        "lift, the mechanic's lift or an elasticity",
                        ("products", i, "lift"),
                    )
                if known < 1:
                    raise PlanInputInvalid(
                        f"{known} is below 1; leave the mechanic out of `mechanics` of the product "
                        "instead",
                        ("products", i, "lift", mechanic.name),
                    )
                lift[i, a] = known
        return lift

    def _base(self) -> FloatArray:
        weeks = self._given.weeks
        base = np.array(
            [p.base if isinstance(p.base, list) else [p.base] * weeks
             for p in self._given.products], dtype=np.float64,
        )  # fmt: skip
        if (base < 0).any():
            row = int(np.argmax((base < 0).any(axis=1)))
            raise PlanInputInvalid("must not be negative", ("products", row, "base"))
        for event in self._given.events:
            rows = self._touched(event)
            base[np.ix_(rows, [week - 1 for week in event.weeks])] *= event.factor
        return base

    def _touched(self, event: EventIn) -> list[int]:
        everyone = not event.categories and not event.skus
        return [
            i
            for i, p in enumerate(self._given.products)
            if everyone or p.category in event.categories or p.sku in event.skus
        ]

    def _pull(self) -> FloatArray:
        longest = max((len(p.pull) for p in self._given.products), default=0)
        pull = np.zeros((len(self._given.products), max(longest, 1)))
        for i, product in enumerate(self._given.products):
            pull[i, : len(product.pull)] = product.pull
        return pull

    def _cross(self) -> sparse.csr_array:
        n = len(self._given.products)
        effects = self._given.cross
        at = [self._rows[e.affected] for e in effects], [self._rows[e.promoted] for e in effects]
        return sparse.csr_array(([e.share for e in effects], at), shape=(n, n), dtype=np.float64)

    def _allowed(self, base: FloatArray, lift: FloatArray, own_net: FloatArray) -> BoolArray:
        given = self._given
        n, weeks, m = len(given.products), given.weeks, len(given.mechanics)
        allowed = np.ones((n, weeks, m), dtype=np.bool_)
        for a, mechanic in enumerate(given.mechanics):
            if mechanic.weeks is not None:
                runs = np.isin(np.arange(1, weeks + 1), mechanic.weeks)
                allowed[:, ~runs, a] = False
        for event in given.events:
            barred = (
                range(m) if "*" in event.forbids else [self._mechanics[f] for f in event.forbids]
            )
            cells = np.ix_(self._touched(event), [w - 1 for w in event.weeks], list(barred))
            allowed[cells] = False
        for i, product in enumerate(given.products):
            if product.mechanics is not None:
                others = [a for name, a in self._mechanics.items() if name not in product.mechanics]
                allowed[i, :, others] = False
            allowed[i, [week - 1 for week in product.blocked_weeks]] = False
            least = _or(product.min_margin, given.limits.min_margin)
            if least is not None:
                earned = own_net[i] - self._cost[i]
                allowed[i, :, earned < least * own_net[i] - 1e-9] = False
            if product.weeks_since_promotion is not None:
                self._rest_from_before(allowed[i], product)
            if product.stock is not None:
                ahead = np.cumsum(base[i]) - base[i]
                came = np.cumsum(product.inbound or [0.0] * weeks)
                left = product.stock + came - ahead
                allowed[i] &= base[i][:, None] * lift[i][None, :] <= left[:, None] + 1e-9
        return allowed

    def _rest_from_before(self, allowed: BoolArray, product: ProductIn) -> None:
        """Gap and law look back over the first week of the plan."""
        since = product.weeks_since_promotion or 0
        gap = _or(product.gap, self._given.limits.gap)
        allowed[: max(gap - since - 1, 0)] = False
        announced = [a for a, mechanic in enumerate(self._given.mechanics) if mechanic.announced]
        allowed[: max(self._clean_weeks - since, 0), announced] = False

    def _calendar(self, entries: list[WeekIn], free: int) -> IntArray:
        actions = np.full((len(self._rows), self._given.weeks), free, dtype=np.int64)
        for entry in entries:
            action = 0 if entry.mechanic is None else self._mechanics[entry.mechanic] + 1
            actions[self._rows[entry.sku], entry.week - 1] = action
        return actions


def lowers(mechanic: MechanicIn) -> bool:
    """Whether everybody pays less under a mechanic, unless it says so itself."""
    if mechanic.lowers is not None:
        return mechanic.lowers
    promotion = mechanic.promotion
    return not any(promotion.get(name) for name in ("code", "codes", "for", "needs"))


def check_template(mechanic: MechanicIn, given: PromotionsIn, a: int) -> None:
    """Refuse a mechanic whose promotion could not become a draft.

    Raises:
        PlanInputInvalid: names the mechanic and the field.
    """
    terms = {**mechanic.promotion, "id": "plan", "products": {"skus": ["X"]}}
    if terms.get("type") == "special_price" and "price" not in terms:
        terms["prices"] = {"X": "1"}
    try:
        parse_promotions({"promotions": [terms], "currency": given.currency})
    except PromotionError as error:
        # The promotion stands alone in a file there: `promotions[0].percent`.
        place = ("mechanics", a, "promotion", *error.place[2:])
        raise PlanInputInvalid(error.sentence, place) from None


def _depth(mechanic: MechanicIn, product: ProductIn, a: int) -> float:
    if mechanic.discount is not None:
        return mechanic.discount
    terms = mechanic.promotion
    try:
        match terms.get("type"):
            case "percent_off":
                return float(Decimal(str(terms["percent"])) / 100)
            case "amount_off":
                return min(float(Decimal(str(terms["amount"])) / product.price), 1.0)
            case "special_price" if terms.get("price") is not None:
                return max(1.0 - float(Decimal(str(terms["price"])) / product.price), 0.0)
    except (ArithmeticError, KeyError):
        pass
    raise PlanInputInvalid(
        f"is missing; {terms.get('type')!r} does not say what share of the price a unit gives away",
        ("mechanics", a, "discount"),
    )


def _floats(values: list[Any]) -> FloatArray:
    return np.array(values, dtype=np.float64)


def _or(own: Any, usual: Any) -> Any:  # noqa: ANN401
    return usual if own is None else own
