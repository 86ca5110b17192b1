"""Errors of the `storage` package.

    StorageError
    ├── SettingsInvalid         a variable of the environment or `.env` that cannot be used
    ├── DatabaseUnavailable     the server or the file cannot be reached
    ├── NotMigrated             the tables are missing, old, or newer than this program
    ├── NotWriting              a function that writes was given a transaction that only reads
    ├── InvalidRecord           a value that its table cannot hold
    ├── BackupRefused           a backup that is not made, or a file that is not restored
    ├── NotStored               something asked for by name that is not there
    │   ├── UnknownMarket
    │   ├── UnknownProduct
    │   ├── UnknownSite
    │   ├── CrawlNotFound
    │   ├── ReviewNotFound
    │   ├── HeldOfferNotFound
    │   ├── FitNotFound
    │   ├── RunNotFound
    │   ├── DecisionNotFound
    │   ├── PriceBookNotFound
    │   ├── DraftNotFound
    │   ├── PlanNotFound
    │   ├── JobNotFound
    │   ├── ScheduleNotFound
    │   ├── PromotionNotFound
    │   ├── BatchNotFound
    │   ├── QuoteNotFound
    │   ├── GroupNotFound
    │   ├── KeyNotFound
    │   └── PersonNotFound
    ├── AlreadyDecided          a person has answered this otherwise
    ├── PromotionRefused        a change to a promotion that cannot be made
    │   ├── NameTaken           another promotion has this id
    │   ├── StepNotAllowed      its lifecycle does not go there from here
    │   └── VersionMoved        somebody else revised it meanwhile
    ├── PersonNameTaken         another account has this name
    ├── CodesRefused            codes that cannot be made or brought in
    ├── RedemptionRefused       a quote that cannot be redeemed; nothing was taken
    │   ├── LimitReached        not so much is left of a limit
    │   ├── QuoteSettled        it was committed, cancelled, or has expired
    │   ├── GroupClosed         the group that it would join takes nobody any more
    │   ├── ReturnRefused       an order of which this cannot come back
    │   └── KeyReused           an idempotency key came again with another request
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


class StorageError(Exception):
    """Anything that `storage` refuses."""


class SettingsInvalid(StorageError, ValueError):
    """A setting cannot be used; the message names its variable."""


class DatabaseUnavailable(StorageError):
    """The database cannot be reached; check DATABASE_URL and that the server runs."""


class NotMigrated(StorageError):
    """The tables do not fit this version of the program."""


class NotWriting(StorageError, RuntimeError):
    """A function that writes needs a transaction opened by `storage.database.writing`."""


class InvalidRecord(StorageError, ValueError):
    """A value that its table cannot hold."""


class BackupRefused(StorageError, ValueError):
    """A backup is not made, or a file not restored; nothing was written, nothing was changed."""


class NotStored(StorageError, LookupError):
    """Something asked for by name or number is not in the database."""


class UnknownMarket(NotStored):
    """No market has this code."""


class UnknownProduct(NotStored):
    """No product has this SKU."""


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


class PersonNameTaken(StorageError):
    """Another account has this name."""


class AlreadyDecided(StorageError):
    """A person has answered this otherwise; a machine or a second click does not overturn it."""


class CostNotHeld(StorageError):
    """No cost waits for a confirmation there, or it is another one by now."""


class FitNotFound(NotStored):
    """No demand fit has this number, or nothing was fitted yet."""


class RunNotFound(NotStored):
    """No decision run has this number, or nothing was decided yet."""


class DecisionNotFound(NotStored):
    """No run decided a price for this key."""


class PriceBookNotFound(NotStored):
    """No price book has this version, or none was published yet."""


class PromotionNotFound(NotStored):
    """No promotion has this id."""


class BatchNotFound(NotStored):
    """No batch of codes of this promotion has this number."""


class QuoteNotFound(NotStored):
    """No quote has this id."""


class PromotionRefused(StorageError):
    """A change to a promotion that cannot be made; nothing was changed."""


class NameTaken(PromotionRefused):
    """Another promotion has this id. Ended promotions keep theirs, so that history stays clear."""


class StepNotAllowed(PromotionRefused):
    """The lifecycle of a promotion does not go there from where it is."""


class VersionMoved(PromotionRefused):
    """The promotion is not at the version that the change was made from; read it again."""


class CodesRefused(StorageError, ValueError):
    """Codes that cannot be made or brought in; none of them was.

    Attributes:
        field: what is wrong: `pattern`, `count`, or a row of a file.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class RedemptionRefused(StorageError):
    """A quote that cannot be redeemed as asked; nothing was taken and nothing given back."""


class LimitReached(RedemptionRefused):
    """Not so much is left of a limit.

    Attributes:
        promotion_id: whose limit.
        scope: `all`, `day`, `customer`, `code`, `funder` or `gift`.
        key: which day, customer, code, funder or gift; empty for `all`.
    """

    def __init__(self, promotion_id: int, scope: str, key: str) -> None:
        which = f"{scope} {key!r}" if key else "all orders"
        super().__init__(f"the limit of promotion {promotion_id} for {which} is reached")
        self.promotion_id = promotion_id
        self.scope = scope
        self.key = key


class HoldRefused(RedemptionRefused):
    """Quotes that came without a token would hold more than half of what is left of a limit."""

    def __init__(self, promotion_id: int, scope: str, key: str) -> None:
        which = f"{scope} {key!r}" if key else "all orders"
        super().__init__(
            f"half of what is left of the limit of promotion {promotion_id} for {which} is held "
            "without a token; send one, or let the quote hold nothing"
        )


class QuoteSettled(RedemptionRefused):
    """The quote is not open any more.

    Attributes:
        status: `committed`, `cancelled` or `expired`.
    """

    def __init__(self, quote_id: str, status: str) -> None:
        super().__init__(f"quote {quote_id} is {status}; ask for a new one")
        self.status = status


class GroupClosed(RedemptionRefused):
    """The group takes nobody any more, or not this customer; open another one."""


class ReturnRefused(RedemptionRefused):
    """Of this order nothing can come back, or no more than came back already."""


class KeyReused(RedemptionRefused):
    """An idempotency key came again with another request; use a new key for a new request."""


class GroupNotFound(NotStored):
    """No group that buys together has this id."""


class DraftNotFound(NotStored):
    """No proposal of prices has this number."""


class PlanNotFound(NotStored):
    """No plan has this number."""


class JobNotFound(NotStored):
    """No job has this number."""


class ScheduleNotFound(NotStored):
    """No schedule has this name."""


class NotPossibleNow(StorageError):
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
    """The plan is in another state, or was accepted before."""


class JobNotOpen(NotPossibleNow):
    """The job has ended already."""


class ScopeTaken(NotPossibleNow):
    """A job that may not run beside this one waits or runs; the message says which."""


class LeaseHeld(NotPossibleNow):
    """Another process is doing what only one may do at a time; the message says which."""


class ImportRefused(StorageError, ValueError):
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
