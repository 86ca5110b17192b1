"""The pictures of the manual: the console over the shop of `make demo`.

`make screenshots` writes them to `docs/pictures`; without `PICTURES` they go to var/screenshots.
A new page adds its line to `PAGES`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image
from sqlalchemy import Engine

from api.access.roles import Role
from api.demo.tour import give_tour
from api.jobs.release import ReleaseTerms, release
from api.jobs.reprice import RepriceRequest, reprice
from api.server import serving
from pricing.deciding.decide import PricingPolicy
from pricing.releases.change_budget import ChangeBudget
from pricing.rulebook.document import PricingRules
from storage.database import open_engine
from storage.tables import offers, price_books
from tests.api.access.let_in import person
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Visits

PAGES = (
    ("today", "/console/today", "light", DESKTOP),
    ("today-dark", "/console/today", "dark", DESKTOP),
    ("today-phone", "/console/today", "light", PHONE),
    ("draft", "/console/drafts/3", "light", DESKTOP),
    ("product", "/console/products/P00130?market=online", "light", DESKTOP),
    ("matches", "/console/matches", "light", DESKTOP),
)
_COLOURS = 256
_MOST_BYTES = 120_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The shop of the demo two days on: new prices since yesterday, and a draft that waits."""
    folder = tmp_path_factory.mktemp("demo")
    give_tour(folder, seed=7, port=0, once=True)
    engine = open_engine(f"sqlite:///{folder / 'pricewright.db'}")
    person(engine, "anna", Role.MANAGER, Role.APPROVER)
    with engine.begin() as conn:
        opened = datetime.now(UTC) - timedelta(days=2)
        conn.execute(price_books.update().values(published_at=opened))
        newest = sa.select(sa.func.max(offers.c.crawl_id)).scalar_subquery()
        conn.execute(offers.update().where(offers.c.crawl_id < newest).values(observed_at=opened))
    propose(engine, most=110, terms=ReleaseTerms(budget=ChangeBudget(1, 1, 1, 1)))
    propose(engine, most=45, terms=ReleaseTerms(four_eyes=True))
    yield engine
    engine.dispose()


def propose(engine: Engine, *, most: int, terms: ReleaseTerms) -> None:
    """Decide prices, at most so many new ones, and propose them."""
    now = datetime.now(UTC)
    rules = PricingRules(policy=PricingPolicy(max_changes=most))
    request = RepriceRequest(now=now, offer_max_age=timedelta(hours=72))
    outcome = reprice(engine, rules, request)
    release(engine, outcome.run_id, terms, now=now, by="ben", note="Winter prices")


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
        yield url


@pytest.mark.parametrize(("name", "path", "theme", "size"), PAGES)
def test_a_page_is_pictured(
    visits: Visits, url: str, name: str, path: str, theme: str, size: tuple[int, int]
) -> None:
    visitor = visits(url, name="anna", theme=theme, size=size)
    visitor.goes_to(path)
    folder = Path(os.environ.get("PICTURES", "var/screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    taken = Image.open(io.BytesIO(visitor.page.screenshot()))
    file = folder / f"console-{name}.png"
    taken.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size < _MOST_BYTES
