"""Retention as a job, by the settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.errors import SettingsInvalid
from api.jobs.kinds import KINDS
from api.settings import load_settings
from api.work.carrying_out import carry_out
from api.work.database import DatabaseConnector
from storage.database import reading, writing
from storage.jobs.job_tables import jobs
from storage.jobs.queue import job_result
from storage.tables import offers
from tests.api.jobs.test_kinds import NOW, begun
from tests.api.shop import open_shop

KEEP = {"evidence": 30, "outbox": 30, "quotes": 30, "jobs": 30}


def forgotten(engine: Engine, kept: dict[str, int | None]) -> dict[str, int]:
    number, context = begun(engine, "retention", {})
    context.given["keep_days"] = kept
    carry_out(KINDS, "retention", DatabaseConnector(engine, KINDS), context, quiet=lambda: None)
    with reading(engine) as conn:
        result = job_result(conn, number)
    assert result is not None
    gone: dict[str, int] = result["gone"]
    return gone


def test_only_what_a_setting_names_goes(engine: Engine) -> None:
    open_shop(engine)
    with writing(engine) as conn:
        old = NOW - timedelta(days=99)
        conn.execute(
            jobs.insert().values(
                kind="fit", lane="compute", status="finished", request={}, created_at=old,
                created_by="ada", not_before=old, retries=0, finished_at=old,
            )
        )  # fmt: skip
        before = conn.scalar(sa.select(sa.func.count()).select_from(offers))
    assert forgotten(engine, dict.fromkeys(KEEP)) == {}
    assert forgotten(engine, {**dict.fromkeys(KEEP), "jobs": 30}) == {"jobs": 1}
    gone = forgotten(engine, {**KEEP})
    assert set(gone) == {
        "offers", "page looks", "held prices", "deliveries", "events", "quotes", "jobs",
    }  # fmt: skip
    with reading(engine) as conn:
        left = conn.scalar(sa.select(sa.func.count()).select_from(offers))
    assert (before or 0) - (left or 0) == gone["offers"]


def test_it_runs_beside_no_run_of_decisions() -> None:
    kinds = [KINDS[name] for name in ("retention", "decide")]
    assert len({kind.scope(kind.read({})) for kind in kinds}) == 1


def test_evidence_is_kept_as_long_as_decisions_use_it(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("PRICEWRIGHT_KEEP_EVIDENCE_DAYS=2\nPRICEWRIGHT_OFFER_MAX_AGE_HOURS=72\n")
    with pytest.raises(SettingsInvalid, match="OFFER_MAX_AGE_HOURS"):
        load_settings(env)
    assert load_settings(None, keep_evidence_days=3).keep_evidence_days == 3
