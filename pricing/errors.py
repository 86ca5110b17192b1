"""Errors of the `pricing` package.

    PricingError                a `Refusal` (see `models.refusals`)
    ├── MoneyError              an amount or a currency that cannot be what it claims to be
    │   ├── UnknownCurrency     not an ISO 4217 code in use
    │   └── CurrencyMismatch    two currencies met in one sum or comparison
    ├── NoDecimal               a text that is no decimal string
    ├── InvalidCatalogue        columns of unequal length, a repeated key, a value out of range
    ├── InvalidLimits           a guardrail or an objective set outside its safe range
    ├── InfeasibleLimits        joint limits that no set of prices can satisfy together
    ├── SolverFault             an integer programme that the solver refuses: a defect
    ├── InvalidPriceHistory     price rows that do not describe one price at each moment
    ├── InvalidRulePack         a rule of law that is incomplete, or names no article
    │   └── NoRulesForMarket    a market, or a day, for which no rule pack is known
    ├── InvalidStrategy         a strategy or a rules file that cannot be meant
    └── UnreadablePart          a part of a document that no reader can make a value of
        └── RepeatedKey         a key that stands twice in one mapping

Each message names the field and what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from models.refusals import Defect, Invalid, Missing, Place, Refusal, field_of

_Invalid = TypeVar("_Invalid", bound=Invalid)


class PricingError(Refusal):
    """Anything that `pricing` refuses."""


class MoneyError(PricingError, Invalid):
    """An amount that is not exact money in its currency."""


class NoDecimal(PricingError, Invalid):
    """A text that is no decimal string; the message says how to write one."""


class UnknownCurrency(MoneyError):
    """The code is not an ISO 4217 currency in use; check its spelling."""


class CurrencyMismatch(MoneyError):
    """Two currencies met in one sum or comparison; convert one of them first."""


class InvalidCatalogue(PricingError, Invalid):
    """The columns of a catalogue do not describe a set of (sku, market) pairs."""


class InvalidLimits(PricingError, Invalid):
    """A limit is set outside the range in which it still protects anybody."""

    names_place = True


class InfeasibleLimits(PricingError, Invalid):
    """No set of prices satisfies all joint limits.

    Attributes:
        conflicting: the names of limits that cannot hold together.
        proven: True where no answer exists; False where the search ended before it found one, and
            more time may help.
        relaxations: by limit, the least setting at which an answer exists if that limit alone gives
            way; limits that cannot help alone are missing.
    """

    def __init__(
        self,
        message: str,
        conflicting: Sequence[str],
        relaxations: Mapping[str, float] | None = None,
        *,
        proven: bool = True,
    ) -> None:
        self.conflicting = tuple(conflicting)
        self.relaxations = dict(relaxations or {})
        self.proven = proven
        super().__init__(message, conflicting=list(self.conflicting), relaxations=self.relaxations)


class SolverFault(PricingError, Defect, RuntimeError):
    """The solver was asked what is no integer programme: a defect of this product; report it."""


class InvalidPriceHistory(PricingError, Invalid):
    """Price rows that do not describe one price at each moment; the message names the column."""


class InvalidStrategy(PricingError, Invalid):
    """A strategy, or an entry of a rules file, that cannot be meant; correct the field it names."""


class InvalidRulePack(PricingError, Invalid):
    """A rule pack that cannot be applied; the message names the field and the fix."""


class NoRulesForMarket(Missing, InvalidRulePack):
    """Nobody said under which law the market sells. Run `pricewright legal market`."""

    slug = "no-rules-for-market"
    title = "No rules for this market"
    example = "nobody said under which law market 'online' sells"


class UnreadablePart(PricingError, Invalid):
    """A part of a document that is well written, and of which no value can be made."""

    def __init__(self, place: Place, line: int, problem: str) -> None:
        super().__init__(problem, place, line=line)

    def of(self, kind: type[_Invalid], source: str) -> _Invalid:
        """The same as a refusal of a document; of a kind whose sentences name the place, in it."""
        named = f"{self.field}: " if kind.names_place and self.place else ""
        return kind.at(named + self.sentence, self.place, source=source, line=self.line)


class RepeatedKey(UnreadablePart):
    """A key stands twice in one mapping of a document: which of the two counts, nobody can know.

    Attributes:
        first_line: the line of the first one; `line` is that of the second.
    """

    names_place = True

    def __init__(self, place: Place, line: int, first_line: int) -> None:
        inside = f" in {field_of(place[:-1])}" if place[1:] else ""
        super().__init__(
            place,
            line,
            f"{place[-1]!r} is there twice{inside}, first in line {first_line}; keep one of them",
        )
        self.first_line = first_line

    def of(self, kind: type[_Invalid], source: str) -> _Invalid:
        """The same as a refusal of a document, which names the key already."""
        return kind.at(self.sentence, source=source, line=self.line)
