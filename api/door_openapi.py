"""What the door answers, in the OpenAPI description of every operation behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.errors import BodyTooLarge, problem_responses

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe_door(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Add to each operation the refusals that come before it is reached.

    Args:
        paths: the path items of an OpenAPI document, which are changed.
    """
    for item in paths.values():
        for operation in item.values():
            if "requestBody" in operation:
                _may_answer(operation, BodyTooLarge)


def _may_answer(operation: dict[str, Any], problem: type[BodyTooLarge]) -> None:
    for status, response in problem_responses(problem).items():
        operation["responses"].setdefault(str(status), response)
