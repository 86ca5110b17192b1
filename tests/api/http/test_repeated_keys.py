"""Bodies over HTTP: a key that is repeated is refused by name, whoever reads the body."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from tests.api.conftest import quick_settings

BEARER = {"Authorization": "Bearer sesame-open-wide", "Content-Type": "application/json"}

BODIES = [
    # where, what is sent, the field that the refusal names
    ("/v1/prices:batch", '{"skus": ["a"], "skus": ["b"]}', "body.skus"),
    ("/v1/prices:batch", '{"skus": ["a"], "tier": "x", "ti\\u0065r": "y"}', "body.tier"),
    ("/v1/quotes", '{"lines": [{"sku": "a", "quantity": 1, "quantity": 9}]}',
     "body.lines[0].quantity"),
    ("/v1/promotions",
     '{"currency": "EUR", "promotion": {"id":"x","type":"percent_off","percent":1,"percent":9}}',
     "body.promotion.percent"),
    ("/v1/decision-runs", '{"rules": {"objective": {"profit": 1, "profit": 0}}}',
     "body.rules.objective.profit"),
    ("/v1/plans",
     '{"kind": "markdown", "document": {"limits": {"budget": 1, "budget": 2}}}',
     "body.document.limits.budget"),
    ("/v1/sites", '{"name": "a", "selectors": {"price": "x", "price": "y"}}',
     "body.selectors.price"),
    ("/v1/observations", '{"observations": [{"sku": "a", "sku": "b"}]}',
     "body.observations[0].sku"),
    ("/v1/freezes", '{"reason": "a", "reason": "b"}', "body.reason"),
]  # fmt: skip


@pytest.fixture
def client(shop: Engine) -> Iterator[httpx.Client]:
    settings = quick_settings(shop, operators="anna:sesame-open-wide")
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def test_a_body_that_repeats_a_key_is_refused_by_name(client: httpx.Client) -> None:
    for path, body, field in BODIES:
        answer = client.post(path, content=body, headers=BEARER)
        assert answer.status_code == 422, (path, answer.text)
        problem = answer.json()
        assert problem["type"] == "/problems/invalid-request"
        assert problem["errors"] == [{"field": field, "message": "is there twice; give it once"}]


def test_a_sku_that_is_named_like_a_field_is_no_repeated_key(client: httpx.Client) -> None:
    body = '{"market": "online", "skus": ["skus", "market", "tier", "TEA-1", "a\\"b"]}'
    answer = client.post("/v1/prices:batch", content=body)
    assert answer.status_code == 200
    assert answer.json()["missing"] == ["skus", "market", "tier", 'a"b']


UNREADABLE = [
    # what is sent, the end of the field that is named, and what is said
    ('{"x": "\\ud800"}', "x", "holds U+D800, half of a character; write the whole character"),
    ('{"\\ud800": 1, "\\ud800": 2}', "\\ud800", "holds U+D800, half of a character; write the wh"),
    ('{"a": {"\\udfff": 1}}', "a.\\udfff", "holds U+DFFF, half of a character"),
    ("[" * 200 + "]" * 200, "body", "is nested deeper than 100 levels; write it flatter"),
    ('{"a": ' * 200 + "1" + "}" * 200, "body", "is nested deeper than 100 levels"),
]


@pytest.mark.parametrize(("body", "field", "says"), UNREADABLE)
def test_a_body_with_what_is_no_value_is_refused_whoever_reads_it(
    client: httpx.Client, body: str, field: str, says: str
) -> None:
    for path in sorted({path for path, _, _ in BODIES} - {"/v1/prices:batch"}):
        answer = client.post(path, content=body, headers=BEARER)
        assert answer.status_code == 422, (path, answer.text)
        (error,) = answer.json()["errors"]
        assert error["field"].endswith(field), path
        assert error["message"].startswith(says), path
    answer = client.post("/v1/prices:batch", content=body)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 5000])
def test_a_body_with_what_is_no_number_is_refused(client: httpx.Client, number: str) -> None:
    for path, _, _ in BODIES:
        answer = client.post(path, content=f'{{"x": {number}}}', headers=BEARER)
        assert answer.status_code == 422, (path, answer.text)
