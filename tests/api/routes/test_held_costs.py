"""A cost far from the last trusted one moves no price until somebody says yes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from api.jobs.explain import explain_at
from api.jobs.release import release
from api.jobs.reprice import RepriceRequest, reprice
from api.server import serving
from pricing.catalogue import UNKNOWN
from pricing.deciding.decisions import Decisions
from pricing.deciding.member_tiers import MemberTier, member_decisions
from pricing.price_book import PUBLIC
from storage.access.log import read_log
from storage.database import open_engine, reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.decision_inputs.trusted_costs import confirm_costs, held_costs
from storage.errors import CostNotHeld
from storage.imports import import_file
from storage.prices.decisions import decision_of
from storage.prices.price_books import load_price_book
from storage.products.markets import market_ids
from storage.products.products import product_ids
from storage.tables import costs, trusted_costs
from tests.api.conftest import quick_settings
from tests.api.test_disaster_drills import (
    COST_SHARE,
    OPENED,
    POLICY,
    PRICES,
    RULES,
    TERMS,
    WEEK,
    add_costs,
    alerts,
    attempt,
    served,
    shop,
)
from tests.databases import postgres_engine, sqlite_engine, url_of
from tests.end_to_end.command_line import CommandLine

__all__ = ["shop"]

DAY = timedelta(days=1)
LATER = OPENED + WEEK
TOKEN = "a" * 20


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated, empty database of either kind."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as fresh:
        yield fresh


def decided(engine: Engine, at: datetime) -> Decisions:
    return reprice(engine, RULES, RepriceRequest(now=at, offer_max_age=DAY)).decisions


def held(run: Decisions) -> int:
    return run.held_by_limit().get("unconfirmed_cost", 0)


def step_down(engine: Engine, steps: int, factor: float, *, runs: bool) -> list[Decisions]:
    """Costs that fall step by step, a day apart, with a run after each of them or at the end."""
    found = []
    for step in range(1, steps + 1):
        at = LATER + step * DAY
        add_costs(engine, at.date(), factor**step)
        if runs or step == steps:
            found.append(decided(engine, at))
    return found


def confirm(engine: Engine, at: datetime, skus: list[str] | None = None) -> int:
    with writing(engine) as conn:
        known = read_catalogue(conn, at=at, skus=skus)
        return len(confirm_costs(conn, known, at=at, by="anna"))


@pytest.mark.parametrize("factor", [0.45, 2.1])
def test_a_cost_more_than_twice_away_holds_its_price_and_names_both_values(
    shop: Engine, factor: float
) -> None:
    before = served(shop)
    add_costs(shop, date(2026, 3, 8), factor)
    attempt(shop, LATER)
    assert served(shop) == before
    (alert,) = alerts(shop)
    assert alert["held"] == {"unconfirmed_cost": 4}
    assert "4 x costs more than twice, or less than half" in alert["why"]
    cost = round(PRICES["cup"] * COST_SHARE * factor)
    reason = {
        "code": "held",
        "limit": "unconfirmed_cost",
        "cost": f"{cost / 100:.2f} EUR",
        "trusted_cost": "4.50 EUR",
    }
    assert reason in alert["examples"][0]["reasons"]
    with reading(shop) as conn:
        stored = decision_of(conn, "cup", "online").decision
    assert reason in [item.wire() for item in stored.reasons]


@pytest.mark.parametrize("factor", [0.5, 2.0, 1.0])
def test_a_cost_up_to_twice_away_moves_prices_as_before(shop: Engine, factor: float) -> None:
    add_costs(shop, date(2026, 3, 8), factor)
    assert held(decided(shop, LATER)) == 0


@pytest.mark.parametrize("runs", [True, False], ids=["a run after each", "one run at the end"])
def test_three_small_steps_are_one_large_one(shop: Engine, *, runs: bool) -> None:
    found = step_down(shop, 3, 0.6, runs=runs)
    # 0.6 is near enough; 0.36 and 0.216 are not, whatever the step before was.
    assert [held(run) for run in found] == ([0, 4, 4] if runs else [4])


def test_a_tenth_in_three_steps_on_some_products_holds_just_these(shop: Engine) -> None:
    for step in range(1, 4):
        with writing(shop) as conn:
            conn.execute(
                costs.insert().from_select(
                    ["product_id", "market_id", "valid_from", "cost_minor"],
                    sa.select(
                        costs.c.product_id,
                        costs.c.market_id,
                        sa.literal(LATER.date() + step * DAY, sa.Date()),
                        sa.cast(costs.c.cost_minor / 10 ** (step / 3), sa.BigInteger),
                    ).where(
                        costs.c.valid_from == date(2026, 2, 23),
                        costs.c.product_id <= 2,
                    ),
                )
            )
        before = served(shop)
        run = decided(shop, LATER + step * DAY)
        assert held(run) == 2
        moved = run.price != run.catalogue.price
        assert not moved[run.held_by != 0].any()
        assert served(shop) == before


def test_a_yes_lets_the_prices_go_and_is_measured_from_then_on(shop: Engine) -> None:
    add_costs(shop, date(2026, 3, 8), 0.3)
    assert held(decided(shop, LATER)) == 4
    assert held(decided(shop, LATER + DAY)) == 4
    assert confirm(shop, LATER + 2 * DAY, ["cup"]) == 1
    assert held(decided(shop, LATER + 2 * DAY)) == 3
    assert confirm(shop, LATER + 3 * DAY) == 3
    assert held(decided(shop, LATER + 3 * DAY)) == 0
    with pytest.raises(CostNotHeld, match="no cost waits"):
        confirm(shop, LATER + 3 * DAY)
    add_costs(shop, LATER.date() + 4 * DAY, 1.0)
    assert held(decided(shop, LATER + 4 * DAY)) == 4
    with reading(shop) as conn:
        lines = [line for line in read_log(conn) if line.action == "costs_confirmed"]
        rows = conn.execute(sa.select(trusted_costs.c.confirmed_by)).scalars().all()
    assert [(line.actor, line.detail["count"]) for line in lines] == [("anna", 3), ("anna", 1)]
    assert sorted(rows) == [""] * 4 + ["anna"] * 4


def test_a_right_cost_after_a_wrong_one_needs_no_yes(shop: Engine) -> None:
    add_costs(shop, date(2026, 3, 8), 0.1)
    assert held(decided(shop, LATER)) == 4
    add_costs(shop, date(2026, 3, 10), 1.02)
    assert held(decided(shop, LATER + DAY)) == 0


def test_a_first_cost_needs_none_and_a_cost_before_any_run_does(
    engine: Engine, shop: Engine
) -> None:
    with writing(shop) as conn:
        conn.execute(trusted_costs.delete())
    assert held(decided(shop, OPENED + DAY)) == 0
    with writing(shop) as conn:
        conn.execute(trusted_costs.delete())
    add_costs(shop, date(2026, 3, 8), 0.3)
    assert held(decided(shop, LATER)) == 4


def test_a_corrected_file_for_the_same_day_is_measured_too(shop: Engine, tmp_path: Path) -> None:
    file = tmp_path / "costs.csv"
    lines = [f"{sku},{price * COST_SHARE / 1000:.2f},2026-02-23" for sku, price in PRICES.items()]
    file.write_text("\n".join(["sku,cost,valid_from", *lines]))
    import_file(shop, "costs", file, now=LATER)
    run = decided(shop, LATER)
    assert held(run) == 4
    assert (run.catalogue.trusted_cost != UNKNOWN).all()


def test_a_cost_in_another_currency_is_no_predecessor(shop: Engine) -> None:
    add_costs(shop, date(2026, 3, 8), 1.6, currency="JPY")
    run = decided(shop, LATER)
    assert (run.held_by_limit().get("currency_mismatch"), held(run)) == (4, 0)
    add_costs(shop, date(2026, 3, 10), 1.05)
    assert held(decided(shop, LATER + DAY)) == 0


def test_what_is_held_is_held_after_a_restart_and_when_it_is_decided_again(
    shop: Engine,
) -> None:
    add_costs(shop, date(2026, 3, 8), 0.3)
    again = open_engine(shop.url.render_as_string(hide_password=False))
    try:
        assert held(decided(again, LATER)) == 4
        with reading(again) as conn:
            known = read_catalogue(conn, at=LATER)
            explained = explain_at(conn, "cup", "online", LATER)
        assert len(held_costs(known)) == 4
        assert explained.replayed is not None
        assert explained.replayed.same
    finally:
        again.dispose()


def test_members_pay_by_the_cost_that_is_trusted(shop: Engine) -> None:
    tier = (MemberTier("gold", 0.9),)
    before = decided(shop, LATER)
    ((_, fair),) = member_decisions(replace_held(before), tier, POLICY)
    add_costs(shop, date(2026, 3, 9), 0.1)
    run = decided(shop, LATER + DAY)
    assert held(run) == 4
    ((_, members),) = member_decisions(run, tier, POLICY)
    assert members.price.tolist() == fair.price.tolist()


@pytest.mark.parametrize("factor", [0.1, 3.0])
@pytest.mark.parametrize("held_for", ["unconfirmed_cost", "implausible_cost", "cadence"])
def test_a_new_tier_over_a_price_that_is_held_lets_the_whole_book_go(
    shop: Engine, factor: float, held_for: str
) -> None:
    """Members are judged like the public price that they follow: held, not by the doubtful cost."""
    policy = POLICY
    if held_for == "implausible_cost":
        factor *= 100.0 if factor > 1 else 0.01
    if held_for == "cadence":
        policy = replace(POLICY, limits=replace(POLICY.limits, hours_between_changes=24 * 30))
    before = served(shop)
    with writing(shop) as conn:
        cup = {"product_id": product_ids(conn)["cup"], "market_id": market_ids(conn)["online"]}
        cost = max(round(450 * factor), 1)
        conn.execute(costs.insert().values(**cup, valid_from=LATER.date(), cost_minor=cost))
    if held_for == "cadence":
        confirm(shop, LATER)
    else:
        others = [sku for sku in PRICES if sku != "cup"]
        with writing(shop) as conn:
            dearer = sa.update(costs).where(costs.c.product_id != cup["product_id"])
            conn.execute(dearer.values(cost_minor=sa.cast(costs.c.cost_minor * 1.2, sa.BigInteger)))
    rules = replace(RULES, policy=policy, tiers=(MemberTier("gold", 0.1),))
    run = reprice(shop, rules, RepriceRequest(now=LATER, offer_max_age=DAY))
    assert held_for in run.decisions.held_by_limit()
    version = release(shop, run.run_id, TERMS, now=LATER, by="cron").version
    assert version is not None
    with reading(shop) as conn:
        book = load_price_book(conn)
    public = {entry.sku: entry.price.minor for entry in book if entry.tier == PUBLIC}
    gold = {entry.sku: entry.price.minor for entry in book if entry.tier == "gold"}
    assert public["cup"] == before["cup"]
    assert set(gold) == set(PRICES)
    assert all(gold[sku] <= public[sku] for sku in gold)
    if held_for != "cadence":
        assert all(public[sku] > before[sku] for sku in others), "the rest moves"


def test_a_member_price_below_a_cost_that_was_confirmed_since_is_refused(shop: Engine) -> None:
    add_costs(shop, LATER.date(), 2.1)
    rules = replace(RULES, tiers=(MemberTier("gold", 0.1),))
    run = reprice(shop, rules, RepriceRequest(now=LATER, offer_max_age=DAY))
    confirm(shop, LATER + DAY)
    with reading(shop) as conn:
        public = {entry.sku: entry.price.minor for entry in load_price_book(conn)}
    below = [sku for sku in PRICES if public[sku] * 0.9 < PRICES[sku] * COST_SHARE * 2.1 / 0.95]
    assert below
    told = release(shop, run.run_id, TERMS, now=LATER + DAY, by="cron")
    assert told.version is None


def replace_held(run: Decisions) -> Decisions:
    """The run with every price as it was in force."""
    return replace(run, price=run.catalogue.price)


def test_over_http_an_operator_sees_what_waits_and_confirms_what_was_seen(
    shop: Engine,
) -> None:
    add_costs(shop, datetime.now(UTC).date() - DAY, 0.3)
    told = quick_settings(shop, operators=f"anna:{TOKEN}")
    token = {"Authorization": f"Bearer {TOKEN}"}
    with serving(told) as url, httpx.Client(base_url=url, headers=token, timeout=60) as client:
        waiting = client.get("/v1/costs/held", params={"market": "online"}).json()
        assert waiting["count"] == 4
        first = {name: waiting["costs"][0][name] for name in ("sku", "market", "cost")}
        assert first["sku"] == "cup"
        assert waiting["costs"][0]["trusted"] == {"amount": "4.50", "currency": "EUR"}
        body: dict[str, Any] = {"costs": [first]}
        assert httpx.post(f"{url}/v1/costs/confirmations", json=body).status_code == 401
        other = {"costs": [{**first, "cost": {"amount": "9.99", "currency": "EUR"}}]}
        refused = client.post("/v1/costs/confirmations", json=other)
        assert refused.status_code == 409
        answer = client.post("/v1/costs/confirmations", json=body)
        assert (answer.status_code, answer.json()["count"]) == (200, 1)
        assert client.get("/v1/costs/held").json()["count"] == 3
        assert client.get("/v1/costs/held", params={"market": "mars"}).status_code == 404


def test_on_the_command_line_what_waits_is_listed_and_confirmed(
    shop: Engine, tmp_path: Path
) -> None:
    add_costs(shop, date(2026, 3, 8), 0.3)
    line = CommandLine(tmp_path, {"DATABASE_URL": url_of(shop)})
    told = line("costs", "held", "--at", "2026-03-09")
    assert (told.status, "4 costs wait" in told.out) == (0, True)
    assert all(word in told.out for word in ("cup", "1.35 EUR", "4.50 EUR"))
    assert line("costs", "confirm").status != 0
    told = line("costs", "confirm", "cup", "--at", "2026-03-09", "--by", "ben")
    assert "1 costs confirmed" in told.out
    assert held(decided(shop, LATER)) == 3
    assert "3 costs confirmed" in line("costs", "confirm", "--all", "--at", "2026-03-09").out
    assert held(decided(shop, LATER)) == 0
    told = line("costs", "confirm", "--all", "--at", "2026-03-09")
    assert (told.status != 0, "no cost waits" in told.out + told.err) == (True, True)
