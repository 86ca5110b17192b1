"""The page of drafts in a real browser: the diff, the word on it, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from api.jobs.release import ReleaseTerms, release
from api.server import serving
from storage.access.people import person_named
from storage.database import reading, writing
from storage.prices.decisions import save_run
from storage.releases.drafts import read_draft
from tests.api.access.let_in import logged_in
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.console.morning import busy_morning
from tests.api.shop import EURO_SHOP, OPENED, PRICES, YEN_STORE, decided
from tests.databases import sqlite_engine

ITS_DRAFT = "/console/drafts/1"


def propose(engine: Engine, factor: float, *, by: str, note: str = "") -> int:
    """A draft of all prices of the small shop, changed by a factor."""
    now = datetime.now(UTC)
    run = decided(
        {key: round(price * factor) for key, price in PRICES.items()},
        markets=(EURO_SHOP, YEN_STORE),
        at=OPENED,
    )
    with writing(engine) as conn:
        run_id = save_run(conn, run, policy={}, fit_id=None, created_at=now)
    terms = ReleaseTerms(four_eyes=True)
    return release(engine, run_id, terms, now=now, by=by, note=note).draft.draft_id


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A busy morning whose draft, of `max`, raises everything by a half."""
    with sqlite_engine(tmp_path_factory.mktemp("drafts")) as engine:
        busy_morning(engine, datetime.now(UTC) - timedelta(minutes=5), title=PROBE)
        let_people_in(engine)
        with writing(engine) as conn:
            conn.exec_driver_sql(
                "UPDATE products SET title = ? WHERE sku = 'TEA-1'", (f"Green {PROBE}",)
            )
        yield engine


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    settings = quick_settings(engine, crawl_schedule=False, work_processes=0, four_eyes=True)
    with serving(settings) as url:
        yield url


def price(url: str, sku: str = "TEA-1") -> str:
    answer = httpx.get(f"{url}/v1/prices/{sku}?market=online", timeout=60)
    amount: str = answer.json()["price"]["amount"]
    return amount


def row(page: Page, text: str) -> object:
    return page.locator(".tabulator-row").filter(has_text=text)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh-Hans", "dark")])
def test_its_pages_are_readable(
    visits: Visits, url: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url, language=language, theme=theme, size=size, name="pia")
    for name, path in (
        ("drafts", "/console/drafts"),
        ("draft", ITS_DRAFT),
        ("draft-price", f"{ITS_DRAFT}/price?sku=TEA-1&market=online"),
    ):
        page = visitor.goes_to(path)
        visitor.saves_picture(f"{name}-{language}-{theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert visitor.serious_findings() == []


def test_an_approver_looks_approves_and_the_storefront_answers_the_new_price(
    visits: Visits, url: str
) -> None:
    assert price(url) == "5.49"
    page = visits(url, name="pia").goes_to("/console/drafts")
    page.get_by_role("link", name="Draft 1").click()
    expect(page.locator(".tabulator-row")).to_have_count(4)
    expect(page.get_by_text("4 of 4")).to_have_count(0)
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name="Approve and publish")
    dialog.get_by_label("Note").fill("spring prices")
    dialog.get_by_role("button", name="Approve and publish").click()
    expect(page.locator(".status-line")).to_contain_text("live")
    expect(page.locator("main")).to_contain_text("spring prices")
    assert price(url) == "7.48"
    # And back, from the list.
    page.goto(f"{url}/console/drafts")
    page.get_by_role("button", name="Go back to it").first.click()
    back = page.locator("dialog[open]")
    back.get_by_label("Why").fill("too dear")
    back.get_by_role("button").click()
    expect(page.locator("main")).to_contain_text("rollback to 2: too dear")
    assert price(url) == "5.49"


def test_who_proposed_it_is_told_that_a_second_person_is_needed(
    visits: Visits, engine: Engine, url: str
) -> None:
    with reading(engine) as conn:
        ada_id = person_named(conn, "ada").person_id
    draft = propose(engine, 1.6, by=ada_id)
    page = visits(url, name="ada").goes_to(f"/console/drafts/{draft}")
    button = page.get_by_role("button", name="Approve and publish")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description("A second person is needed. You proposed this "
        "draft or changed prices of it. Somebody else who may approve looks at it and says yes "
        "(four eyes).")  # fmt: skip
    with logged_in(url, "ada") as ada:
        refused = ada.post(f"/console/drafts/{draft}/approve", data={})
    assert refused.status_code == 409
    assert "four eyes" in refused.text


@pytest.mark.parametrize(("name", "status"), [("ana", 403), ("max", 403)])
def test_who_may_not_approve_has_no_button_and_is_refused(
    visits: Visits, engine: Engine, url: str, name: str, status: int
) -> None:
    page = visits(url, name=name).goes_to(ITS_DRAFT)
    expect(page.get_by_role("button", name="Approve and publish")).to_have_count(0)
    expect(page.get_by_role("button", name="Reject")).to_have_count(0 if name == "ana" else 1)
    expect(page.get_by_text("It waits for an approver.")).to_be_visible()
    with logged_in(url, name) as browser:
        assert browser.post(f"{ITS_DRAFT}/approve", data={}).status_code == status
        over_http = browser.post("/v1/price-book-drafts/1/approve", json={})
        assert over_http.status_code == status
    assert price(url) == "5.49"
    with reading(engine) as conn:
        assert read_draft(conn, 1).status == "draft"


def test_an_analyst_sees_no_button_that_changes_prices(visits: Visits, url: str) -> None:
    page = visits(url, name="ana").goes_to("/console/drafts")
    for name in ("Propose prices", "Freeze prices", "Go back to it"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    changes = {
        "/console/drafts/propose": {"run": "1"},
        "/console/drafts/freeze": {"reason": "no"},
        "/console/drafts/unfreeze": {},
        "/console/drafts/books/1/rollback": {"reason": "no"},
        f"{ITS_DRAFT}/reject": {"reason": "no"},
        f"{ITS_DRAFT}/amendments": {"sku": "TEA-1", "market": "online", "action": "leave_out"},
    }
    with logged_in(url, "ana") as ana:
        for path, form in changes.items():
            assert ana.post(path, data=form).status_code == 403, path


def test_rows_are_filtered_and_sorted_by_the_service(visits: Visits, url: str) -> None:
    page = visits(url, name="ana").goes_to(f"{ITS_DRAFT}?sort=-change")
    rows = page.locator(".tabulator-row")
    expect(rows).to_have_count(4)
    page.get_by_label("Filter: Market").select_option("store-01")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("¥1,170")
    page.get_by_label("Filter: Market").select_option("")
    expect(rows).to_have_count(4)
    page.get_by_label("Filter: Product").fill("tea-2")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("€18.75")
    page.get_by_label("Filter: Product").fill("")
    expect(rows).to_have_count(4)
    page.get_by_placeholder("Product, by number or title").fill("green")
    expect(rows).to_have_count(2)


def test_titles_stay_text(visits: Visits, url: str) -> None:
    page = visits(url, name="ana").goes_to(ITS_DRAFT)
    expect(page.locator(".tabulator-row").filter(has_text="<script>").first).to_be_visible()
    assert page.locator("main img").count() == 0


def test_a_price_is_amended_left_out_restored_and_commented(
    visits: Visits, engine: Engine, url: str
) -> None:
    page = visits(url, name="max").goes_to(ITS_DRAFT)
    page.locator(".tabulator-row").filter(has_text="TEA-2").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("TEA-2, online")
    page.get_by_label("Price in EUR").fill("13.49")
    page.get_by_role("button", name="Set this price").click()
    expect(page.locator(".figure").filter(has_text="set by max")).to_contain_text("€13.49")
    page.get_by_label("What you think of it").fill(f"a round price {PROBE}")
    page.get_by_role("button", name="Say it").click()
    expect(page.get_by_text("a round price")).to_be_visible()
    page.goto(f"{url}{ITS_DRAFT}/price?sku=TEA-1&market=online")
    page.get_by_role("button", name="Leave it out").click()
    expect(page.locator(".figure").filter(has_text="set by max")).to_contain_text("left out")
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text("left out")
    expect(page.locator("#said")).to_contain_text("€13.49")
    expect(page.locator(".tabulator-row")).to_have_count(3)
    expect(page.locator(".tabulator-row").filter(has_text="TEA-2")).to_contain_text("Set by hand")
    pia = visits(url, name="pia").goes_to(ITS_DRAFT)
    pia.keyboard.press("a")
    pia.locator("dialog[open]").get_by_role("button").click()
    expect(pia.locator(".status-line")).to_contain_text("live")
    assert (price(url), price(url, "TEA-2")) == ("5.49", "13.49")


def test_what_is_no_price_is_refused_with_the_sentence(
    visits: Visits, engine: Engine, url: str
) -> None:
    visitor = visits(url, name="max")
    visitor.expected.append("422")
    page = visitor.goes_to(f"{ITS_DRAFT}/price?sku=TEA-2&market=online")
    page.get_by_label("Price in EUR").fill("-1")
    page.get_by_role("button", name="Set this price").click()
    expect(page.locator(".notice")).to_contain_text("a price is above 0")
    with reading(engine) as conn:
        assert read_draft(conn, 1).review["report"]["changes"] == 4


def test_prices_are_frozen_and_the_freeze_is_lifted(visits: Visits, url: str) -> None:
    page = visits(url, name="max").goes_to("/console/drafts")
    page.keyboard.press("z")
    dialog = page.get_by_role("dialog", name="Freeze prices")
    dialog.get_by_label("Market").select_option("online")
    dialog.get_by_label("Why").fill("a look at costs")
    dialog.get_by_role("button", name="Freeze prices").click()
    expect(page.locator(".callout.doubt")).to_contain_text("a look at costs")
    page.get_by_role("button", name="Lift the freeze").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes, do it").click()
    expect(page.locator(".callout.doubt")).to_have_count(0)


def test_a_draft_is_proposed_for_a_time_and_in_stages_and_rejected(
    visits: Visits, engine: Engine, url: str
) -> None:
    page = visits(url, name="max").goes_to("/console/drafts")
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="Propose prices")
    dialog.get_by_label("Not before").fill("2031-05-01T06:00")
    dialog.get_by_label("Stages", exact=True).fill("10, 50, 100")
    dialog.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draft 2")
    with reading(engine) as conn:
        made = read_draft(conn, 2)
    assert (made.stages, made.activate_at) == (3, datetime(2031, 5, 1, 6, tzinfo=UTC))
    page.keyboard.press("x")
    reject = page.get_by_role("dialog", name="Reject")
    reject.get_by_label("Why").fill("not this spring")
    reject.get_by_role("button").click()
    expect(page.locator(".callout.bad")).to_contain_text("not this spring")
