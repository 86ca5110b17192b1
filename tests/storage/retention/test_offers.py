"""Offers that no decision rests on go; every decision would be made again from the same prices."""

from __future__ import annotations

import tempfile
import threading
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from storage.competitors.offers import competitor_prices
from storage.competitors.tables import crawl_pages, quarantine
from storage.database import open_engine, reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.retention.offers import forget_offers, forget_pages, forget_quarantine
from storage.tables import crawls, decision_runs, offers, sites
from tests.databases import sqlite_engine, url_of
from tests.storage.samples import NOW, add_shop

HOUR = timedelta(hours=1)
Look = tuple[int, int, int | None, bool]
"""Hours ago, page, matched product, whether it could be bought."""

LOOKS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 3), st.sampled_from([None, 1, 2]), st.booleans()),
    max_size=10,
)
RUNS = st.lists(st.tuples(st.integers(0, 200), st.sampled_from([None, 1, 24, 72])), max_size=4)


def add_site(engine: Engine) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        market = conn.scalar(sa.text("SELECT market_id FROM markets WHERE code = 'online'"))
        conn.execute(
            sites.insert().values(
                site_id=1, name="rival", start_url="https://rival", kind="storefront",
                market_id=market, currency="EUR",
            )
        )  # fmt: skip


def add_look(engine: Engine, number: int, look: Look) -> None:
    with writing(engine) as conn:
        _add_look(conn, number, look)


def _add_look(conn: sa.Connection, number: int, look: Look) -> None:
    """A crawl of one page."""
    hours, page, product, buyable = look
    at = NOW - hours * HOUR
    market = conn.scalar(sa.select(sites.c.market_id))
    conn.execute(
        crawls.insert().values(
            crawl_id=number,
            site_id=1,
            started_at=at,
            finished_at=at,
            status="finished",
            report={},
        )
    )
    conn.execute(
        crawl_pages.insert().values(crawl_id=number, url=f"/{page}", outcome="observed", done_at=at)
    )
    conn.execute(
        offers.insert().values(
            offer_id=number, crawl_id=number, site_id=1, market_id=market, url=f"/{page}",
            observed_at=at, price_minor=100 + number, currency="EUR", title="tea",
            availability="in_stock" if buyable else "out_of_stock", product_id=product,
            source="json-ld", confidence=1.0,
        )
    )  # fmt: skip


def add_run(engine: Engine, *runs: tuple[datetime, int | None]) -> None:
    with writing(engine) as conn:
        for at, hours in runs:
            _add_run(conn, at, hours)


def _add_run(conn: sa.Connection, at: datetime, hours: int | None) -> None:
    report = {} if hours is None else {"offer_max_age_seconds": hours * 3600.0}
    conn.execute(
        decision_runs.insert().values(
            created_at=NOW, decided_at=at, policy={}, report=report, solve_status="optimal",
            solve_method="exact", solve_objective=0, solve_bound=0, solve_gap=0, solve_seconds=0,
        )
    )  # fmt: skip


def known_to(engine: Engine, runs: list[tuple[int, int | None]]) -> list[list[int]]:
    """What each run of decisions, made again, and one of now would know of competitors."""
    with reading(engine) as conn:
        catalogue = read_catalogue(conn, at=NOW)
        found = []
        for ago, hours in [*runs, (0, 72)]:
            age = timedelta(days=365) if hours is None else hours * HOUR
            prices = competitor_prices(conn, catalogue, at=NOW - ago * HOUR, max_age=age)
            found.append([*prices.lowest.tolist(), *prices.offers.tolist()])
    return found


def newest(engine: Engine) -> set[int]:
    query = sa.select(sa.func.max(offers.c.offer_id)).group_by(offers.c.url)
    with reading(engine) as conn:
        return set(conn.scalars(query))


def left(engine: Engine) -> set[int]:
    with reading(engine) as conn:
        return set(conn.scalars(sa.select(offers.c.offer_id)))


@given(looks=LOOKS, runs=RUNS, kept=st.integers(72, 160))
@settings(max_examples=15, deadline=None)
def test_no_offer_goes_on_which_a_decision_rests(
    looks: list[Look], runs: list[tuple[int, int | None]], kept: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, sqlite_engine(Path(folder)) as engine:
        add_site(engine)
        with writing(engine) as conn:
            for number, look in enumerate(sorted(looks, key=lambda look: -look[0]), 1):
                _add_look(conn, number, look)
        add_run(engine, *((NOW - ago * HOUR, hours) for ago, hours in runs))
        before, last = known_to(engine, runs), newest(engine)
        all_of_them, pinned = left(engine), _pinned(engine, runs) | newest(engine)
        gone = forget_offers(engine, before=NOW - kept * HOUR)
        assert len(left(engine)) == len(all_of_them) - gone
        assert known_to(engine, runs) == before
        assert last <= left(engine), "what stands on a page today stays"
        assert forget_offers(engine, before=NOW - kept * HOUR) == 0
        agos = sorted((look[0] for look in looks), reverse=True)
        old = {number for number, ago in enumerate(agos, 1) if ago > kept}
        assert all_of_them - left(engine) == old - pinned, "and all else that is old is gone"


def _pinned(engine: Engine, runs: list[tuple[int, int | None]]) -> set[int]:
    """By a loop over rows, as nothing in the product does it."""
    with reading(engine) as conn:
        rows = conn.execute(sa.select(offers.c.offer_id, offers.c.url, offers.c.observed_at)).all()
    found = set()
    for ago, hours in runs:
        until = NOW - ago * HOUR
        since = until - (timedelta(days=365) if hours is None else hours * HOUR)
        last = {url: number for number, url, at in sorted(rows) if since <= at <= until}
        found |= set(last.values())
    return found


def test_on_both_databases_old_offers_go_and_pinned_ones_stay(engine: Engine) -> None:
    add_site(engine)
    for number, hours in enumerate((200, 190, 180, 10), 1):
        add_look(engine, number, (hours, 1, 1, True))
    add_run(engine, (NOW - 185 * HOUR, 24))
    told: list[int] = []
    assert forget_offers(engine, before=NOW - 100 * HOUR, going_on=told.append) == 2
    assert (left(engine), told) == ({2, 4}, [2])


def test_a_run_that_is_stored_meanwhile_keeps_what_it_rests_on(engine: Engine) -> None:
    """Batches of one: after the first, a run of decisions as of the past comes in between."""
    from unittest.mock import patch

    add_site(engine)
    for number in range(1, 7):
        add_look(engine, number, (200 - number, 1, 1, True))

    def decide_as_of_then(gone: int) -> None:
        if gone == 1:
            add_run(engine, (NOW - 197 * HOUR, 1))

    with patch("storage.retention.offers.BATCH", 1):
        gone = forget_offers(engine, before=NOW - 100 * HOUR, going_on=decide_as_of_then)
    assert (gone, left(engine)) == (4, {3, 6})


def test_looks_and_held_prices_go_but_for_what_waits_and_the_last_crawl(engine: Engine) -> None:
    add_site(engine)
    for number, hours in enumerate((200, 190, 10), 1):
        add_look(engine, number, (hours, 1, 1, True))
    with writing(engine) as conn:
        for number, status in enumerate(("held", "dropped", "released"), 1):
            decided = None if status == "held" else NOW - 200 * HOUR
            conn.execute(
                quarantine.insert().values(
                    quarantine_id=number, site_id=1, crawl_id=1, url="/1", reason="r", offer={},
                    status=status, held_at=NOW - 300 * HOUR, decided_at=decided,
                )
            )  # fmt: skip
    with writing(engine) as conn:
        assert forget_pages(conn, before=NOW - 100 * HOUR, limit=1) == 1
        assert forget_pages(conn, before=NOW - 100 * HOUR) == 1
        assert forget_pages(conn, before=NOW) == 0, "the last crawl of a site stays"
        assert forget_quarantine(conn, before=NOW - 100 * HOUR) == 2
        assert list(conn.scalars(sa.select(quarantine.c.status))) == ["held"]


def test_nobody_waits_long_for_it(engine: Engine) -> None:
    """A writer comes in between two batches."""
    from unittest.mock import patch

    add_site(engine)
    for number in range(1, 6):
        add_look(engine, number, (200 - number, 1, 1, True))
    other = open_engine(url_of(engine))

    def write(_: int) -> None:
        def once() -> None:
            with writing(other) as conn:
                conn.execute(sites.update().values(kind="feed"))

        writer = threading.Thread(target=once)
        writer.start()
        writer.join(20)
        assert not writer.is_alive()

    with patch("storage.retention.offers.BATCH", 1):
        assert forget_offers(engine, before=NOW, going_on=write) == 4
    other.dispose()
    assert np.array_equal(sorted(left(engine)), [5])
