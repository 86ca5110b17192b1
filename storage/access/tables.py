"""Tables of who may ask, and of what the service makes up once and must not forget."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, ForeignKey, Text

from storage.columns import Document, Key, UtcDateTime
from storage.tables import metadata

_BY_KEY: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

KEY_KINDS: Final = ("publishable", "secret")
"""`publishable` may be seen by everybody; `secret` stays on a server."""

service_secrets: Final = sa.Table(
    "service_secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

# The records of what people did name them by `person_id`: erasing somebody empties the row, and
# what was done keeps its doer without saying who that is.
people: Final = sa.Table(
    "people",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("name", Text, unique=True),  # NULL: erased
    Column("password_hash", Text),  # argon2id; NULL: comes by a provider of identities only
    Column("must_change_password", Boolean, nullable=False, server_default=sa.false()),
    Column("issuer", Text),
    Column("subject", Text),
    Column("roles", Document, nullable=False),
    Column("scope", Document, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("disabled_at", UtcDateTime),
    Column("erased_at", UtcDateTime),
    Column("last_login_at", UtcDateTime),
    CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="identity"),
    sa.UniqueConstraint("issuer", "subject"),
    **_BY_KEY,
)

# Only a digest of each secret is here: whoever reads the database can use none of them.
access_keys: Final = sa.Table(
    "access_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    # The secret before the last rotation, and until when it is good, too.
    Column("previous_hash", Text, unique=True),
    Column("previous_until", UtcDateTime),
    Column("roles", Document, nullable=False),
    Column("scope", Document, nullable=False),
    Column("test", Boolean, nullable=False, server_default=sa.false()),
    Column("draft_id", Key, ForeignKey("price_book_drafts.draft_id")),  # whose prices a test sees
    Column("per_minute", BigInteger),
    Column("per_day", BigInteger),
    Column("expires_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    # Rises with every change of any key, so that a process knows when to read them anew.
    Column("change", Key, nullable=False, unique=True),
    CheckConstraint(f"kind IN {KEY_KINDS}", name="kind"),
    CheckConstraint("draft_id IS NULL OR test", name="only_tests_see_drafts"),
    **_BY_KEY,
)

key_uses: Final = sa.Table(
    "key_uses",
    metadata,
    Column("key_id", Text, ForeignKey("access_keys.key_id"), primary_key=True),
    Column("day", Date, primary_key=True),  # UTC
    Column("requests", BigInteger, nullable=False),
    **_BY_KEY,
)

sessions: Final = sa.Table(
    "sessions",
    metadata,
    Column("session_hash", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.person_id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    **_BY_KEY,
)

# One row a thing that guesses are counted by: an account, an address, both together. No names.
login_attempts: Final = sa.Table(
    "login_attempts",
    metadata,
    Column("counted_by", Text, primary_key=True),
    Column("since", UtcDateTime, nullable=False, index=True),
    Column("attempts", BigInteger, nullable=False),
    **_BY_KEY,
)

# Log-ins that went to a provider of identities and have not come back yet.
login_journeys: Final = sa.Table(
    "login_journeys",
    metadata,
    Column("state_hash", Text, primary_key=True),
    Column("nonce", Text, nullable=False),
    Column("code_verifier", Text, nullable=False),
    Column("next", Text, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False, index=True),
    **_BY_KEY,
)
