"""The page at /docs: Swagger UI, from this machine where its files are installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_PACKAGE: Final = "fastapi_offline"
_FILES: Final = "/docs/files"


def swagger_files() -> Path | None:
    """The folder with the files of Swagger UI that `fastapi-offline` brings, if it is installed."""
    package = find_spec(_PACKAGE)
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "static"
    return folder if (folder / "swagger-ui-bundle.js").is_file() else None


def add_docs_page(app: FastAPI) -> None:
    """Serve /docs; its scripts come from this service, or else from FastAPI's public host."""
    folder = swagger_files()
    assets: dict[str, str] = {}
    if folder is not None:
        app.mount(_FILES, StaticFiles(directory=folder), name="docs files")
        assets = {
            "swagger_js_url": f"{_FILES}/swagger-ui-bundle.js",
            "swagger_css_url": f"{_FILES}/swagger-ui.css",
            "swagger_favicon_url": f"{_FILES}/favicon.png",
        }

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        placed: dict[str, Any] = {name: f"{root}{url}" for name, url in assets.items()}
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}", title=f"{app.title} API", **placed
        )
