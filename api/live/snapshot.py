"""The price book in memory, from which every price request is answered.

A thread asks the database for a newer version and swaps it in whole; a request reads one attribute
and never waits. When the database is away the last book is served on, marked stale.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from pricing.price_book import PUBLIC
from storage.database import reading
from storage.law.personal_prices import personal_price_packs
from storage.law.rule_packs import load_rule_packs
from storage.prices.price_books import live_edition, load_price_book

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from pricing.law.packs import RulePack
    from pricing.money import Money
    from pricing.price_book import PriceBook
    from storage.law.rule_packs import RulePacks

_log = structlog.get_logger(__name__)

# A check that hangs (a dead network, not a refused connection) reports nothing; after this many
# polls without one, and not before this time, prices are called stale all the same.
_SILENT_POLLS = 3
_SILENCE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One price book, with what every answer from it repeats already rendered.

    Attributes:
        book: the prices.
        published_at: ISO 8601, UTC.
        etag: names this book among all that were ever published here.
        draft: number of the draft whose prices these would be; None of a published book.
    """

    book: PriceBook
    published_at: str
    etag: str
    draft: int | None = None

    @classmethod
    def of(cls, book: PriceBook) -> Snapshot:
        """A snapshot of this book."""
        published = book.published_at.astimezone(UTC)
        return cls(
            book=book,
            published_at=published.isoformat().replace("+00:00", "Z"),
            etag=f"{book.version}-{int(published.timestamp() * 1000):x}",
        )

    def prices(self, skus: Sequence[str], market: str, tier: str = PUBLIC) -> list[Money | None]:
        """The price of each SKU, None where there is none."""
        rows = self.book.rows(skus, market, tier).tolist()
        return [None if row < 0 else self.book.entry(row).price for row in rows]


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served, and how far it can be trusted.

    Attributes:
        snapshot: None until a price book was published.
        checked_at: when the database last answered, UTC; None before the first time.
        failure: why the last check failed; None when it did not.
        fresh_until: on the monotonic clock, when the last good check wears off.
        personal: rule packs of the markets whose law says something of personalised prices.
    """

    snapshot: Snapshot | None = None
    checked_at: datetime | None = None
    failure: str | None = None
    fresh_until: float = 0.0
    personal: Mapping[str, RulePack] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        """True when a newer price book could exist without our knowing."""
        return self.failure is not None or time.monotonic() > self.fresh_until


class LivePrices:
    """Keeps the live price book in memory."""

    def __init__(self, engine: Engine, poll: timedelta, packs: RulePacks | None = None) -> None:
        """Nothing is loaded yet; call `refresh`.

        Args:
            engine: the database.
            poll: how often `refresh` is going to be called.
            packs: the rules of law; those that are shipped where None.
        """
        self._engine = engine
        self._packs = packs or load_rule_packs()
        self._good_for = max(_SILENT_POLLS * poll, _SILENCE).total_seconds()
        self._serving = Serving()

    @property
    def serving(self) -> Serving:
        """What is served now. Read it once a request: it may be another one a moment later."""
        return self._serving

    def refresh(self) -> bool:
        """Ask the database which price book is live and load it if it is another one.

        Returns:
            True if another book is served now.

        Raises:
            StorageError, SQLAlchemyError, PricingError: the database does not answer or holds a
                book that cannot be served. What was served before still is, marked stale.
        """
        before = self._serving
        try:
            with reading(self._engine) as conn:
                snapshot = self._newest(conn, before.snapshot)
                personal = personal_price_packs(conn, self._packs, datetime.now(UTC))
        except Exception as error:
            self._serving = replace(before, failure=f"{type(error).__name__}: {error}")
            raise
        self._serving = Serving(
            snapshot=snapshot,
            checked_at=datetime.now(UTC),
            fresh_until=time.monotonic() + self._good_for,
            personal=personal,
        )
        if snapshot is before.snapshot:
            return False
        if snapshot is None:
            _log.warning("no price book is live any more")
        else:
            _log.info("price book loaded", version=snapshot.book.version, prices=len(snapshot.book))
        return True

    def _newest(self, conn: Connection, held: Snapshot | None) -> Snapshot | None:
        edition = live_edition(conn)
        if edition is None:
            return None
        if held is not None and (held.book.version, held.book.published_at) == edition:
            return held
        return Snapshot.of(load_price_book(conn, edition[0]))
