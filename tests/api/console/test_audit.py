"""The audit in a real browser: filtered, verified, and told where it is broken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from storage.access.people import person_named
from storage.database import reading, writing
from storage.releases.freezes import freeze, unfreeze
from tests.api.access.let_in import person
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.shop import open_shop
from tests.databases import sqlite_engine


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Engine]:
    with sqlite_engine(tmp_path) as engine:
        open_shop(engine)
        let_people_in(engine)
        person(engine, PROBE, Role.MANAGER)
        with reading(engine) as conn:
            probe = person_named(conn, PROBE).person_id
        with writing(engine) as conn:
            now = datetime.now(UTC)
            for _ in range(30):
                freeze(conn, at=now, by=probe, reason="a rumour")
                unfreeze(conn, at=now, by="ben")
        yield engine


@pytest.fixture
def url(shop: Engine) -> Iterator[str]:
    with serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url:
        yield url


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_it_is_readable(
    visits: Visits, url: str, language: Language, size: tuple[int, int]
) -> None:
    theme: Theme = "light" if language == "en" else "dark"
    visitor = visits(url, language=language, theme=theme, size=size)
    page = visitor.goes_to("/console/audit")
    expect(page.locator("#chain .callout.good")).to_be_visible()
    visitor.saves_picture(f"audit-{language}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert visitor.serious_findings() == []


def test_records_are_filtered_and_older_ones_asked_for(visits: Visits, url: str) -> None:
    page = visits(url, name="pia").goes_to("/console/audit")
    rows = page.locator("#trail tbody tr")
    expect(rows).to_have_count(50)
    page.locator("#older").click()
    expect(page.locator("#newest")).to_be_visible()
    page.get_by_label("Who").select_option(PROBE)
    expect(rows).to_have_count(30)
    expect(rows.first).to_contain_text("frozen")
    expect(rows.first).to_contain_text(PROBE)
    expect(page.locator("main img")).to_have_count(0)
    page.get_by_label("Who").select_option("")
    page.get_by_label("Deed").select_option("person_added")
    expect(rows).to_have_count(5)
    page.get_by_label("Done to").select_option("access")
    expect(rows).to_have_count(5)


def test_a_chain_that_was_changed_is_said_to_be_broken(
    visits: Visits, url: str, shop: Engine
) -> None:
    with writing(shop) as conn:
        conn.execute(sa.text("DROP TRIGGER audit_records_update"))
        conn.execute(sa.text("UPDATE audit_records SET verb = 'praised' WHERE number = 7"))
    page = visits(url).goes_to("/console/audit")
    expect(page.locator("#chain .callout.bad")).to_contain_text("broken at record 7")


def test_a_manager_has_no_audit(visits: Visits, url: str) -> None:
    page = visits(url, name="max").goes_to("/console/today")
    expect(page.get_by_role("navigation", name="Pages", exact=True)).not_to_contain_text("Audit")
    assert page.request.get(f"{url}/console/audit").status == 403
