"""Who asks: a person, a program's key, or an operator that the settings name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from api.access.roles import Role

if TYPE_CHECKING:
    from collections.abc import Collection

PRINCIPAL: Final = "principal"
"""Where the state of a request has who asks; absent where nobody said."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the door found it.

    Attributes:
        kind: a person who logged in, a program's key, or an operator of the settings.
        id: opaque for people and keys; an operator's name.
        name: for people to read.
        roles: what they may do; none of a publishable key, and of whoever must first choose a
            password.
        markets: codes of the markets in which they may; None for all.
        categories: categories of products for which they may; None for all.
        test: a test key: it sees the prices of a draft and redeems nothing.
        made_by: the person who made the key; None for others.
        must_change_password: a person who may do nothing but choose a password.
        draft_id: whose prices a test key sees; None for the live ones.
    """

    kind: Literal["person", "key", "operator"]
    id: str
    name: str
    roles: frozenset[Role]
    markets: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    test: bool = False
    made_by: str | None = None
    must_change_password: bool = False
    draft_id: int | None = None

    @property
    def actor(self) -> str:
        """What the records name: ids alone. A key that a person made names both."""
        return self.id if self.made_by is None else f"{self.made_by}/{self.id}"

    @property
    def everywhere(self) -> bool:
        """Whether they may what they may in all markets and categories."""
        return self.markets is None and self.categories is None

    def has(self, roles: Collection[Role]) -> bool:
        """Whether they have any of these roles."""
        return not self.roles.isdisjoint(roles)
