"""Leases on both databases: one holder at a time, none for ever."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from storage.database import reading, writing
from storage.errors import LeaseHeld
from storage.jobs.lease_tables import leases
from storage.jobs.leases import (
    find_lease,
    give_back,
    hand_on,
    held_leases,
    renew_lease,
    still_held,
    take_lease,
)

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOBODY = 2**22 + 1
"""No process has this number."""


def test_a_lease_is_held_by_one_until_it_is_given_back(engine: Engine) -> None:
    with writing(engine) as conn:
        lease = take_lease(conn, "site rival", at=NOW, lasts=MINUTE)
        take_lease(conn, "site other", at=NOW, lasts=MINUTE)
    said = rf"process {os.getpid()} on .* since 2026-03-02 08:00"
    with pytest.raises(LeaseHeld, match=said), writing(engine) as conn:
        take_lease(conn, "site rival", at=NOW, lasts=MINUTE)
    with reading(engine) as conn:
        assert set(held_leases(conn, at=NOW)) == {"site rival", "site other"}
    with writing(engine) as conn:
        assert give_back(conn, lease)
        assert find_lease(conn, "site rival") is None
        take_lease(conn, "site rival", at=NOW, lasts=MINUTE)


def test_a_lease_that_is_not_renewed_ends_and_its_holder_finds_out(engine: Engine) -> None:
    with writing(engine) as conn:
        first = take_lease(conn, "site rival", at=NOW, lasts=MINUTE)
        assert renew_lease(conn, first.name, first.token, until=NOW + 2 * MINUTE, worker_pid=7)
    with reading(engine) as conn:
        assert set(held_leases(conn, at=NOW + MINUTE)) == {"site rival"}
        assert held_leases(conn, at=NOW + 2 * MINUTE) == {}
    with writing(engine) as conn:
        second = take_lease(conn, "site rival", at=NOW + 2 * MINUTE, lasts=MINUTE)
        assert not renew_lease(conn, first.name, first.token, until=NOW + 9 * MINUTE)
        assert not give_back(conn, first)
        assert find_lease(conn, "site rival") == second


def test_a_lease_that_is_handed_on_has_a_new_token_and_the_last_holder_finds_out(
    engine: Engine,
) -> None:
    with writing(engine) as conn:
        first = take_lease(conn, "site rival", at=NOW, lasts=MINUTE)
        second = hand_on(conn, first.name, first.token, until=NOW + 2 * MINUTE)
        assert second is not None
        assert second.until == NOW + 2 * MINUTE
        assert not renew_lease(conn, first.name, first.token, until=NOW + 9 * MINUTE)
        assert not still_held(conn, first.name, first.token)
        assert not give_back(conn, first)
        assert still_held(conn, second.name, second.token)
        # Whoever knows how it began may go on with it, however often it was handed on.
        third = hand_on(conn, first.name, first.token, until=NOW + 3 * MINUTE)
        assert third is not None
        assert not still_held(conn, second.name, second.token)
        assert hand_on(conn, first.name, second.token, until=NOW + 3 * MINUTE) is not None
        for other in ("", "%", first.token[:-1], "x" * 32):
            assert hand_on(conn, first.name, other, until=NOW + 9 * MINUTE) is None
        anew = take_lease(conn, "site rival", at=NOW + 3 * MINUTE, lasts=MINUTE)
        assert hand_on(conn, first.name, third.token, until=NOW + 9 * MINUTE) is None
        assert find_lease(conn, "site rival") == anew


def test_the_lease_of_a_dead_process_of_this_machine_ends_at_once(engine: Engine) -> None:
    with writing(engine) as conn:
        take_lease(conn, "site rival", at=NOW, lasts=MINUTE)
        conn.execute(leases.update().values(pid=NOBODY))
        assert held_leases(conn, at=NOW) == {}
        conn.execute(leases.update().values(worker_pid=os.getpid()))
        assert set(held_leases(conn, at=NOW)) == {"site rival"}, "its child is at work"
        conn.execute(leases.update().values(worker_pid=None, machine="elsewhere"))
        assert set(held_leases(conn, at=NOW)) == {"site rival"}, "who can tell from here?"


def test_of_many_who_want_a_lease_at_once_one_gets_it(engine: Engine) -> None:
    def wants(_: int) -> bool:
        try:
            with writing(engine) as conn:
                take_lease(conn, "schedule", at=NOW, lasts=MINUTE)
        except LeaseHeld:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(wants, range(8))) == 1
