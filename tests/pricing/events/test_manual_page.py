from __future__ import annotations

from pathlib import Path

from pricing.events.catalogue import CATALOGUE
from tests.pricing.events.manual_page import manual_page

_PAGE = Path(__file__).parents[3] / "docs" / "events.md"


def test_the_manual_says_of_every_event_what_the_catalogue_says() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert page == manual_page(), (
        "write it anew: python -m tests.pricing.events.manual_page > docs/events.md"
    )
    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert headings == [*CATALOGUE, "Parts of facts"]
