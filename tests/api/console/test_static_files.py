"""The files of the console over HTTP: kept for ever by browsers, compressed, and nothing else."""

from __future__ import annotations

import gzip

import httpx
import pytest

from api.console.static_files import static_files, static_path


@pytest.mark.parametrize("name", sorted(static_files()))
def test_a_file_is_kept_by_browsers_and_sent_compressed(stranger: httpx.Client, name: str) -> None:
    plain = stranger.get(static_path(name), headers={"accept-encoding": "identity"})
    assert plain.content == static_files()[name].body
    assert "content-encoding" not in plain.headers
    with stranger.stream("GET", static_path(name), headers={"accept-encoding": "gzip"}) as sent:
        packed = b"".join(sent.iter_raw())
    assert sent.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain.content
    for answer in (plain, sent):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers["content-type"].split(";")[0] in (
            "text/css",
            "text/javascript",
            "image/svg+xml",
        )


@pytest.mark.parametrize(
    "path",
    [
        static_path("console.js").replace("console.js", "tables.js"),
        f"/console/static/{'0' * 16}/console.js",
        static_path("console.js") + "/../../../page.py",
        static_path("console.js").replace("console.js", "..%2f..%2fpage.py"),
        static_path("console.js").replace("console.js", "vendor/manifest.json"),
    ],
)
def test_nothing_else_is_there(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code in (401, 404)
    assert b"function" not in answer.content
