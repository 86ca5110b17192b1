"""What a run changes of the live book, on both engines: what it left alone stays as it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from pricing.deciding.decisions import Action, Decisions
from storage.database import writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.prices.decisions import read_run, save_run, save_tier
from storage.prices.price_books import load_price_book
from storage.releases.book_diff import diff_draft
from storage.releases.drafts import propose, read_draft
from storage.releases.publishing import publish
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, decisions_for

KEYS = (("tea-1", "online"), ("tea-1", "tokyo"), ("tea-2", "online"))
Key = tuple[str, str]
Row = tuple[Action, int, int]
"""What is done, the price that was found, the price decided."""


@pytest.fixture
def shop(engine: Engine) -> Engine:
    add_shop(engine)
    with writing(engine) as conn:
        for sku, market in KEYS:
            add_sale(conn, sku, market, date(2026, 2, 2), 1, 1000)
            add_cost(conn, sku, market, date(2026, 1, 1), 100)
    return engine


def stored(conn: Connection, rows: Mapping[Key, Row], gold: Mapping[Key, int] | None = None) -> int:
    """A run that found these prices and did this to them, and prices of members beside it."""

    def of(keys: Mapping[Key, object], decided: list[int], rows: list[Row]) -> Decisions:
        catalogue = read_catalogue(conn, at=NOW)
        wanted = [
            (str(s), m) in keys
            for s, m in zip(catalogue.sku, catalogue.market.values(), strict=True)
        ]
        catalogue = replace(
            catalogue.take(np.flatnonzero(wanted)), price=np.array([row[1] for row in rows])
        )
        return replace(
            decisions_for(catalogue),
            price=np.array(decided),
            action=np.array([int(row[0]) for row in rows]),
        )

    ordered = [rows[key] for key in sorted(rows)]
    run = of(rows, [row[2] for row in ordered], ordered)
    number = save_run(conn, run, policy={}, fit_id=None, created_at=NOW)
    if gold:
        beside = [rows[key] for key in sorted(gold)]
        save_tier(conn, number, of(gold, [gold[k] for k in sorted(gold)], beside), "gold")
    return number


def book(conn: Connection, tier: str = "public") -> dict[Key, int]:
    return {
        (entry.sku, entry.market): entry.price.minor
        for entry in load_price_book(conn)
        if entry.tier == tier
    }


PRICE = st.integers(900, 905)
ROWS = st.one_of(
    st.tuples(st.sampled_from([Action.KEEP, Action.HOLD]), PRICE).map(lambda r: (*r, r[1])),
    st.tuples(st.just(Action.CHANGE), PRICE, PRICE),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    first=st.dictionaries(st.sampled_from(KEYS), PRICE, min_size=1),
    rows=st.dictionaries(st.sampled_from(KEYS), ROWS, min_size=1),
)
def test_publishing_changes_what_the_run_changes_and_the_draft_says_so(
    shop: Engine, first: dict[Key, int], rows: dict[Key, Row]
) -> None:
    with writing(shop) as conn:
        publish(conn, stored(conn, {k: (Action.CHANGE, 1, p) for k, p in first.items()}), at=NOW)
        before = book(conn)
        number = stored(conn, rows)
        wanted = before | {
            key: price
            for key, (action, _, price) in rows.items()
            if action is Action.CHANGE or key not in before
        }
        differ = sum(wanted[key] != before.get(key) for key in wanted)
        draft = propose(conn, number, at=NOW, by="ann", review={}, approvals_needed=1)
        found = diff_draft(conn, read_draft(conn, draft))
        assert (found.changes, len(found.largest)) == (differ, differ)
        publish(conn, number, at=NOW)
        assert book(conn) == wanted


def test_members_keep_their_price_where_the_public_one_stays_and_is_another_by_now(
    shop: Engine,
) -> None:
    one, two, three = KEYS
    with writing(shop) as conn:
        change, hold = Action.CHANGE, Action.HOLD
        first = dict.fromkeys(KEYS, (change, 1, 900))
        publish(conn, stored(conn, first, dict.fromkeys(KEYS, 800)), at=NOW)
        rows = {one: (hold, 1400, 1400), two: (hold, 900, 900), three: (change, 1400, 890)}
        publish(conn, stored(conn, rows, {one: 700, two: 750, three: 690}), at=NOW)
        assert book(conn) == {one: 900, two: 900, three: 890}
        assert book(conn, "gold") == {one: 800, two: 750, three: 690}


def test_a_run_of_member_prices_alone_is_published_as_it_is(shop: Engine) -> None:
    with writing(shop) as conn:
        publish(conn, stored(conn, dict.fromkeys(KEYS, (Action.CHANGE, 1, 900))), at=NOW)
        number = stored(conn, {KEYS[0]: (Action.CHANGE, 900, 910)})
        alone = read_run(conn, number).decisions
        gold = save_run(
            conn,
            replace(alone, price=np.array([850]), action=np.array([Action.KEEP])),
            policy={},
            fit_id=None,
            created_at=NOW,
            tier="gold",
        )
        publish(conn, gold, at=NOW)
        assert book(conn, "gold") == {KEYS[0]: 850}
