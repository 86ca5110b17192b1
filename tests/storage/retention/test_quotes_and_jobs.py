"""Quotes, jobs, deliveries and news go when they are over; orders, plans and deeds stay."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from pricing.events.competitors import CompetitorPriceChanged
from pricing.events.prices import FreezeStarted
from storage.database import reading, writing
from storage.errors import InvalidRecord
from storage.events.store import forget_events, newest_events, record
from storage.jobs.job_tables import job_lines, jobs
from storage.jobs.outbox import claim_due, forget_deliveries, mark_delivered, mark_failed, messages
from storage.jobs.plan_tables import plans
from storage.promotions.tables import (
    order_returns,
    promotions,
    quotes,
    redemptions,
)
from storage.retention.jobs import forget_jobs
from storage.retention.quotes import forget_quotes
from tests.databases import sqlite_engine
from tests.pricing.events.samples import price_changed
from tests.storage.samples import NOW, add_shop

DAY = timedelta(days=1)

# status, days since it was settled, what happened to it, whether something came back
QUOTE = st.tuples(
    st.sampled_from(["open", "committed", "cancelled", "expired"]),
    st.integers(0, 60),
    st.lists(
        st.sampled_from(["offered", "reserved", "committed", "released", "reversed"]), max_size=3
    ),
    st.booleans(),
)


def _add_quotes(engine: Engine, made: list[tuple[str, int, list[str], bool]]) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        market = conn.scalar(sa.text("SELECT market_id FROM markets WHERE code = 'online'"))
        conn.execute(
            promotions.insert().values(
                promotion_id=1, name="p", currency="EUR", status="draft", version=1,
                created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
        for n, (status, days, events, returned) in enumerate(made):
            settled = None if status == "open" else NOW - days * DAY
            conn.execute(
                quotes.insert().values(
                    quote_id=f"q{n}", created_at=NOW - 90 * DAY, expires_at=NOW - 80 * DAY,
                    status=status, settled_at=settled, reserved=False, market_id=market,
                    total_minor=1, goods_minor=1, net_minor=1, document={},
                )
            )  # fmt: skip
            for event in events:
                conn.execute(
                    redemptions.insert().values(
                        quote_id=f"q{n}", promotion_id=1, version=1, event=event, at=NOW,
                        day=NOW.date(), units=1, amount_minor=1, detail={},
                    )
                )  # fmt: skip
            if returned:
                conn.execute(
                    order_returns.insert().values(
                        quote_id=f"q{n}", at=NOW, kind="return", units=[], gifts={},
                        amount_minor=0, document={},
                    )
                )  # fmt: skip


@given(made=st.lists(QUOTE, max_size=8), kept=st.integers(1, 50), limit=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_no_quote_goes_that_an_order_rests_on(
    made: list[tuple[str, int, list[str], bool]], kept: int, limit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, sqlite_engine(Path(folder)) as engine:
        _add_quotes(engine, made)
        while True:
            with writing(engine) as conn:
                done = forget_quotes(conn, before=NOW - kept * DAY, limit=limit)
                assert done <= limit
            if not done:
                break
        with reading(engine) as conn:
            left = set(conn.scalars(sa.select(quotes.c.quote_id)))
            steps = conn.execute(sa.select(redemptions.c.quote_id)).all()
    goes = {
        f"q{n}"
        for n, (status, days, events, returned) in enumerate(made)
        if status in {"cancelled", "expired"}
        and days > kept
        and not {"committed", "reversed"} & set(events)
        and not returned
    }
    assert left == {f"q{n}" for n in range(len(made))} - goes
    assert len(steps) == sum(len(made[int(name[1:])][2]) for name in left)


def test_quotes_go_on_both_databases(engine: Engine) -> None:
    _add_quotes(
        engine, [("expired", 9, ["reserved", "released"], False), ("committed", 9, [], False)]
    )
    with writing(engine) as conn:
        assert forget_quotes(conn, before=NOW - 5 * DAY, limit=9) == 1
        assert list(conn.scalars(sa.select(quotes.c.quote_id))) == ["q1"]


def test_jobs_go_with_their_logs_but_not_plans_nor_what_is_open(engine: Engine) -> None:
    over = {"kind": "fit", "lane": "compute", "request": {}, "created_at": NOW, "created_by": "ada",
            "not_before": NOW, "retries": 0}  # fmt: skip
    with writing(engine) as conn:
        states = [("finished", 9), ("failed", 9), ("finished", 1), ("queued", None)]
        for number, (status, days) in enumerate([*states, ("finished", 9), ("finished", 9)], 1):
            finished = None if days is None else NOW - days * DAY
            conn.execute(
                jobs.insert().values(job_id=number, status=status, finished_at=finished, **over)
            )
            conn.execute(job_lines.insert().values(job_id=number, at=NOW, line="x"))
        conn.execute(plans.insert().values(kind="markdown", job_id=5))
    with writing(engine) as conn:
        assert forget_jobs(conn, before=NOW - 5 * DAY, limit=1) == 1
        assert forget_jobs(conn, before=NOW - 5 * DAY, limit=9) == 1
        assert forget_jobs(conn, before=NOW - 5 * DAY, limit=9) == 0
        left = list(conn.scalars(sa.select(jobs.c.job_id).order_by(jobs.c.job_id)))
        assert left == [3, 4, 5, 6], "open, young, of a plan, and the newest"
        assert set(conn.scalars(sa.select(job_lines.c.job_id))) == set(left)


def test_deliveries_that_are_over_go_and_then_the_news_but_no_deed(engine: Engine) -> None:
    with writing(engine) as conn:
        for _ in range(4):
            record(conn, price_changed(), at=NOW - 9 * DAY)
        record(conn, FreezeStarted(market=None, reason="x"), at=NOW - 9 * DAY, actor="ada")
        one, two, *_ = claim_due(conn, now=NOW, limit=4, lease=DAY)
        mark_delivered(conn, one.message_id, at=NOW - 8 * DAY)
        mark_failed(conn, two.message_id, error="HTTP 500", next_attempt_at=None)
    with writing(engine) as conn:
        assert forget_deliveries(conn, before=NOW - 8 * DAY, limit=9) == 1, "given up"
        assert forget_deliveries(conn, before=NOW - 5 * DAY, limit=9) == 1, "delivered"
        assert forget_deliveries(conn, before=NOW, limit=9) == 0, "the rest waits"
        assert len(messages(conn)) == 2
        kinds = [CompetitorPriceChanged]
        assert forget_events(conn, kinds, before=NOW - 5 * DAY, limit=1) == 1
        assert forget_events(conn, kinds, before=NOW - 5 * DAY, limit=9) == 1
        assert len(newest_events(conn, kinds)) == 2, "of which a delivery waits"
        assert len(newest_events(conn, [FreezeStarted])) == 1
        with pytest.raises(InvalidRecord, match="history"):
            forget_events(conn, [FreezeStarted], before=NOW, limit=1)
