"""Whether the database takes writes, as it was when last asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from storage.writability import why_not_writable

if TYPE_CHECKING:
    from sqlalchemy import Engine

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Writability:
    """Keeps what is known of it in memory; call `refresh` again and again.

    Attributes:
        engine: the database.
        least_free: bytes that are to be free on the disk of an embedded one.
        why_not: why nothing can be written, with the cure; None where it can.
    """

    engine: Engine
    least_free: int
    why_not: str | None = None

    def refresh(self) -> None:
        """Ask the database.

        Raises:
            StorageError, SQLAlchemyError: it does not answer; what was known before still is.
        """
        why_not = why_not_writable(self.engine, self.least_free)
        if why_not is not None and self.why_not is None:
            _log.error("the database takes no writes", why=why_not)
        elif why_not is None and self.why_not is not None:
            _log.info("the database takes writes again")
        self.why_not = why_not
