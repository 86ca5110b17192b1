"""Joint limits of a clearance, and the rows of the master problem that they become.

Whatever a limit counts is added up over three things that happen to an item in a week: a unit is
sold at a rung, a price changes, a price stands below the one in force at the start. Charging items
for what they use of a limit is therefore the same as changing their unit revenue and adding costs
to these events: the paths of an item under any charges are valued in one pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.errors import InvalidLimits
from pricing.markdown.items import ClearanceItems


@dataclass(frozen=True, slots=True)
class MarkdownLimits:
    """Limits on all items together; None leaves one out. Money is minor units.

    Attributes:
        budget: most that may be given away: (full price - price paid) · units, expected.
        labels_per_week: most labels changed in one market and week: one number for every market,
            or by market (a market that is not named has no such limit).
        average_discount: most that may be given away as a share of the same units at full prices.
        revenue_floor: least revenue, net of tax, salvage not counted.
        marked_down_at_once: most items below their full price in the same week.
        deviations: most weeks and items, counted together, whose price differs from that of an
            earlier plan.
    """

    budget: int | None = None
    labels_per_week: int | Mapping[str, int] | None = None
    average_discount: float | None = None
    revenue_floor: int | None = None
    marked_down_at_once: int | None = None
    deviations: int | None = None

    def __post_init__(self) -> None:
        labels = self.labels_per_week
        by_market = labels.values() if isinstance(labels, Mapping) else [labels]
        counts = [
            *by_market,
            self.budget,
            self.revenue_floor,
            self.marked_down_at_once,
            self.deviations,
        ]
        if any(count is not None and count < 0 for count in counts):
            raise InvalidLimits("joint limits must not be negative")
        if self.average_discount is not None and not 0.0 <= self.average_discount <= 1.0:
            raise InvalidLimits("average_discount is a share, from 0 to 1 (0.3, not 30)")


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a clearance that is under way has used of its limits; money is minor units.

    Attributes:
        given_away: (full price - price paid) · units.
        at_full_price: the same units at full prices.
        revenue: net of tax.
    """

    given_away: float = 0.0
    at_full_price: float = 0.0
    revenue: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class LimitRows:
    """The m rows of the master problem: what each limit counts and how much of it there is.

    Attributes:
        names: (m,) the family of each row, as in `MarkdownLimits`.
        room: (m,) what the items may use together.
        per_unit: (u, n, r) usage of a unit sold at a rung, for the first u rows.
        label_row: (n, t) row in which a change of the item in a week counts its labels; -1 none.
        down_row: (t,) row in which a week counts items that are marked down; -1 none.
        earlier: (n, t) rung of an earlier plan, from which deviations are counted in the last
            row; None where there is no such limit.
    """

    names: tuple[str, ...]
    room: FloatArray
    per_unit: FloatArray
    label_row: IntArray
    down_row: IntArray
    earlier: IntArray | None

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(
        cls,
        items: ClearanceItems,
        limits: MarkdownLimits,
        so_far: SoFar | None = None,
        earlier: IntArray | None = None,
    ) -> LimitRows:
        """The rows that these limits mean for these items.

        Args:
            items: n items.
            limits: the limits.
            so_far: what is used already.
            earlier: (n, t) rungs of an earlier plan; needed where deviations are limited.

        Raises:
            InvalidLimits: deviations are limited and there is no earlier plan.
        """
        so_far = so_far or SoFar()
        names: list[str] = []
        room: list[float] = []
        per_unit: list[FloatArray] = []
        price = items.price
        full = items.full_price[:, None].astype(np.float64)
        given_away = full - price
        if limits.budget is not None:
            names.append("budget")
            room.append(limits.budget - so_far.given_away)
            per_unit.append(given_away)
        if limits.average_discount is not None:
            names.append("average_discount")
            room.append(limits.average_discount * so_far.at_full_price - so_far.given_away)
            per_unit.append(given_away - limits.average_discount * full)
        if limits.revenue_floor is not None:
            names.append("revenue_floor")
            room.append(so_far.revenue - limits.revenue_floor)
            per_unit.append(-items.net_price)
        label_row = np.full((len(items), items.weeks), -1, dtype=np.int64)
        labels = limits.labels_per_week
        if labels is not None:
            for market in np.unique(items.market).tolist():
                most = labels.get(market) if isinstance(labels, Mapping) else labels
                if most is None:
                    continue
                members = items.market == market
                first, last = items.first_week[members].min(), items.last_week[members].max()
                for week in range(int(first), min(int(last) + 1, items.weeks)):
                    label_row[members, week] = len(names)
                    names.append("labels_per_week")
                    room.append(float(most))
        down_row = np.full(items.weeks, -1, dtype=np.int64)
        if limits.marked_down_at_once is not None:
            # Prices never rise: while no item leaves, a later week counts every earlier one.
            for week in np.unique(items.exit_week - 1).tolist():
                down_row[week] = len(names)
                names.append("marked_down_at_once")
                room.append(float(limits.marked_down_at_once))
        if limits.deviations is not None:
            if earlier is None:
                raise InvalidLimits(
                    "deviations are counted from an earlier plan, and none is given"
                )
            names.append("deviations")
            room.append(float(limits.deviations))
        counted = earlier if limits.deviations is not None else None
        units = np.stack(per_unit) if per_unit else np.zeros((0, *items.ladder.shape))
        return cls(tuple(names), np.asarray(room, np.float64), units, label_row, down_row, counted)
