"""What the budget measures is read without the whole run; it is what the whole run says."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from pricing.catalogue import UNKNOWN, Labels
from pricing.deciding.decisions import Action
from pricing.money import Money
from pricing.price_book import PUBLIC
from pricing.releases.change_budget import ChangeBudget, ProposedPrices, measure
from storage.database import writing
from storage.prices.decisions import read_run
from storage.prices.price_books import load_price_book
from storage.products.keys import key_ids
from storage.releases.proposed_prices import proposed_prices
from storage.releases.publishing import publish
from tests.storage.releases.test_proposals import KEYS, PRICE, ROWS, Key, Row, shop, stored
from tests.storage.samples import NOW

__all__ = ["shop"]

EVERY_LIMIT = ChangeBudget(0.0, 0.0, 0.0, 0.0)


def from_whole(
    conn: Connection, run_id: int, live: int | None, changes: dict[Key, int | None]
) -> ProposedPrices:
    """The same from the run and the book as they are read whole, a row at a time."""
    run = read_run(conn, run_id).decisions
    order = np.lexsort(key_ids(conn, run.catalogue.sku, run.catalogue.market.values())[::-1])
    asked = {} if live is None else book_of(conn, live)
    old, new, currency = [], [], []
    for row in order.tolist():
        key = (str(run.catalogue.sku[row]), run.catalogue.market[row])
        found, price = int(run.catalogue.price[row]), int(run.price[row])
        before = found if live is None else asked.get(key, UNKNOWN)
        if before != UNKNOWN and run.action[row] != Action.CHANGE and price == found:
            price = before
        if key in changes:
            price = UNKNOWN if changes[key] is None else int(changes[key] or 0)
        old.append(before)
        new.append(price)
        currency.append(run.catalogue.currency(row))
    return ProposedPrices(
        old=np.array(old),
        new=np.array(new),
        revenue=run.revenue_before[order],
        elasticity=run.elasticity[order],
        elasticity_std_error=run.elasticity_std_error[order],
        currency=Labels.of(currency),
    )


def book_of(conn: Connection, version: int) -> dict[Key, int]:
    return {
        (entry.sku, entry.market): entry.price.minor
        for entry in load_price_book(conn, version)
        if entry.tier == PUBLIC
    }


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    first=st.dictionaries(st.sampled_from(KEYS), PRICE),
    rows=st.dictionaries(st.sampled_from(KEYS), ROWS, min_size=1),
    gold=st.booleans(),
    data=st.data(),
)
def test_the_measure_of_an_amended_draft_is_that_of_the_whole_run_and_book(
    shop: Engine,
    first: dict[Key, int],
    rows: dict[Key, Row],
    gold: bool,
    data: st.DataObject,
) -> None:
    changes = data.draw(
        st.dictionaries(st.sampled_from(sorted(rows)), st.one_of(st.none(), PRICE)), label="amended"
    )
    with writing(shop) as conn:
        live = None
        if first:
            begun = {key: (Action.CHANGE, 1, price) for key, price in first.items()}
            live = publish(conn, stored(conn, begun), at=NOW)
        run_id = stored(conn, rows, dict.fromkeys(rows, 800) if gold else None)
        currency = {"online": "EUR", "tokyo": "JPY"}
        wanted = {
            key: None if price is None else Money(price, currency[key[1]])
            for key, price in changes.items()
        }
        found = proposed_prices(conn, run_id, live, wanted)
        whole = from_whole(conn, run_id, live, changes)
    np.testing.assert_array_equal(found.old, whole.old)
    np.testing.assert_array_equal(found.new, whole.new)
    assert found.currency.values().tolist() == whole.currency.values().tolist()
    assert measure(found, EVERY_LIMIT) == measure(whole, EVERY_LIMIT)
