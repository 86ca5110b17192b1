"""What a person is told of an error that a page met."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DataError

from api.http.problem_answers import refusal_of
from models.refusals import Invalid
from tests.databases import postgres_engine


def test_a_character_that_no_database_keeps_is_told_and_another_fault_is_a_defect() -> None:
    with postgres_engine() as engine, engine.connect() as conn:
        with pytest.raises(DataError) as met:
            conn.execute(sa.text("SELECT :said"), {"said": "a\0b"})
        told = refusal_of(met.value)
        assert isinstance(told, Invalid)
        assert "U+0000" in str(told)
        conn.rollback()
        with pytest.raises(DataError) as other:
            conn.execute(sa.text("SELECT 1 / 0"))
        assert refusal_of(other.value) is None
