"""One decision run in a process of its own: what it is told on standard input, its number back.

A run keeps a processor busy for seconds to minutes; the service that asked for it goes on serving
prices, and no solver can take it down.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.errors import NothingToPrice
from api.jobs.reprice import reprice_by_rules
from pricing.errors import PricingError
from pricing.rules import rules_of
from storage.database import open_engine
from storage.errors import StorageError
from storage.rule_packs import load_rule_packs


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run is told.

    Attributes:
        database_url: where everything is stored.
        rules: a rules document; empty for the defaults.
        offer_max_age_seconds: competitor offers older than this do not count.
        rule_packs: folder of rules of law; None for those that are shipped.
        market, category, skus: what to price; None for all.
        at: decide as of this time, ISO 8601; None for now.
        seed: of the chance that price tests are drawn by.
    """

    database_url: str
    rules: dict[str, Any]
    offer_max_age_seconds: float
    rule_packs: str | None = None
    market: str | None = None
    category: str | None = None
    skus: Sequence[str] | None = None
    at: str | None = None
    seed: int = 0


class RunRefused(Exception):
    """The run could not be made; `field` is the entry of the rules at fault, `""` for none."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class RunFailed(Exception):
    """The process ended without an answer."""


def decide_apart(request: RunRequest, *, patience: timedelta) -> int:
    """Make a run in a child process; returns its number.

    Raises:
        RunRefused: what was asked cannot be decided; says why.
        RunFailed: the process died, or took longer than `patience`.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-m", "api.decision_process"],
            input=json.dumps(asdict(request)),
            capture_output=True,
            text=True,
            check=False,
            timeout=patience.total_seconds(),
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"the run took longer than {patience} and was ended") from None
    lines = child.stdout.splitlines()
    if child.returncode != 0 or not lines:
        raise RunFailed(f"the process of the run ended with status {child.returncode}")
    answer = json.loads(lines[-1])
    if "run" not in answer:
        raise RunRefused(answer["refused"], answer["field"])
    return int(answer["run"])


def answer_to(request: RunRequest) -> dict[str, Any]:
    """Make the run here: its number, or why there is none."""
    engine = open_engine(request.database_url)
    try:
        outcome = reprice_by_rules(
            engine,
            rules_of(request.rules),
            now=datetime.now(UTC),
            offer_max_age=timedelta(seconds=request.offer_max_age_seconds),
            market=request.market,
            category=request.category,
            skus=request.skus,
            packs=load_rule_packs(None if request.rule_packs is None else Path(request.rule_packs)),
            at=None if request.at is None else datetime.fromisoformat(request.at),
            seed=request.seed,
        )
    except (PricingError, NothingToPrice, StorageError) as error:
        place = getattr(error, "place", ())
        field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
        return {"refused": str(error), "field": f"rules{field}" if place else ""}
    finally:
        engine.dispose()
    return {"run": outcome.run_id}


def main() -> None:
    """Answer the request on standard input with one line of JSON."""
    print(json.dumps(answer_to(RunRequest(**json.load(sys.stdin)))))  # noqa: T201


if __name__ == "__main__":
    main()
