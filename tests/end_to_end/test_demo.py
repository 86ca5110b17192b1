"""The demo as a new user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.end_to_end.command_line import CommandLine


def test_the_demo_goes_all_the_way_and_stops_by_itself(
    pricewright: CommandLine, tmp_path: Path
) -> None:
    answer = pricewright.in_a_process("demo", "--once", "--port", "0", "--folder", "demo")
    assert answer.status == 0, answer.err + answer.out
    told = answer.out
    for step in (
        "1. A market whose law we know",
        "2. What the competition asks",
        "3. How customers react to price",
        "4. Better prices, inside hard limits",
        "5. Live prices",
        "6. A competitor moves",
        "7. What if",
    ):
        assert step in told
    assert "signed webhook received: competitor.price_changed" in told
    assert "the new recommendation:" in told
    assert len(re.findall(r"^  curl '", told, re.MULTILINE)) == 3
    price = json.loads(re.search(r"^  (\{\"sku\".*\})$", told, re.MULTILINE).group(1))  # type: ignore[union-attr]
    assert re.fullmatch(r"\d+\.\d\d", price["price"]["amount"])
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
