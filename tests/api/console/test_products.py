"""The page of a product in a real browser: prices, demand, profit, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from api.server import serving
from models.demand import ConstantElasticityDemand, FittedCurves, Provenance
from storage.database import writing
from storage.demand.fits import save_fit
from storage.prices.decisions import save_run
from storage.releases.publishing import publish
from tests.api.access.let_in import logged_in
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.console.morning import busy_morning
from tests.api.rival_records import rival_crawl, rival_offer
from tests.api.shop import EURO_SHOP, YEN_STORE, decided
from tests.databases import sqlite_engine
from tests.storage.samples import add_sale

TEA = "/console/products/TEA-1"


def fitted(status: str = "ok") -> FittedCurves:
    """The curve that `decided` rests on, for one product."""
    return FittedCurves(
        sku=np.array(["TEA-1"]),
        market=np.array(["online"]),
        demand=ConstantElasticityDemand(
            reference_price=np.array([5.0]),
            log_base=np.array([3.0]),
            elasticity=np.array([-2.0]),
            covariance=np.diag([0.01, 0.04])[None],
            residual_variance=np.array([0.1]),
        ),
        own_elasticity=np.array([-2.0]),
        own_std_error=np.array([0.2]),
        n_obs=np.array([60]),
        method=np.array(["2sls"]),
        status=np.array([status]),
        provenance=Provenance(date(2025, 1, 6), date(2026, 11, 1), 60, 7, "2sls", {}),
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A busy morning, with a curve, sales and a competitor who writes markup."""
    with sqlite_engine(tmp_path_factory.mktemp("products")) as engine:
        now = datetime.now(UTC)
        busy_morning(engine, now - timedelta(hours=2), title=PROBE)
        let_people_in(engine)
        chance = np.random.default_rng(4)
        with writing(engine) as conn:
            conn.exec_driver_sql(
                "UPDATE products SET title = ? WHERE sku = 'TEA-1'", (f"Green {PROBE}",)
            )
            for week in range(1, 25):
                units = 12 + int(chance.integers(0, 14))
                price = 430 + int(chance.integers(0, 150))
                day = (now - timedelta(weeks=week)).date()
                add_sale(conn, "TEA-1", "online", day, units, units * price)
            fit = save_fit(conn, fitted("price_never_moved"), created_at=now)
            run = decided({("TEA-1", "online"): 529}, markets=(EURO_SHOP, YEN_STORE), at=now)
            run_id = save_run(conn, run, policy={}, fit_id=fit, created_at=now)
            publish(conn, run_id, at=now, note="with a curve")
        for ago in range(20, 0, -1):
            offer = rival_offer("TEA-1", 470 + 5 * (ago % 7), now - timedelta(days=ago))
            rival_crawl(engine, "north", now - timedelta(days=ago), [offer])
        probe = replace(
            rival_offer("TEA-1", 515, now), title=PROBE, url="https://north.example/other"
        )
        rival_crawl(engine, "north", now, [probe])
        yield engine


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
        yield url


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh-Hans", "dark")])
def test_its_pages_are_readable(
    visits: Visits, url: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url, language=language, theme=theme, size=size, name="ana")
    for name, path in (("products", "/console/products"), ("product", f"{TEA}?market=online")):
        page = visitor.goes_to(path)
        if name == "product":
            expect(page.locator("[data-chart][data-drawn]")).to_have_count(4)
        visitor.saves_picture(f"{name}-{language}-{theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert visitor.serious_findings() == []


def test_a_product_is_found_and_opened_by_keyboard(visits: Visits, url: str) -> None:
    page = visits(url, name="ana").goes_to("/console/products")
    expect(page.locator(".tabulator-row")).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("tea/3")
    expect(page.locator(".tabulator-row")).to_have_count(1)
    page.locator(".tabulator-row").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tea TEA/3 ü")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", level=1)).to_have_text("Products")


def test_why_a_price_is_told_step_by_step_with_the_numbers_of_the_decision(
    visits: Visits, url: str
) -> None:
    with logged_in(url, "ana") as ana:
        stored = ana.get("/v1/decisions/TEA-1?market=online").json()
    page = visits(url, name="ana").goes_to(f"{TEA}?market=online")
    figures = page.locator(".figure")
    expect(figures.filter(has_text="decided")).to_contain_text(f"€{stored['price']['amount']}")
    expect(figures.filter(has_text="in force")).to_contain_text("€5.29")
    units = stored["expected"]["units"]
    expect(figures.filter(has_text="expected units")).to_contain_text(f"{units['mean']:.1f}")
    expect(figures.filter(has_text="expected units")).to_contain_text(
        f"from {units['low']:.1f} to {units['high']:.1f}"
    )
    profit = stored["expected"]["profit"]["amount"]
    low, high = (float(profit) * units[end] / units["mean"] for end in ("low", "high"))
    expect(figures.filter(has_text="expected profit")).to_contain_text(f"€{profit}")
    expect(figures.filter(has_text="expected profit")).to_contain_text(re.compile(
        rf"from €{low:.1f}\d to €{high:.1f}\d"
    ))  # fmt: skip
    why = page.locator("#why")
    expect(why.locator("li")).to_have_count(8)
    expect(why).to_contain_text("Fit 2, by 2sls, from 60 periods of sales")
    expect(why).to_contain_text("The price changes: €5.29.")
    expect(why).to_contain_text("by price book 3.")
    expect(page.locator(".callout.doubt").first).to_contain_text("its price never moved")


def test_the_charts_are_those_of_the_interfaces(visits: Visits, url: str) -> None:
    with logged_in(url, "ana") as ana:
        charts = {
            kind: ana.get(f"/console/product-charts/{kind}?sku=TEA-1&market=online").json()
            for kind in ("prices", "units", "demand", "profit")
        }
        record = ana.get("/v1/offer-history/TEA-1?market=online").json()
    ours, *theirs = charts["prices"]["series"]
    assert [value for _, value in ours["points"]] == [4.99, 5.49, 5.29, 5.29]
    asked = {float(span["price"]["amount"]) for span in record["spans"] if span["price"]}
    assert {value for series in theirs for _, value in series["points"] if value} == asked
    assert len(charts["units"]["series"][0]["points"]) == 24
    curve, sold = charts["demand"]["series"]
    assert len(sold["points"]) == 24
    for (_, mean), (_, low), (_, high) in zip(
        curve["points"], curve["low"], curve["high"], strict=True
    ):
        assert low < mean < high
    assert {mark["name"] for mark in charts["profit"]["marks"]} >= {"in force", "allowed"}


def test_what_a_competitor_wrote_stays_text(visits: Visits, url: str) -> None:
    page = visits(url, name="ana").goes_to(f"{TEA}?market=online")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Green {PROBE}")
    expect(page.locator(".panel").filter(has_text="Offers of competitors")).to_contain_text(PROBE)
    assert page.locator("main img").count() == 0


def test_a_product_without_a_curve_says_so(visits: Visits, url: str) -> None:
    page = visits(url, name="ana").goes_to("/console/products/TEA-2?market=online")
    expect(page.locator(".callout.doubt").first).to_contain_text("no demand curve")
    expect(page.locator("[data-chart]")).to_have_count(2)


def test_what_is_not_there_is_told(url: str) -> None:
    with logged_in(url, "ana") as ana:
        assert ana.get("/console/products/NONE?market=online").status_code == 404
        assert ana.get(f"{TEA}?market=nowhere").status_code == 404
    outside = httpx.get(f"{url}/console/product-rows", timeout=60)
    assert outside.status_code == 401
