"""Bodies of webhooks as they were sent before there was a catalogue, and events of every type.

Receivers have been written against these bodies; a line is the key, a tab and the body. No line may
change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

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
from pricing.events.catalogue import event_from
from pricing.events.competitors import (
    HeldPriceReopened,
    HeldPriceSettled,
    MatchAnswered,
    MatchReopened,
)
from pricing.events.event import Amount, Event
from pricing.events.price_books import (
    DraftAmended,
    DraftApproved,
    DraftCommented,
    DraftProposed,
    DraftRejected,
    DraftWithdrawn,
    StageWentLive,
)
from pricing.events.prices import ConfirmedCost, CostsConfirmed, FreezeLifted, FreezeStarted

_FILE: Final = Path(__file__).parent / "recorded_bodies.txt"

_DEEDS: Final[tuple[Event, ...]] = (
    FreezeStarted(market="online", reason="a rumour"),
    FreezeLifted(market=None, lifted=2),
    CostsConfirmed(
        count=120,
        costs=(ConfirmedCost(sku="tea", market="online", cost="2.00 EUR", before="9.00 EUR"),),
    ),
    DraftProposed(draft=7, run=3, note="spring"),
    DraftAmended(draft=7, sku="tea", market="online", price="4.79 EUR", note="a round price"),
    DraftCommented(draft=7, sku=None, market=None, text="after the holidays, please"),
    DraftApproved(draft=7, note=""),
    DraftRejected(draft=7, reason="too bold"),
    DraftWithdrawn(draft=7, reason="returns rose"),
    StageWentLive(draft=7, version=4, stage=1),
    KeyMade(
        key="k_1",
        name="web shop",
        prefix="pw_sk_0a",
        roles=("storefront",),
        test=False,
        markets=("online",),
        expires_at="2027-11-30T12:00:00+00:00",
    ),
    KeyRotated(key="k_1", prefix="pw_sk_1b", previous_until="2026-11-30T12:00:00+00:00"),
    KeyRevoked(key="k_1"),
    PersonAdded(person="p_1", roles=("manager",), categories=("tea",)),
    RolesChanged(
        person="p_1", roles=("analyst",), before=("manager",), markets=("online",), categories=None
    ),
    PasswordChanged(person="p_1"),
    PersonDisabled(person="p_1"),
    PersonErased(person="p_1"),
    LoggedIn(person="p_1", by="password"),
    LoginFailed(person=None, why="credentials"),
    LoggedOutEverywhere(person="p_1"),
    MatchAnswered(
        review=5, competitor="north", url="https://north.example/9", sku="tea", same=True
    ),
    MatchReopened(
        review=5,
        competitor="north",
        url="https://north.example/9",
        sku="tea",
        same=True,
        answered_by="p_1",
        with_it=(6, 7),
    ),
    HeldPriceSettled(
        held=3,
        competitor="north",
        url="https://north.example/9",
        price=Amount(amount="0.01", currency="EUR"),
        released=False,
    ),
    HeldPriceReopened(
        held=3,
        competitor="north",
        url="https://north.example/9",
        price=Amount(amount="0.01", currency="EUR"),
        released=False,
        settled_by="p_1",
    ),
)


@dataclass(frozen=True, slots=True)
class RecordedBody:
    """A message as it was sent.

    Attributes:
        key: what it was about.
        body: its bytes.
        at: when it happened.
        event: the same by the catalogue.
    """

    key: str
    body: bytes
    at: datetime
    event: Event


def recorded_bodies() -> list[RecordedBody]:
    """All that were recorded: at least one of each type that is told."""
    found = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        key, body = line.split("\t")
        sent = json.loads(body)
        at = datetime.fromisoformat(sent["timestamp"])
        found.append(RecordedBody(key, body.encode(), at, event_from(sent["type"], sent["data"])))
    return found


def recorded_events() -> list[Event]:
    """At least one event of every type."""
    return [*(recorded.event for recorded in recorded_bodies()), *_DEEDS]
