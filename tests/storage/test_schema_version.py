"""What is read without Alembic is what Alembic reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from storage import schema_version
from storage.database import migration_config, reading, writing
from storage.schema_version import steps, stored_revision


def test_the_steps_are_those_of_alembic_in_their_order() -> None:
    scripts = ScriptDirectory.from_config(migration_config())
    newest_first = [script.revision for script in scripts.walk_revisions()]
    assert list(steps()) == newest_first[::-1]
    assert steps()[-1] == scripts.get_current_head()


def test_the_revision_of_a_database_is_the_one_that_alembic_sees(engine: Engine) -> None:
    with reading(engine) as conn:
        assert stored_revision(conn) == MigrationContext.configure(conn).get_current_revision()
        assert stored_revision(conn) == steps()[-1]
    with writing(engine) as conn:
        conn.execute(sa.text("DROP TABLE alembic_version"))
    with reading(engine) as conn:
        assert stored_revision(conn) is None


def test_a_migration_that_does_not_say_what_it_follows_is_a_defect_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001_first.py").write_text('revision = "0001"\ndown_revision = None\n')
    (tmp_path / "0002_lost.py").write_text('revision = "0002"\n')
    monkeypatch.setattr(schema_version, "VERSIONS", tmp_path)
    with pytest.raises(AssertionError, match=r"0002_lost\.py"):
        steps.__wrapped__()
