"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from storage.errors import InvalidRecord

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A number given by the database. SQLite counts up only in a column called INTEGER."""

Minor = sa.BigInteger
"""Money in minor units of the market's currency."""

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
"""Facts without columns of their own: reports, policies, reasons."""


def json_text(value: object) -> str:
    """What a `Document` column keeps of a value.

    Records become objects, arrays and sets lists, dates ISO text; NaN and infinity, which JSON
    does not have, become null.

    Raises:
        InvalidRecord: a value that has no JSON form.
    """
    return json.dumps(_plain(value), allow_nan=False, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    raise InvalidRecord(f"{type(value).__name__} has no JSON form; store plain values")


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment in time: aware and in UTC on both sides of both engines.

    SQLite has no type for it and keeps fixed-width ISO text, which sorts as time does.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TIMESTAMP WITH TIME ZONE where there is one."""
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name != "sqlite"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; it could be any of 38 different moments."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise InvalidRecord(f"time {value.isoformat()} has no time zone; pass an aware one")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002  (SQLAlchemy passes it)
    ) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
