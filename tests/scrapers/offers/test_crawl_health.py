"""A crawl against the site's own history: what is news of the crawl and not of prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pricing.events.competitors import CompetitorPriceChanged
from scrapers.cadence import site_cadence
from scrapers.crawling.crawl import crawl_alert
from scrapers.offers.crawl_health import Freshness, Vitals, findings, freshness
from scrapers.sites import Site
from storage.database import reading
from storage.events.tables import events
from tests.scrapers.conftest import KETTLE, TOASTER
from tests.scrapers.offers.test_store import SITE, crawl, seen

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = Vitals(100, 98, 0, 80, {"json-ld": 98}, known=80, fresh=79)


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (GOOD, []),
        (replace(GOOD, observed=70), ["yield"]),
        (replace(GOOD, looked_at=70, observed=69), ["size"]),
        (replace(GOOD, matched=50), ["coverage"]),
        (replace(GOOD, fresh=50), ["freshness"]),
        (replace(GOOD, fresh=70), []),
        (replace(GOOD, known=0, fresh=0), []),
        (replace(GOOD, sources={"markup": 98}), ["extraction"]),
        (replace(GOOD, blocked=9), ["blocked"]),
    ],
)
def test_a_drop_against_the_sites_own_crawls_is_found(now: Vitals, what: list[str]) -> None:
    assert [found.what for found in findings(now, [GOOD, GOOD, GOOD])] == what


def test_reports_of_older_versions_say_nothing_about_freshness() -> None:
    old = replace(GOOD, known=0, fresh=0)
    assert findings(replace(GOOD, fresh=1), [old, old]) == ()
    report: Mapping[str, object] = {"outcomes": {"observed": 3}, "matched": 2}
    assert Vitals.of_report(report) == Vitals(3, 3, 0, 2)


def test_ages_are_told_against_the_cadence() -> None:
    newest = [NOW - hours * HOUR for hours in (1, 8, 10, 30)]
    assert freshness(newest, 6 * HOUR, now=NOW) == Freshness(4, 2, 9.0, 6.0)
    assert freshness([], 6 * HOUR, now=NOW) == Freshness(0, 0, 0.0, 6.0)


def test_freshness_goes_with_the_report_and_into_the_alert() -> None:
    summary = {
        "whole": True, "outcomes": {"observed": 98, "failed": 2}, "matched": 80,
        "sources": {"json-ld": 98}, "freshness": asdict(Freshness(80, 40, 30.0, 24.0)),
    }  # fmt: skip
    alert = crawl_alert(SITE, 7, NOW, summary, [GOOD, GOOD], failed="")
    assert alert is not None
    assert [found.what for found in alert.findings] == ["freshness"]


def test_products_that_are_no_longer_seen_make_the_site_stale_and_no_price_moves(
    database: Engine,
) -> None:
    now = datetime.now(UTC)
    both = [seen("a", "40.00", "Kettle", gtin=KETTLE.gtin, at=now - 72 * HOUR),
            seen("b", "24.00", "Toaster", gtin=TOASTER.gtin, at=now - 72 * HOUR)]  # fmt: skip
    stale = crawl(database, *both, at=now - 72 * HOUR)
    assert (stale.freshness["known"], stale.freshness["fresh"]) == (2, 0)
    half = crawl(database, seen("a", "40.00", "Kettle", gtin=KETTLE.gtin, at=now), at=now)
    assert (half.freshness["known"], half.freshness["fresh"]) == (2, 1)
    assert half.summary()["freshness"] == half.freshness
    with reading(database) as conn:
        topics = set(conn.scalars(sa.select(events.c.type)))
    assert CompetitorPriceChanged.type_name not in topics


@pytest.mark.parametrize(
    ("schedule", "cadence"),
    [
        ("every 6h", 6 * HOUR),
        ("daily at 03:00", 24 * HOUR),
        ("mon, thu at 06:30 and 18:30", 84 * HOUR),
        (None, 24 * HOUR),
    ],
)
def test_the_cadence_is_the_longest_wait_that_the_schedule_plans(
    schedule: str | None, cadence: timedelta
) -> None:
    site = Site("rival", "https://shop.example/", "online", "EUR", schedule=schedule)
    assert site_cadence(site, []) == cadence
    assert site_cadence(None, [NOW, NOW + 2 * HOUR, NOW + 4 * HOUR]) == 2 * HOUR
