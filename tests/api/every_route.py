"""Every method and path that the service answers, with something in place of each variable."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.live.openapi import price_paths
from api.settings import load_settings


def every_route(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path, as the routes spell it, of all that is answered, the price paths included.

    `HEAD` stands for its `GET`; of what is mounted, the mount's own path.
    """
    found = {
        (method, context.path_format or "")
        for context in iter_route_contexts(app.routes)
        for method in context.methods or {"GET"}
    }
    found |= {("GET", path) for route in app.routes if (path := getattr(route, "path", None))}
    found |= {(method.upper(), path) for path, item in price_paths().items() for method in item}
    return sorted((method, path) for method, path in found if method != "HEAD" and path)


def filled(path: str) -> str:
    """A path with a value for each of its variables."""
    return re.sub(r"\{\w+\}", "1", path)


def routes_of_the_service() -> list[tuple[str, str]]:
    """Of an application that is made for looking at it; nothing of it is started."""
    url = f"sqlite:///{Path(tempfile.gettempdir()) / 'no such.db'}"
    return every_route(create_app(load_settings(None, database_url=url, operators="a:" + "b" * 16)))
