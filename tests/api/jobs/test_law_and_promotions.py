"""What the law compares with when promotions ran: what customers were asked, whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from api.jobs.legal import judge_announcement, reference_price
from api.promotions.conflicts import conflicts_of
from pricing.law.packs import Emergency, Finding, Verdict
from pricing.law.reference_price import Announcement
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.law.legal_bounds import stored_legal_bounds
from storage.law.market_rules import declare_emergency, record_reduction, set_market_rules
from storage.law.rule_packs import load_rule_packs
from storage.promotions.versions import create_promotion, end_promotion, schedule_promotion
from tests.api.promotions_at_hand import terms_of
from tests.api.shop import OPENED, open_shop, publish_prices
from tests.databases import url_of
from tests.end_to_end.command_line import CommandLine

DAY = timedelta(days=1)
TEA = ("TEA-1", "online")
BERLIN = ZoneInfo("Europe/Berlin")
PACKS = load_rule_packs()
TWENTY = {"id": "twenty", "type": "percent_off", "percent": "20"}


@pytest.fixture
def tea(engine: Engine) -> Engine:
    """24.99 since OPENED, under German law."""
    open_shop(engine, {TEA: 2499})
    with writing(engine) as conn:
        set_market_rules(conn, "online", "DE", at=OPENED, by="anna")
    return engine


def let_run(
    engine: Engine,
    promotion: dict[str, Any],
    starts: datetime,
    ends: datetime | None = None,
) -> None:
    with writing(engine) as conn:
        create_promotion(conn, terms_of(promotion), actor="ann", at=starts)
        schedule_promotion(conn, promotion["id"], actor="ann", at=starts)
        if ends is not None:
            end_promotion(conn, promotion["id"], actor="ann", at=ends)


@pytest.mark.parametrize("over", [False, True])
def test_a_price_above_that_of_a_public_promotion_is_no_reduction(
    tea: Engine, tmp_path: Path, *, over: bool
) -> None:
    now = datetime.now(UTC)
    let_run(tea, TWENTY, now - 3 * DAY, now - DAY if over else None)
    shop = CommandLine(tmp_path, {"DATABASE_URL": url_of(tea)})
    told = shop("legal", "check", "TEA-1", "--price", "21.24", "--was", "24.99", "--percent", "15")
    assert told.status == 1
    assert "not lawful: no reduction, shown prior too high, percentage too high" in told.out
    assert "must be 19.99 EUR" in told.out
    assert "* 19.99 EUR" in told.out
    assert "(price book 1, promotion twenty)" in told.out
    told = shop("legal", "check", "TEA-1", "--price", "16.99", "--was", "19.99", "--percent", "15")
    assert told.status == 0
    told = shop("legal", "reference", "TEA-1")
    assert "reference price 19.99 EUR (known)" in told.out


def test_a_price_for_some_leaves_the_prior_price_as_it_is(tea: Engine, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    let_run(tea, {**TWENTY, "code": "TEN"}, now - 3 * DAY)
    let_run(tea, {**TWENTY, "id": "gold", "for": {"tiers": ["gold"]}}, now - 3 * DAY)
    shop = CommandLine(tmp_path, {"DATABASE_URL": url_of(tea)})
    told = shop("legal", "check", "TEA-1", "--price", "21.24", "--was", "24.99", "--percent", "15")
    assert (told.status, "prior 24.99 EUR" in told.out) == (0, True)


def test_a_promotion_counts_from_its_start_until_thirty_days_after_its_end(tea: Engine) -> None:
    let_run(tea, TWENTY, OPENED + 40 * DAY, OPENED + 42 * DAY)
    asked = {39: 2499, 40: 2499, 41: 1999, 71: 1999, 72: 1999, 73: 2499}
    with reading(tea) as conn:
        for days, prior in asked.items():
            found = reference_price(conn, PACKS, *TEA, OPENED + days * DAY)
            assert found.prior is not None
            assert found.prior.minor == prior, days


def test_what_is_planned_until_the_reduction_counts(tea: Engine) -> None:
    when = {"from": "2026-04-10T12:00", "until": "2026-04-11T12:00"}
    let_run(tea, {**TWENTY, "when": when}, OPENED)
    for day, lawful in ((9, True), (10, True), (11, False)):
        starts = datetime(2026, 4, day, 12, tzinfo=UTC)
        told = Announcement(starts, 2124, shown_prior=2499, shown_percent=15)
        with reading(tea) as conn:
            (verdict,) = judge_announcement(conn, PACKS, *TEA, told)
        assert verdict.lawful is lawful


def test_steps_that_a_promotion_interrupted_are_measured_anew(tea: Engine) -> None:
    publish_prices(tea, {TEA: 2299}, at=OPENED + 40 * DAY)
    told = Announcement(OPENED + 45 * DAY, 2099, shown_prior=2499, steps_since=OPENED + 40 * DAY)
    with reading(tea) as conn:
        (verdict,) = judge_announcement(conn, PACKS, *TEA, told)
    assert verdict.lawful
    let_run(tea, TWENTY, OPENED + 41 * DAY, OPENED + 42 * DAY)
    with reading(tea) as conn:
        (verdict,) = judge_announcement(conn, PACKS, *TEA, told)
    assert not verdict.lawful
    assert verdict.facts["prior"] == 1839


def test_caps_and_bounds_see_what_was_asked(tea: Engine) -> None:
    let_run(tea, TWENTY, OPENED + 40 * DAY, OPENED + 42 * DAY)
    at = OPENED + 50 * DAY
    lawful = Verdict(lawful=True, findings=(Finding.LAWFUL,))
    with writing(tea) as conn:
        told = Announcement(at, 1700, shown_prior=1999, shown_percent=14)
        record_reduction(conn, *TEA, told, lawful, at=at, by="anna")
        catalogue = read_catalogue(conn, at=at, market="online")
        bounds = stored_legal_bounds(conn, PACKS, catalogue, at=at + DAY)
        assert bounds.upper.tolist() == [1719]  # 14 % under 19.99
        set_market_rules(conn, "online", "US-CA", at=OPENED, by="anna")
        declare_emergency(conn, Emergency("US-CA", OPENED + 41 * DAY), at=OPENED, by="anna")
        bounds = stored_legal_bounds(conn, PACKS, catalogue, at=at)
        assert bounds.upper.tolist() == [2198]  # 10 % over 19.99
        found = reference_price(conn, PACKS, *TEA, at)
        assert found.emergency is not None
        assert found.emergency.facts["cap"] == 2198
        assert not found.emergency.lawful


def test_a_list_price_under_a_later_step_may_stay_as_long_as_the_promotion_runs(
    tea: Engine,
) -> None:
    """The floor of a step is the last list price, not that price less the promotion."""
    let_run(tea, TWENTY, OPENED + 40 * DAY)
    told = Announcement(OPENED + 60 * DAY, 1700, steps_since=OPENED + 40 * DAY)
    lawful = Verdict(lawful=True, findings=(Finding.LAWFUL,))
    with writing(tea) as conn:
        record_reduction(conn, *TEA, told, lawful, at=OPENED + 41 * DAY, by="anna")
        at = OPENED + 45 * DAY
        catalogue = read_catalogue(conn, at=at, market="online")
        assert stored_legal_bounds(conn, PACKS, catalogue, at=at).upper.tolist() == [2499]


def test_a_promotion_is_measured_from_earlier_ones_and_never_from_itself(tea: Engine) -> None:
    now = OPENED + 50 * DAY
    let_run(tea, TWENTY, now - 9 * DAY, now - 8 * DAY)
    fifteen = terms_of({"id": "fifteen", "type": "percent_off", "percent": "15"})
    with reading(tea) as conn:
        (found,) = conflicts_of(conn, PACKS, fifteen, (), now=now)
        assert (found.kind, found.paid.minor, found.bound.minor) == ("above_reference", 2124, 1999)
        more = terms_of({**TWENTY, "id": "more", "percent": "25"})
        assert conflicts_of(conn, PACKS, more, (), now=now) == ()
    let_run(tea, {**TWENTY, "id": "more", "percent": "25"}, now)
    with reading(tea) as conn:
        assert conflicts_of(conn, PACKS, more, (), now=now + 2 * DAY) == ()
        dearer = terms_of({**TWENTY, "id": "more", "percent": "22"})
        (found,) = conflicts_of(conn, PACKS, dearer, (), now=now + 2 * DAY)
        assert (found.paid.minor, found.bound.minor) == (1949, 1874)


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that ran in hours since OPENED; `closed` is the hour somebody ended it."""

    kind: str
    size: int
    opens: int
    lasts: int
    ended: int
    open_to: str

    def document(self, name: str) -> dict[str, Any]:
        window = {
            "from": (OPENED + self.opens * HOUR).isoformat(),
            "until": (OPENED + (self.opens + self.lasts) * HOUR).isoformat(),
        }
        size = {"percent_off": "percent", "amount_off": "amount", "special_price": "price"}
        asks: dict[str, dict[str, Any]] = {
            "all": {},
            "code": {"code": f"CODE{name}"},
            "gold": {"for": {"tiers": ["gold"]}},
            "two": {"needs": {"quantity": 2}},
        }
        return {
            "id": name,
            "type": self.kind,
            size[self.kind]: self.size,
            "when": window,
            **asks[self.open_to],
        }

    def asked(self, hour: int, price: int) -> int:
        """By hand: what it makes of a price that everybody is asked in an hour."""
        runs = self.opens <= hour < min(self.opens + self.lasts, self.ended)
        if not runs or self.open_to != "all":
            return price
        if self.kind == "percent_off":
            cents, rest = divmod(price * self.size, 100)
            return price - cents - (rest >= 50)
        if self.kind == "amount_off":
            return max(price - 100 * self.size, 1)
        return min(price, 100 * self.size)


HOUR = timedelta(hours=1)
HORIZON = 24 * 45
OFFERS = st.builds(
    Offer,
    kind=st.sampled_from(["percent_off", "amount_off", "special_price"]),
    size=st.integers(5, 30),
    opens=st.integers(1, HORIZON),
    lasts=st.integers(1, 24 * 20),
    ended=st.integers(2, HORIZON),
    open_to=st.sampled_from(["all", "all", "code", "gold", "two"]),
)


@contextmanager
def undone(engine: Engine) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with pytest.raises(_Undo), writing(engine) as conn:  # noqa: PT012
        yield conn
        raise _Undo


class _Undo(Exception):
    pass


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offers=st.lists(OFFERS, min_size=1, max_size=3),
    starts=st.integers(24 * 31, HORIZON),
    price=st.integers(1500, 2600),
    prior=st.integers(1500, 2600),
    percent=st.integers(0, 40),
)
def test_nothing_is_called_lawful_that_a_replay_of_all_prices_asked_contradicts(
    tea: Engine, offers: Sequence[Offer], starts: int, price: int, prior: int, percent: int
) -> None:
    announced = Announcement(
        OPENED + starts * HOUR, price, shown_prior=prior, shown_percent=percent
    )
    with undone(tea) as conn:
        for number, offer in enumerate(offers):
            terms = terms_of(offer.document(f"p{number}"))
            create_promotion(conn, terms, actor="ann", at=OPENED)
            schedule_promotion(conn, terms.name, actor="ann", at=OPENED)
            if offer.ended < offer.opens + offer.lasts:
                end_promotion(conn, terms.name, actor="ann", at=OPENED + offer.ended * HOUR)
        (verdict,) = judge_announcement(conn, PACKS, *TEA, announced)
    # German midnights are whole hours of UTC, and so is everything here.
    midnight = announced.starts.astimezone(BERLIN).replace(hour=0, fold=0) - 30 * DAY
    first = (midnight.astimezone(UTC) - OPENED) // HOUR
    replayed = [min(offer.asked(hour, 2499) for offer in offers) for hour in range(first, starts)]
    lowest = min(replayed)
    assert verdict.facts["prior"] == lowest
    assert verdict.lawful == (
        price < lowest and prior <= lowest and percent <= 100 * (lowest - price) / lowest + 1e-7
    )
