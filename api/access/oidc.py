"""Logging in by a provider of identities: OpenID Connect, authorization code with PKCE.

    location, state = await provider.begin(desk, next_path)    # the browser goes there
    session, next_path = await provider.finish(desk, code, state)    # and comes back with a code

What comes back counts once, for the browser that set out, within ten minutes; its token is signed
by a key of the provider, by an algorithm with a public key, for this service and this log-in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlsplit

import anyio
import httpx
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.access.roles import PEOPLE, Role
from api.access.sessions import Session, SessionDesk, begin
from api.errors import NotAllowed, NotAnOperator, ProviderAway
from api.http.outbound import outbound_client
from scrapers.addresses import PrivateAddresses, origin_of
from scrapers.errors import ForbiddenAddress
from storage.access.people import Person, add_person, follow_provider, person_known_as
from storage.access.sessions import Journey, begin_journey, end_journey, note_failure
from storage.database import writing
from storage.errors import PersonNameTaken
from storage.events.store import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from api.settings import Settings

_log = structlog.get_logger(__name__)

CALLBACK: Final = "/console/login/oidc/callback"
"""Where the provider sends browsers back to."""

JOURNEY: Final = timedelta(minutes=10)
"""So long may a log-in be under way."""

# With a public key all of them: a key set holds nothing that could sign. `none` is no algorithm,
# and the family HS would take a public key, which everybody has, for a shared secret.
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_CLOCK_SKEW_SECONDS: Final = 60
_KEPT: Final = timedelta(hours=1)
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_SECRET_BYTES: Final = 32
_SECONDS: Final = 10.0
_SCOPES: Final = "openid profile email"
_NO_ANSWER: Final = (
    httpx.HTTPError, ForbiddenAddress, JoseError, ValueError, KeyError, TypeError, AttributeError,
)  # fmt: skip
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_MOST_NAME: Final = 150


@dataclass(frozen=True, slots=True)
class ProviderTerms:
    """A provider of identities, as the settings name it.

    Attributes:
        discovery_url: where it describes itself.
        client_id: how it knows this service.
        client_secret: proves that; empty where none was agreed upon.
        redirect_uri: where it sends browsers back to.
        roles_claim: the claim of a token that lists groups or roles; dots lead into objects.
        roles: role by what the claim lists.
        private: the private places that a setting opens, where the provider may be.
    """

    discovery_url: str
    client_id: str
    client_secret: str
    redirect_uri: str
    roles_claim: str
    roles: Mapping[str, Role]
    private: PrivateAddresses


@dataclass(slots=True)
class Provider:
    """The provider, and what it last said of itself."""

    terms: ProviderTerms
    _described: Mapping[str, Any] = field(default_factory=dict)
    _keys: KeySet | None = None
    _asked_at: datetime = _NEVER

    async def begin(self, desk: SessionDesk, next_path: str) -> tuple[str, str]:
        """Begin a log-in: where the browser goes, and the state that it must come back with.

        Raises:
            ProviderAway: the provider does not answer as one does.
            DatabaseUnavailable: the database does not answer.
        """
        described, _ = await self._provider()
        state, nonce, verifier = (secrets.token_urlsafe(_SECRET_BYTES) for _ in range(3))
        location = prepare_grant_uri(
            described["authorization_endpoint"],
            client_id=self.terms.client_id,
            response_type="code",
            redirect_uri=self.terms.redirect_uri,
            scope=_SCOPES,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        journey = Journey(nonce, verifier, next_path)
        await anyio.to_thread.run_sync(_set_out, desk, state, journey)
        return str(location), state

    async def finish(self, desk: SessionDesk, code: str, state: str) -> tuple[Session, str]:
        """Let in whom the provider vouches for; the session, and the path to go on to.

        Raises:
            NotAnOperator: the log-in is over, was not begun here, or its token proves nothing.
            NotAllowed: the provider gives them no role, or their account was closed.
            ProviderAway: the provider does not answer as one does.
            DatabaseUnavailable: the database does not answer.
        """
        journey = await anyio.to_thread.run_sync(_come_back, desk, state)
        if journey is None:
            raise NotAnOperator("this log-in is over, or was not begun here; begin it anew")
        try:
            claims = await self._claims(await self._id_token(code, journey), journey)
        except NotAnOperator as error:
            _log.warning("a provider's log-in was refused", why=str(error))
            await anyio.to_thread.run_sync(_fail, desk)
            raise
        return await anyio.to_thread.run_sync(self._let_in, desk, claims), journey.next

    def _let_in(self, desk: SessionDesk, claims: Mapping[str, Any]) -> Session:
        now = datetime.now(UTC)
        with writing(desk.engine, durable=True) as conn:
            person = self._person(conn, claims, now)
        return begin(desk, person, by="provider", now=now)

    async def _id_token(self, code: str, journey: Journey) -> str:
        described, _ = await self._provider()
        terms = self.terms
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": terms.redirect_uri,
            "code_verifier": journey.code_verifier,
        }
        proof: httpx.Auth = httpx.Auth()  # which adds nothing
        if terms.client_secret:  # each part encoded as in a form (RFC 6749, 2.3.1)
            proof = httpx.BasicAuth(quote_plus(terms.client_id), quote_plus(terms.client_secret))
        else:
            asked["client_id"] = terms.client_id
        try:
            async with self._client() as client:
                answer = await client.post(described["token_endpoint"], data=asked, auth=proof)
                token = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _away(error) from None
        if answer.is_client_error and isinstance(token, dict):
            raise NotAnOperator(f"the provider does not take this code: {token.get('error')}")
        id_token = token.get("id_token") if isinstance(token, dict) else None
        if not isinstance(id_token, str):
            raise NotAnOperator("the provider gave no id_token; ask it for the scope openid")
        return id_token

    async def _claims(self, id_token: str, journey: Journey) -> Mapping[str, Any]:
        """What a token says, once all that it must be is looked at.

        Raises:
            NotAnOperator: it is not that.
        """
        described, keys = await self._provider()
        try:
            try:
                token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError):  # perhaps signed by a key that is newer than ours
                _, keys = await self._provider(anew=True)
                token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
            registry = jwt.JWTClaimsRegistry(
                leeway=_CLOCK_SKEW_SECONDS,
                iss={"essential": True, "value": described["issuer"]},
                aud={"essential": True, "value": self.terms.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": journey.nonce},
            )
            registry.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise NotAnOperator(f"the provider's token proves nothing: {error}") from None
        audience = token.claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if token.claims.get("azp", None if several else self.terms.client_id) != (
            self.terms.client_id
        ):
            raise NotAnOperator("the provider's token was made for another service")
        return token.claims

    def _person(self, conn: Connection, claims: Mapping[str, Any], now: datetime) -> Person:
        """The account of whom the claims are about; made at their first log-in.

        Raises:
            NotAllowed: no role, or a closed account.
        """
        issuer, subject = str(claims["iss"]), str(claims["sub"])
        roles = frozenset(
            self.terms.roles[name]
            for name in _listed(claims, self.terms.roles_claim)
            if name in self.terms.roles
        )
        known = person_known_as(conn, issuer, subject)
        if not roles & PEOPLE or (known is not None and known.disabled_at is not None):
            raise NotAllowed(
                "the provider knows you, but you have no role here; ask whoever lets people in"
            )
        if known is None:
            return _added(conn, _name_in(claims), roles, (issuer, subject), now)
        if known.roles != roles:
            return follow_provider(conn, known.person_id, roles, at=now)
        return known

    async def _provider(self, *, anew: bool = False) -> tuple[Mapping[str, Any], KeySet]:
        """What the provider says of itself, and its keys; asked once an hour, and when in doubt.

        Raises:
            ProviderAway: it does not answer as one does.
        """
        now = datetime.now(UTC)
        if anew or self._keys is None or now - self._asked_at >= _KEPT:
            url = self.terms.discovery_url
            try:
                async with self._client() as client:
                    answer = await client.get(url)
                    described = _checked(answer.raise_for_status().json(), url)
                    answer = await client.get(described["jwks_uri"])
                    keys = KeySet.import_key_set(answer.raise_for_status().json())
            except _NO_ANSWER as error:
                raise _away(error) from None
            self._described, self._keys, self._asked_at = described, keys, now
        return self._described, self._keys

    def _client(self) -> httpx.AsyncClient:
        return outbound_client(self.terms.private, timeout=_SECONDS)


def provider_of(settings: Settings) -> Provider | None:
    """The provider of identities that the settings name; None for none."""
    if settings.oidc_discovery_url is None or settings.public_url is None:
        return None
    secret = settings.oidc_client_secret
    return Provider(
        ProviderTerms(
            discovery_url=str(settings.oidc_discovery_url),
            client_id=settings.oidc_client_id,
            client_secret="" if secret is None else secret.get_secret_value(),
            redirect_uri=str(settings.public_url).rstrip("/") + CALLBACK,
            roles_claim=settings.oidc_roles_claim,
            roles={name: Role(role) for name, role in settings.oidc_roles.items()},
            private=settings.private_places,
        )
    )


def _set_out(desk: SessionDesk, state: str, journey: Journey) -> None:
    with writing(desk.engine) as conn:
        begin_journey(conn, state, journey, ends_at=datetime.now(UTC) + JOURNEY)


def _come_back(desk: SessionDesk, state: str) -> Journey | None:
    with writing(desk.engine) as conn:
        return end_journey(conn, state, at=datetime.now(UTC))


def _fail(desk: SessionDesk) -> None:
    with writing(desk.engine) as conn:
        note_failure(conn, None, "provider", at=datetime.now(UTC))


def _checked(described: Any, url: str) -> Mapping[str, Any]:  # noqa: ANN401  (what a provider sent)
    """The description, if it is that of the provider that was asked (OpenID Discovery, 4.3).

    Raises:
        ValueError: it is of another one, or leads away from https.
        KeyError: an address is missing.
    """
    if url != described["issuer"].rstrip("/") + _WELL_KNOWN:
        raise ValueError(f"{url} describes another issuer: {described['issuer']}")
    own = origin_of(url)
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        address = described[name]
        if urlsplit(address).scheme != "https" and origin_of(address) != own:
            raise ValueError(f"{name} {address} is not an https address")
    return dict(described)


def _away(error: Exception) -> ProviderAway:
    _log.warning("the provider of identities does not answer as one does", why=str(error))
    return ProviderAway(
        "the provider of identities does not answer; try again, or log in with a password"
    )


def _added(
    conn: Connection, name: str, roles: frozenset[Role], identity: tuple[str, str], now: datetime
) -> Person:
    """A new account; where its name is somebody else's already, with some letters behind it."""
    made: dict[str, Any] = {"roles": roles, "by": SYSTEM, "at": now, "identity": identity}
    try:
        return add_person(conn, name=name, **made)
    except PersonNameTaken:
        return add_person(conn, name=f"{name} ({secrets.token_hex(4)})", **made)


def _name_in(claims: Mapping[str, Any]) -> str:
    for claim in ("preferred_username", "email", "name"):
        name = claims.get(claim)
        if isinstance(name, str) and name.strip():
            return name.strip()[:_MOST_NAME]
    return str(claims["sub"])[:_MOST_NAME]


def _listed(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """What a claim lists; `realm_access.roles` is that of an object in it."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    listed = found if isinstance(found, list) else [found]
    return tuple(name for name in listed if isinstance(name, str))
