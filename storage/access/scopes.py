"""In which markets and categories somebody may do what they may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self


@dataclass(frozen=True, slots=True)
class Scope:
    """Where somebody may do what they may.

    Attributes:
        markets: codes of markets; None for all.
        categories: categories of products; None for all.
    """

    markets: frozenset[str] | None = None
    categories: frozenset[str] | None = None

    @classmethod
    def of(cls, markets: Iterable[str] | None, categories: Iterable[str] | None) -> Self:
        """A scope; None, or none at all, is everywhere."""
        return cls(frozenset(markets or ()) or None, frozenset(categories or ()) or None)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """As it stands in the database."""
        return cls.of(stored.get("markets"), stored.get("categories"))

    def covers(self, reach: Scope) -> bool:
        """Whether all of the markets and categories that something is about lie in it."""
        return _holds(self.markets, reach.markets) and _holds(self.categories, reach.categories)

    def named(self) -> dict[str, tuple[str, ...] | None]:
        """As events tell it."""
        both = {"markets": self.markets, "categories": self.categories}
        return {
            name: None if those is None else tuple(sorted(those)) for name, those in both.items()
        }

    def stored(self) -> dict[str, list[str]]:
        """As it goes into the database: what is not limited is left out."""
        named = {"markets": self.markets, "categories": self.categories}
        return {name: sorted(those) for name, those in named.items() if those is not None}


def _holds(mine: frozenset[str] | None, theirs: frozenset[str] | None) -> bool:
    return mine is None or (theirs is not None and theirs <= mine)


EVERYWHERE: Final = Scope()
"""No limit."""
