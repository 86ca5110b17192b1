"""What every answer tells a browser: run nothing from elsewhere, guess nothing, tell nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The policy of every page; one that needs another says so in its own answer."""

_POLICY: Final = b"content-security-policy"
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class SecurityHeaders:
    """ASGI middleware that adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        """Wrap an application.

        Args:
            app: what answers.
            hsts_seconds: how long a browser that came by https may not come otherwise; 0 for no
                word on it.
        """
        self._app = app
        self._with_policy = (*_ALWAYS, (_POLICY, CONTENT_SECURITY_POLICY.encode()))
        self._by_https = (
            ((b"strict-transport-security", b"max-age=%d" % hsts_seconds),) if hsts_seconds else ()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        by_https = self._by_https if scope.get("scheme") == "https" else ()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                own = any(name == _POLICY for name, _ in headers)
                message["headers"] = [*headers, *(_ALWAYS if own else self._with_policy), *by_https]
            await send(message)

        await self._app(scope, receive, send_with_headers)
