"""One decision run in a process of its own: what it is told on standard input, its number back.

A run keeps a processor busy for seconds to minutes; the service that asked for it goes on serving
prices, and no solver can take it down.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.errors import NothingToPrice
from api.jobs.reprice import RepriceRequest, reprice
from pricing.errors import PricingError
from pricing.rulebook.document import rules_of
from storage.database import open_engine
from storage.errors import StorageError
from storage.law.rule_packs import load_rule_packs


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
        map_floor_in: markets in which a minimum advertised price binds.
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
    map_floor_in: Sequence[str] = ()
    seed: int = 0


class RunRefused(Exception):
    """The run could not be made; `field` is the entry of the rules at fault, `""` for none."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class RunFailed(Exception):
    """The process ended without an answer."""


class RunProcesses:
    """The processes of this service that make decision runs; none outlives it."""

    def __init__(self) -> None:
        self._children: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def decide(self, request: RunRequest, *, patience: timedelta) -> int:
        """Make a run in a child process; returns its number.

        Raises:
            RunRefused: what was asked cannot be decided; says why.
            RunFailed: the process died or was stopped, or took longer than `patience`.
        """
        child = self._start()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(patience.total_seconds(), give_up)
        timer.daemon = True
        timer.start()
        lines: list[str] = []
        try:
            # The input stays open: its end tells the child that nobody waits any more. Where it
            # has ended before it was asked, its status says why.
            with suppress(BrokenPipeError), child:
                lines = _asked(child, request).splitlines()
        finally:
            timer.cancel()
            with self._lock:
                self._children.discard(child)
        if late.is_set():
            raise RunFailed(f"the run took longer than {patience} and was ended")
        if child.returncode != 0 or not lines:
            raise RunFailed(f"the process of the run ended with status {child.returncode}")
        answer = json.loads(lines[-1])
        if "run" not in answer:
            raise RunRefused(answer["refused"], answer["field"])
        return int(answer["run"])

    def stop(self) -> None:
        """End the processes: what is not stored yet is not stored, and no more are started."""
        with self._lock:
            self._stopped = True
            for child in self._children:
                child.kill()

    def _start(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise RunFailed("the service is being stopped")
            child = subprocess.Popen(
                [sys.executable, "-m", "api.jobs.decision_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,  # what goes wrong stands in the log of the service
                text=True,
            )
            self._children.add(child)
            return child


def _asked(child: subprocess.Popen[str], request: RunRequest) -> str:
    """What a child says, up to its end."""
    if child.stdin is None or child.stdout is None:
        return ""
    child.stdin.write(json.dumps(asdict(request)) + "\n")
    child.stdin.flush()
    return child.stdout.read()


def answer_to(request: RunRequest) -> dict[str, Any]:
    """Make the run here: its number, or why there is none."""
    engine = open_engine(request.database_url)
    try:
        packs = load_rule_packs(None if request.rule_packs is None else Path(request.rule_packs))
        wanted = RepriceRequest(
            now=datetime.now(UTC),
            offer_max_age=timedelta(seconds=request.offer_max_age_seconds),
            market=request.market,
            category=request.category,
            skus=request.skus,
            packs=packs,
            at=None if request.at is None else datetime.fromisoformat(request.at),
            map_floor_in=tuple(request.map_floor_in),
        )
        outcome = reprice(engine, rules_of(request.rules), wanted, seed=request.seed)
    except (PricingError, NothingToPrice, StorageError) as error:
        place = getattr(error, "place", ())
        field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
        return {"refused": str(error), "field": f"rules{field}" if place else ""}
    finally:
        engine.dispose()
    return {"run": outcome.run_id}


def main() -> None:
    """Answer the request on standard input, one line of JSON, with another."""
    request = RunRequest(**json.loads(sys.stdin.readline()))

    def watch_starter() -> None:
        sys.stdin.read()
        os._exit(1)  # whoever asked is gone; the database undoes what is not committed

    threading.Thread(target=watch_starter, name="starter", daemon=True).start()
    print(json.dumps(answer_to(request)), flush=True)  # noqa: T201
    # The thread that waits for the input's end would hold up an orderly exit.
    os._exit(0)


if __name__ == "__main__":
    main()
