"""The whole way in a real browser: from the first start to a price that changes and comes back.

The service runs as a shop would run it: a process of its own with two workers, over a database
that nobody ever started it on. It is started anew on the way, and one worker dies.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from storage.database import writing
from storage.prices.decisions import save_run
from tests.api.access.let_in import logged_in
from tests.api.conftest import eventually
from tests.api.console.conftest import Visitor, Visits
from tests.api.served import START_SECONDS, answers, free_port, process
from tests.api.shop import EURO_SHOP, OPENED, PRICES, YEN_STORE, decided, open_shop
from tests.databases import postgres_engine, sqlite_engine

pytestmark = pytest.mark.slow

OWN: Final = "a password of my own, of {}"
BEFORE, AFTER = "4.99", "5.49"


class Service:
    """`pricewright serve` with two workers on one port, started anew as often as somebody likes.

    Attributes:
        url: where it is, at every start.
        lines: what it has logged since the first start.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._port = free_port()
        self._run = ExitStack()
        self.url = f"http://127.0.0.1:{self._port}"
        self.lines: list[str] = []

    def start(self) -> None:
        """Start it, and wait until it answers and both workers are there."""
        self._process, self._lines = self._run.enter_context(
            process(
                self._engine,
                PRICEWRIGHT_PORT=str(self._port),
                PRICEWRIGHT_WORKERS="2",
                PRICEWRIGHT_FOUR_EYES="true",
                PRICEWRIGHT_OPEN_PRICES="false",
                PRICEWRIGHT_CRAWL_SCHEDULE="false",
                PRICEWRIGHT_WORK_PROCESSES="0",
            )
        )
        assert eventually(lambda: answers(self.url), START_SECONDS)
        self.wait_for_workers()

    def wait_for_workers(self, *, without: int = 0) -> None:
        """Wait until two workers have loaded the prices, none of them this one."""
        assert eventually(lambda: len(self.workers() - {without}) == 2, START_SECONDS)
        for worker in self.workers():
            with self.alone(worker):
                assert eventually(lambda: answers(self.url), START_SECONDS)

    def workers(self) -> set[int]:
        """The processes that answer: children of what was started, but for Python's tracker."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        children = {int(pid) for task in tasks.iterdir() for pid in _text(task / "children")}
        return {
            pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        }

    @contextmanager
    def alone(self, worker: int) -> Iterator[None]:
        """Let one worker answer everything, as the others hold still."""
        others = self.workers() - {worker}
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    def stop(self) -> None:
        """Stop it as a machine that is shut down does; it ends in order."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(60) == 0
        self.close()

    def close(self) -> None:
        """End what still runs, and keep what it has logged."""
        self._run.close()
        self.lines += self._lines
        self._lines = []

    def first_password(self) -> str:
        """The password of `admin`, as the log tells it: in one line of all that was logged."""
        told = [
            _logged(line) for line in [*self.lines, *self._lines] if "the first account" in line
        ]
        (line,) = told
        assert line["name"] == "admin"
        password: str = line["password"]
        assert sum(password in line for line in [*self.lines, *self._lines]) == 1
        return password


def _text(file: Path) -> list[str]:
    return file.read_text(encoding="ascii").split()


def _logged(line: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(line)
    return entry


@pytest.fixture(params=["sqlite", "postgres"])
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A shop with a price book in force and a decision run that raises a price, not started."""
    made = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with made as engine:
        open_shop(engine)
        raised = {**PRICES, ("TEA-1", "online"): 549}
        run = decided(raised, markets=(EURO_SHOP, YEN_STORE), at=OPENED)
        with writing(engine) as conn:
            save_run(conn, run, policy={}, fit_id=None, created_at=datetime.now(UTC))
        service = Service(engine)
        try:
            yield service
        finally:
            service.close()


def comes_in(visitor: Visitor, name: str, told: str) -> Page:
    """Log in with the password that somebody was told, and choose one of their own."""
    page = visitor.goes_to("/console")
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(told)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visitor.url}/console/password")
    page.goto(f"{visitor.url}/console/drafts")  # nothing else before that
    expect(page).to_have_url(f"{visitor.url}/console/password")
    page.locator("[name=old]").fill(told)
    page.locator("[name=new]").fill(OWN.format(name))
    page.locator("[name=again]").fill(OWN.format(name))
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visitor.url}/console/today")
    return page


def opens(page: Page, title: str) -> None:
    """Go to a page by the list of pages."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def lets_in(page: Page, name: str, role: str) -> str:
    """Make an account on the page of people; gives the password that it tells."""
    page.keyboard.press("a")
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill(name)
    form.get_by_label(role).check()
    form.get_by_role("button", name="Make the account").click()
    expect(page.locator("#people")).to_contain_text(f"The password of {name}.")
    return page.locator("#secret").inner_text()


def makes_key(page: Page) -> dict[str, str]:
    """Make a publishable key on the page of keys; gives the headers of who has it."""
    page.keyboard.press("a")
    form = page.get_by_role("dialog")
    form.get_by_label("What it is for").fill("web shop")
    form.get_by_role("button", name="Make the key").click()
    expect(form).to_be_hidden()
    return {"authorization": f"Bearer {page.locator('#secret').inner_text()}"}


def all_workers_ask(service: Service, key: dict[str, str], amount: str) -> bool:
    """Whether every worker soon answers the storefront with this price of TEA-1."""

    def asked() -> bool:
        path = f"{service.url}/v1/prices/TEA-1?market=online"
        answer = httpx.get(path, headers=key, timeout=60)
        return answer.status_code == 200 and answer.json()["price"]["amount"] == amount

    found = []
    for worker in sorted(service.workers()):
        with service.alone(worker):
            found.append(eventually(asked, 20))
    return len(found) == 2 and all(found)


def proposes(page: Page, draft: int) -> None:
    """Propose the prices of the newest run."""
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="Propose prices")
    dialog.get_by_label("Note").fill("spring prices")
    dialog.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Draft {draft}")


def approves(page: Page) -> None:
    """Approve the draft that is open."""
    page.keyboard.press("a")
    page.get_by_role("dialog", name="Approve and publish").get_by_role("button").click()
    expect(page.locator(".status-line")).to_contain_text("live")


def goes_back(page: Page) -> None:
    """Bring the prices of the book before the newest back."""
    rolled_back = page.get_by_role("row").filter(has_text="too dear")
    so_far = rolled_back.count()
    page.get_by_role("button", name="Go back to it").first.click()
    back = page.locator("dialog[open]")
    back.get_by_label("Why").fill("too dear")
    back.get_by_role("button").click()
    expect(rolled_back).to_have_count(so_far + 1)


def test_from_the_first_start_to_a_price_that_changes_and_comes_back(
    visits: Visits, service: Service
) -> None:
    service.start()
    url = service.url
    ada = comes_in(visits(url, name=None), "admin", service.first_password())
    opens(ada, "People")
    passwords = {
        name: lets_in(ada, name, role)
        for name, role in (("max", "Manager"), ("pia", "Approver"), ("ana", "Analyst"))
    }
    opens(ada, "Keys")
    key = makes_key(ada)
    assert all_workers_ask(service, key, BEFORE)

    # A manager proposes; whoever looks on has no button, and is refused.
    manager = comes_in(visits(url, name=None), "max", passwords["max"])
    opens(manager, "Drafts")
    proposes(manager, 1)
    approver = comes_in(visits(url, name=None), "pia", passwords["pia"])
    analyst = comes_in(visits(url, name=None, language="zh-Hans"), "ana", passwords["ana"])
    analyst.goto(f"{url}/console/drafts/1")
    expect(analyst.get_by_role("heading", level=1)).to_have_text("草案 1")
    expect(analyst.locator("main")).to_contain_text("等待批准人。")
    for deed in ("批准并发布", "拒绝"):
        expect(analyst.get_by_role("button", name=deed)).to_have_count(0)
    with logged_in(url, "ana", OWN.format("ana")) as browser:
        for path in ("/console/drafts/1/approve", "/v1/price-book-drafts/1/approve"):
            assert browser.post(path, json={}).status_code == 403, path
    assert all_workers_ask(service, key, BEFORE)

    # Started anew: who has a page open goes on with it.
    opens(approver, "Drafts")
    approver.get_by_role("link", name="Draft 1").click()
    expect(approver.locator(".tabulator-row")).to_have_count(1)
    manager.keyboard.press("c")
    said = manager.get_by_role("dialog", name="Comment")
    said.get_by_label("What you think of it").fill("written before, sent afterwards")
    service.stop()
    service.start()
    said.get_by_role("button", name="Say it").click()
    expect(manager.locator("main")).to_contain_text("written before, sent afterwards")

    approver.locator(".tabulator-row").click()
    expect(approver.get_by_role("heading", level=1)).to_have_text("TEA-1, online")
    why = approver.locator("section").filter(has_text="Why this price").get_by_role("listitem")
    expect(why.filter(has_text="How demand reacts")).to_contain_text("2.00%")
    approver.keyboard.press("u")
    expect(approver.locator(".tabulator-row")).to_have_count(1)
    approves(approver)
    assert all_workers_ask(service, key, AFTER)
    manager.goto(f"{url}/console/drafts")
    goes_back(manager)
    assert all_workers_ask(service, key, BEFORE)

    # One worker dies, then the other: whoever is logged in stays so, and what they do counts.
    first, second = sorted(service.workers())
    for draft, dies in ((2, first), (3, second)):
        os.kill(dies, signal.SIGKILL)
        proposes(manager, draft)
        opens(approver, "Drafts")
        approver.get_by_role("link", name=f"Draft {draft}").click()
        expect(approver.locator(".tabulator-row")).to_have_count(1)
        approves(approver)
        service.wait_for_workers(without=dies)
        assert all_workers_ask(service, key, AFTER)
        opens(manager, "Drafts")
        goes_back(manager)
        assert all_workers_ask(service, key, BEFORE)
    ada.reload()
    expect(ada.locator("tbody")).to_contain_text("web shop")
    service.stop()
    service.first_password()  # told once, at all the starts together
