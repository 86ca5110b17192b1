"""Settings: what is read, what is refused, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.errors import SettingsInvalid
from api.settings import Settings, load_settings
from tests.end_to_end.command_line import CommandLine

SECRET = "whsec_" + "a" * 32  # 24 bytes in base64


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "WEBHOOK_URL", "WEBHOOK_SECRET", "LOG_LEVEL", "SNAPSHOT_POLL_SECONDS"):
        monkeypatch.delenv(f"PRICEWRIGHT_{name}", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_defaults_need_no_environment() -> None:
    settings = load_settings(None)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == "sqlite:///var/pricewright.db"
    assert settings.webhook_url is None


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "PRICEWRIGHT_PORT=9001\nPRICEWRIGHT_LOG_LEVEL=debug\nDATABASE_URL=sqlite:///x.db\n"
    )
    monkeypatch.setenv("PRICEWRIGHT_PORT", "9002")
    settings = load_settings(file)
    assert settings.port == 9002
    assert settings.log_level == "debug"
    assert settings.database_url == "sqlite:///x.db"


def test_given_values_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICEWRIGHT_PORT", "9002")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
    settings = load_settings(None, port=9003, database_url="sqlite:///y.db")
    assert settings.port == 9003
    assert settings.database_url == "sqlite:///y.db"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICEWRIGHT_WEBHOOK_URL", "")
    assert load_settings(None).webhook_url is None


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PRICEWRIGHT_PORT", "http", "PRICEWRIGHT_PORT=http"),
        ("PRICEWRIGHT_PORT", "70000", "less than or equal to 65535"),
        ("PRICEWRIGHT_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("PRICEWRIGHT_SNAPSHOT_POLL_SECONDS", "0", "PRICEWRIGHT_SNAPSHOT_POLL_SECONDS=0"),
        ("PRICEWRIGHT_SNAPSHOT_POLL_SECONDS", "nan", "PRICEWRIGHT_SNAPSHOT_POLL_SECONDS=nan"),
        ("PRICEWRIGHT_WEBHOOK_URL", "ftp://a.example", "PRICEWRIGHT_WEBHOOK_URL=ftp://a.example"),
        ("PRICEWRIGHT_WEBHOOK_URL", "https://a.example", "PRICEWRIGHT_WEBHOOK_SECRET is missing"),
        (
            "PRICEWRIGHT_WEBHOOK_SECRET",
            "not base64!",
            "PRICEWRIGHT_WEBHOOK_SECRET: is not `whsec_`",
        ),
        ("PRICEWRIGHT_WEBHOOK_SECRET", "whsec_c2hvcnQ=", "a key of 5 bytes"),
        ("DATABASE_URL", "mysql://h/db", "DATABASE_URL"),
        ("DATABASE_URL", "no url", "DATABASE_URL"),
    ],
)
def test_a_bad_value_is_refused_with_the_name_of_its_variable(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings(None)
    assert says in str(refusal.value)


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICEWRIGHT_PORT", "http")
    monkeypatch.setenv("PRICEWRIGHT_LOG_LEVEL", "loud")
    with pytest.raises(SettingsInvalid, match=r"PRICEWRIGHT_PORT.*PRICEWRIGHT_LOG_LEVEL"):
        load_settings(None)


def test_a_refused_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICEWRIGHT_WEBHOOK_SECRET", "hunter2!")
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings(None)
    assert "hunter2" not in str(refusal.value)
    assert SECRET not in repr(load_settings(None, webhook_secret=SECRET))


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"PRICEWRIGHT_HOST=caf\xe9\n")
    with pytest.raises(SettingsInvalid, match="UTF-8"):
        load_settings(file)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("PRICEWRIGHT_PROT", "PRICEWRIGHT_PROT is not known; do you mean PRICEWRIGHT_PORT?"),
        (
            "pricewright_log_levle",
            "pricewright_log_levle is not known; do you mean PRICEWRIGHT_LOG_",
        ),
        ("PRICEWRIGHT_STORAGE", "PRICEWRIGHT_STORAGE is not known"),
        ("PRICEWRIGHT_XYZZY", "PRICEWRIGHT_XYZZY is not known; the manual's page Settings"),
        ("PRICEWRIGHT_PLAN_PROCESSES", "is called PRICEWRIGHT_WORK_PROCESSES now; rename it"),
        ("PRICEWRIGHT_PLAN_POLL_SECONDS", "is called PRICEWRIGHT_WORK_POLL_SECONDS now"),
    ],
)
def test_a_variable_that_is_none_of_ours_is_refused_with_the_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"OTHER=1\nexport {name}=2\n", "utf-8")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(file)
    assert f"{file}: {name}" in str(refused.value)
    assert says in str(refused.value)
    monkeypatch.setenv(name, "2")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(None)
    assert says in str(refused.value)


def test_a_variable_is_read_in_any_case_and_those_of_others_are_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("pricewright_port=9001\nPRICEWRIGHTS=3\nPRICE=4\n", "utf-8")
    monkeypatch.setenv("PRICEWRIGHT_SHARED_DATA", "/data")
    assert load_settings(file).port == 9001
    assert load_settings(tmp_path / "none").port == 8000


def test_every_field_is_known_and_stands_in_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")
    for name in Settings.model_fields:
        if name != "storage":
            monkeypatch.setenv(f"PRICEWRIGHT_{name.upper()}", "")
            assert f"`PRICEWRIGHT_{name.upper()}`" in page
    assert load_settings(None).port == 8000


def test_commands_and_server_refuse_a_misspelt_variable_alike(tmp_path: Path) -> None:
    for command in (("serve",), ("worker",), ("migrate",), ("publish",), ("jobs", "list")):
        line = CommandLine(tmp_path, {"PRICEWRIGHT_FOUR_EYE": "true"})
        told = line(*command)
        assert told.status == 1, command
        assert "do you mean PRICEWRIGHT_FOUR_EYES?" in told.err, command
