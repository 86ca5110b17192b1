"""Every file that a person writes: what stands twice in it is refused by file, line and key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from api.cli.promo_files import parsed
from api.jobs.pricing_rules import read_rules
from api.plans.files import read_plan_file
from api.settings import load_settings
from scrapers.saved_pages import read_manifest
from scrapers.sites import load_sites
from storage.law.rule_packs import load_rule_packs

PROMOTIONS: Final = """\
currency: EUR
promotions:
  - id: ten
    type: percent_off
    percent: 10
    percent: 90
"""
SITE: Final = """\
sites:
  - name: rival
    start_url: https://rival.example/
    start_url: https://other.example/
    market: online
    currency: EUR
"""
PACK: Final = "jurisdiction: EU\nreference_price:\n  days: 30\n  days: 7\n"
RULES: Final = "guardrails:\n  minimum_margin: 0.1\n  minimum_margin: 0.2\n"
PLAN: Final = '{"currency": "EUR",\n "limits": {"budget": "5",\n  "budget": "5000"}}'

FILES: Final[list[tuple[str, str, Callable[[Path], object], str, str]]] = [
    # (file, text, how it is read, line, key)
    ("promotions.yaml", PROMOTIONS, parsed, "line 6", "'percent' is there twice in promotions[0]"),
    (
        "promotions.json",
        '{"promotions": [{"percent": 10,\n "percent": 90}]}',
        parsed,
        "line 2",
        "'percent' is there twice in promotions[0], first in line 1",
    ),
    ("cart.yaml", "lines:\n  - {sku: a, quantity: 1, quantity: 2}", parsed, "line 2", "'quantity'"),
    ("cart.json", '{"currency": "EUR",\n"currency": "USD"}', parsed, "line 2", "'currency' is"),
    ("sites.yaml", SITE, load_sites, "line 4", "'start_url' is there twice in sites[0]"),
    ("eu.yaml", PACK, lambda path: load_rule_packs(path.parent), "line 4", "'days' is there"),
    ("pricing-rules.yaml", RULES, read_rules, "line 3", "'minimum_margin' is there twice"),
    ("clearance.json", PLAN, lambda path: read_plan_file(path, "items"), "line 3", "'budget' is"),
    (
        "calendar.csv",
        "sku,price,price\nTEA,4,5\n",
        lambda path: read_plan_file(path, "products"),
        "line 1",
        "column 'price' is there twice",
    ),
    ("pages.csv", "file,url,URL\na,b,c\n", read_manifest, "line 1", "column 'url' is there twice"),
    (
        ".env",
        'PRICEWRIGHT_PROMOTION_MODES={"a": "best", "a": "priority"}\n',
        load_settings,
        "PRICEWRIGHT_PROMOTION_MODES",
        "'a' is there twice",
    ),
]


@pytest.mark.parametrize(("name", "text", "read", "line", "key"), FILES)
def test_what_stands_twice_in_a_file_is_refused_by_file_line_and_key(
    tmp_path: Path, name: str, text: str, read: Callable[[Path], object], line: str, key: str
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="twice") as refused:
        read(path)
    told = str(refused.value)
    assert line in told
    assert key in told
    assert name in told or name == ".env"
