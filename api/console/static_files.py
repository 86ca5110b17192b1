"""The console's own files and the few vendored ones, at addresses that hold their content's hash.

What has such an address never changes, so a browser keeps it for a year and never asks again; a new
version has a new address. Text is kept compressed in memory, once a process and file.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from models.refusals import Missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

PATH: Final = "/console/static"
_DIGEST_LETTERS: Final = 16
_MEDIA: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER: Final = "public, max-age=31536000, immutable"

router = APIRouter(prefix=PATH, include_in_schema=False)


@dataclass(frozen=True)
class StaticFile:
    """One file that pages ask for.

    Attributes:
        name: its path below `static/`.
        body: what it holds.
        media: its content type.
    """

    name: str
    body: bytes
    media: str

    @cached_property
    def digest(self) -> str:
        """The part of its address that changes with it."""
        return hashlib.sha256(self.body).hexdigest()[:_DIGEST_LETTERS]

    @cached_property
    def gzipped(self) -> bytes:
        """The same, compressed; always to the same bytes."""
        return gzip.compress(self.body, mtime=0)


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Every file that pages may ask for, by its path below `static/`."""
    return {file.name: file for file in _below(files("api.console") / "static", "")}


def static_path(name: str) -> str:
    """The address of a file, below the root of the service."""
    return f"{PATH}/{static_files()[name].digest}/{name}"


@router.get("/{digest}/{path:path}")
async def read_static_file(request: Request, digest: str, path: str) -> Response:
    """One file, as it was when the page that names it was made."""
    file = static_files().get(path)
    if file is None or file.digest != digest:
        raise Missing(f"no file of the console is at {request.url.path}; load the page again")
    headers = {"cache-control": _FOREVER, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(file.gzipped, media_type=file.media, headers=headers)
    return Response(file.body, media_type=file.media, headers=headers)


def _below(folder: Traversable, prefix: str) -> list[StaticFile]:
    found = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _below(entry, f"{name}/")
        elif (media := _MEDIA.get(name[name.rfind(".") :])) is not None:
            found.append(StaticFile(name, entry.read_bytes(), media))
    return found
