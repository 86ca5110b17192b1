"""Who wants a quote: how much they may hold, and how many codes they may guess.

A shop's server asks for many shoppers with one key. So that none of them can take what others are
due, it says who each is: `customer.id`, an opaque reference, and `shopper_address`, the address
that the shopper asks from. Of both only what is needed is kept: of the address a digest, and that
while the quote holds something.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from api.access.guesses import Guesses, guesser_at
from models.refusals import Invalid
from storage.promotions.quotes import Holder
from storage.promotions.usage import NAMED, UNNAMED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from api.access.principal import Principal

_MOST_OF_CUSTOMER: Final = 3
_MOST_OF_ADDRESS: Final = 20
"""Open quotes that hold something: of one customer, and of one address, which may be a house's."""
_WINDOW_MINUTES: Final = 5
_MOST_WRONG: Final = 20
_MOST_WRONG_OF_KEY: Final = 600
"""Wrong codes in a window: of one shopper, and of all whom a shop's server did not name."""
_DIGEST_BYTES: Final = 16
_WRONG: Final = frozenset(("unknown", "of_another_customer"))


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who wants a quote, as far as anybody said.

    Attributes:
        customer: the shop's opaque reference; blank for a guest.
        address: blank where nobody said.
        asked_by: whose key or token came with the request; blank for none.
        itself: the shopper's own browser asks, and says what it likes of `customer`.
    """

    customer: str
    address: str
    asked_by: str
    itself: bool

    def holder(self, key: bytes) -> Holder:
        """Whose hold a quote's is.

        Args:
            key: of the digest of the address.
        """
        digest = None
        if self.address:
            whole = hmac.digest(key, f"shopper {guesser_at(self.address)}".encode(), sha256)
            digest = whole[:_DIGEST_BYTES].hex()
        return Holder(
            shopper=digest,
            most_of_shopper=_MOST_OF_ADDRESS,
            most_of_customer=_MOST_OF_CUSTOMER,
            share=NAMED if digest is not None else UNNAMED,
        )

    @property
    def guessers(self) -> tuple[str, ...]:
        """Under what their guesses are counted."""
        address = f"address {guesser_at(self.address)}" if self.address else ""
        customer = f"customer {self.customer}" if self.customer and not self.itself else ""
        return tuple(filter(None, (address, customer)))


@dataclass(frozen=True, slots=True)
class CodeGuesses:
    """Wrong promotion codes, counted by shopper in the memory of each process."""

    _of_shoppers: Guesses
    _of_keys: Guesses

    @classmethod
    def none_yet(cls) -> CodeGuesses:
        """Nobody has guessed."""
        return cls(
            Guesses("codes", _MOST_WRONG, _WINDOW_MINUTES),
            Guesses("codes", _MOST_WRONG_OF_KEY, _WINDOW_MINUTES),
        )

    def refuse_too_many(self, shopper: Shopper) -> None:
        """Look at no code of a shopper who guessed too often.

        Raises:
            TooManyRequests: says when to try again.
        """
        for guesses, guesser in self._counted_as(shopper):
            guesses.refuse_too_many(guesser)

    def count(self, shopper: Shopper, states: Iterable[str]) -> None:
        """Count what turned out to be no code."""
        for _ in filter(_WRONG.__contains__, states):
            for guesses, guesser in self._counted_as(shopper):
                guesses.wrong(guesser)

    def _counted_as(self, shopper: Shopper) -> list[tuple[Guesses, str]]:
        if not shopper.guessers:
            return [(self._of_keys, shopper.asked_by)]
        return [(self._of_shoppers, guesser) for guesser in shopper.guessers]


def shopper_of(
    caller: Principal | None, *, settles: bool, customer: str, forwarded: str, seen: str
) -> Shopper:
    """Who wants a quote.

    Args:
        caller: who asks; None where nobody said.
        settles: the caller is the shop's own server, which says of whom it speaks.
        customer: as the request has it.
        forwarded: the shopper's address, as the request has it; believed of the shop's server only.
        seen: where the request comes from.

    Raises:
        Invalid: the forwarded address is none.
    """
    if forwarded:
        try:
            ip_address(forwarded)
        except ValueError:
            raise Invalid(
                "is not an IP address like 203.0.113.9 or 2001:db8::9; send the one that the "
                "shopper asks from, or leave it out",
                ("shopper_address",),
            ) from None
    asked_by = "" if caller is None else caller.actor
    return Shopper(customer, forwarded if settles else seen, asked_by, itself=not settles)
