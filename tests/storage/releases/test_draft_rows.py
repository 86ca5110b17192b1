"""The rows of a draft: read once for its run, and anew only where somebody amended a price."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from pricing.catalogue import UNKNOWN
from pricing.deciding.decisions import Action
from pricing.money import Money
from storage.database import writing
from storage.releases.amendments import Amendment, save_amendment
from storage.releases.book_diff import diff_draft
from storage.releases.draft_rows import decided_rows, with_amendments
from storage.releases.drafts import propose, read_draft
from storage.releases.publishing import publish
from tests.storage.releases.test_proposals import KEYS, PRICE, ROWS, Key, Row, shop, stored
from tests.storage.samples import NOW

__all__ = ["shop"]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    first=st.dictionaries(st.sampled_from(KEYS), PRICE, min_size=1),
    rows=st.dictionaries(st.sampled_from(KEYS), ROWS, min_size=1),
    gold=st.booleans(),
    data=st.data(),
)
def test_decided_rows_with_amendments_are_what_the_draft_changes(
    shop: Engine, first: dict[Key, int], rows: dict[Key, Row], gold: bool, data: st.DataObject
) -> None:
    changes = data.draw(
        st.dictionaries(st.sampled_from(sorted(rows)), st.one_of(st.none(), PRICE)), label="amended"
    )
    currency = {"online": "EUR", "tokyo": "JPY"}
    with writing(shop) as conn:
        publish(conn, stored(conn, {k: (Action.CHANGE, 1, p) for k, p in first.items()}), at=NOW)
        run_id = stored(conn, rows, dict.fromkeys(rows, 800) if gold else None)
        number = propose(conn, run_id, at=NOW, by="ann", review={}, approvals_needed=1)
        draft = read_draft(conn, number)
        decided = decided_rows(conn, draft)
        for (sku, market), price in changes.items():
            money = None if price is None else Money(price, currency[market])
            amendment = Amendment(sku, market, money, NOW, "ben", "")
            save_amendment(conn, number, amendment, review={})
        found = with_amendments(conn, draft, decided)
        whole = diff_draft(conn, draft, limit=100).largest
    keys = list(zip(found.sku.tolist(), found.market.tolist(), found.tier.tolist(), strict=True))
    assert dict(
        zip(keys, zip(found.before.tolist(), found.after.tolist(), strict=True), strict=True)
    ) == {
        (change.sku, change.market, change.tier): (
            UNKNOWN if change.before is None else change.before.minor,
            UNKNOWN if change.after is None else change.after.minor,
        )
        for change in whole
    }
    assert len(keys) == len(whole)
    places = list(
        zip(found.product.tolist(), found.place.tolist(), found.tier.tolist(), strict=True)
    )
    assert places == sorted(places)
    by_hand = {
        key[:2] for key, amended in zip(keys, found.amended.tolist(), strict=True) if amended
    }
    assert by_hand <= {key for key, price in changes.items() if price is not None}
