"""Keys and people on the wire."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from api.access.roles import Role
from api.http.documents import Document, UtcTime
from storage.access.keys import AccessKey
from storage.access.people import Person
from storage.access.scopes import Scope


class ScopeFields(Document):
    """In which markets and for which categories something may be done."""

    markets: list[str] | None = Field(default=None, max_length=1000, description="Null for all")
    categories: list[str] | None = Field(default=None, max_length=1000, description="Null for all")

    @property
    def scope(self) -> Scope:
        """The same as storage knows it."""
        return Scope.of(self.markets, self.categories)


class KeyRequest(ScopeFields):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=200, description="What it is for")
    kind: str = Field(pattern="^(publishable|secret)$", examples=["secret"])
    roles: list[Role] = Field(default=[], description="None of a publishable key")
    test: bool = Field(
        default=False, description="It sees the prices of a draft and redeems nothing"
    )
    draft: int | None = Field(
        default=None, ge=1, le=2**62, description="Whose prices a test key sees; null for live ones"
    )
    per_minute: int | None = Field(default=None, ge=1, le=2**31)
    per_day: int | None = Field(default=None, ge=1, le=2**31)
    expires_at: datetime | None = None


class KeyDocument(ScopeFields):
    """A key, without its secret."""

    id: str
    name: str
    kind: str
    prefix: str = Field(description="What its secret begins with")
    roles: list[str]
    test: bool
    draft: int | None
    per_minute: int | None
    per_day: int | None
    expires_at: UtcTime | None
    created_at: UtcTime
    created_by: str
    revoked_at: UtcTime | None
    last_used_at: UtcTime | None = Field(description="To about a minute")
    previous_until: UtcTime | None = Field(
        description="Until when the secret before the last rotation is good, too"
    )

    @classmethod
    def of(cls, key: AccessKey) -> Self:
        """The wire form."""
        return cls(**_facts(key))


class NewKeyDocument(KeyDocument):
    """A key with its secret, which is told this once."""

    secret: str

    @classmethod
    def with_secret(cls, key: AccessKey, secret: str) -> Self:
        """The wire form."""
        return cls(**_facts(key), secret=secret)


class KeysDocument(Document):
    """All keys, the newest first."""

    keys: list[KeyDocument]


class RotationRequest(Document):
    """How long the secret of now is good beside the new one."""

    overlap_hours: float = Field(default=24.0, ge=0, le=24 * 90, allow_inf_nan=False)


class PersonRequest(ScopeFields):
    """An account to be made. Its password is made up and told once; it must be changed."""

    name: str = Field(min_length=1, max_length=200, description="What they log in with")
    roles: list[Role]


class RolesRequest(ScopeFields):
    """What somebody may do from now on, and where."""

    roles: list[Role]


class PersonDocument(ScopeFields):
    """An account."""

    id: str = Field(description="Opaque; what the records name")
    name: str | None = Field(description="Null of who was erased")
    roles: list[str]
    has_password: bool
    must_change_password: bool
    issuer: str | None = Field(description="The provider of identities that vouches for them")
    created_at: UtcTime
    created_by: str
    disabled_at: UtcTime | None
    erased_at: UtcTime | None
    last_login_at: UtcTime | None

    @classmethod
    def of(cls, person: Person) -> Self:
        """The wire form."""
        return cls(**_facts_of_person(person))


class NewPersonDocument(PersonDocument):
    """An account with the password that was made up for it, which is told this once."""

    password: str

    @classmethod
    def with_password(cls, person: Person, password: str) -> Self:
        """The wire form."""
        return cls(**_facts_of_person(person), password=password)


class PeopleDocument(Document):
    """All accounts, the oldest first."""

    people: list[PersonDocument]


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _facts(key: AccessKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "kind": key.kind,
        "prefix": key.prefix,
        "roles": sorted(key.roles),
        "markets": _listed(key.scope.markets),
        "categories": _listed(key.scope.categories),
        "test": key.test,
        "draft": key.draft_id,
        "per_minute": key.per_minute,
        "per_day": key.per_day,
        "expires_at": key.expires_at,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "previous_until": key.previous_until,
    }


def _facts_of_person(person: Person) -> dict[str, Any]:
    return {
        "id": person.person_id,
        "name": person.name,
        "roles": sorted(person.roles),
        "markets": _listed(person.scope.markets),
        "categories": _listed(person.scope.categories),
        "has_password": person.has_password,
        "must_change_password": person.must_change_password,
        "issuer": person.issuer,
        "created_at": person.created_at,
        "created_by": person.created_by,
        "disabled_at": person.disabled_at,
        "erased_at": person.erased_at,
        "last_login_at": person.last_login_at,
    }
