"""The root of every event, and the parts that several share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import msgspec
import numpy as np

from pricing.money import Money

Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""A moment as ISO 8601 text with its offset."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an event's facts."""


class Amount(Fact, frozen=True, kw_only=True):
    """Money on the wire.

    Attributes:
        amount: decimal text in major units, with the decimals of the currency.
        currency: ISO 4217 code.
    """

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> Self:
        """The wire form of an amount."""
        return cls(**money.wire())


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. Its fields are its facts, in the order of the wire.

    Attributes:
        type_name: the name that receivers know it by; it never changes.
        keyed_by: of which facts its key is made: what it happened to.
        told: whether it is delivered to the outside.
    """

    type_name: ClassVar[str]
    keyed_by: ClassVar[tuple[str, ...]]
    told: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """What it happened to; a fact that is None leaves its part empty."""
        parts = (getattr(self, name) for name in self.keyed_by)
        return "/".join("" if part is None else str(part) for part in parts)

    def facts(self) -> dict[str, Any]:
        """The facts as plain values, as they are stored and go out."""
        plain: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_plain)
        return plain


class Deed(Event, frozen=True, kw_only=True):
    """Something that was done to prices, which the log of price books shows.

    Attributes:
        action: what the log calls it.
    """

    action: ClassVar[str]

    def detail(self) -> dict[str, Any]:
        """What the log says beside the draft and the price book."""
        facts = self.facts()
        return {name: facts[name] for name in facts if name not in {"draft", "version"}}


def _plain(value: object) -> object:
    """Numbers of arrays, which msgspec does not know."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no fact; give plain values")
