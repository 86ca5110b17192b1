"""What the door asks for and answers, in the OpenAPI description of every operation behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from api.access.pages import COOKIE
from api.access.roles import RULES, Besides, Rule
from api.errors import (
    PROBLEM_JSON,
    BodyEncoded,
    NotAllowed,
    NotAnOperator,
    Overloaded,
    TooManyRequests,
    TooSlow,
    problem_responses,
)
from models.refusals import Defect, Invalid, Refusal, TooLarge
from storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECURITY_SCHEMES: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `pricewright keys create` made: a publishable one, which begins "
        "with `pw_pk_`, or a secret one, which begins with `pw_sk_`",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The session of a person who logged in",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The `csrf_token` of the session: goes with it where something is changed, "
        "from a page of this service",
    },
    "operator": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of an operator: one of PRICEWRIGHT_OPERATORS or, while that is "
        "unset, the one in the file that the service names in its log when it starts",
    },
    "quote": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `token` of a quote: opens this quote alone, with its returns, and "
        "cancels it while it is open",
    },
}


def describe_door(paths: Mapping[str, Mapping[str, dict[str, Any]]], *, open_prices: bool) -> None:
    """Add to each operation who may ask, and the refusals that all of its kind share.

    Args:
        paths: the path items of an OpenAPI document, which are changed.
        open_prices: whether prices and quotes that hold nothing need no key.
    """
    for path, item in paths.items():
        for method, operation in item.items():
            rule = RULES[method.upper(), path]
            operation["security"] = _security(method.upper(), rule, open_prices=open_prices)
            for problem in _refusals(method.upper(), rule, operation):
                _may_answer(operation, problem)
            if rule.besides is not Besides.ANYBODY:
                operation["description"] = _with_roles(operation.get("description", ""), rule)


def _refusals(method: str, rule: Rule, operation: Mapping[str, Any]) -> Iterator[type[Refusal]]:
    """What an operation may be answered with because of who may ask, and of what it is sent."""
    if rule.besides is not Besides.ANYBODY:
        yield from (NotAnOperator, NotAllowed, TooManyRequests)
        if rule.besides is not Besides.SHOPPER:
            yield DatabaseUnavailable  # nobody can say whose session it is
    if method != "GET":
        yield from (TooLarge, BodyEncoded, TooSlow, Overloaded)
    if "requestBody" in operation or operation.get("parameters"):
        yield Invalid
    yield Defect


def _security(method: str, rule: Rule, *, open_prices: bool) -> list[dict[str, list[str]]]:
    """What would do, each by itself; an empty one stands for nothing at all."""
    session: dict[str, list[str]] = {"session": []}
    if method != "GET":
        session["csrf"] = []
    roles: list[dict[str, list[str]]] = [{"key": []}, session, {"operator": []}]
    match rule.besides:
        case Besides.ANYBODY:
            return []
        case Besides.SHOPPER:
            return [*([{}] if open_prices else []), {"key": []}, {"operator": []}]
        case Besides.HOLDER:
            return [*roles, {"quote": []}]
        case Besides.LOGGED_IN:
            return [session]
        case _:
            return roles


def _with_roles(description: str, rule: Rule) -> str:
    if rule.besides in (Besides.SHOPPER, Besides.LOGGED_IN):
        return description
    needed = ", ".join(sorted(rule.roles))
    return f"{description}\n\nIt takes one of the roles {needed}.".strip()


def _may_answer(operation: dict[str, Any], problem: type[Refusal]) -> None:
    """Add a refusal to what is said of its status: in a new one, for routes share what they say."""
    responses = operation["responses"]
    for number, added in problem_responses(problem).items():
        said = responses.get(str(number))
        responses[str(number)] = added if said is None else _with_example(said, added)


def _with_example(said: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """A response to which the refusals of another are added."""
    known = said["content"][PROBLEM_JSON]
    others = added["content"][PROBLEM_JSON]["examples"]
    if others.keys() <= known["examples"].keys():
        return said
    return {
        **said,
        "description": f"{said['description']}; or {added['description']}",
        "content": {PROBLEM_JSON: {**known, "examples": {**known["examples"], **others}}},
    }
