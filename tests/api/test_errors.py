"""Problem documents: each class is documented, named and well formed."""

from __future__ import annotations

import json
import sys

import pytest

from api import errors
from api.errors import MarketRequired, Problem, ProblemDocument, every_problem, problem_responses


@pytest.mark.parametrize("problem", every_problem().values(), ids=every_problem().keys())
def test_every_problem_is_in_the_tree_with_its_status(problem: type[Problem]) -> None:
    tree = sys.modules[problem.__module__].__doc__
    assert tree is not None
    (line,) = [line for line in tree.splitlines() if f" {problem.__name__} " in line]
    assert str(problem.status) in line
    assert problem.__doc__


def test_a_problem_document_has_the_members_of_rfc_9457() -> None:
    problem = MarketRequired("name a market", markets=["online", "store-01"])
    document = json.loads(problem.document(instance="/v1/prices/A", request_id="r1"))
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


def test_two_problems_of_one_status_share_its_openapi_entry() -> None:
    responses = problem_responses(errors.UnknownSku, errors.NoPriceForMarket, errors.NoPriceBook)
    assert set(responses) == {404, 503}
    examples = responses[404]["content"]["application/problem+json"]["examples"]
    assert set(examples) == {"unknown-sku", "no-price-for-market"}
    for example in examples.values():
        ProblemDocument.model_validate(example["value"])
