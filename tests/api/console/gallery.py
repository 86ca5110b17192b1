"""A page with one of everything, for the tests of the frame: no page of the product has it all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import BaseLoader, ChoiceLoader, DictLoader

from api.access.roles import RULES
from api.app import create_app
from api.console import rendering
from api.console.charts import Axis, Chart, Mark, Series
from api.console.language import languages
from api.console.problem_pages import page_router
from api.console.tables import Column, cell, question_of, rows_document
from api.console.visit import Visiting
from api.settings import Settings
from models.refusals import Conflict
from pricing.money import Money

PROBE: Final = "<img src=x onerror=alert(1)><script>alert(2)</script>'\"{{ 7*7 }}"
"""What a shop or a competitor may have written as a title."""

ROWS: Final = 100_000

COLUMNS: Final = (
    Column("sku", "SKU", sortable=True, filter="text", pinned=True),
    Column("title", PROBE, width=160, filter="text"),
    Column("state", "State", "badge", filter={"good": "Good", "bad": PROBE}),
    Column("price", "Price", "number", sortable=True),
    Column("share", "Share", "meter", priority=1),
    Column("trend", "Trend", "spark", priority=2),
)

_TEMPLATE: Final = Path(__file__).with_name("gallery.html").read_text(encoding="utf-8")

_ROUTES: Final = (
    ("GET", "/console/gallery"),
    ("GET", "/console/gallery/rows"),
    ("GET", "/console/gallery/chart"),
    ("POST", "/console/gallery/press"),
    ("POST", "/console/gallery/refuse"),
)

router = page_router()


@router.get("/gallery")
def show(visit: Visiting) -> HTMLResponse:
    return visit.page("gallery.html", probe=PROBE, columns=COLUMNS, price=Money(499, "EUR"))


@router.get("/gallery/rows")
def rows(visit: Visiting, request: Request) -> Response:
    question = question_of(request, COLUMNS)
    numbers = [
        number
        for number in range(ROWS)
        if question.filters.get("sku", "") in f"P{number:06d}" and question.search in PROBE
    ]
    if question.sort:
        numbers.sort(reverse=question.descending)
    page = numbers[question.offset : question.offset + question.size]
    return visit.json(
        rows_document(
            question,
            [
                {
                    "id": number,
                    "href": f"/console/today?from={number}",
                    "sku": f"P{number:06d}",
                    "title": f"{number} {PROBE}",
                    "state": cell(PROBE if number % 2 else "good", tone="good"),
                    "price": visit.formats.money(Money(number, "EUR")),
                    "share": cell(visit.formats.percent(number / ROWS), share=number / ROWS),
                    "trend": cell("steady", values=[1.0, 2.0, None, number % 7, 3.0]),
                }
                for number in page
            ],
            len(numbers),
        )
    )


@router.get("/gallery/chart")
def chart(visit: Visiting) -> Response:
    days = [f"2026-11-{day:02d}T00:00" for day in range(1, 29)]
    ours = [(day, 4.99 + index % 5 / 10) for index, day in enumerate(days)]
    theirs = [(day, None if 9 < index < 13 else 5.2) for index, day in enumerate(days)]
    low, high = [[(day, end) for day in days] for end in (5.0, 5.4)]
    return visit.json(
        Chart(
            Axis("Day", kind="time"),
            Axis("Price", "€", digits=2),
            [Series("Ours", ours, "step", "ours"), Series(PROBE, theirs, low=low, high=high)],
            [
                Mark("2026-11-10T00:00", "Published"),
                Mark("2026-11-20T00:00", PROBE, "doubt", "2026-11-24T00:00"),
            ],
        )
    )


@router.post("/gallery/press")
def press(visit: Visiting) -> HTMLResponse:
    return visit.notice("good", "Pressed", PROBE)


@router.post("/gallery/refuse")
def refuse() -> None:
    raise Conflict(f"prices are frozen: {PROBE}; lift the freeze first")


@contextmanager
def app_with_gallery(settings: Settings) -> Iterator[FastAPI]:
    """The service with the gallery among its pages."""
    app = create_app(settings)
    app.include_router(router)
    # Before what answers for every path that no page has.
    app.router.routes.insert(0, app.router.routes.pop())
    kept = [(rendering._environment(tag), loader_of(tag)) for tag in languages()]
    for environment, loader in kept:
        environment.loader = ChoiceLoader([loader, DictLoader({"gallery.html": _TEMPLATE})])
    RULES.update(dict.fromkeys(_ROUTES, RULES["GET", "/console/today"]))
    yield app
    for route in _ROUTES:
        del RULES[route]
    for environment, loader in kept:
        environment.loader = loader


def loader_of(tag: str) -> BaseLoader:
    loader = rendering._environment(tag).loader
    assert loader is not None
    return loader
