"""The page at /docs: Swagger UI, with all of its files from this service."""

import base64
import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from api.http.security_headers import CONTENT_SECURITY_POLICY

_FILES: Final = "/docs/files"


def add_docs_page(app: FastAPI) -> None:
    """Serve /docs. It works without any other host, as a shop's network may have none."""
    folder = Path(str(files("fastapi_offline"))) / "static"
    app.mount(_FILES, StaticFiles(directory=folder), name="docs files")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=f"{app.title} API",
            swagger_js_url=f"{root}{_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_FILES}/favicon.png",
        )
        page.headers["content-security-policy"] = _policy(bytes(page.body))
        return page


def _policy(page: bytes) -> str:
    """The policy of this page: its own script is known by its hash; its styles are in its parts."""
    script = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    return CONTENT_SECURITY_POLICY.replace(
        "script-src 'self'", f"script-src 'self' 'sha256-{digest}'"
    ).replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
