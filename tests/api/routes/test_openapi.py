"""The API description: complete, and true to what the service answers."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.access.roles import RULES, Besides, Role
from api.errors import Overloaded, ProblemDocument
from storage.errors import DatabaseUnavailable, KeyReused, QuoteSettled
from tests.api.access.let_in import key
from tests.api.conftest import eventually
from tests.api.every_route import filled
from tests.api.shop import PRICES

Schema = dict[str, Any]


@pytest.fixture
def description(client: httpx.Client) -> Schema:
    document: Schema = client.get("/openapi.json").json()
    return document


def operations(description: Schema) -> list[tuple[str, str, Schema]]:
    return [
        (path, method, operation)
        for path, item in description["paths"].items()
        for method, operation in item.items()
    ]


def resolve(schema: Schema, description: Schema) -> Schema:
    while "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def fits(value: object, schema: Schema, description: Schema) -> bool:
    """Whether a JSON value has the form of a schema, as far as our schemas go."""
    schema = resolve(schema, description)
    if "anyOf" in schema:
        return any(fits(value, choice, description) for choice in schema["anyOf"])
    match schema.get("type"):
        case "object":
            known = schema.get("properties", {})
            return (
                isinstance(value, dict)
                and set(schema.get("required", [])) <= set(value)
                and all(
                    fits(item, known[name], description)
                    for name, item in value.items()
                    if name in known
                )
                and (
                    not known
                    or bool(schema.get("additionalProperties"))
                    or set(value) <= set(known)
                )
            )
        case "array":
            return isinstance(value, list) and all(
                fits(item, schema["items"], description) for item in value
            )
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "null":
            return value is None
        case other:
            assert other is None, f"this check does not know the type {other}"
            return True


PLAN_PATHS = {
    "/v1/plans",
    "/v1/plans/{plan}",
    "/v1/plans/{plan}/document",
    "/v1/plans/{plan}/tracking",
    "/v1/plans/{plan}/cancel",
    "/v1/plans/{plan}/accept",
    "/v1/plans/{plan}/amend",
    "/v1/plans/{plan}/replan",
}
PROMOTION_PATHS = {
    "/v1/promotions",
    "/v1/promotions:try",
    "/v1/promotions/{name}",
    "/v1/promotions/{name}/schedule",
    "/v1/promotions/{name}/withdraw",
    "/v1/promotions/{name}/history",
    "/v1/promotions/{name}/monitor",
    "/v1/promotions/{name}/codes",
    "/v1/promotions/{name}/codes.csv",
    "/v1/quotes",
    "/v1/quotes/{quote_id}",
    "/v1/quotes/{quote_id}/commit",
    "/v1/quotes/{quote_id}/cancel",
    "/v1/quotes/{quote_id}/returns",
    "/v1/promotions/{name}/groups",
    "/v1/promotions/{name}/groups/{group_id}",
}


ACCESS_PATHS = {
    "/v1/session",
    "/v1/session/password",
    "/v1/keys",
    "/v1/keys/{key_id}/rotate",
    "/v1/keys/{key_id}/revoke",
    "/v1/people",
    "/v1/people/{person_id}",
    "/v1/people/{person_id}/roles",
    "/v1/people/{person_id}/password",
    "/v1/people/{person_id}/disable",
}
JOB_PATHS = {
    "/v1/jobs",
    "/v1/jobs/kinds",
    "/v1/jobs/schedules",
    "/v1/jobs/schedules/{name}",
    "/v1/jobs/{job}",
    "/v1/jobs/{job}/log",
    "/v1/jobs/{job}/cancel",
}


def test_every_operation_is_named_described_and_unique(description: Schema) -> None:
    all_operations = operations(description)
    assert {path for path, _, _ in all_operations} == {
        "/v1/costs/confirmations",
        "/v1/costs/held",
        "/v1/prices/{sku}",
        "/v1/prices:batch",
        "/v1/price-books",
        "/v1/price-books/live",
        "/v1/price-books/{version}",
        "/v1/price-books/{version}/diff",
        "/v1/price-books/{version}/rollback",
        "/v1/price-book-drafts",
        "/v1/price-book-drafts/{draft}",
        "/v1/price-book-drafts/{draft}/diff",
        "/v1/price-book-drafts/{draft}/approve",
        "/v1/price-book-drafts/{draft}/reject",
        "/v1/price-book-drafts/{draft}/amendments",
        "/v1/price-book-drafts/{draft}/comments",
        "/v1/freezes",
        "/v1/figure-readings",
        "/v1/decision-runs",
        "/v1/decision-runs/{run}",
        "/v1/decisions/{sku}",
        "/v1/offers/{sku}",
        "/v1/offer-history/{sku}",
        "/v1/market-analysis",
        "/v1/observations",
        "/v1/match-reviews",
        "/v1/match-reviews/{review_id}",
        "/v1/match-reviews/{review_id}/undo",
        "/v1/quarantine",
        "/v1/quarantine/{quarantine_id}",
        "/v1/quarantine/{quarantine_id}/undo",
        "/v1/sites",
        "/v1/sites/detect",
        "/v1/sites/{name}",
        "/v1/sites/{name}/crawls",
        "/v1/sites/{name}/crawls/{crawl_id}",
        "/v1/price-inputs/{sku}",
        "/v1/reference-prices/{sku}",
        *PROMOTION_PATHS,
        *PLAN_PATHS,
        *JOB_PATHS,
        *ACCESS_PATHS,
        "/healthz",
        "/readyz",
        "/problems/{name}",
    }
    ids = [operation["operationId"] for _, _, operation in all_operations]
    assert len(set(ids)) == len(ids)
    for _, _, operation in all_operations:
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]


def test_every_reference_leads_somewhere(description: Schema) -> None:
    names = set(
        re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', str(description).replace("'", '"'))
    )
    assert names <= set(description["components"]["schemas"])
    assert "HTTPValidationError" not in str(description["paths"])


def test_every_refusal_is_described_as_a_problem_with_an_example(description: Schema) -> None:
    for _, _, operation in operations(description):
        for status, response in operation["responses"].items():
            if status in ("200", "201", "202", "204", "304"):
                continue
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}
            for example in content["examples"].values():
                assert str(example["value"]["status"]) == status
                ProblemDocument.model_validate(example["value"])


def test_every_operation_says_what_any_of_its_kind_may_be_refused_for(
    description: Schema,
) -> None:
    for path, method, operation in operations(description):
        answers, rule = set(operation["responses"]), RULES[method.upper(), path]
        wanted = {"500"}
        if rule.besides is not Besides.ANYBODY:
            wanted |= {"401", "403", "429"}
            wanted |= set() if rule.besides is Besides.SHOPPER else {"503"}
        if method != "get":
            wanted.add("413")
        if "requestBody" in operation or operation.get("parameters"):
            wanted.add("422")
        assert wanted <= answers, (method, path, wanted - answers)


def test_a_refusal_added_to_a_status_keeps_those_that_are_there(description: Schema) -> None:
    cancel = description["paths"]["/v1/quotes/{quote_id}/cancel"]["post"]["responses"]
    batch = description["paths"]["/v1/prices:batch"]["post"]["responses"]
    refused = {
        status: set(response["content"]["application/problem+json"]["examples"])
        for status, response in (*cancel.items(), ("batch", batch["422"]))
        if status != "200"
    }
    assert refused["503"] == {DatabaseUnavailable.slug, Overloaded.slug}
    assert QuoteSettled.slug in refused["409"]
    assert {"invalid-request", KeyReused.slug} <= refused["422"]
    assert {"invalid-request", "market-required"} <= refused["batch"]


@pytest.mark.parametrize("whose", ["nobody", "of a publishable key", "over its quota"])
def test_what_the_door_answers_is_described(
    client: httpx.Client, shop: Engine, description: Schema, whose: str
) -> None:
    """Each operation, asked by somebody whom the door turns away."""
    headers: dict[str, str] = {}
    if whose == "of a publishable key":
        _, headers = key(shop)
    elif whose == "over its quota":
        _, headers = key(shop, Role.ADMIN, per_minute=1)
    seen = set()
    with httpx.Client(base_url=client.base_url, headers=headers, timeout=60) as asker:
        known = lambda: asker.get("/v1/prices/TEA-1?market=online").status_code != 401  # noqa: E731
        assert eventually(known)
        for path, method, operation in operations(description):
            if RULES[method.upper(), path].besides in (Besides.ANYBODY, Besides.SHOPPER):
                continue
            answer = asker.request(method, filled(path))
            assert str(answer.status_code) in operation["responses"], (method, path, answer.text)
            seen.add(answer.status_code)
    assert seen == {{"nobody": 401, "of a publishable key": 403}.get(whose, 429)}


HALF_PRICE = {
    "promotion": {"id": "half", "type": "percent_off", "percent": "50"},
    "currency": "EUR",
}
REAL = [
    ("get", "/v1/prices/{sku}", "/v1/prices/TEA-1?market=online", None),
    ("post", "/v1/prices:batch", "/v1/prices:batch", {"skus": ["TEA-1", "X"], "market": "online"}),
    ("get", "/v1/price-books", "/v1/price-books", None),
    ("get", "/v1/price-books/live", "/v1/price-books/live", None),
    ("get", "/v1/price-books/{version}", "/v1/price-books/1", None),
    ("get", "/v1/decisions/{sku}", "/v1/decisions/TEA-1?market=online", None),
    ("get", "/v1/offers/{sku}", "/v1/offers/TEA-1?market=online", None),
    ("get", "/v1/offer-history/{sku}", "/v1/offer-history/TEA-1?market=online", None),
    ("get", "/v1/market-analysis", "/v1/market-analysis?market=online", None),
    (
        "post",
        "/v1/quotes",
        "/v1/quotes",
        {"market": "online", "lines": [{"sku": "TEA-1"}], "codes": ["X"]},
    ),
    ("post", "/v1/quotes", "/v1/quotes", {"lines": [{"sku": "TEA-1"}]}),
    (
        "post",
        "/v1/promotions:try",
        "/v1/promotions:try",
        {"cart": {"market": "online", "lines": [{"sku": "TEA-1"}]}, "terms": [HALF_PRICE]},
    ),
    ("post", "/v1/promotions", "/v1/promotions", HALF_PRICE),
    ("get", "/v1/promotions", "/v1/promotions", None),
    ("get", "/v1/promotions/{name}/monitor", "/v1/promotions/none/monitor", None),
    ("get", "/v1/quotes/{quote_id}", "/v1/quotes/none", None),
    ("post", "/v1/quotes/{quote_id}/cancel", "/v1/quotes/none/cancel", None),
    ("get", "/v1/plans", "/v1/plans", None),
    ("get", "/v1/plans/{plan}", "/v1/plans/99", None),
    ("post", "/v1/plans", "/v1/plans", {"kind": "markdown", "document": {}}),
    ("get", "/healthz", "/healthz", None),
    ("get", "/readyz", "/readyz", None),
    ("get", "/problems/{name}", "/problems/unknown-sku", None),
    ("get", "/v1/prices/{sku}", "/v1/prices/TEA-1", None),
    ("get", "/v1/prices/{sku}", "/v1/prices/NONE?market=online", None),
    ("post", "/v1/prices:batch", "/v1/prices:batch", {"skus": [1]}),
    ("get", "/v1/decisions/{sku}", "/v1/decisions/NONE?market=online", None),
    ("get", "/v1/price-books", "/v1/price-books?limit=0", None),
]


@pytest.mark.parametrize(("method", "path", "url", "body"), REAL)
def test_a_real_answer_has_the_form_described(
    client: httpx.Client, description: Schema, method: str, path: str, url: str, body: Schema | None
) -> None:
    answer = client.request(method, url, json=body)
    described = description["paths"][path][method]["responses"][str(answer.status_code)]
    media = described["content"][answer.headers["content-type"]]
    assert fits(answer.json(), media["schema"], description)


def test_the_form_check_can_fail(description: Schema) -> None:
    price = {"$ref": "#/components/schemas/PriceDocument"}
    good = {
        "sku": "A",
        "market": "online",
        "tier": "public",
        "price": {"amount": "1.00", "currency": "EUR"},
        "price_book": 1,
        "published_at": "2026-03-01T12:00:00Z",
        "stale": False,
    }
    assert fits(good, price, description)
    assert not fits({**good, "price_book": "1"}, price, description)
    assert not fits({**good, "more": 1}, price, description)
    assert not fits({key: good[key] for key in good if key != "stale"}, price, description)


@pytest.mark.parametrize("operation", ["/v1/prices/{sku}", "/v1/prices:batch"])
def test_the_examples_of_prices_have_the_form_described(
    description: Schema, operation: str
) -> None:
    (item,) = description["paths"][operation].values()
    media = item["responses"]["200"]["content"]["application/json"]
    assert fits(media["example"], media["schema"], description)
    for parameter in item.get("parameters", []):
        assert parameter["in"] in ("path", "query", "header")
    assert ("TEA-1", "online") in PRICES


def test_the_docs_page_asks_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert re.findall(r"https?://", page) == []
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(files) == 3
    for url in files:
        assert client.get(url).status_code == 200
