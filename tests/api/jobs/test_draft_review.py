"""What people make of a draft: rows that are sorted and filtered, amended prices, comments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from api.jobs.draft_review import amend_price, comment_on, restore_price, review_draft
from api.jobs.draft_table import Cause, Wanted, review_page
from api.jobs.release import ReleaseTerms, approve_draft, release
from models.refusals import Invalid, Refusal
from pricing.deciding.guardrails import GuardrailLimits
from pricing.law.packs import Emergency
from pricing.releases.change_budget import ChangeBudget
from storage.access.log import read_log
from storage.database import reading, writing
from storage.errors import DecisionNotFound, DraftNotReady, PricesNotAllowed
from storage.law.market_rules import declare_emergency, set_market_rules
from storage.prices.decisions import save_run
from storage.prices.price_books import price_history
from storage.releases.draft_prices import draft_book
from storage.releases.drafts import read_draft
from tests.api.jobs.test_release import HOUR, TEA, live, scaled, served, store_run
from tests.api.shop import EURO_SHOP, OPENED, PRICES, YEN_STORE, decided, publish_prices

BUDGET = ChangeBudget()
EYES = ReleaseTerms(four_eyes=True)
NOW = OPENED + HOUR


def waiting(engine: Engine, prices: Mapping[tuple[str, str], int], *, by: str = "anna") -> int:
    return release(engine, store_run(engine, dict(prices)), EYES, now=NOW, by=by).draft.draft_id


def amend(
    engine: Engine, draft: int, price: str | None, *, by: str = "ben", sku: str = "TEA-1"
) -> None:
    amend_price(engine, draft, sku, "online", price, budget=BUDGET, now=NOW + HOUR, by=by)


def approve(engine: Engine, draft: int, by: str) -> int | None:
    return approve_draft(engine, draft, now=NOW + 2 * HOUR, by=by, four_eyes=True)[1]


def test_an_amended_price_goes_live_and_a_left_out_one_stays(shop: Engine) -> None:
    draft = waiting(shop, scaled(1.2))
    amend(shop, draft, "5.25")
    amend(shop, draft, None, sku="TEA-2")
    assert approve(shop, draft, "carl") == 2
    assert served(shop) == {**scaled(1.2), TEA: 525, ("TEA-2", "online"): PRICES["TEA-2", "online"]}
    with reading(shop) as conn:
        of_run = [change.run_id for change in price_history(conn, "TEA-1", "online")]
    assert of_run == [1, None]  # no run decided the amended price


def test_a_test_key_sees_the_amended_prices_before_they_are_live(shop: Engine) -> None:
    draft = waiting(shop, scaled(1.2))
    amend(shop, draft, "5.25")
    amend(shop, draft, None, sku="TEA-2")
    with reading(shop) as conn:
        seen = {(e.sku, e.market): e.price.minor for e in draft_book(conn, draft, at=NOW)}
    approve(shop, draft, "carl")
    assert seen == served(shop)


def test_a_draft_without_amendments_goes_live_as_before(shop: Engine) -> None:
    draft = waiting(shop, scaled(1.2))
    amend(shop, draft, "5.25")
    restore_price(shop, draft, *TEA, budget=BUDGET, now=NOW + HOUR, by="ben")
    approve(shop, draft, "carl")
    assert served(shop) == scaled(1.2)


def test_it_is_measured_anew(shop: Engine) -> None:
    draft = waiting(shop, {**PRICES, TEA: 650})
    before = review_draft(shop, draft)
    assert before.draft.review["report"]["single_change"] == pytest.approx(650 / 499 - 1)
    amend(shop, draft, "5.00")
    after = review_draft(shop, draft)
    assert after.draft.review["report"]["single_change"] == pytest.approx(500 / 499 - 1)
    assert after.draft.review["report"]["breaches"] == []
    assert after.diff is not None
    assert (after.diff.changes, after.amendments[0].amended_by) == (1, "ben")
    amend(shop, draft, None)
    assert review_draft(shop, draft).draft.review["report"]["changes"] == 0


def test_whoever_amended_cannot_approve_under_four_eyes(shop: Engine) -> None:
    draft = waiting(shop, scaled(1.2))
    amend(shop, draft, "5.25", by="ben")
    with pytest.raises(DraftNotReady, match=r"ben changed prices .*four eyes"):
        approve(shop, draft, "ben")
    assert (approve(shop, draft, "carl"), live(shop)) == (2, 2)


def test_only_what_waits_is_amended(shop: Engine) -> None:
    draft = waiting(shop, scaled(1.2))
    publish_prices(shop, scaled(1.1), at=NOW)
    with pytest.raises(DraftNotReady, match="price book 2 went live after draft 1"):
        amend(shop, draft, "5.25")
    done = waiting(shop, scaled(1.2))
    approve(shop, done, "carl")
    with pytest.raises(DraftNotReady, match="is released"):
        amend(shop, done, "5.25")


@pytest.mark.parametrize("price", ["0", "-1", "abc", "5.251", ""])
def test_what_is_no_price_is_refused(shop: Engine, price: str) -> None:
    draft = waiting(shop, scaled(1.2))
    with pytest.raises(Refusal):
        amend(shop, draft, price)
    assert review_draft(shop, draft).amendments == ()


def test_what_the_run_says_nothing_of_is_not_amended(shop: Engine) -> None:
    draft = waiting(shop, {TEA: 520})
    with pytest.raises(DecisionNotFound):
        amend(shop, draft, "13.00", sku="TEA-2")
    with pytest.raises(DecisionNotFound, match="nobody changed"):
        restore_price(shop, draft, *TEA, budget=BUDGET, now=NOW, by="ben")


def test_the_law_refuses_with_the_sentence(shop: Engine) -> None:
    with writing(shop) as conn:
        set_market_rules(conn, "online", "US-CA", at=NOW, by="counsel")
        emergency = Emergency("US-CA", NOW + HOUR / 2)
        declare_emergency(conn, emergency, at=NOW, by="counsel")
    draft = waiting(shop, {**PRICES, TEA: 510})
    with pytest.raises(PricesNotAllowed, match=r"TEA-1 in online at 9\.00 EUR: law"):
        amend(shop, draft, "9.00")
    assert review_draft(shop, draft).amendments == ()


@pytest.mark.parametrize(("price", "why"), [("4.00", "at_least|at least"), ("7.00", "at most")])
def test_the_limits_of_the_run_refuse_with_the_sentence(shop: Engine, price: str, why: str) -> None:
    run = decided({TEA: 520}, markets=(EURO_SHOP, YEN_STORE), at=OPENED)
    run = replace(run, lower=np.array([450]), upper=np.array([600]))
    policy = {"limits": asdict(GuardrailLimits())}
    with writing(shop) as conn:
        run_id = save_run(conn, run, policy=policy, fit_id=None, created_at=OPENED)
    draft = release(shop, run_id, EYES, now=NOW, by="anna").draft.draft_id
    with pytest.raises(PricesNotAllowed, match=why):
        amend(shop, draft, price)
    amend(shop, draft, "4.60")


def test_what_was_said_is_kept_in_order_and_on_record(shop: Engine) -> None:
    draft = waiting(shop, scaled(1.2))
    comment_on(shop, draft, " too bold ", now=NOW, by="ben")
    said = comment_on(shop, draft, "fine", now=NOW, by="carl", sku="TEA-1", market="online")
    assert [(item.said_by, item.sku, item.text) for item in said] == [
        ("ben", None, "too bold"),
        ("carl", "TEA-1", "fine"),
    ]
    with pytest.raises(Invalid):
        comment_on(shop, draft, "  ", now=NOW, by="ben")
    with pytest.raises(Invalid):
        comment_on(shop, draft, "fine", now=NOW, by="ben", sku="TEA-1")
    with reading(shop) as conn:
        assert [line.action for line in read_log(conn, limit=2)] == ["commented", "commented"]


def test_rows_say_what_changes_and_why(shop: Engine) -> None:
    draft = waiting(shop, {**scaled(1.2), TEA: 450})
    page = review_page(shop, draft, Wanted(sort="change"))
    assert page.total == 4
    first = page.rows[0]
    assert (first.sku, first.market, str(first.before), str(first.after)) == (
        "TEA-1", "online", "4.99 EUR", "4.50 EUR",
    )  # fmt: skip
    assert first.change == pytest.approx(450 / 499 - 1)
    assert first.cause is Cause.EVEN  # the shop of the tests expects the same at every price
    amend(shop, draft, "5.25")
    (row,) = review_page(shop, draft, Wanted(cause=Cause.AMENDED)).rows
    assert (str(row.after), row.profit_gain) == ("5.25 EUR", None)
    amend(shop, draft, "5.20")  # seen at once, though the rows were read before
    (row,) = review_page(shop, draft, Wanted(cause=Cause.AMENDED)).rows
    assert str(row.after) == "5.20 EUR"


_SORTS = st.sampled_from(["sku", "market", "before", "after", "change", "revenue", "profit"])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sort=_SORTS,
    descending=st.booleans(),
    search=st.sampled_from(["", "TEA", "tea tea-1", "ü", "(", "nothing"]),
    market=st.sampled_from(["", "online", "store-01"]),
    direction=st.sampled_from(["", "up", "down", "new"]),
    size=st.integers(1, 5),
)
def test_pages_together_are_the_matching_rows_in_order(
    shop: Engine, sort: str, descending: bool, search: str, market: str, direction: str, size: int
) -> None:
    if not review_drafts_exist(shop):
        waiting(shop, {**scaled(1.2), TEA: 450})
    wanted = Wanted(search, "", market, None, direction, sort, descending, 0, 100)  # type: ignore[arg-type]
    whole = review_page(shop, 1, wanted)
    pages = [
        review_page(shop, 1, replace(wanted, offset=start, limit=size)).rows
        for start in range(0, max(whole.total, 1), size)
    ]
    assert tuple(row for page in pages for row in page) == whole.rows
    every = review_page(shop, 1, Wanted(limit=100)).rows
    matching = {
        (row.sku, row.market)
        for row in every
        if search.lower() in f"{row.sku}\n{row.title}".lower()
        and market in ("", row.market)
        and (not direction or row.change is None or (row.change > 0) == (direction == "up"))
        and direction != "new"
    }
    assert {(row.sku, row.market) for row in whole.rows} == matching
    if sort == "change":
        values = [row.change for row in whole.rows if row.change is not None]
        assert values == sorted(values, reverse=descending)


def review_drafts_exist(engine: Engine) -> bool:
    with reading(engine) as conn:
        try:
            read_draft(conn, 1)
        except Refusal:
            return False
    return True
