from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlalchemy.exc import StatementError

from storage.columns import json_text
from storage.database import reading, writing
from storage.errors import InvalidRecord
from storage.tables import fits


def store(engine: Engine, created_at: datetime, report: object) -> None:
    with writing(engine) as conn:
        conn.execute(
            fits.insert().values(
                created_at=created_at,
                window_start=date(2024, 1, 1),
                window_end=date(2024, 12, 31),
                rows=1,
                period_days=7,
                method="ols",
                software={},
                report=report,
            )
        )


def test_a_time_comes_back_aware_in_utc_whatever_zone_it_had(engine: Engine) -> None:
    tokyo = timezone(timedelta(hours=9))
    store(engine, datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=tokyo), {})
    with reading(engine) as conn:
        found = conn.scalar(sa.select(fits.c.created_at))
    assert found == datetime(2026, 2, 28, 23, 30, 0, 123456, tzinfo=UTC)
    assert found.tzinfo == UTC


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        store(engine, datetime(2026, 3, 1, 8, 30), {})  # noqa: DTZ001


def test_a_document_comes_back_as_plain_values(engine: Engine) -> None:
    store(engine, datetime(2026, 3, 1, tzinfo=UTC), {"a": [1, 2.5, None, "é"], "b": {"c": True}})
    with reading(engine) as conn:
        assert conn.scalar(sa.select(fits.c.report)) == {"a": [1, 2.5, None, "é"], "b": {"c": True}}


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: float
    colour: Colour


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Point(1.5, Colour.RED), {"x": 1.5, "colour": "red"}),
        ({1: date(2024, 3, 1)}, {"1": "2024-03-01"}),
        (float("nan"), None),
        ([np.float64("inf"), np.int64(3)], [None, 3]),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        ((True, None), [True, None]),
    ],
)
def test_records_arrays_and_dates_become_plain(value: object, plain: object) -> None:
    assert json.loads(json_text(value)) == plain


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="object"):
        json_text({"a": object()})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)  # fmt: skip
def test_plain_values_survive_the_way_through_json(value: object) -> None:
    assert json.loads(json_text(value)) == value
