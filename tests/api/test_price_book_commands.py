"""Governance on the command line, as a pricing manager uses it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.access.roles import Role
from api.cli.moments import local_time
from storage.access.log import read_log
from storage.audit.reading import audit_records
from storage.database import reading, writing
from storage.law.market_rules import set_market_rules
from storage.prices.price_books import load_price_book
from tests.api.access.let_in import person
from tests.api.jobs.test_release import TEA, scaled, store_run
from tests.api.shop import OPENED, PRICES, open_shop, publish_prices
from tests.databases import url_of
from tests.end_to_end.command_line import CommandLine


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> CommandLine:
    open_shop(engine)
    return CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})


def served(engine: Engine) -> dict[tuple[str, str], int]:
    with reading(engine) as conn:
        return {(e.sku, e.market): e.price.minor for e in load_price_book(conn)}


def test_too_much_change_waits_is_looked_at_approved_and_rolled_back(
    shop: CommandLine, engine: Engine
) -> None:
    store_run(engine, scaled(1.2))
    told = shop("publish", "--by", "anna", "--note", "spring")
    assert told.status == 0
    assert "average change is 2" in told.out
    assert "nothing went live" in told.out
    assert served(engine) == PRICES
    told = shop("price-books", "diff", "--draft", "1")
    assert "1 to draft 1: 4 prices differ: 4 up" in told.out
    assert "expected a period in EUR: revenue" in told.out
    told = shop("price-books", "approve", "1", "--by", "ben")
    assert "price book 2 is live" in told.out
    assert served(engine) == scaled(1.2)
    assert "ben" in shop("price-books", "list").out
    told = shop("price-books", "rollback", "--reason", "too dear", "--by", "anna")
    assert "price book 3 is live with the prices of 1" in told.out
    assert served(engine) == PRICES
    told = shop("price-books", "diff", "1", "3")
    assert "0 prices differ" in told.out
    log = shop("price-books", "log").out
    assert all(word in log for word in ("proposed", "approved", "went live", "rolled back"))


def test_prices_of_a_draft_are_amended_and_commented(shop: CommandLine, engine: Engine) -> None:
    store_run(engine, scaled(1.2))
    shop("publish", "--by", "anna")
    amend = ("price-books", "amend", "1")
    assert shop(*amend, "TEA-1", "online", "5.25", "--by", "anna", "--note", "round").status == 0
    assert shop(*amend, "TEA-2", "online", "--leave-out").status == 0
    assert "a price is above 0" in shop(*amend, "TEA-1", "online", "0").err
    neither = shop(*amend, "TEA-1", "online")
    assert (neither.status, "--leave-out" in neither.err) == (2, True)
    told = shop("price-books", "comment", "1", "looks [bold]fine", "--by", "ben", "--sku", "TEA-1",
                "--market", "online")  # fmt: skip
    assert "ben on TEA-1 in online: looks [bold]fine" in told.out
    assert shop("price-books", "comment", "1").out == told.out
    shop(*amend, "TEA-2", "online", "--restore")
    shop("price-books", "approve", "1", "--by", "ben")
    assert served(engine) == {**scaled(1.2), TEA: 525}


def test_at_the_terminal_an_account_is_who_it_is_in_the_console(
    shop: CommandLine, engine: Engine
) -> None:
    anna = person(engine, "anna", Role.MANAGER, Role.APPROVER).person_id
    person(engine, "ben", Role.APPROVER)
    store_run(engine, scaled(1.2))
    shop("publish", "--by", "carl")
    by = ("--by", "anna")
    assert shop("price-books", "amend", "1", "TEA-1", "online", "5.25", *by).status == 0
    assert shop("price-books", "comment", "1", "rounded", *by).status == 0
    refused = shop("price-books", "approve", "1", *by)
    assert refused.status != 0
    assert "somebody else must approve it" in refused.err
    assert shop("price-books", "approve", "1", "--by", "ben").status == 0
    for deed in (
        ("price-books", "rollback", "--reason", "dear"),
        ("freeze", "stop"),
        ("unfreeze",),
        ("people", "add", "dora", "--role", "analyst"),
        ("people", "roles", "dora", "--role", "manager"),
        ("people", "password", "dora"),
        ("people", "disable", "dora"),
        ("people", "erase", "dora"),
    ):
        assert shop(*deed, *by).status == 0, deed
    with reading(engine) as conn:
        actors = {line.actor for line in read_log(conn, limit=1_000)}
        assert {record.principal for record in audit_records(conn, limit=1_000)} >= {anna}
        names = {record.name for record in audit_records(conn, limit=1_000)}
    assert anna in actors
    assert not {"anna", "ben"} & (actors | names)  # so that erasing them leaves nobody's name


def test_a_small_change_goes_live_at_once(shop: CommandLine, engine: Engine) -> None:
    run = store_run(engine, {**PRICES, TEA: 505})
    told = shop("publish")
    assert f"price book 2 is live, made of run {run}; 1 of 4 prices changed" in told.out


def test_the_kill_switch_on_the_command_line(shop: CommandLine, engine: Engine) -> None:
    store_run(engine, {**PRICES, TEA: 505})
    assert "all markets are frozen" in shop("freeze", "costs in cents", "--by", "anna").out
    told = shop("publish")
    assert told.status == 1
    assert "frozen by anna" in told.err
    assert "frozen" in shop("price-books", "rollback", "1").err
    assert "1 freeze(s) lifted, 0 left" in shop("unfreeze").out
    assert shop("publish").status == 0


def test_four_eyes_from_the_environment(shop: CommandLine, engine: Engine) -> None:
    shop.environment["PRICEWRIGHT_FOUR_EYES"] = "true"
    store_run(engine, {**PRICES, TEA: 505})
    shop("publish", "--by", "anna")
    told = shop("price-books", "approve", "1", "--by", "anna")
    assert (told.status, "four eyes" in told.err) == (1, True)
    assert shop("price-books", "approve", "1", "--by", "ben").status == 0
    assert served(engine)[TEA] == 505


def test_a_staged_watched_release_goes_back_by_itself(shop: CommandLine, engine: Engine) -> None:
    shop.environment["PRICEWRIGHT_BUDGET_SHARE_OF_PRODUCTS"] = "1"
    store_run(engine, scaled(1.05))
    told = shop("publish", "--first-market", "store-01", "--watch", "conversion:0.9:")
    assert "is live, made of run 2, stage 1 of 2" in told.out
    assert "stage 1 of 2, due" in shop("price-books", "list").out
    assert shop("price-books", "advance").out.startswith("0 went live")
    assert shop("price-books", "reading", "conversion", "0.5").out == ""
    assert "was rolled back" in shop("price-books", "reading", "conversion", "0.5").out
    assert served(engine) == PRICES


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("publish", "--stages", "half"), "0.1,0.5,1"),
        (("publish", "--stages", "0.5"), "must rise"),
        (("publish", "--watch", "conversion"), "conversion:0.9:1.2"),
        (("publish", "--keep-together", "brand"), "'sku' or 'category'"),
        (("publish", "--at", "tomorrow", "--market", "online"), "is no time"),
        (("publish", "--at", "2030-01-01"), "whose clocks"),
        (("price-books", "approve", "9"), "no draft 9"),
        (("price-books", "reject", "9", "--reason", "x"), "no draft 9"),
        (("price-books", "rollback", "9"), "no price book 9"),
        (("price-books", "diff", "1", "9"), "no price book 9"),
    ],
)
def test_what_cannot_be_done_is_said(
    shop: CommandLine, engine: Engine, arguments: tuple[str, ...], words: str
) -> None:
    store_run(engine, {**PRICES, TEA: 505})
    told = shop(*arguments)
    assert told.status != 0
    assert words in told.err
    assert served(engine) == PRICES


def test_a_scheduled_book_says_when_in_utc(shop: CommandLine, engine: Engine) -> None:
    store_run(engine, {**PRICES, TEA: 505})
    told = shop("publish", "--at", "2030-07-01 06:00", "--market", "online")
    assert "approved, due 2030-07-01 04:00 UTC" in told.out
    assert served(engine) == PRICES


@pytest.mark.parametrize(
    ("local", "due"),
    [
        ("2030-03-31 01:59", "2030-03-31 00:59"),
        # Skipped: at two the clocks jump to three.
        ("2030-03-31 02:00", "2030-03-31 01:00"),
        ("2030-03-31 02:30", "2030-03-31 01:00"),
        ("2030-03-31 03:00", "2030-03-31 01:00"),
        ("2030-03-31 03:01", "2030-03-31 01:01"),
        # Twice: the first of the two.
        ("2030-10-27 02:30", "2030-10-27 00:30"),
        ("2030-10-27 03:00", "2030-10-27 02:00"),
        ("2030-03-31T02:30+01:00", "2030-03-31 01:30"),
    ],
)
def test_a_scheduled_book_knows_when_clocks_change(engine: Engine, local: str, due: str) -> None:
    open_shop(engine)
    with reading(engine) as conn:
        assert f"{local_time(conn, 'online', local):%Y-%m-%d %H:%M}" == due


def test_what_the_law_forbids_by_now_is_refused_with_its_article(
    shop: CommandLine, engine: Engine
) -> None:
    run = store_run(engine, {**PRICES, TEA: 560})
    with writing(engine) as conn:
        set_market_rules(conn, "online", "US-CA", at=OPENED, by="counsel")
    span = ("--from", "2026-03-02T00:00Z", "--until", "2099-01-01T00:00Z")
    assert shop("legal", "emergency", "US-CA", *span).status == 0
    assert "waits for 1 approval" in shop("publish", "--run", str(run), "--by", "anna").out
    told = shop("price-books", "approve", "1", "--by", "ben")
    assert told.status == 1
    assert "TEA-1 in online at 5.60 EUR" in told.out
    assert "Penal Code" in told.out
    assert "at most 5.48 EUR" in told.out
    assert served(engine) == PRICES
    assert "price_book.refused" in shop("alerts", "list").out


def test_an_announced_reduction_is_listed_and_ended(shop: CommandLine, engine: Engine) -> None:
    with writing(engine) as conn:
        set_market_rules(conn, "online", "EU", at=OPENED, by="counsel")
    sale = ("--price", "3.99", "--starts", "2099-06-01", "--percent", "20")
    told = shop("legal", "check", "TEA-1", "--market", "online", *sale, "--record", "--by", "anna")
    assert (told.status, "recorded as reduction 1" in told.out) == (0, True)
    assert "reduction 1 of TEA-1 in online from 2099-05-31 22:00" in shop("legal", "list").out
    told = shop("legal", "end-reduction", "1", "--market", "online", "--at", "2099-07-01")
    assert "reduction 1 ends 2099-06-30 22:00 UTC" in told.out


def test_a_rollback_says_which_prices_the_law_keeps(shop: CommandLine, engine: Engine) -> None:
    assert "nothing came before it" in shop("price-books", "diff").err
    publish_prices(engine, {TEA: 400}, at=OPENED + timedelta(days=1))
    with writing(engine) as conn:
        set_market_rules(conn, "online", "US-CA", at=OPENED, by="counsel")
    span = ("--from", "2026-03-03T00:00Z", "--until", "2099-01-01T00:00Z")
    assert shop("legal", "emergency", "US-CA", *span).status == 0
    told = shop("price-books", "rollback", "1", "--reason", "test")
    assert told.status == 0
    assert "1 prices stay as they were: the law forbids the older ones" in " ".join(
        told.out.split()
    )
    assert served(engine) == {**PRICES, TEA: 400}
