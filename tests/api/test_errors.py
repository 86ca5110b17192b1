"""Refusals: each class has its kind, its words and its answer over HTTP and on the command line."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import httpx
import pytest
from fastapi import FastAPI

import api
import api.app  # the routes have classes of their own
import models
import pricing
import scrapers
import simulations
import storage
from api.cli import commands
from api.errors import (
    ANSWERS,
    MarketRequired,
    NoPriceBook,
    ProblemDocument,
    answer_to,
    every_refusal,
    http_answer,
    problem_responses,
    type_uri,
)
from api.http.problem_answers import install_problem_answers
from api.http.request_log import RequestLog
from models.refusals import Defect, Invalid, Kind, Missing, Refusal
from storage.errors import DatabaseUnavailable, NoPriceForMarket, UnknownProduct

PACKAGES = (api, models, pricing, scrapers, simulations, storage)
ROOTS = (
    "ApiError",
    "ModelError",
    "PricingError",
    "ScraperError",
    "SimulationError",
    "StorageError",
)


def classes() -> list[type[Refusal]]:
    """Every class of refusals that is raised, of all packages."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(".errors"):
                importlib.import_module(module.name)
    own = {package.__name__ for package in PACKAGES}
    found = [each for each in below(Refusal) if each.__module__.partition(".")[0] in own]
    return sorted({each for each in found if each.__name__ not in ROOTS}, key=named)


def named(refusal: type[Refusal]) -> str:
    return f"{refusal.__module__}.{refusal.__qualname__}"


def below(refusal: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in refusal.__subclasses__():
        yield each
        yield from below(each)


CLASSES = classes()


def test_there_are_many() -> None:
    assert len(CLASSES) > 100


@pytest.mark.parametrize("refusal", CLASSES, ids=named)
def test_every_refusal_has_its_kind_and_its_words(refusal: type[Refusal]) -> None:
    assert refusal.kind in Kind
    assert refusal.slug
    assert refusal.title
    assert refusal.example
    assert refusal.__doc__


def test_a_slug_is_of_one_class_and_those_below_it() -> None:
    own = [each.slug for each in CLASSES if "slug" in vars(each)]
    assert len(own) == len(set(own))
    assert set(own) == set(every_refusal())
    for each in CLASSES:
        assert issubclass(each, every_refusal()[each.slug])


def test_a_slug_has_its_own_title_and_example() -> None:
    for each in every_refusal().values():
        assert {"kind", "title", "example"} & set(vars(each)) >= {"title", "example"}


def test_every_kind_has_an_answer() -> None:
    assert set(ANSWERS) == set(Kind)


@pytest.mark.parametrize(
    "module",
    [importlib.import_module(name) for name in sorted({each.__module__ for each in CLASSES})
     if name.endswith(".errors")],
    ids=lambda module: module.__name__,
)  # fmt: skip
def test_every_class_is_in_the_tree_of_its_module(module: ModuleType) -> None:
    tree = module.__doc__ or ""
    here = [each for each in CLASSES if each.__module__ == module.__name__]
    assert [each.__name__ for each in here if each.__name__ not in tree.split()] == []


@pytest.fixture(scope="module")
def answers() -> dict[str, httpx.Response]:
    """What an application with our handlers answers to each class, raised in a route."""
    app = FastAPI()
    app.add_middleware(RequestLog, quiet_prefix="/quiet")
    install_problem_answers(app)

    @app.get("/raise/{name}")
    def refuse(name: str) -> None:
        (refusal,) = (each for each in CLASSES if named(each) == name)
        place = ("body", "items", 3) if refusal.kind is Kind.INVALID else ()
        raise refusal.at(refusal.example, place)

    async def ask() -> dict[str, httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return {named(each): await client.get(f"/raise/{named(each)}") for each in CLASSES}

    return asyncio.run(ask())


@pytest.mark.parametrize("refusal", CLASSES, ids=named)
def test_every_refusal_is_answered_with_its_status(
    refusal: type[Refusal], answers: dict[str, httpx.Response]
) -> None:
    answer = answers[named(refusal)]
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == document["status"] == answer_to(refusal).status
    assert (document["type"], document["title"]) == (type_uri(refusal), refusal.title)
    assert int(answer.headers.get("retry-after", 0)) == refusal.retry_after
    if refusal.kind is Kind.INVALID:
        (error,) = document["errors"]
        assert error == {"field": "body.items[3]", "message": refusal.example}
    ProblemDocument.model_validate(document)


@pytest.mark.parametrize("refusal", CLASSES, ids=named)
def test_every_refusal_ends_a_command_with_its_status_and_sentence(
    refusal: type[Refusal], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_arguments: object) -> None:
        raise refusal.at("take another one")

    monkeypatch.setattr(commands, "app", refuse)
    with pytest.raises(SystemExit) as stop:
        commands.main([])
    assert stop.value.code == answer_to(refusal).exit_status != 0
    assert capsys.readouterr().err == "error: take another one\n"


def test_what_is_invalid_in_no_part_of_a_request_is_a_defect() -> None:
    """What is stored and cannot be read is not for the caller to mend."""
    app = FastAPI()
    app.add_middleware(RequestLog, quiet_prefix="/quiet")
    install_problem_answers(app)

    @app.get("/stored")
    def stored() -> None:
        raise Invalid("must be a list", ("items",))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/stored")

    document = asyncio.run(ask()).json()
    assert (document["status"], document["type"]) == (500, type_uri(Defect))
    assert "list" not in document["detail"]


def test_a_problem_document_has_the_members_of_rfc_9457() -> None:
    problem = MarketRequired("name a market", markets=["online", "store-01"])
    answer = http_answer(problem, instance="/v1/prices/A", request_id="r1")
    document = json.loads(answer.body)
    assert document == {
        "type": "/problems/market-required",
        "title": "Market required",
        "status": 422,
        "detail": "name a market",
        "instance": "/v1/prices/A",
        "request_id": "r1",
        "markets": ["online", "store-01"],
    }
    ProblemDocument.model_validate(document)


def test_two_refusals_of_one_status_share_its_openapi_entry() -> None:
    responses = problem_responses(UnknownProduct, NoPriceForMarket, NoPriceBook)
    assert set(responses) == {404, 503}
    examples = responses[404]["content"]["application/problem+json"]["examples"]
    assert set(examples) == {"unknown-sku", "no-price-for-market"}
    for example in examples.values():
        ProblemDocument.model_validate(example["value"])


def test_what_may_be_otherwise_later_says_when() -> None:
    assert DatabaseUnavailable.retry_after == NoPriceBook.retry_after == 5
    answer = http_answer(NoPriceBook("none yet"), instance="/", request_id="r")
    assert answer.headers["retry-after"] == "5"
    assert "retry-after" not in http_answer(Missing("no"), instance="/", request_id="r").headers
