"""The demo as a new user runs it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.command_line import CommandLine


@pytest.mark.slow  # the whole way in small is `test_the_whole_way_by_hand`
def test_the_demo_goes_all_the_way_serves_and_stops_on_ctrl_c(
    pricewright: CommandLine, tmp_path: Path
) -> None:
    with pricewright.started("demo", "--port", "0", "--folder", "demo") as process:
        told = process.read_until("Ctrl-C stops")
        curls = re.findall(r"^  curl (?:-H '(.*?): (.*?)' )?'(.*)'$", told, re.MULTILINE)
        answers = [httpx.get(url, headers={name: to} if name else {}) for name, to, url in curls]
        bare = [httpx.get(url).status_code for _, _, url in curls]
        (quote,) = re.findall(r"^  curl (\S+/v1/quotes) -d '(.*)'$", told, re.MULTILINE)
        quoted = httpx.post(quote[0], content=quote[1])
        (console,) = re.findall(r"The console: (\S+), name (\w+), password\s+(\S+); it asks", told)
        account = {"name": console[1], "password": console[2]}
        logged_in = httpx.post(f"{console[0]}/login", data=account)
        process.interrupt()
        assert "stopped" in process.read_until("stopped")
        assert process.wait() == 0
    for step in (
        "1. A market whose law we know",
        "2. What the competition asks",
        "3. How customers react to price",
        "4. Better prices, inside hard limits",
        "5. Live prices",
        "6. A competitor moves",
        "7. What if",
        "8. Promotions: what a cart pays, and why",
    ):
        assert step in told
    (gain,) = re.findall(r"By the true law .* USD:\s+([+-][\d.]+)%", told)
    assert float(gain) > 3.0
    (changed,) = re.findall(r"price book 1 is live, draft 1 by demo: (\d+) of 600", told)
    assert int(changed) > 100
    assert "signed webhook received: competitor.price_changed" in told
    assert "the new recommendation:" in told
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert bare == [200, 401, 401]
    assert (logged_in.status_code, logged_in.headers["location"]) == (303, "/console")
    price, decision, offers = (answer.json() for answer in answers)
    assert re.fullmatch(r"\d+\.\d\d", price["price"]["amount"])
    assert decision["reasons"]
    assert offers["offers"]
    assert "17 of 17 totals proven" in told
    assert quoted.status_code == 201
    assert quoted.json()["cart"]["applied"]
    assert (tmp_path / "demo/what-if.png").read_bytes().startswith(b"\x89PNG")


def test_the_demo_deletes_nothing_that_it_did_not_make(
    pricewright: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    answer = pricewright("demo", "--once", "--folder", "mine")
    assert answer.status == 1
    assert "holds something else" in answer.err
    assert (tmp_path / "mine/thesis.txt").read_text() == "years of work"
