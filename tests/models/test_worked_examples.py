"""The manual's examples run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

MANUAL = Path(__file__).parents[2] / "docs" / "estimators.md"


def test_every_example_of_the_manual_gives_what_it_says() -> None:
    found = doctest.testfile(str(MANUAL), module_relative=False)
    assert found.attempted > 40
    assert found.failed == 0
