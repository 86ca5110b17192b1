"""Who may ask what: the one table of what needs no token, and the reading of tokens."""

from __future__ import annotations

from enum import Enum, auto
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from api.errors import NotAnOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATOR: Final = "operator"
"""Where the state of a request has the name of the operator whose token it carries."""


class Needs(Enum):
    """What a request must carry to be answered."""

    NOTHING = auto()
    OPERATOR = auto()


_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_OPEN_CALLS: Final = frozenset(("/v1/prices:batch", "/v1/quotes", "/v1/promotions:try"))
_OPEN_BELOW: Final = ("/v1/prices/", "/v1/quotes/")


def needs(method: str, path: str) -> Needs:
    """What a request must carry, by its method and its path."""
    if method in _SAFE or path in _OPEN_CALLS or path.startswith(_OPEN_BELOW):
        return Needs.NOTHING
    return Needs.OPERATOR


def bearer(authorization: bytes) -> bytes:
    """The token in an Authorization header; empty where it has none."""
    scheme, _, token = authorization.partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def operator_of(token: bytes, operators: Mapping[str, str]) -> str | None:
    """The name of the operator with this token, None if nobody has it.

    Args:
        token: as it was sent.
        operators: names by token.
    """
    for known, name in operators.items():
        # Compared in constant time, so that an answer's delay says nothing of a token.
        if compare_digest(token, known.encode()):
            return name
    return None


def not_an_operator() -> NotAnOperator:
    """The refusal of a request without a token that would do."""
    return NotAnOperator(
        "send `Authorization: Bearer TOKEN` with the token of an operator; the tokens are in "
        "PRICEWRIGHT_OPERATORS",
        headers={"www-authenticate": "Bearer"},
    )
