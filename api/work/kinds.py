"""Kinds of jobs, by name: the one seam between the work room and what is done in it.

A kind is a record: what it is asked (a msgspec struct), the function that does it, and how it may
be treated when a process dies. Kinds register by name and place; the module is imported when the
kind is first needed, so that a service which only queues jobs waits for no solver.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
from sqlalchemy.engine import Connection

from api.work.context import Context
from api.work.errors import KindUnknown, RequestInvalid
from models.refusals import place_of
from storage.jobs.queue import NewJob

COMPUTE: Final = "compute"
"""Lane of what keeps a processor busy."""
NETWORK: Final = "network"
"""Lane of what mostly waits for others; it may take hours and must not hold up a plan."""

Asked = TypeVar("Asked", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Asked]):
    """A kind of job.

    Attributes:
        name: as in addresses and commands.
        summary: one line on what it does.
        request: what it is asked.
        run: does it; what it returns is the result, a JSON object. What it stores in the database
            goes into one transaction with `Context.end`: so it is there once, however often the
            work had to be begun.
        lane: whose places it takes.
        scope: no other job of the same scope runs beside it; None for any number at once.
        retries: how often it is begun again where its process died; 0 if beginning again would do
            something twice.
        check: refuses what cannot be asked, at once, naming the field.
        asked: called in the transaction that queues the job, with its number: stores what must be
            there at once; gives the request as it is kept.
        local: the field of a request that names a file of the machine on which the worker runs;
            such a request is taken from its command line, not over HTTP.
    """

    name: str
    summary: str
    request: type[Asked]
    run: Callable[[Asked, Context], Mapping[str, Any]]
    lane: str = COMPUTE
    scope: Callable[[Asked], str | None] = field(default=lambda _: None)
    retries: int = 2
    check: Callable[[Asked], None] = field(default=lambda _: None)
    asked: Callable[[Connection, int, Asked, datetime, str], Asked] | None = None
    local: Callable[[Asked], str | None] = field(default=lambda _: None)

    def read(self, request: Mapping[str, Any]) -> Asked:
        """A request from its JSON form.

        Raises:
            RequestInvalid: names the field.
        """
        try:
            return msgspec.convert(request, self.request)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at `$")
            raise RequestInvalid(reason, place_of(place.rstrip("`"))) from None

    def new_job(self, request: Asked, *, at: datetime, by: str, **of_schedule: Any) -> NewJob:  # noqa: ANN401
        """The job that asks this, to be queued once it is checked."""
        return NewJob(
            self.name, msgspec.to_builtins(request), at, by, self.lane, self.scope(request),
            self.retries, **of_schedule,
        )  # fmt: skip


class Kinds(Mapping[str, Kind[Any]]):
    """The kinds that are registered.

    Args:
        places: name: where its `Kind` is, as `module:name`.
        place: where this registry is, for a child process to find it.
    """

    def __init__(self, places: Mapping[str, str], place: str) -> None:
        self._places = dict(places)
        self.place = place

    def __getitem__(self, name: str) -> Kind[Any]:
        """The kind of this name; its module is imported now.

        Raises:
            KindUnknown: there is none.
        """
        if name not in self._places:
            known = ", ".join(sorted(self._places))
            raise KindUnknown(f"{name!r} is no kind of job; there are {known}")
        kind: Kind[Any] = found_at(self._places[name])
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def found_at(place: str) -> Any:  # noqa: ANN401
    """What stands at `module:name`."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
