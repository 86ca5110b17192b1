"""Settings that name a market which nobody knows.

A market may be made after the setting was written, so that such a name is no fault. It may be
misspelt as well, and then the setting does not hold: the doubt is shown, in the log and in
`/readyz`, until there is such a market.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

import structlog
from sqlalchemy import Engine

from api.settings import Settings
from storage.database import reading
from storage.products.markets import list_markets

_log = structlog.get_logger(__name__)


class NamedMarkets:
    """Looks now and then whether the markets that settings name exist.

    Attributes:
        doubts: a sentence on each that does not.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine = engine
        self._named = {
            "PRICEWRIGHT_MAP_FLOOR_IN": settings.map_floor_in,
            "PRICEWRIGHT_PROMOTION_MODES": tuple(settings.promotion_modes),
            "PRICEWRIGHT_RETURN_POLICIES": tuple(settings.return_policies),
        }
        self.doubts: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Look again; what is new is logged.

        Raises:
            StorageError: the database does not answer.
        """
        if not any(self._named.values()):
            return
        with reading(self._engine) as conn:
            codes = [market.code for market in list_markets(conn)]
        found = tuple(
            f"{variable}: there is no market {name!r}{_meant(name, codes)}"
            for variable, names in self._named.items()
            for name in names
            if name not in codes
        )
        for doubt in found:
            if doubt not in self.doubts:
                _log.warning("a setting does not hold", why=doubt)
        self.doubts = found


def _meant(name: str, codes: Collection[str]) -> str:
    if not codes:
        return " yet; there is none at all"
    close = get_close_matches(name, sorted(codes), 1)
    return f", do you mean {close[0]!r}?" if close else f"; there are {', '.join(sorted(codes))}"
