"""What storefront developers are told: each command of the page runs, with the clients it makes.

The generators of clients have environments of their own, from locks beside this file: what they are
built of disturbs what the service is built of.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine

from api.server import serving
from tests.api.conftest import quick_settings
from tests.databases import url_of

HERE: Final = Path(__file__).parent
PAGE: Final = Path("docs/storefront-developers.md").resolve()
ADDRESS: Final = "http://localhost:8000"
UNREACHABLE: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|NewConnectionError|ConnectTimeout"
    r"|ReadTimeout|No matching distribution|Temporary failure in name resolution|network"
)
SECONDS: Final = 600.0  # a slow index, on a machine that does more than this


@dataclass(frozen=True)
class Block:
    """A piece of the page that is run or written."""

    language: str
    text: str
    file: str


def blocks(part: str) -> list[Block]:
    """The pieces under a heading of the page; a program has its file's name above it."""
    text = re.split(rf"^## {part}$", PAGE.read_text(), flags=re.MULTILINE)[1]
    found = re.finditer(
        r"(?:^`(?P<file>[\w.]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
        text.split("\n## ", 1)[0],
        flags=re.MULTILINE | re.DOTALL,
    )
    return [Block(m["language"], m["text"], m["file"] or "") for m in found]


@dataclass
class Terminal:
    """A shell in a folder, beside a service that runs."""

    folder: Path
    variables: dict[str, str]

    def run(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**os.environ, **self.variables, **more},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def follow(self, *parts: str) -> list[str]:
        """Do what parts of the page say, in one shell; returns the lines that it prints."""
        script = [f"export SHOP_URL={self.variables['SHOP_URL']}"]
        for block in (block for part in parts for block in blocks(part)):
            if block.language == "bash":
                script += [block.text, "echo"]
            else:
                assert block.file
                (self.folder / block.file).write_text(block.text)
        done = self.run("\n".join(script))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert done.stderr == ""
        assert "warning" not in done.stdout.lower()
        return [line for line in done.stdout.splitlines() if line]


@pytest.fixture
def terminal(shop: Engine, tmp_path: Path) -> Iterator[Terminal]:
    """Where the page is followed; `pricewright` is at hand, as in an installation."""
    folder = tmp_path / "storefront"
    folder.mkdir()
    with serving(quick_settings(shop, work_processes=0)) as url:
        at_hand = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        yield Terminal(folder, {"SHOP_URL": url, "DATABASE_URL": url_of(shop), "PATH": at_hand})


def installed(terminal: Terminal, command: str, **more: str) -> None:
    """Install, or skip where there is no way to the packages."""
    done = terminal.run(command, **more)
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip(f"the packages of the generators cannot be reached: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr


def with_keys(terminal: Terminal) -> Terminal:
    """The same, once its two keys are made as the page says."""
    made = terminal.run(
        "\n".join(block.text for block in blocks("Two keys"))
        + '\necho "$PUBLISHABLE_KEY"; echo "$SECRET_KEY"'
    )
    assert made.returncode == 0, made.stderr
    publishable, secret = made.stdout.split()
    keys = {"PUBLISHABLE_KEY": publishable, "SECRET_KEY": secret}
    return Terminal(terminal.folder, terminal.variables | keys)


def test_the_page_says_where_it_asks() -> None:
    page = PAGE.read_text()
    assert re.findall(r"https?://[^\s`]+", page) == [ADDRESS, ADDRESS]
    assert page.count(f"export SHOP_URL={ADDRESS}") == 1


def test_prices_a_cart_an_order_and_a_return_with_curl(terminal: Terminal) -> None:
    lines = with_keys(terminal).follow("Prices", "A cart", "The order", "A return")
    assert len(lines) == 5
    assert '"price":{"amount":"4.99","currency":"EUR"}' in lines[0]
    assert '"sku":"TEA-2"' in lines[1]
    assert '"reserved":false' in lines[2]
    assert '"status":"committed"' in lines[3]
    assert '"refund":{"amount":"4.99","currency":"EUR"}' in lines[4]


@pytest.mark.slow
def test_a_client_in_python_is_generated_without_a_warning(terminal: Terminal) -> None:
    own = terminal.folder / "venv"
    venv.create(own, with_pip=True)
    path = f"{own / 'bin'}{os.pathsep}{terminal.variables['PATH']}"
    keyed = with_keys(terminal)
    keyed = Terminal(keyed.folder, {**keyed.variables, "PATH": path})
    installed(keyed, f"pip install --quiet --require-hashes -r {HERE / 'requirements.lock'} >&2")
    lines = keyed.follow("A client in Python")
    assert lines == [
        "Generating pricewright_client",
        "one costs 4.99 EUR",
        "two cost 9.98 EUR",
        "the quote is committed",
    ]
    every = keyed.run(
        "python -W error - <<'END'\n"
        "import importlib, pkgutil, pricewright_client\n"
        "for found in pkgutil.walk_packages(pricewright_client.__path__, 'pricewright_client.'):\n"
        "    importlib.import_module(found.name)\n"
        "END"
    )
    assert (every.returncode, every.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
def test_a_client_in_typescript_is_generated_without_a_warning(terminal: Terminal) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, terminal.folder / name)
    keyed = with_keys(terminal)
    installed(keyed, "npm ci --ignore-scripts --no-audit --no-fund >&2")
    lines = keyed.follow("A client in TypeScript")
    assert lines[-2:] == ["one costs 4.99 EUR", "two cost 9.98 EUR"]
    types = keyed.run(
        "npx tsc --noEmit --strict --target es2022 --module nodenext --types node pricewright.d.ts"
    )
    assert (types.returncode, types.stdout) == (0, "")
