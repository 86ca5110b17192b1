"""What the door asks for and answers, in the OpenAPI description of every operation behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from api.access.needs import Needs, needs
from api.errors import BodyTooLarge, NotAnOperator, Problem, problem_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

SECURITY_SCHEMES: Final = {
    "operator": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of an operator: one of PRICEWRIGHT_OPERATORS or, while that is "
        "unset, the one in the file that the service names in its log when it starts",
    },
    "quote": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `token` of a quote, for what concerns this quote alone",
    },
}
_SECURITY: Final[dict[Needs, list[dict[str, list[str]]]]] = {
    Needs.NOTHING: [],
    Needs.HOLDER: [{"operator": []}, {"quote": []}],
    Needs.OPERATOR: [{"operator": []}],
}


def describe_door(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Add to each operation the token that it needs and the refusals that come before it.

    Args:
        paths: the path items of an OpenAPI document, which are changed.
    """
    for path, item in paths.items():
        for method, operation in item.items():
            needed = needs(method.upper(), path)
            operation["security"] = _SECURITY[needed]
            if needed is not Needs.NOTHING:
                _may_answer(operation, NotAnOperator)
            if "requestBody" in operation:
                _may_answer(operation, BodyTooLarge)


def _may_answer(operation: dict[str, Any], problem: type[Problem]) -> None:
    for status, response in problem_responses(problem).items():
        operation["responses"].setdefault(str(status), response)
