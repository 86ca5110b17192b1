"""The console over a shop of 100,000 products: what a page, a table and a button take over HTTP.

A whole service in a process of its own, on SQLite, asked over real HTTP in the session of a person
who has logged in. `cold` is the first time that this service is asked; all others are the median of
some. A limit is of a machine whose yardstick is 20 ms; the note of each figure has this one's.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import Engine

from api.access.roles import Role
from api.jobs.release import ReleaseTerms, release
from storage.database import writing
from storage.prices.decisions import save_run
from tests.api.access.let_in import logged_in, person
from tests.api.shop import EURO_SHOP, OPENED, YEN_STORE, decided, open_shop
from tests.benchmarks.figure import Figure, yardstick
from tests.benchmarks.serving import server
from tests.databases import sqlite_engine

_PRODUCTS: Final = 100_000
_REPEATS: Final = 7
_TABLE_MS: Final = 300.0
"""The most that a table is to take to be filtered or sorted."""
_PAGE_MS: Final = 1_000.0
"""The most that the first page is to take once it was asked for before."""
_DRAFT: Final = "/console/drafts/1"
_ROWS: Final = f"{_DRAFT}/rows"


def figures() -> Iterator[Figure]:
    """Milliseconds of a request: the draft's page and rows, an amendment, the products."""
    with (
        tempfile.TemporaryDirectory(prefix="pricewright-bench-") as folder,
        sqlite_engine(Path(folder)) as engine,
    ):
        _open(engine)
        with (
            server(engine) as (_, port),
            logged_in(f"http://127.0.0.1:{port}", "max") as browser,
        ):
            yield from _draft(browser)
            yield from _amended(browser)
            yield from _products(browser)


def _open(engine: Engine) -> None:
    """A shop with a price book, a draft that changes nearly all of it, and a manager."""
    asked = {(f"S{n:06d}", "online"): 200 + n % 50_000 for n in range(_PRODUCTS)}
    open_shop(engine, asked)
    wanted = {
        key: price + n * 7919 % 41 - 20  # by between -20 and 20 cents
        for n, (key, price) in enumerate(asked.items())
    }
    run = decided(wanted, markets=(EURO_SHOP, YEN_STORE), at=OPENED)
    with writing(engine) as conn:
        run_id = save_run(conn, run, policy={}, fit_id=None, created_at=OPENED)
    terms = ReleaseTerms(four_eyes=True)
    release(engine, run_id, terms, now=OPENED + timedelta(hours=1), by="anna")
    person(engine, "max", Role.MANAGER)


def _draft(browser: httpx.Client) -> Iterator[Figure]:
    page, rows = _asked(browser, _DRAFT), _asked(browser, _ROWS)
    yield _figure("first page of a draft, cold: the page and its first rows", page + rows, _PAGE_MS)
    page, rows = _median(browser, _DRAFT), _median(browser, _ROWS)
    yield _figure("first page of a draft, warm: the page and its first rows", page + rows, _PAGE_MS)
    yield _figure("first rows of a draft, warm", rows, _TABLE_MS)
    for what, query in (
        ("sorted by change, the largest first", "sort=-change"),
        ("sorted by SKU, the last page", f"sort=sku&page={_PRODUCTS // 60}"),
        ("filtered by direction", "filter.change=up"),
        ("filtered by part of a SKU, sorted", "filter.sku=S05&sort=-after"),
        ("searched for part of a title", "q=tea+s0500"),
    ):
        yield _figure(f"draft, {what}", _median(browser, f"{_ROWS}?{query}"), _TABLE_MS)


def _amended(browser: httpx.Client) -> Iterator[Figure]:
    """Each time another product, as a person would."""
    amendments, rows = [], []
    for place in range(_REPEATS):
        wanted = {"sku": f"S{place:06d}", "market": "online", "action": "set", "price": "9.99"}
        start = time.perf_counter()
        answer = browser.post(f"{_DRAFT}/amendments", data=wanted)
        amendments.append((time.perf_counter() - start) * 1e3)
        if answer.status_code >= 400:
            raise AssertionError(f"an amendment was answered with {answer.status_code}")
        rows.append(_asked(browser, _ROWS))
    yield _figure("amend one price of a draft", statistics.median(amendments), _PAGE_MS)
    yield _figure("first rows of a draft, just amended", statistics.median(rows), _PAGE_MS)


def _products(browser: httpx.Client) -> Iterator[Figure]:
    for what, query in (
        ("first page", ""),
        ("sorted by title, the last first", "sort=-title"),
        ("searched for part of a title", "q=tea+s0500"),
        ("searched for what all have, the last page", f"q=tea&page={_PRODUCTS // 50}"),
        ("last page", f"page={_PRODUCTS // 50}"),
    ):
        took = _median(browser, f"/console/product-rows?{query}")
        yield _figure(f"products, {what}", took, _TABLE_MS)
    turn = count(50_000)
    pages = [
        _asked(browser, f"/console/products/S{next(turn):06d}?market=online")
        for _ in range(_REPEATS)
    ]
    yield _figure("page of a product", statistics.median(pages), _PAGE_MS)


def _figure(name: str, took: float, limit: float) -> Figure:
    machine = f"{_PRODUCTS:,} products, SQLite; yardstick {yardstick().value:.0f} ms"
    return Figure(name, took, "ms", "limit", limit, machine)


def _median(browser: httpx.Client, path: str) -> float:
    return statistics.median(_asked(browser, path) for _ in range(_REPEATS))


def _asked(browser: httpx.Client, path: str) -> float:
    """Milliseconds from the question to the whole answer."""
    start = time.perf_counter()
    answer = browser.get(path)
    took = (time.perf_counter() - start) * 1e3
    if answer.status_code != 200:
        raise AssertionError(f"{path} was answered with {answer.status_code}: {answer.text[:300]}")
    return took
