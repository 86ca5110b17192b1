"""Files of others: each is what its manifest says, with its licence, and is in the wheel."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from api.console.static_files import static_files, static_path

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "api/console/static/vendor", ROOT / "tests/api/console/vendor"]


def packages(folder: Path) -> list[dict[str, Any]]:
    """What the manifest of a folder lists."""
    listed: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_bytes())["packages"]
    return listed


@pytest.mark.parametrize("folder", FOLDERS, ids=["console", "tests"])
def test_vendored_files_are_those_of_the_manifest(folder: Path) -> None:
    listed = {
        file["path"]: file["sha256"] for package in packages(folder) for file in package["files"]
    }
    there = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert there == listed
    for package in packages(folder):
        names = [Path(file["path"]).name for file in package["files"]]
        assert "LICENSE" in names, package["package"]
        assert package["version"]
        assert package["licence"]
        assert package["registry"] == "npm"


def test_addresses_change_with_what_they_lead_to() -> None:
    for name, file in static_files().items():
        assert file.digest == hashlib.sha256(file.body).hexdigest()[:16]
        assert file.digest in static_path(name)


@pytest.mark.slow
def test_the_wheel_holds_all_that_pages_need(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("api/console/")}
    tree = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "api/console").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == tree
