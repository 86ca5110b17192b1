"""Values as they stand on the wire: amounts and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from pricing.money import Money

UtcText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time on the wire, as `utc_text` writes it."""


class MoneyDocument(msgspec.Struct, frozen=True):
    """An amount as a decimal string, and its currency."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> MoneyDocument:
        """The wire form of an amount."""
        return cls(money.amount, money.currency)


def utc_text(moment: datetime) -> str:
    """A time on the wire."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
