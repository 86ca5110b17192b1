"""Errors of the `storage` package.

    StorageError                a `Refusal` (see `models.refusals`)
    ├── SettingsInvalid         a variable of the environment or `.env` that cannot be used
    ├── DatabaseUnavailable     the server or the file cannot be reached
    ├── NotMigrated             the tables are missing, old, or newer than this program
    ├── NotWriting              a function that writes was given a transaction that only reads
    ├── InvalidRecord           a value that its table cannot hold
    ├── BackupRefused           a backup that is not made, or a file that is not restored
    ├── NotStored               something asked for by name that is not there
    │   ├── UnknownProduct
    │   ├── NoPriceForMarket
    │   │   └── UnknownMarket
    │   ├── UnknownSite
    │   ├── CrawlNotFound
    │   ├── ReviewNotFound
    │   ├── HeldOfferNotFound
    │   ├── FitNotFound
    │   ├── DecisionNotFound
    │   │   └── RunNotFound
    │   ├── PriceBookNotFound
    │   ├── DraftNotFound
    │   ├── PlanNotFound
    │   ├── JobNotFound
    │   ├── ScheduleNotFound
    │   ├── PromotionNotFound
    │   │   └── BatchNotFound
    │   ├── QuoteNotFound
    │   ├── GroupNotFound
    │   ├── KeyNotFound
    │   └── PersonNotFound
    ├── CostNotHeld             no cost waits for a confirmation there, or another one does
    ├── AlreadyDecided          a person has answered this otherwise
    ├── NotTakenBack            an answer that cannot be taken back
    ├── PromotionRefused        a change to a promotion that cannot be made
    │   ├── NameTaken           another promotion has this id
    │   ├── StepNotAllowed      its lifecycle does not go there from here
    │   └── VersionMoved        somebody else revised it meanwhile
    ├── PersonNameTaken         another account has this name
    ├── LastAdmin               nobody else administers
    ├── CodesRefused            codes that cannot be made or brought in
    ├── RedemptionRefused       a quote that cannot be redeemed; nothing was taken
    │   ├── LimitReached        not so much is left of a limit
    │   ├── QuoteSettled        it was committed, cancelled, or has expired
    │   ├── GroupClosed         the group that it would join takes nobody any more
    │   ├── HoldRefused         a hold that would take too much of what is left
    │   └── ReturnRefused       an order of which this cannot come back
    ├── KeyReused               an idempotency key came again with another request
    ├── NotPossibleNow          what is stored does not allow it at this time
    │   ├── PricesFrozen        somebody pulled the kill switch
    │   ├── ClockBehind         the time given is before what has already happened
    │   ├── PricesNotAllowed    prices that the law or a limit forbids by now
    │   ├── DraftNotReady       a draft in another state than it must have
    │   ├── PlanNotReady        a plan in another state than it must have
    │   ├── KeyNotInForce       a key that was revoked or has expired
    │   ├── JobNotOpen          a job that has ended already
    │   ├── ScopeTaken          a job of the same scope waits or runs
    │   └── LeaseHeld           another process is doing what only one may do at a time
    └── ImportRefused           a file that is not brought in; nothing of it was written
        ├── FileUnreadable      not there, a directory, cut short, or in another encoding
        ├── LayoutRefused       the header, the delimiter or the column mapping does not fit
        └── RowsRefused         rows with values that cannot be right, listed with their place

Each message names the file, the field or the variable, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.refusals import (
    Conflict,
    Defect,
    Invalid,
    Kind,
    Missing,
    Refusal,
    Unavailable,
)


class StorageError(Refusal):
    """Anything that `storage` refuses."""


class SettingsInvalid(StorageError, Invalid):
    """A setting cannot be used; the message names its variable."""


class DatabaseUnavailable(StorageError):
    """The database does not answer. Prices are served on from memory; try this path later."""

    kind = Kind.UNAVAILABLE
    slug = "database-away"
    title = "Database away"
    example = "the database does not answer; try again in some seconds"
    retry_after = 5


class NotMigrated(StorageError, Unavailable):
    """The tables do not fit this version of the program."""


class NotWriting(StorageError, Defect, RuntimeError):
    """A function that writes needs a transaction opened by `storage.database.writing`."""


class InvalidRecord(StorageError, Invalid):
    """A value that its table cannot hold."""


class BackupRefused(StorageError, Invalid):
    """A backup is not made, or a file not restored; nothing was written, nothing was changed."""


class NotStored(StorageError, Missing):
    """Something asked for by name or number is not in the database."""


class NoPriceForMarket(NotStored):
    """The SKU is sold, but has no price for this market and tier; `markets` lists those it has."""

    slug = "no-price-for-market"
    title = "No price for this market and tier"
    example = "SKU 'TEA-1' has no price in market 'store-09', tier 'public'"


class UnknownMarket(NoPriceForMarket):
    """No market has this code."""


class UnknownProduct(NotStored):
    """No product of this price book has this SKU. Check the spelling; SKUs are case-sensitive."""

    slug = "unknown-sku"
    title = "Unknown SKU"
    example = "no price for SKU 'TEA-9' in price book 12; SKUs are case-sensitive"


class UnknownSite(NotStored):
    """No competitor site has this name."""


class CrawlNotFound(NotStored):
    """No crawl has this number."""


class ReviewNotFound(NotStored):
    """No match review has this number."""


class HeldOfferNotFound(NotStored):
    """No offer in quarantine has this number."""


class KeyNotFound(NotStored):
    """No key has this id."""


class PersonNotFound(NotStored):
    """No account has this id or name."""


class PersonNameTaken(StorageError, Conflict):
    """Another account has this name."""


class LastAdmin(StorageError, Conflict):
    """Nobody else administers, and without one nobody could be let in again."""


class AlreadyDecided(StorageError, Conflict):
    """A person has answered this otherwise; a machine or a second click does not overturn it."""


class NotTakenBack(StorageError, Conflict):
    """An answer cannot be taken back: there is none, it is another's, or something rests on it."""


class CostNotHeld(StorageError, Conflict):
    """No cost waits for a confirmation there, or it is another one by now."""


class FitNotFound(NotStored):
    """No demand fit has this number, or nothing was fitted yet."""


class DecisionNotFound(NotStored):
    """No decision was made for this SKU, market and tier: it was never part of a pricing run."""

    slug = "decision-not-found"
    title = "No decision"
    example = "no decision for SKU 'TEA-1' in market 'online', tier 'public'"


class RunNotFound(DecisionNotFound):
    """No decision run has this number, or nothing was decided yet."""


class PriceBookNotFound(NotStored):
    """No price book with this version was ever published."""

    slug = "price-book-not-found"
    title = "No such price book"
    example = "price book 99 does not exist; the live one is 12"


class PromotionNotFound(NotStored):
    """No promotion has this id, or it has no such batch of codes. Ids are case-sensitive."""

    slug = "promotion-missing"
    title = "No such promotion"
    example = "there is no promotion 'spring'"


class BatchNotFound(PromotionNotFound):
    """No batch of codes of this promotion has this number."""


class QuoteNotFound(NotStored):
    """No quote has this id."""

    slug = "quote-missing"
    title = "No such quote"
    example = "there is no quote 'q_5fGh'"


class PromotionRefused(StorageError, Conflict):
    """The promotion exists or has ended already, or was changed by somebody else meanwhile."""

    slug = "promotion-step-refused"
    title = "Not from here"
    example = "promotion 'spring' has ended; create another one"


class NameTaken(PromotionRefused):
    """Another promotion has this id. Ended promotions keep theirs, so that history stays clear."""


class StepNotAllowed(PromotionRefused):
    """The lifecycle of a promotion does not go there from where it is."""


class VersionMoved(PromotionRefused):
    """The promotion is not at the version that the change was made from; read it again."""


class CodesRefused(StorageError, Invalid):
    """Codes that cannot be made or brought in; none of them was.

    The place is `pattern`, `count`, or a row of a file.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem, (field,))


class RedemptionRefused(StorageError, Conflict):
    """A quote that cannot be redeemed as asked; nothing was taken and nothing given back."""


class LimitReached(RedemptionRefused):
    """The quote reserved nothing, and now not so much is left of a limit. Ask for a new one.

    Attributes:
        promotion_id: whose limit.
        scope: `all`, `day`, `customer`, `code`, `funder` or `gift`.
        key: which day, customer, code, funder or gift; empty for `all`.
    """

    slug = "limit-used-up"
    title = "Limit used up"
    example = "the limit of promotion 'spring' for all orders is reached"

    def __init__(self, promotion_id: int, scope: str, key: str) -> None:
        which = f"{scope} {key!r}" if key else "all orders"
        super().__init__(f"the limit of promotion {promotion_id} for {which} is reached")
        self.promotion_id = promotion_id
        self.scope = scope
        self.key = key


class HoldRefused(RedemptionRefused):
    """All holds together, or those of one shopper, have as much of a limit as they may have."""

    def __init__(self, promotion_id: int, scope: str, key: str) -> None:
        which = f"{scope} {key!r}" if key else scope if scope != "all" else "all orders"
        super().__init__(
            f"other quotes hold as much of the limit of promotion {promotion_id} for {which} as "
            "quotes may hold; the rest is for whoever commits"
        )


class QuoteSettled(RedemptionRefused):
    """The quote is not open any more; `quote_status` says why. Ask for a new one.

    Attributes:
        status: `committed`, `cancelled` or `expired`.
    """

    slug = "quote-closed"
    title = "Quote closed"
    example = "quote q_5fGh is expired; ask for a new one"

    def __init__(self, quote_id: str, status: str) -> None:
        super().__init__(f"quote {quote_id} is {status}; ask for a new one", quote_status=status)
        self.status = status


class GroupClosed(RedemptionRefused):
    """The group that the order would join is settled, or the customer is in it already."""

    slug = "group-not-open"
    title = "Group closed"
    example = "group g_7Hq2 takes nobody any more; open another one"


class ReturnRefused(RedemptionRefused):
    """The quote was never committed, or its group is still open, or money went back already."""

    slug = "return-not-possible"
    title = "Nothing can come back"
    example = "quote q_5fGh is open; only what was ordered comes back"


class KeyReused(StorageError, Invalid):
    """The key came before with another request. Make a new key for each new request."""

    slug = "idempotency-key-reused"
    title = "Idempotency key reused"
    example = "idempotency key '7' came before with another request"


class GroupNotFound(NotStored):
    """No group has this id."""

    slug = "group-missing"
    title = "No such group"
    example = "there is no group 'g_7Hq2'"


class DraftNotFound(NotStored):
    """No proposal of prices has this number."""

    slug = "draft-not-found"
    title = "No such draft"
    example = "there is no draft 99"


class PlanNotFound(NotStored):
    """No plan has this number."""

    slug = "plan-missing"
    title = "No such plan"
    example = "there is no plan 99"


class JobNotFound(NotStored):
    """No job has this number."""


class ScheduleNotFound(NotStored):
    """No schedule has this name."""


class NotPossibleNow(StorageError, Conflict):
    """What is stored does not allow it at this time; the message says what to do first."""


class PricesFrozen(NotPossibleNow):
    """Prices are frozen; lift the freeze with `pricewright unfreeze` first."""


class ClockBehind(NotPossibleNow):
    """The time given lies before what has already happened; check this computer's clock."""


class PricesNotAllowed(NotPossibleNow):
    """The law, or a limit at today's cost, forbids prices that were to go live; none of them did.

    Attributes:
        rows: the first of them as plain values: sku, market, price, limits, article, bounds.
        count: how many there are.
    """

    def __init__(
        self, message: str, rows: Sequence[Mapping[str, Any]] = (), count: int = 0
    ) -> None:
        super().__init__(message)
        self.rows = tuple(rows)
        self.count = count


class KeyNotInForce(NotPossibleNow):
    """A key that was revoked or has expired is not rotated; make a new one."""


class DraftNotReady(NotPossibleNow):
    """The draft is in another state, or still waits for an approval."""


class PlanNotReady(NotPossibleNow):
    """The plan is in another state: not finished yet, ended, or accepted before."""

    slug = "plan-step-refused"
    title = "Not from here"
    example = "plan 7 is running; only a finished one is accepted"


class JobNotOpen(NotPossibleNow):
    """The job has ended already."""


class ScopeTaken(NotPossibleNow):
    """A job that may not run beside this one waits or runs; the message says which."""


class LeaseHeld(NotPossibleNow):
    """Another process is doing what only one may do at a time; the message says which."""


class ImportRefused(StorageError, Invalid):
    """A file was not brought in, and nothing of it was written."""


class FileUnreadable(ImportRefused):
    """The file is not there, is no file, ends too early, or is in another encoding."""


class LayoutRefused(ImportRefused):
    """The header, the delimiter or the column mapping does not fit."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """One refused value of an import, with its place.

    Attributes:
        row: line in a text file (the header is line 1), or row in a Parquet file (from 1).
        column: the column as the file calls it.
        value: what stands there, shortened.
        reason: what is wrong with it and what would be right.
    """

    row: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column!r}: {self.value!r} {self.reason}"


class RowsRefused(ImportRefused):
    """Some rows hold values that cannot be right.

    Attributes:
        file_name: the file.
        count: how many rows were refused in all.
        first: what is wrong with the first of them, at most 20 values.
    """

    def __init__(self, file_name: str, count: int, first: Sequence[BadRow]) -> None:
        self.file_name = file_name
        self.count = count
        self.first = tuple(first)
        noun = "row" if count == 1 else "rows"
        lines = [f"{file_name}: {count} {noun} refused; nothing was imported"]
        lines += [f"  {file_name}, {bad}" for bad in self.first]
        shown = len({bad.row for bad in self.first})
        if count > shown:
            lines.append(f"  ... and {count - shown} more")
        super().__init__("\n".join(lines))
