"""Where real data for trying and testing lies, if it is there. The project does not need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("PRICEWRIGHT_SHARED_DATA") or Path(__file__).parents[2] / "shared/data")


def shared_data(name: str) -> Path:
    """Path of a file such as `oj/oj_weekly.csv`; skips the calling test where it is missing."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"real data {name} is not here; set PRICEWRIGHT_SHARED_DATA to its folder")
    return path
