"""What a test key sees: the prices of the draft that it names, as if they were live."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from api.errors import NoPriceBook
from api.live.snapshot import Serving, Snapshot
from storage.database import reading
from storage.errors import DraftNotFound
from storage.releases.draft_prices import draft_book

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from api.access.principal import Principal
    from api.live.snapshot import LivePrices

_MOST: Final = 4
"""So many drafts are kept in memory: each is as large as the live book."""


@dataclass(slots=True)
class DraftPrices:
    """The books of drafts that test keys name; read when they are asked for, kept for a while."""

    engine: Engine
    live: LivePrices
    good_for: float
    _kept: OrderedDict[int, tuple[float, str, Snapshot]] = field(default_factory=OrderedDict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def serving_for(self, who: Principal | None) -> Serving:
        """What is served to somebody: the live prices, or those of a test key's draft.

        It may ask the database; call it from a thread where `who` names a draft.

        Raises:
            NoPriceBook: the draft is gone.
            DatabaseUnavailable: the database does not answer.
        """
        serving = self.live.serving
        if who is None or who.draft_id is None:
            return serving
        return replace(serving, snapshot=self._snapshot(who.draft_id, serving.snapshot))

    def _snapshot(self, draft_id: int, live: Snapshot | None) -> Snapshot:
        over = "" if live is None else live.etag
        with self._turn:
            kept = self._kept.get(draft_id)
            if kept is not None and kept[1] == over and time.monotonic() < kept[0]:
                return kept[2]
            try:
                with reading(self.engine) as conn:
                    book = draft_book(conn, draft_id, at=datetime.now(UTC))
            except DraftNotFound as error:
                raise NoPriceBook(str(error)) from None
            snapshot = replace(Snapshot.of(book), draft=draft_id)
            self._kept[draft_id] = time.monotonic() + self.good_for, over, snapshot
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
            return snapshot
