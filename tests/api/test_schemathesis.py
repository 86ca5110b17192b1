"""The description against the service: schemathesis asks all that it says, and what it does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from schemathesis.engine import Status, events, from_schema
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from tests.api.access.let_in import key
from tests.api.conftest import eventually, quick_settings

LISTED = yaml.safe_load(Path(__file__).with_name("schemathesis_exceptions.yaml").read_text())
NOT_RUN = {entry["operation"] for entry in LISTED["not_run"]}
EXCEPTIONS = {
    (entry["check"], operation)
    for entry in LISTED["exceptions"]
    for operation in entry["operations"]
}
WAITS = "POST /v1/decision-runs"  # for a job, so that it wants a process that works
CONFORMANCE = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


@dataclass
class Run:
    """What came of a run: findings by check and operation, and how often each was asked."""

    found: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def unlisted(self) -> str:
        """What was found and stands in no list; empty where all is well."""
        return "\n\n".join(
            f"{check}, {operation}: {told}"
            for (check, operation), told in sorted(self.found.items())
            if (check, operation) not in EXCEPTIONS
        )


@contextmanager
def served(
    engine: Engine, *roles: Role, processes: int = 0, stranger: bool = False
) -> Iterator[tuple[str, dict[str, str]]]:
    """The service on a socket, and the headers of somebody whom it knows."""
    headers = {} if stranger else key(engine, *roles)[1]
    with serving(quick_settings(engine, work_processes=processes)) as url:
        address = f"{url}/v1/prices/X?market=online"
        assert eventually(lambda: httpx.get(address, headers=headers).status_code != 401)
        yield url, headers


def run(
    url: str,
    headers: Mapping[str, str],
    *,
    only: Iterable[str] = (),
    without: Iterable[str] = (),
    phase: str = "coverage",
    checks: Iterable[str] = (),
) -> Run:
    """Ask the service all that a phase of schemathesis makes of its description.

    Args:
        url: of the service.
        headers: of who asks.
        only: the operations to ask, as `METHOD /path`; all when empty.
        without: operations to leave out.
        phase: `coverage`, which tries each limit of each field, or `examples`.
        checks: by name; all of them when empty.
    """
    phases = {name: {"enabled": name == phase} for name in ("coverage", "fuzzing", "stateful")}
    config = schemathesis.Config.from_dict(
        {
            "seed": 1,
            "continue-on-failure": True,
            "request-timeout": 60,
            # Spelt as the check of missing credentials looks for it.
            "headers": {name.title(): value for name, value in headers.items()},
            "generation": {"deterministic": True, "database": "none"},
            "phases": {
                **phases,
                "examples": {"enabled": phase == "examples", "fill-missing": True},
            },
            "checks": {"enabled": False, **{name: {"enabled": True} for name in checks}}
            if checks
            else {},
        }
    )
    schema: schemathesis.BaseSchema = schemathesis.openapi.from_url(
        f"{url}/openapi.json", config=config
    )
    if only:
        schema = schema.include(name=list(only))
    if without:
        schema = schema.exclude(name=list(without))
    seen = Run()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder, label=str(label)):
                seen.asked[label] = seen.asked.get(label, 0) + len(recorder.interactions)
                for nodes in recorder.checks.values():
                    for node in nodes:
                        if node.status is Status.FAILURE:
                            seen.found.setdefault((node.name, label), _told(node))
            case events.NonFatalError(value=error) | events.FatalError(exception=error):
                seen.broken.append(f"{getattr(event, 'label', '')}: {error!r}")
            case _:
                pass
    return seen


def _told(node: Any) -> str:  # noqa: ANN401  (a node of schemathesis)
    info = node.failure_info
    return f"{info.failure.title}: {info.failure.message}\n{info.code_sample}"


def labels(url: str) -> set[str]:
    paths: dict[str, dict[str, Any]] = httpx.get(f"{url}/openapi.json", timeout=60).json()["paths"]
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item}


def test_each_exception_has_a_reason_and_is_of_an_operation(shop: Engine) -> None:
    with served(shop, Role.ADMIN) as (url, _):
        known = labels(url)
    for entry in (*LISTED["not_run"], *LISTED["exceptions"]):
        assert len(entry["reason"].split()) > 5
    assert known >= NOT_RUN | {operation for _, operation in EXCEPTIONS}


def test_prices_and_freezes_are_as_described(shop: Engine) -> None:
    few = {"GET /v1/prices/{sku}", "POST /v1/prices:batch", "POST /v1/freezes", "GET /readyz"}
    with served(shop, Role.ADMIN) as (url, headers):
        seen = run(url, headers, only=few)
    assert not seen.broken
    assert set(seen.asked) == few
    assert min(seen.asked.values()) > 5
    assert seen.unlisted() == ""


@pytest.mark.slow
def test_every_operation_is_as_described(shop: Engine) -> None:
    with served(shop, Role.ADMIN) as (url, headers):
        seen = run(url, headers, without={*NOT_RUN, WAITS})
        whole = labels(url)
    with served(shop, Role.ADMIN, processes=1) as (url, headers):
        waited = run(url, headers, only={WAITS})
    assert not seen.broken + waited.broken
    assert set(seen.asked) | set(waited.asked) == whole - NOT_RUN
    assert seen.unlisted() + waited.unlisted() == ""
    assert set(seen.found) | set(waited.found) == EXCEPTIONS  # none outlives its reason


@pytest.mark.slow
@pytest.mark.parametrize("role", [*Role, "publishable", "stranger"])
def test_whoever_asks_is_answered_as_described(shop: Engine, role: str) -> None:
    """Everybody asks every operation once or more; what they may not is refused as described."""
    roles = [Role(role)] if role in set(Role) else []
    with served(shop, *roles, stranger=role == "stranger") as (url, headers):
        seen = run(url, headers, without={*NOT_RUN, WAITS}, phase="examples", checks=CONFORMANCE)
        assert set(seen.asked) == labels(url) - {*NOT_RUN, WAITS}
    assert not seen.broken
    assert seen.found == {}
