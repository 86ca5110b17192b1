"""`pricewright audit`, and the request that a record names."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from storage.audit.reading import audit_records
from storage.database import reading, writing
from tests.api.shop import open_shop
from tests.databases import url_of
from tests.end_to_end.command_line import CommandLine


@pytest.fixture
def line(engine: Engine, tmp_path: Path) -> CommandLine:
    open_shop(engine)
    return CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})


def test_deeds_are_listed_and_the_chain_is_verified(line: CommandLine, engine: Engine) -> None:
    line.succeed("freeze", "a rumour", "--by", "ada")
    line.succeed("unfreeze", "--by", "ben")
    said = line.succeed("audit", "list")
    assert all(word in said for word in ("ada", "ben", "frozen", "unfrozen"))
    assert "frozen" not in line.succeed("audit", "list", "--subject", "draft:1")
    assert line("audit", "list", "--subject", "draft").status != 0
    whole = line.succeed("audit", "verify")
    assert "2 records, whole" in whole
    anchor = whole.split()[-1]
    line.succeed("freeze", "again", "--by", "ada")
    assert "3 records, whole" in line.succeed("audit", "verify", "--anchor", anchor)
    lost = line("audit", "verify", "--anchor", "f" * 64)
    assert (lost.status, "anchor" in lost.err) == (1, True)
    with writing(engine) as conn:
        conn.execute(sa.text("DROP TRIGGER audit_records_update"))
        conn.execute(sa.text("UPDATE audit_records SET verb = 'slept' WHERE number = 2"))
    broken = line("audit", "verify")
    assert (broken.status, "broken at record 2" in broken.err) == (1, True)


def test_a_record_names_the_request_that_did_it(client: httpx.Client, shop: Engine) -> None:
    answer = client.post(
        "/v1/freezes", json={"reason": "a rumour"}, headers={"x-request-id": "req-42"}
    )
    assert answer.status_code < 300, answer.text
    with reading(shop) as conn:
        (found,) = [record for record in audit_records(conn) if record.verb == "frozen"]
    assert (found.name, found.origin) == ("tess", "req-42")
