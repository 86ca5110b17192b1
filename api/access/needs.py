"""Who may ask what: the one table of what needs no token, and the reading of tokens."""

from __future__ import annotations

import re
from enum import Enum, auto
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from api.access.signing import verified
from api.errors import NotAnOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATOR: Final = "operator"
"""Where the state of a request has the name of the operator whose token it carries."""


class Needs(Enum):
    """What a request must carry to be answered.

    Attributes:
        NOTHING: it is open to anybody.
        HOLDER: the token of the quote that it is about, or an operator's.
        OPERATOR: the token of an operator.
    """

    NOTHING = auto()
    HOLDER = auto()
    OPERATOR = auto()


# Prices and carts for whoever shops; health; what explains the service and holds nothing of a shop.
_OPEN: Final = frozenset(
    ("/v1/prices:batch", "/healthz", "/readyz", "/docs", "/docs/files", "/openapi.json")
)
_OPEN_BELOW: Final = ("/v1/prices/", "/docs/files/", "/problems/")
_MAKES_A_QUOTE: Final = ("POST", "/v1/quotes")
_OF_A_QUOTE: Final = re.compile("/v1/quotes/([^/]+)(?:/(?:commit|cancel|returns))?")


def needs(method: str, path: str) -> Needs:
    """What a request must carry, by its method and its path; whatever is not open needs a token."""
    if path.startswith(_OPEN_BELOW) or path in _OPEN or (method, path) == _MAKES_A_QUOTE:
        return Needs.NOTHING
    return Needs.HOLDER if _OF_A_QUOTE.fullmatch(path) else Needs.OPERATOR


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


def holds_the_quote(token: bytes, path: str, signing_key: bytes) -> bool:
    """Whether the token is that of the quote at this path.

    It stays so when the quote has expired or was committed: an order comes back weeks later.
    """
    of = _OF_A_QUOTE.fullmatch(path)
    claims = verified(token.decode("ascii", "replace"), signing_key)
    return of is not None and claims is not None and claims.get("jti") == of[1]


def not_let_in(needed: Needs) -> NotAnOperator:
    """The refusal of a request without a token that would do."""
    whose = "the quote's own `token` or that" if needed is Needs.HOLDER else "the token"
    return NotAnOperator(
        f"send `Authorization: Bearer TOKEN` with {whose} of an operator; operators' tokens are in "
        "PRICEWRIGHT_OPERATORS or, while that is unset, in the file that the service names in its "
        "log when it starts",
        headers={"www-authenticate": "Bearer"},
    )
