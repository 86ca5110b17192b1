"""Who is let in: who asks, by key, token or session, and whether the table says that they may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

import anyio

from api.access.guesses import Guesses, guesser_at
from api.access.keyring import KEY_BEGINS
from api.access.pages import (
    HOME,
    PASSWORD_PAGE,
    client_address,
    login_page_for,
    require_own_page,
    session_id_in,
)
from api.access.principal import PRINCIPAL, Principal
from api.access.roles import Besides, Reach, Role, Rule, methods_of, rule_of
from api.access.sessions import SESSION, session_of
from api.access.signing import verified
from api.errors import MethodNotAllowed, NotAllowed, NotAnOperator, TooManyRequests
from models.refusals import Missing, Refusal
from storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Scope

    from api.access.keyring import KeyRing
    from api.access.sessions import SessionDesk

_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_QUOTES: Final = "/v1/quotes/"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A page that a browser is sent to instead.

    Attributes:
        location: its path.
    """

    location: str


class Admission:
    """Finds out who asks, and whether they may."""

    def __init__(
        self,
        operators: Mapping[str, str],
        keys: KeyRing,
        sessions: SessionDesk,
        signing_key: Callable[[], bytes],
        *,
        open_prices: bool,
        wrong_a_minute: int,
    ) -> None:
        """Know who there is.

        Args:
            operators: names by token.
            keys: of programs.
            sessions: of people.
            signing_key: gives the key that signs quotes.
            open_prices: whether prices and quotes that hold nothing need no key.
            wrong_a_minute: keys and tokens that are nobody's, before an address has to wait.
        """
        self._guesses = Guesses("keys and tokens", wrong_a_minute)
        self._operators = tuple(
            (sha256(token.encode()).digest(), Principal("operator", name, name, _ADMIN))
            for token, name in operators.items()
        )
        self._keys = keys
        self._sessions = sessions
        self._signing_key = signing_key
        self._open_prices = open_prices

    async def refusal(
        self, scope: Scope, path: str, headers: Mapping[bytes, bytes]
    ) -> Refusal | Elsewhere | None:
        """Why a request is not let in; None where it is, and who asks is in its state.

        Args:
            scope: of the request.
            path: its path, below the root of this service.
            headers: of the request.
        """
        rule = rule_of(scope["method"], path)
        token = bearer(headers.get(b"authorization", b""))
        try:
            principal = await self._who(scope, rule, token, headers)
        except NotAnOperator as refusal:
            return self._guessed(scope) or refusal
        except Refusal as refusal:
            return refusal
        if principal is None and rule is not None and self._open_to_strangers(rule, path, token):
            if token and rule.besides is Besides.SHOPPER:
                self._guesses.wrong(guesser_at(client_address(scope)))
            return None
        too_often = self._guessed(scope) if principal is None and token else None
        if too_often is not None:
            return too_often
        if rule is None:
            return self._nothing_there(scope, path, headers, principal)
        if principal is None:
            return _login(scope, path, headers) or not_let_in(rule)
        return _not_allowed(principal, rule, scope["method"], path, headers)

    def _guessed(self, scope: Scope) -> TooManyRequests | None:
        """Count a wrong key or token; the refusal where there were too many."""
        guesser = guesser_at(client_address(scope))
        try:
            self._guesses.refuse_too_many(guesser)
        except TooManyRequests as refusal:
            return refusal
        self._guesses.wrong(guesser)
        return None

    async def _who(
        self, scope: Scope, rule: Rule | None, token: bytes, headers: Mapping[bytes, bytes]
    ) -> Principal | None:
        """Who asks; it is put into the state of the request.

        Raises:
            NotAnOperator: a key that is nobody's, or is over.
            TooManyRequests: a key that asks too often.
            NotAllowed: a session whose request no page of this service made.
            DatabaseUnavailable: nobody can say whose session it is.
        """
        state = scope["state"]
        if rule is not None and rule.besides is Besides.ANYBODY:
            return None
        if token:
            principal = self._with_token(token, scope)
        elif rule is None or rule.besides is not Besides.SHOPPER:
            principal = await self._with_session(scope, headers)
        else:  # what a storefront asks a thousand times a second: no cookie is looked at
            principal = None
        if principal is not None:
            state[PRINCIPAL] = principal
        return principal

    def _with_token(self, token: bytes, scope: Scope) -> Principal | None:
        if token.startswith(KEY_BEGINS):
            principal = self._keys.admit(token, datetime.now(UTC))
            if principal is None:
                raise NotAnOperator(
                    "this key is nobody's: it was revoked, has expired, or is misspelt; a new one "
                    "is known after PRICEWRIGHT_SNAPSHOT_POLL_SECONDS"
                ).with_headers(www_authenticate="Bearer")
            return principal
        # Nobody guesses a key that we made, so a right one always opens. Operators choose their
        # tokens themselves: while an address guesses, none that comes from there is compared.
        if self._guesses.spent(guesser_at(client_address(scope))):
            return None
        digest = sha256(token).digest()
        for known, operator in self._operators:
            # Digests, in constant time: an answer's delay says nothing of a token.
            if compare_digest(digest, known):
                return operator
        return None

    async def _with_session(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Principal | None:
        session_id = session_id_in(headers.get(b"cookie", b""))
        if session_id is None:
            return None
        now = datetime.now(UTC)
        try:
            session = await anyio.to_thread.run_sync(session_of, self._sessions, session_id, now)
        except DatabaseUnavailable:
            raise DatabaseUnavailable(
                "nobody can say now whose session this is; try again in some seconds"
            ) from None
        if session is None:
            return None
        if scope["method"] not in _SAFE:
            require_own_page(self._sessions, session, headers)
        scope["state"][SESSION] = session
        return session.person

    def _open_to_strangers(self, rule: Rule, path: str, token: bytes) -> bool:
        match rule.besides:
            case Besides.ANYBODY:
                return True
            case Besides.SHOPPER:
                return self._open_prices
            case Besides.HOLDER:
                return holds_the_quote(token, path, self._signing_key())
            case _:
                return False

    def _nothing_there(
        self,
        scope: Scope,
        path: str,
        headers: Mapping[bytes, bytes],
        principal: Principal | None,
    ) -> Refusal | Elsewhere:
        """What the table does not have is not there; strangers are not told so."""
        methods = methods_of(path)
        rules = [rule for method in methods if (rule := rule_of(method, path)) is not None]
        if principal is None and not any(self._open_to_strangers(r, path, b"") for r in rules):
            return _login(scope, path, headers) or not_let_in(None)
        if methods:
            named = ", ".join(methods)
            return MethodNotAllowed(scope["method"], {"allow": named})
        return Missing(f"nothing is at {path}; the paths are listed at /docs")


_ADMIN: Final = frozenset((Role.ADMIN,))


def bearer(authorization: bytes) -> bytes:
    """The token in an Authorization header; empty where it has none."""
    scheme, _, token = authorization.partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def holds_the_quote(token: bytes, path: str, signing_key: bytes) -> bool:
    """Whether the token is that of the quote at this path.

    It stays so when the quote has expired or was committed: an order comes back weeks later.
    """
    claims = verified(token.decode("ascii", "replace"), signing_key)
    quote_id = path.removeprefix(_QUOTES).partition("/")[0]
    return claims is not None and path.startswith(_QUOTES) and claims.get("jti") == quote_id


def not_let_in(rule: Rule | None) -> NotAnOperator:
    """The refusal of a request that does not say who asks."""
    holder = rule is not None and rule.besides is Besides.HOLDER
    return NotAnOperator(
        f"send `Authorization: Bearer KEY` with {'the token of the quote, or ' if holder else ''}"
        "a key that `pricewright keys create` made, or log in; operators' tokens are in "
        "PRICEWRIGHT_OPERATORS or, while that is unset, in the file that the service names in its "
        "log when it starts"
    ).with_headers(www_authenticate="Bearer")


def require_roles(principal: Principal, rule: Rule) -> None:
    """Refuse who has none of a rule's roles.

    Raises:
        NotAllowed: naming the roles that it takes.
    """
    if not principal.has(rule.roles):
        needed = ", ".join(sorted(rule.roles))
        has = ", ".join(sorted(principal.roles)) or "none"
        raise NotAllowed(
            f"{principal.name} may not do this: it takes one of the roles {needed}; "
            f"{principal.name} has {has}"
        )


def may(principal: Principal | None, method: str, path: str) -> bool:
    """Whether the table lets somebody ask this: for buttons that are shown, or not.

    Args:
        principal: who; None for a stranger, who may nothing.
        method: of HTTP.
        path: a path, its variables filled in.
    """
    rule = rule_of(method, path)
    return (
        principal is not None
        and rule is not None
        and _not_allowed(principal, rule, method, path, {}) is None
    )


def _not_allowed(
    principal: Principal, rule: Rule, method: str, path: str, headers: Mapping[bytes, bytes]
) -> Refusal | Elsewhere | None:
    if rule.besides is Besides.SHOPPER:
        return None
    if principal.test and method not in _SAFE and not path.startswith(_QUOTES):
        return NotAllowed(f"{principal.name} is a test key, and a test changes nothing")
    if rule.besides is Besides.LOGGED_IN:
        return (
            None if principal.kind == "person" else NotAllowed("only who logged in has a session")
        )
    if principal.must_change_password:
        if _wants_a_page(path, headers):
            return None if path == PASSWORD_PAGE else Elsewhere(PASSWORD_PAGE)
        return NotAllowed("choose a password first: PUT /v1/session/password")
    try:
        require_roles(principal, rule)
    except NotAllowed as refusal:
        return refusal
    if rule.reach is Reach.WHOLE and not principal.everywhere:
        return NotAllowed(
            f"this concerns the whole shop, and {principal.name} may act in a part of it only: "
            f"{_part(principal)}"
        )
    return None


def _part(principal: Principal) -> str:
    named = (("markets", principal.markets), ("categories", principal.categories))
    return "; ".join(f"{what} {', '.join(sorted(of))}" for what, of in named if of is not None)


def _login(scope: Scope, path: str, headers: Mapping[bytes, bytes]) -> Elsewhere | None:
    """Where a browser that wants a page logs in; None for others."""
    return Elsewhere(login_page_for(scope)) if _wants_a_page(path, headers) else None


def _wants_a_page(path: str, headers: Mapping[bytes, bytes]) -> bool:
    below = path == HOME or path.startswith(f"{HOME}/")
    return below and b"text/html" in headers.get(b"accept", b"")
