"""How much waits and how fresh everything is, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from pricing.events.competitors import CompetitorPriceChanged
from storage.database import reading
from storage.events.store import count_events
from storage.overview import (
    Beginnings,
    Waiting,
    beginnings,
    count_waiting,
    newest_fit,
    newest_imports,
    site_visits,
)
from tests.api.console.morning import busy_morning

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def test_an_empty_database(engine: Engine) -> None:
    with reading(engine) as conn:
        assert count_waiting(conn, failed_since=NOW) == Waiting(0, 0, 0, 0)
        assert beginnings(conn) == Beginnings(products=False, decided=None)
        assert newest_fit(conn) is None
        assert newest_imports(conn) == ()
        assert site_visits(conn) == ()


def test_a_busy_morning(engine: Engine) -> None:
    busy_morning(engine, NOW)
    with reading(engine) as conn:
        assert count_waiting(conn, failed_since=NOW - DAY) == Waiting(1, 1, 1, 1)
        assert count_waiting(conn, failed_since=NOW).failed_jobs == 0
        assert beginnings(conn) == Beginnings(products=True, decided=NOW)
        assert [file.kind for file in newest_imports(conn)] == ["costs", "products", "sales"]
        fit = newest_fit(conn)
        assert fit is not None
        assert (fit.fit_id, fit.rows, fit.window_end) == (1, 12_345, (NOW - 9 * DAY).date())
        crawled = {visit.site: visit.crawl for visit in site_visits(conn)}
        assert crawled["north"] is not None
        assert crawled["north"].started_at == NOW - timedelta(hours=3)
        assert count_events(conn, [CompetitorPriceChanged], since=NOW - DAY) == 1
        assert count_events(conn, [CompetitorPriceChanged], since=NOW - 3 * DAY) == 2
