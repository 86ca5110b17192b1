"""A catalogue knows since when its prices hold and what they were before."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from sqlalchemy.engine import Engine

from pricing.catalogue import UNKNOWN
from pricing.deciding.policy import PricingPolicy
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.prices.decisions import read_run, save_run
from storage.releases.publishing import publish
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, decisions_for

DAY = timedelta(days=1)


def test_earlier_prices_and_times_of_change_come_from_price_books(engine: Engine) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 2, 2), 1, 1000)
        add_sale(conn, "tea-2", "online", date(2026, 2, 2), 1, 2000)
        add_cost(conn, "tea-1", "online", date(2026, 1, 1), 600)
    prices = []
    for days in (10, 3, 0.5):
        at = NOW - timedelta(days=days)
        with writing(engine) as conn:
            known = read_catalogue(conn, at=at)
            number = save_run(
                conn,
                decisions_for(known, at),
                policy=PricingPolicy().document(),
                fit_id=None,
                created_at=at,
            )
            publish(conn, number, at=at)
            prices.append(int(read_catalogue(conn, at=at).price[0]))
    with reading(engine) as conn:
        now = read_catalogue(conn, at=NOW)
        early = read_catalogue(conn, at=NOW - 11 * DAY)
    assert now.price[0] == prices[2]
    assert now.price_day_ago[0] == prices[1]
    assert now.price_week_ago[0] == prices[0]
    assert len(set(prices)) > 1
    last = [days for days, price in zip((10, 3, 0.5), prices, strict=True) if price == prices[2]]
    changed = NOW - timedelta(days=max(last))
    assert now.changed_at[0] == np.datetime64(changed.replace(tzinfo=None), "s")
    assert early.price_day_ago[0] == early.price_week_ago[0] == UNKNOWN
    assert np.isnat(early.changed_at[0])


def test_the_path_of_a_decision_comes_back(engine: Engine) -> None:
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 2, 2), 1, 1000)
        run = decisions_for(read_catalogue(conn, at=NOW))
        number = save_run(conn, run, policy={}, fit_id=None, created_at=NOW)
        stored = read_run(conn, number).decisions
    assert run.path is not None
    assert stored.path is not None
    assert stored.path.values().tolist() == run.path.values().tolist() == ["optimise"]
