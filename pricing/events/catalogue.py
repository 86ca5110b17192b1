"""Every type of event there is, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from pricing.events.access import (
    KeyMade,
    KeyRevoked,
    KeyRotated,
    LoggedIn,
    LoggedOutEverywhere,
    LoginFailed,
    PasswordChanged,
    PersonAdded,
    PersonDisabled,
    PersonErased,
    RolesChanged,
)
from pricing.events.competitors import (
    CompetitorPriceChanged,
    CrawlDegraded,
    HeldPriceReopened,
    HeldPriceSettled,
    MatchAnswered,
    MatchReopened,
)
from pricing.events.event import Event
from pricing.events.price_books import (
    DraftAmended,
    DraftApproved,
    DraftAwaitsApproval,
    DraftCommented,
    DraftOvertaken,
    DraftProposed,
    DraftRefused,
    DraftRejected,
    DraftWithdrawn,
    FigureBroke,
    LawKeptPrices,
    PriceBookRolledBack,
    StageWentLive,
)
from pricing.events.prices import CostsConfirmed, FreezeLifted, FreezeStarted, PricesHeld
from pricing.events.promotions import AheadOfBudget, AheadOfStock, AheadOfUnits, GroupSettled

_TYPES: Final[tuple[type[Event], ...]] = (
    CompetitorPriceChanged,
    CrawlDegraded,
    PricesHeld,
    FreezeStarted,
    FreezeLifted,
    CostsConfirmed,
    DraftProposed,
    DraftAwaitsApproval,
    DraftAmended,
    DraftCommented,
    DraftApproved,
    DraftRejected,
    DraftOvertaken,
    DraftRefused,
    StageWentLive,
    PriceBookRolledBack,
    DraftWithdrawn,
    FigureBroke,
    LawKeptPrices,
    AheadOfBudget,
    AheadOfUnits,
    AheadOfStock,
    GroupSettled,
    KeyMade,
    KeyRotated,
    KeyRevoked,
    PersonAdded,
    RolesChanged,
    PasswordChanged,
    PersonDisabled,
    PersonErased,
    LoggedIn,
    LoginFailed,
    LoggedOutEverywhere,
    MatchAnswered,
    MatchReopened,
    HeldPriceSettled,
    HeldPriceReopened,
)

CATALOGUE: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {kind.type_name: kind for kind in _TYPES}
)
"""By type name, in the order of the manual."""


def event_from(type_name: str, facts: Mapping[str, Any]) -> Event:
    """The event of a type with these plain facts.

    Raises:
        KeyError: there is no such type.
        msgspec.ValidationError: the facts are not those of the type; names the fact.
    """
    return msgspec.convert(facts, CATALOGUE[type_name])


def schema_of(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema of the facts of a type."""
    return msgspec.json.schema(kind)
