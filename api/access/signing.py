"""Signed quotes: a compact JWS (RFC 7515, HS256) that whoever has the key can verify alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_HEADER: Final = b'{"alg":"HS256","typ":"JWT"}'


def sign(claims: Mapping[str, Any], key: bytes) -> str:
    """The token of these claims."""
    body = b".".join((_text(_HEADER), _text(msgspec.json.encode(claims, order="deterministic"))))
    return b".".join((body, _text(_mac(body, key)))).decode()


def verified(token: str, key: bytes) -> Mapping[str, Any] | None:
    """The claims of a token that was signed with this key; None if it was not."""
    try:
        body, _, signature = token.encode("ascii").rpartition(b".")
        header, _, claims = body.partition(b".")
        if not hmac.compare_digest(_mac(body, key), _bytes(signature)):
            return None
        if _bytes(header) != _HEADER:
            return None
        found: Mapping[str, Any] = msgspec.json.decode(_bytes(claims), type=dict)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
        return None
    return found


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()


def _text(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
