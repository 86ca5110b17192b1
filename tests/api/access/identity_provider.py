"""A little provider of identities for tests, on 127.0.0.1: it checks what a real one checks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "pricewright"
SECRET = "a secret that both know"


@dataclass
class IdentityProvider:
    """What it says of who logs in, and how it is made to lie.

    Attributes:
        url: where it is.
        user: claims about who logs in.
        lies: claims that replace those of the next token; None leaves one out.
        alg: `RS256`, or `none`, or `HS256` with the public key as if it were a shared secret.
        signs_with: the key that signs; another one than it shows, if it is made to lie.
        issued: codes that were given and not taken yet, with what they are bound to.
        asked: how often its description was asked for.
    """

    url: str = ""
    user: dict[str, Any] = field(default_factory=dict)
    lies: dict[str, Any] = field(default_factory=dict)
    alg: str = "RS256"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signs_with: RSAKey | None = None
    issued: dict[str, dict[str, str]] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    asked: int = 0

    def description(self) -> dict[str, Any]:
        self.asked += 1
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            **self.described,
        }

    def keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser of somebody who logs in is sent back to."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.issued[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        expected = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        if authorization != f"Basic {expected}":
            return 401, {"error": "invalid_client"}
        bound = self.issued.pop(form["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if (
            bound is None
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != bound["redirect_uri"]
            or proof.decode().rstrip("=") != bound["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"token_type": "Bearer", "access_token": "x", "id_token": self.sealed(bound)}

    def sealed(self, bound: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url, "aud": CLIENT, "sub": "u-17", "iat": now, "exp": now + 300,
            "nonce": bound["nonce"], **self.user, **self.lies,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.alg == "RS256":
            signer = self.signs_with or self.key
            return jwt.encode({"alg": "RS256", "kid": "one"}, claims, signer)
        body = b".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
            for part in ({"alg": self.alg, "kid": "one"}, claims)
        )
        seal = b""
        if self.alg == "HS256":
            digest = hmac.new(self.key.as_pem(private=False), body, hashlib.sha256).digest()
            seal = base64.urlsafe_b64encode(digest).rstrip(b"=")
        return (body + b"." + seal).decode()


@contextmanager
def provider_at_hand() -> Iterator[IdentityProvider]:
    """One that answers while the block runs."""
    provider = IdentityProvider()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("location", provider.authorize(query))
                self.send_header("content-length", "0")
                self.end_headers()
            elif parts.path == "/keys":
                self._say(200, provider.keys())
            else:
                assert parts.path == "/.well-known/openid-configuration"
                self._say(200, provider.description())

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(raw).items()}
            self._say(*provider.token(form, self.headers.get("authorization", "")))

        def log_message(self, *_: object) -> None: ...

        def _say(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
