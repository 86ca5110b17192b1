"""Curves that were not believed because no sales carry their level: the figures behind it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray, frozen
from pricing.errors import InvalidCatalogue


@dataclass(frozen=True, slots=True, eq=False)
class LevelDoubts:
    """What n rows' curves say and what was sold; NaN where there is no doubt. Units a period.

    Attributes:
        level: (n,) what the curve says a plain period sells.
        best: (n,) what the best period sold.
        usual: (n,) what the median period sold; the mean one where most sold nothing.

    Raises:
        InvalidCatalogue: columns of unequal length.
    """

    level: FloatArray
    best: FloatArray
    usual: FloatArray

    def __post_init__(self) -> None:
        if not len(self.level) == len(self.best) == len(self.usual):
            raise InvalidCatalogue("level, best and usual must have the same number of rows")
        for item in fields(self):
            column = np.asarray(getattr(self, item.name), dtype=np.float64)
            object.__setattr__(self, item.name, frozen(column))

    def __len__(self) -> int:
        return len(self.level)

    @property
    def there(self) -> BoolArray:
        """(n,) True where the curve is not believed."""
        return ~np.isnan(self.level)

    def take(self, rows: IntArray) -> LevelDoubts:
        """The doubts about these rows, in this order."""
        return LevelDoubts(*(getattr(self, item.name)[rows] for item in fields(self)))

    def part(self, rows: slice) -> LevelDoubts:
        """The doubts about a run of rows."""
        return LevelDoubts(*(getattr(self, item.name)[rows] for item in fields(self)))

    def facts(self, row: int) -> dict[str, float]:
        """The figures of one row, four digits of each."""
        return {
            item.name: float(f"{float(getattr(self, item.name)[row]):.4g}") for item in fields(self)
        }
