"""The operators of a service, and the token of the one whom a service without any makes up."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from api.errors import SettingsInvalid
from api.settings import TOKEN_LETTERS
from storage.database import engine_url
from storage.private_files import private_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.settings import Settings

_log = structlog.get_logger(__name__)

OWNER: Final = "owner"
"""Who holds the token that was made up; in the records, whoever can read its file."""

_FILE: Final = "operator-token"


def operators_of(settings: Settings) -> Mapping[str, str]:
    """Names by token: those that are set, else the owner's, made once and kept in a file.

    Where no file can be kept there is no operator; the log says so, and prices are served.

    Raises:
        SettingsInvalid: the file is there, but holds no token.
    """
    if settings.operator_tokens:
        return settings.operator_tokens
    path = token_path(settings)
    try:
        token = _kept(path)
    except OSError as error:
        _log.warning(
            "there is no operator: set PRICEWRIGHT_OPERATORS, as no token can be kept",
            file=str(path),
            why=error.strerror or str(error),
        )
        return {}
    _log.info("PRICEWRIGHT_OPERATORS is not set: the token to send is in this file", file=str(path))
    return {token: OWNER}


def token_path(settings: Settings) -> Path:
    """Where the owner's token is kept: beside an embedded database, else in `var/`."""
    url = engine_url(settings.database_url)
    embedded = url.get_backend_name() == "sqlite" and url.database
    return (Path(embedded).parent if embedded else Path("var")) / _FILE


def _kept(path: Path) -> str:
    if not path.exists():
        _make(path)
    try:
        token = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if len(token) < TOKEN_LETTERS:
        raise SettingsInvalid(
            f"{path} holds no token of {TOKEN_LETTERS} letters or more; delete it, and the next "
            "start makes a new one"
        )
    return token


def _make(path: Path) -> None:
    """A file that only its owner reads, there whole or not at all, made by one process."""
    private_folder(path.parent)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{_FILE}-")  # with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):  # another process was quicker, and its token counts
            os.link(draft, path)
    finally:
        Path(draft).unlink()
