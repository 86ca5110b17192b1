"""Pages of other origins: which may read prices, and quotes that hold nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.middleware.cors import CORSMiddleware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

_PRICES: Final = ("/v1/prices/", "/v1/prices:batch")
_QUOTES: Final = "/v1/quotes"
_SECRET: Final = b"bearer pw_sk_"
_ONE_HOUR: Final = 3_600


class CrossOrigin:
    """ASGI middleware that lets pages of named origins read prices and quotes, and nothing else.

    Cookies are never taken along. What came with a secret key is not shown to a page: such a key
    does not belong into a browser, and whoever tries it there finds out at once.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        """Stand in front of an application.

        Args:
            app: what answers.
            origins: as browsers name them.
        """
        self._app = app
        self._shown = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"),
            expose_headers=("ETag", "Retry-After", "X-Request-Id"),
            max_age=_ONE_HOUR,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        shown = scope["type"] == "http" and _may_be_shown(scope)
        await (self._shown if shown else self._app)(scope, receive, send)


def _may_be_shown(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if not path.startswith(_PRICES) and path != _QUOTES:
        return False
    return not any(
        name == b"authorization" and value[: len(_SECRET)].lower() == _SECRET
        for name, value in scope["headers"]
    )
