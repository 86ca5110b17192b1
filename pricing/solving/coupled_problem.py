"""The choice of tied prices as arrays: what an answer is worth, uses and breaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.cross_effects import CrossEffects
from pricing.errors import InvalidLimits
from pricing.solving.joint_limits import JointLimit
from pricing.solving.relation_groups import RelationGroups


@dataclass(frozen=True, slots=True, eq=False)
class CoupledProblem:
    """n rows with k candidates each, tied in three ways.

    Attributes:
        moving: (n, k) worth in proportion to units sold.
        fixed: (n, k) other worth.
        log_ratio: (n, k) log(price / price in force).
        valid: (n, k) which candidates exist.
        cross: effects of rows on each other's demand.
        groups: relations.
        limits: joint limits.
        least_shift: (n,) lowest share by which the others can move the row's demand.
        most_shift: (n,) highest.
    """

    moving: FloatArray
    fixed: FloatArray
    log_ratio: FloatArray
    valid: BoolArray
    cross: CrossEffects
    groups: RelationGroups
    limits: tuple[JointLimit, ...]
    least_shift: FloatArray
    most_shift: FloatArray

    @classmethod
    def of(
        cls,
        moving: FloatArray,
        fixed: FloatArray,
        log_ratio: FloatArray,
        valid: BoolArray,
        cross: CrossEffects | None,
        groups: RelationGroups,
        limits: tuple[JointLimit, ...],
    ) -> CoupledProblem:
        """Check the arrays and find how far the cross effects reach.

        Raises:
            InvalidLimits: a value that is not finite, a row without a candidate, or cross effects
                that could make demand negative.
        """
        if not valid.any(axis=1).all():
            raise InvalidLimits("every row needs at least one candidate")
        for name, part in (("moving", moving), ("fixed", fixed), ("log_ratio", log_ratio)):
            if part.shape != valid.shape or not np.isfinite(part).all():
                raise InvalidLimits(f"{name} must be finite and have the shape of valid")
        n = len(valid)
        effects = cross if cross is not None else CrossEffects(sparse.csr_array((n, n)))
        if len(effects) != n:
            raise InvalidLimits(f"cross effects are for {len(effects)} rows, not {n}")
        least, most = effects.range(
            np.where(valid, log_ratio, np.inf).min(axis=1),
            np.where(valid, log_ratio, -np.inf).max(axis=1),
        )
        return cls(moving, fixed, log_ratio, valid, effects, groups, limits, least, most)

    @property
    def least_limits(self) -> list[JointLimit]:
        """The limits with what candidates use at least, however the others move demand."""
        least = []
        for limit in self.limits:
            usage = limit.usage
            if limit.moves_with_demand:
                rows = slice(None) if limit.rows is None else limit.rows
                low, high = 1.0 + self.least_shift[rows], 1.0 + self.most_shift[rows]
                usage = usage * np.where(usage < 0, high[:, None], low[:, None])
            least.append(JointLimit(limit.name, usage, limit.at_most, limit.rows))
        return least

    def pick(self, table: FloatArray, column: IntArray) -> FloatArray:
        """(n,) the entries of a table (n, k) at the chosen columns."""
        picked: FloatArray = np.take_along_axis(table, column[:, None], axis=1)[:, 0]
        return picked

    def shift(self, column: IntArray) -> FloatArray:
        """(n,) share by which the chosen prices of the others move each row's demand."""
        return self.cross.shift(self.pick(self.log_ratio, column))

    def value(self, column: IntArray) -> float:
        """What an answer is worth."""
        moved = self.pick(self.moving, column) * (1.0 + self.shift(column))
        return float((moved + self.pick(self.fixed, column)).sum())

    def used(self, column: IntArray, shift: FloatArray | None = None) -> FloatArray:
        """(l,) what an answer uses of each joint limit."""
        moved = 1.0 + (self.shift(column) if shift is None else shift)
        used = np.zeros(len(self.limits))
        for number, limit in enumerate(self.limits):
            usage = self.usage_at(limit, column)
            if limit.moves_with_demand:
                usage = usage * (moved if limit.rows is None else moved[limit.rows])
            used[number] = usage.sum()
        return used

    def usage_at(self, limit: JointLimit, column: IntArray) -> FloatArray:
        """(m,) usage of one limit by each row that counts, before others move its demand."""
        chosen = column if limit.rows is None else column[limit.rows]
        usage: FloatArray = np.take_along_axis(limit.usage, chosen[:, None], axis=1)[:, 0]
        return usage

    def excess(self, column: IntArray) -> FloatArray:
        """(l,) how far an answer passes each joint limit; not above 0 where it holds."""
        room = np.array([limit.at_most + limit.tolerance for limit in self.limits])
        over: FloatArray = self.used(column) - room
        return over

    def within(self, column: IntArray) -> bool:
        """True where an answer keeps every joint limit and every relation."""
        if not self.groups.pairs.kept(column).all():
            return False
        return bool((self.excess(column) <= 0.0).all())

    def less(self, table: FloatArray, charges: FloatArray, *, moving: bool | None) -> FloatArray:
        """A table (n, k) less what its candidates are charged for.

        Args:
            table: worth of the candidates; not changed.
            charges: (l,) price of one unit of each limit.
            moving: charge only limits that move with demand (True), only others (False), or all.
        """
        charged = table.copy()
        for limit, charge in zip(self.limits, charges.tolist(), strict=True):
            if charge == 0.0 or (moving is not None and limit.moves_with_demand != moving):
                continue
            if limit.rows is None:
                charged -= charge * limit.usage
            else:
                charged[limit.rows] -= charge * limit.usage
        return charged

    def linear(self, column: IntArray, charges: FloatArray) -> FloatArray:
        """(n, k) charged worth of each candidate where all other rows stay at `column`.

        Exact for a change of one row; of several rows up to their effects on each other.
        """
        moving = self.less(self.moving, charges, moving=True)
        fixed = self.less(self.fixed, charges, moving=False)
        pull = self.cross.back(self.pick(moving, column))
        score = fixed + moving * (1.0 + self.shift(column))[:, None]
        score += self.log_ratio * pull[:, None]
        return np.where(self.valid, score, -np.inf)

    def start(self) -> IntArray:
        """The best columns if no row moved the demand of another and nothing were limited.

        Raises:
            InvalidLimits: a group of tied rows has no candidates that go together, or none were
                found.
        """
        column, total = self.groups.best(np.where(self.valid, self.moving + self.fixed, -np.inf))
        if np.isposinf(total).any():
            raise InvalidLimits(
                "of a group of related rows no candidates that go together were found; split its "
                "relations into smaller groups, or offer fewer candidate prices"
            )
        if not np.isfinite(total).all():
            raise InvalidLimits("a group of related rows has no candidates that go together")
        return column

    def exclusions(self, column: IntArray) -> BoolArray:
        """(n, k) candidates that go with what the related rows have chosen."""
        pairs = self.groups.pairs
        open_ = self.valid.copy()
        if len(pairs):
            every = np.arange(len(pairs))
            mine = pairs.fits[every, :, column[pairs.other]]
            theirs = pairs.fits[every, column[pairs.row], :]
            np.logical_and.at(open_, pairs.row, mine)
            np.logical_and.at(open_, pairs.other, theirs)
        return open_
