"""Who may ask what: keys made and ended, people let in and out. No event names a person."""

from __future__ import annotations

from pricing.events.event import Deed, Moment


class KeyMade(Deed, frozen=True, kw_only=True):
    """Somebody made a key for a program.

    Attributes:
        key: the key.
        name: what it is for.
        prefix: the beginning of its secret.
        roles: what it may do.
        test: whether it redeems nothing.
        markets: in which markets; null for all.
        categories: in which categories; null for all.
        expires_at: when it ends; null for never.
    """

    type_name = "access.key_made"
    keyed_by = ("key",)
    action = "key_made"

    key: str
    name: str
    prefix: str
    roles: tuple[str, ...]
    test: bool
    markets: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    expires_at: Moment | None = None


class KeyRotated(Deed, frozen=True, kw_only=True):
    """A key got a new secret.

    Attributes:
        key: the key.
        prefix: the beginning of the new secret.
        previous_until: until when the secret before is good, too.
    """

    type_name = "access.key_rotated"
    keyed_by = ("key",)
    action = "key_rotated"

    key: str
    prefix: str
    previous_until: Moment


class KeyRevoked(Deed, frozen=True, kw_only=True):
    """A key was ended.

    Attributes:
        key: the key.
    """

    type_name = "access.key_revoked"
    keyed_by = ("key",)
    action = "key_revoked"

    key: str


class PersonAdded(Deed, frozen=True, kw_only=True):
    """Somebody got an account.

    Attributes:
        person: who.
        roles: what they may do.
        markets: in which markets; null for all.
        categories: in which categories; null for all.
    """

    type_name = "access.person_added"
    keyed_by = ("person",)
    action = "person_added"

    person: str
    roles: tuple[str, ...]
    markets: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None


class RolesChanged(Deed, frozen=True, kw_only=True):
    """Somebody may do other things than before, or elsewhere.

    Attributes:
        person: who.
        roles: what they may do now.
        before: what they could do.
        markets: in which markets; null for all.
        categories: in which categories; null for all.
    """

    type_name = "access.roles_changed"
    keyed_by = ("person",)
    action = "roles_changed"

    person: str
    roles: tuple[str, ...]
    before: tuple[str, ...]
    markets: tuple[str, ...] | None
    categories: tuple[str, ...] | None


class PasswordChanged(Deed, frozen=True, kw_only=True):
    """An account got a new password; all of its sessions ended.

    Attributes:
        person: whose.
    """

    type_name = "access.password_changed"
    keyed_by = ("person",)
    action = "password_changed"

    person: str


class PersonDisabled(Deed, frozen=True, kw_only=True):
    """Somebody can no longer log in.

    Attributes:
        person: who.
    """

    type_name = "access.person_disabled"
    keyed_by = ("person",)
    action = "person_disabled"

    person: str


class PersonErased(Deed, frozen=True, kw_only=True):
    """All that was known of somebody is gone; what they did stays under their opaque id.

    Attributes:
        person: who.
    """

    type_name = "access.person_erased"
    keyed_by = ("person",)
    action = "person_erased"

    person: str


class LoggedIn(Deed, frozen=True, kw_only=True):
    """Somebody logged in.

    Attributes:
        person: who.
        by: `password` or `provider`.
    """

    type_name = "access.logged_in"
    keyed_by = ("person",)
    action = "logged_in"

    person: str
    by: str


class LoginFailed(Deed, frozen=True, kw_only=True):
    """Somebody tried to log in and could not.

    Attributes:
        person: the account; null where there is none of the name, or nobody can say.
        why: `credentials`, `too_many` or `provider`.
    """

    type_name = "access.login_failed"
    keyed_by = ("person",)
    action = "login_failed"

    person: str | None
    why: str


class LoggedOutEverywhere(Deed, frozen=True, kw_only=True):
    """All sessions of somebody ended.

    Attributes:
        person: who.
    """

    type_name = "access.logged_out_everywhere"
    keyed_by = ("person",)
    action = "logged_out_everywhere"

    person: str
