"""Erased is erased: the name stands in no table, and what was done is still one person's."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from storage.access.log import read_log
from storage.audit.reading import verify_audit
from storage.backup.schema import reflected, revision_of
from storage.database import reading, writing
from storage.errors import NotStored
from storage.jobs.queue import NewJob, submit_job
from storage.releases.freezes import freeze, unfreeze
from storage.retention.erasing import erase_person
from tests.storage.samples import NOW, add_shop


def everything(engine: Engine) -> str:
    with reading(engine) as conn:
        revision = revision_of(conn)
        assert revision is not None
        return str([conn.execute(sa.select(t)).all() for t in reflected(conn, revision)])


def test_a_name_goes_from_every_table_and_the_audit_stays_whole(engine: Engine) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        freeze(conn, at=NOW, by="Ada Lovelace", reason="a rumour", market="online")
        unfreeze(conn, at=NOW, by="Ada Lovelace")
        freeze(conn, at=NOW, by="Ben", reason="another", market=None)
        submit_job(conn, NewJob("fit", {}, NOW, "Ada Lovelace"))
    assert everything(engine).count("Ada Lovelace") > 4
    with reading(engine) as conn:
        before = verify_audit(conn)
    with writing(engine) as conn:
        opaque = erase_person(conn, "Ada Lovelace", "Ada Lovelace", at=NOW)
    found = everything(engine)
    assert "Ada Lovelace" not in found
    assert "Ben" in found
    with reading(engine) as conn:
        assert verify_audit(conn) == before
        assert {line.actor for line in read_log(conn)} == {opaque, "Ben"}
    with writing(engine) as conn, pytest.raises(NotStored, match="Nobody"):
        erase_person(conn, "Nobody", "Ben", at=NOW)
    assert "Ben" in everything(engine)
