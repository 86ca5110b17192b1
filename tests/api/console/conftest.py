"""The console in a real browser: one Chromium for all tests, and pages that are watched.

A watched page fails its test on any line that the browser's console calls an error, on anything
that the Content-Security-Policy stopped, and on any request to another host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    sync_playwright,
)
from sqlalchemy import Engine

from api.access.roles import Role
from scrapers.browser import find_browser
from scrapers.errors import CrawlFailed
from tests.api.access.let_in import PASSWORD, person

DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)
PICTURES: Final = Path("var/screenshots")
_AXE: Final = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"

Language = Literal["en", "zh-Hans"]
Theme = Literal["light", "dark"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All browser tests run in one worker: one browser, however many tests run beside them."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("chromium"))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser. It goes with the package: a loop of Playwright's runs while it is there."""
    try:
        path = find_browser()
    except CrawlFailed as none:
        pytest.skip(str(none))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path or None, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at the console, with a browser window of their own.

    Attributes:
        page: what they see.
        url: of the service.
        faults: what went wrong in it so far.
        expected: parts of console errors that the test itself brings about.
    """

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def goes_to(self, path: str) -> Page:
        """Open a page and wait until nothing more comes."""
        self.page.goto(self.url + path, wait_until="networkidle")
        return self.page

    def saves_picture(self, name: str) -> None:
        """A picture under var/screenshots, to be looked at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        width = self.page.viewport_size["width"] if self.page.viewport_size else 0
        self.page.screenshot(path=PICTURES / f"{name}-{width}.png")

    def serious_findings(self) -> list[str]:
        """What axe-core calls serious or worse on the page as it is."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations']})"
        )
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the browser's console calls an error."""
        if message.type == "error" and not any(part in message.text for part in self.expected):
            self.faults.append(f"console: {message.text}")

    def see(self, request: Request) -> None:
        """Keep a request that leaves the service."""
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.faults.append(f"outside request: {request.url}")


Visits = Callable[..., Visitor]


def let_people_in(engine: Engine) -> None:
    """Accounts of `ada` (admin), `max` (manager), `pia` (approver) and `ana` (analyst)."""
    for name, role in (
        ("ada", Role.ADMIN),
        ("max", Role.MANAGER),
        ("pia", Role.APPROVER),
        ("ana", Role.ANALYST),
    ):
        person(engine, name, role)


@pytest.fixture(scope="session")
def sessions() -> dict[tuple[str, str], StorageState]:
    """The cookies of who has logged in, by service and name: nobody logs in for each test."""
    return {}


@pytest.fixture
def visits(chromium: Browser, sessions: dict[tuple[str, str], StorageState]) -> Iterator[Visits]:
    """Opens a window: `visits(url, language="en", theme="light", size=DESKTOP, name="ada")`.

    The service must have been given its people by `let_people_in`; with `name=None` nobody is
    logged in. At the end of the test each window must have been without a fault.
    """
    visitors: list[Visitor] = []
    with ExitStack() as windows:

        def visit(
            url: str,
            *,
            language: Language = "en",
            theme: Theme = "light",
            size: tuple[int, int] = DESKTOP,
            name: str | None = "ada",
        ) -> Visitor:
            window = chromium.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme=theme,
                locale={"en": "en-GB", "zh-Hans": "zh-CN"}[language],
                reduced_motion="reduce",
                storage_state=None if name is None else sessions.get((url, name)),
            )
            windows.callback(window.close)
            if name is not None and (url, name) not in sessions:
                account = {"name": name, "password": PASSWORD}
                answer = window.request.post(f"{url}/v1/session", data=account)
                assert answer.status == 201, answer.text()
                sessions[url, name] = window.storage_state()
            visitor = Visitor(window.new_page(), url)
            visitor.page.on("console", visitor.hear)
            visitor.page.on("pageerror", lambda error: visitor.faults.append(f"script: {error}"))
            visitor.page.on("request", visitor.see)
            visitors.append(visitor)
            return visitor

        yield visit
        faults = [fault for visitor in visitors for fault in visitor.faults]
    assert faults == []
