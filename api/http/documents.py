"""JSON forms that several routes share."""

import math
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from pricing.currencies import estimate_text
from pricing.money import Money


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


UtcTime = Annotated[datetime, PlainSerializer(_utc, return_type=str, when_used="json")]
"""A time that goes on the wire in UTC, with a Z."""


class Document(BaseModel):
    """A JSON document that the service answers with."""

    model_config = ConfigDict(frozen=True)


class Amount(Document):
    """Money on the wire: a decimal string, never a number, and the currency."""

    amount: str = Field(examples=["4.99"])
    currency: str = Field(examples=["EUR"])

    @classmethod
    def of(cls, money: Money) -> Self:
        """The wire form of an amount."""
        return cls(**money.wire())

    @classmethod
    def of_estimate(cls, major: float, currency: str) -> Self | None:
        """The wire form of an expected amount, None where nobody knows it."""
        if not math.isfinite(major):
            return None
        return cls(amount=estimate_text(major, currency), currency=currency)

    @classmethod
    def of_optional(cls, money: Money | None) -> Self | None:
        """The wire form, None where there is no amount."""
        return None if money is None else cls.of(money)
