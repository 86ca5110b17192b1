"""Order, coupon, shipping and gift promotions as small values."""

from __future__ import annotations

from dataclasses import dataclass

from pricing.promotions.effects import share


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a spend promotion.

    Attributes:
        spend: threshold, minor units.
        amount: off the order, or 0.
        rate: millionths off the order, or 0.
    """

    spend: int
    amount: int = 0
    rate: int = 0

    def off(self, base: int) -> int:
        """What it takes off `base`."""
        return share(base, self.rate) if self.rate else self.amount


@dataclass(frozen=True, slots=True)
class SpendBenefit:
    """Off the order from a threshold on.

    Attributes:
        scope: which lines it looks at and discounts.
        steps: thresholds rising.
        every: the single step counts once for every `spend` reached.
        at_most: most times, with `every`.
        before_items: the threshold looks at the cart before promotions.
        of_regular: a percentage is taken of the regular price.
    """

    scope: int
    steps: tuple[Step, ...]
    every: bool = False
    at_most: int | None = None
    before_items: bool = False
    of_regular: bool = False

    def off(self, spent: int, base: int) -> int:
        """What it takes off, when `spent` counts toward the threshold, of `base`; 0 if short."""
        if self.every:
            return self.steps[0].amount * self.times(spent)
        reached = None
        for step in self.steps:
            if step.spend > spent:
                break
            reached = step
        return reached.off(base) if reached else 0

    def times(self, spent: int) -> int:
        """How often the threshold is reached, with `every`."""
        times = spent // self.steps[0].spend
        return times if self.at_most is None else min(times, self.at_most)

    def next_step(self, spent: int) -> tuple[int, Step] | None:
        """What is missing to the next step, and that step; None if there is none."""
        if self.every:
            step = self.steps[0]
            times = self.times(spent)
            if self.at_most is not None and times >= self.at_most:
                return None
            more = Step(step.spend * (times + 1), step.amount * (times + 1))
            return more.spend - spent, more
        for step in self.steps:
            if step.spend > spent:
                return step.spend - spent, step
        return None


@dataclass(frozen=True, slots=True)
class ShippingBenefit:
    """Off the shipping charge from a threshold on.

    Attributes:
        rate, amount: off the charge; `price`: what it becomes. One of the three.
    """

    scope: int
    spend: int
    rate: int = 0
    amount: int = 0
    price: int | None = None
    before_items: bool = False

    def off(self, spent: int, charge: int) -> int:
        """What it takes off a charge; 0 if too little is spent."""
        if spent < self.spend:
            return 0
        if self.price is not None:
            return max(0, charge - self.price)
        return min(charge, share(charge, self.rate) if self.rate else self.amount)


@dataclass(frozen=True, slots=True)
class GiftOption:
    """A gift on offer; `value` and `stock` as in the file."""

    sku: str
    quantity: int
    value: int
    stock: int | None


@dataclass(frozen=True, slots=True)
class GiftBenefit:
    """Gifts from a threshold on."""

    scope: int
    spend: int
    options: tuple[GiftOption, ...]
    every: bool = False
    at_most: int | None = None
    before_items: bool = False

    def times(self, spent: int) -> int:
        """How many gifts are earned."""
        if spent < self.spend:
            return 0
        if not self.every or not self.spend:
            return 1
        times = spent // self.spend
        return times if self.at_most is None else min(times, self.at_most)
