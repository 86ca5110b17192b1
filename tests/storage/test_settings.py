from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import SettingsInvalid
from storage.settings import load_storage_settings


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an environment without our variable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


def test_the_default_is_a_file_under_var() -> None:
    assert load_storage_settings().database_url == "sqlite:///var/pricewright.db"


def test_the_environment_goes_before_the_env_file(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / ".env").write_text("DATABASE_URL=sqlite:///from-file.db\nSOMETHING_ELSE=1\n")
    assert load_storage_settings().database_url == "sqlite:///from-file.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop@db/shop")
    assert load_storage_settings().database_url == "postgresql://shop@db/shop"


@pytest.mark.parametrize("value", ["", "nonsense", "mysql://h/d"])
def test_a_setting_that_cannot_be_used_names_its_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(SettingsInvalid, match="DATABASE_URL"):
        load_storage_settings()
