"""Joint limits of a promotion calendar, and the rows that they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from models.arrays import FloatArray, IntArray
from pricing.calendar.demand import PromotionProblem, own_units
from pricing.errors import InvalidLimits


@dataclass(frozen=True, slots=True)
class CalendarLimits:
    """Limits on all products together; what is missing is not limited.

    Attributes:
        slots: by mechanic or feature, most products in it in one week.
        budget: most given away over all weeks, minor units, at the units of own effects.
        category_share: most products of a category on promotion in one week, as a share of its
            products, rounded down but never below one.
    """

    slots: Mapping[str, int] = field(default_factory=dict)
    budget: int | None = None
    category_share: float | None = None

    def __post_init__(self) -> None:
        if any(slots < 0 for slots in self.slots.values()) or (self.budget or 0) < 0:
            raise InvalidLimits("slots and budget must not be negative")
        if self.category_share is not None and not 0.0 < self.category_share <= 1.0:
            raise InvalidLimits("category_share is a share above 0, up to 1")


class CalendarRows:
    """The m rows of the limits of one problem.

    Attributes:
        names: (m,) what each row limits.
        room: (m,) how much of it there is.
        slot: (k, a, t) rows in which an action takes slots; -1 none.
        category: (n, t) row in which a promotion takes a place of its category; -1 none.
        budget: row of the budget; -1 none.

    Raises:
        InvalidLimits: slots of a mechanic or feature that does not exist.
    """

    def __init__(self, problem: PromotionProblem, limits: CalendarLimits) -> None:
        taken = [
            (name, *more) for name, more in zip(problem.mechanics, problem.features, strict=True)
        ]
        known = sorted({name for names in taken for name in names})
        unknown = sorted(set(limits.slots) - set(known))
        if unknown:
            features = [name for name in known if name not in problem.mechanics]
            more = f", the features {', '.join(features)}" if features else ""
            raise InvalidLimits(
                f"slots of {unknown[0]!r}: the mechanics are {', '.join(problem.mechanics)}{more}"
            )
        self._problem = problem
        n, weeks = len(problem), problem.weeks
        names: list[str] = []
        room: list[float] = []
        layers = max(len(limits.slots), 1)
        self.slot = np.full((layers, len(problem.mechanics) + 1, weeks), -1, dtype=np.int64)
        for layer, (name, most) in enumerate(limits.slots.items()):
            for action, mine in enumerate(taken, start=1):
                if name in mine:
                    self.slot[layer, action] = len(names) + np.arange(weeks)
            names += [f"slots of {name}"] * weeks
            room += [float(most)] * weeks
        self.category = np.full((n, weeks), -1, dtype=np.int64)
        self.places = np.full(n, n, dtype=np.int64)
        if limits.category_share is not None:
            for category in np.unique(problem.category).tolist():
                members = problem.category == category
                most = max(int(limits.category_share * members.sum() + 1e-9), 1)
                self.places[members] = most
                self.category[members] = len(names) + np.arange(weeks)
                names += ["category_share"] * weeks
                room += [float(most)] * weeks
        self.budget = -1
        if limits.budget is not None:
            self.budget = len(names)
            names.append("budget")
            room.append(float(limits.budget))
        self.names = tuple(names)
        self.room = np.array(room, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.names)

    def charges(self, point: FloatArray) -> FloatArray:
        """(n, a, t) charge on each action, the budget's not counted."""
        padded = np.append(point, 0.0)
        charged: FloatArray = padded[self.slot].sum(axis=0)[None] + np.zeros(
            (len(self._problem), 1, 1)
        )
        charged[:, 1:] += padded[self.category][:, None]
        return charged

    def usage(self, rows: IntArray, actions: IntArray) -> sparse.csr_array:
        """(c, m) what sequences of some products use."""
        problem, weeks = self._problem, self._problem.weeks
        count = len(rows)
        sequence = np.repeat(np.arange(count)[:, None], weeks, axis=1)
        places = [layer[actions, np.arange(weeks)] for layer in self.slot]
        places.append(np.where(actions > 0, self.category[rows], -1))
        cells = [(sequence[place >= 0], place[place >= 0]) for place in places]
        amounts = [np.ones(len(cell[0])) for cell in cells]
        if self.budget >= 0:
            each = problem.discounts[rows[:, None], actions]
            given = (own_units(problem, actions, rows) * each).sum(axis=1)
            cells.append((np.arange(count), np.full(count, self.budget)))
            amounts.append(given)
        at = np.concatenate([cell[0] for cell in cells]), np.concatenate([c[1] for c in cells])
        return sparse.csr_array((np.concatenate(amounts), at), shape=(count, len(self)))
