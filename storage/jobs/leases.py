"""Leases: what only one process at a time may do, on however many machines.

A lease is renewed while the work goes on. A process that is killed renews no more: its lease ends
by itself, or at once for a process of the same machine, which can see that nobody is there.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer, take_turns
from storage.errors import LeaseHeld
from storage.jobs.lease_tables import leases as table


@dataclass(frozen=True, slots=True)
class Lease:
    """Somebody's right to do something, for a while.

    Attributes:
        name: what it is about, such as `site rival`.
        token: known to its holder only.
        machine: where the holder runs, up to the boundary within which process numbers hold.
        pid: the process that took it.
        worker_pid: its child that does the work, or None.
        since: when it was taken, UTC.
        until: when it ends unless renewed, UTC.
    """

    name: str
    token: str
    machine: str
    pid: int
    worker_pid: int | None
    since: datetime
    until: datetime

    @property
    def holder(self) -> str:
        """The holder in words."""
        return f"process {self.worker_pid or self.pid} on {self.machine.partition('/')[0]}"


def take_lease(conn: Connection, name: str, *, at: datetime, lasts: timedelta) -> Lease:
    """Take a lease for this process.

    Args:
        conn: a transaction that writes.
        name: what it is about.
        at: now, UTC.
        lasts: time until it ends unless renewed.

    Raises:
        LeaseHeld: somebody else has it, and may be at work.
    """
    take_turns(conn, f"lease {name}")
    held = find_lease(conn, name)
    if held is not None:
        if not _ended(held, at):
            raise LeaseHeld(
                f"{name} is taken by {held.holder} since {held.since:%Y-%m-%d %H:%M} UTC"
            )
        conn.execute(table.delete().where(table.c.name == name))
    lease = Lease(name, secrets.token_hex(16), this_machine(), os.getpid(), None, at, at + lasts)
    values = {column.name: getattr(lease, column.name) for column in table.c}
    conn.execute(table.insert().values(**values))
    return lease


def renew_lease(
    conn: Connection, name: str, token: str, *, until: datetime, worker_pid: int | None = None
) -> bool:
    """Hold a lease for longer.

    Args:
        conn: a transaction that writes.
        name: of the lease.
        token: that it was given when it was taken.
        until: its new end, UTC.
        worker_pid: the child that does the work now; None leaves what is known.

    Returns:
        False if somebody else has taken it meanwhile: the work must stop.
    """
    require_writer(conn)
    values: dict[str, object] = {"until": until}
    if worker_pid is not None:
        values["worker_pid"] = worker_pid
    done = conn.execute(table.update().where(_is(name, token)).values(**values))
    return done.rowcount == 1


def hand_on(conn: Connection, name: str, token: str, *, until: datetime) -> Lease | None:
    """The lease for this process, which goes on with what another one began; with a new token.

    Whoever worked under it before finds out when it renews, or asks for `still_held`.

    Args:
        conn: a transaction that writes.
        name: of the lease.
        token: the first one that it had, or one that it was handed on with.
        until: its new end, UTC.

    Returns:
        None if it was taken anew meanwhile: what was begun is no longer ours to go on with.
    """
    require_writer(conn)
    family = token.partition(".")[0]
    values = {
        "token": f"{family}.{secrets.token_hex(8)}",
        "machine": this_machine(),
        "pid": os.getpid(),
        "worker_pid": None,
        "until": until,
    }
    same = (table.c.token == family) | table.c.token.startswith(f"{family}.", autoescape=True)
    done = conn.execute(table.update().where(table.c.name == name, same).values(**values))
    return find_lease(conn, name) if family and done.rowcount == 1 else None


def still_held(conn: Connection, name: str, token: str) -> bool:
    """Whether a lease is held under this token; nobody can take it before the transaction ends."""
    query = sa.select(table.c.name).where(_is(name, token)).with_for_update(read=True)
    return conn.execute(query).one_or_none() is not None


def give_back(conn: Connection, lease: Lease) -> bool:
    """End a lease; False if somebody else has it by now."""
    require_writer(conn)
    return conn.execute(table.delete().where(_is(lease.name, lease.token))).rowcount == 1


def find_lease(conn: Connection, name: str) -> Lease | None:
    """The lease of this name, ended or not; None if nobody took one."""
    row = conn.execute(sa.select(table).where(table.c.name == name)).one_or_none()
    return None if row is None else Lease(*row)


def held_leases(conn: Connection, *, at: datetime) -> dict[str, Lease]:
    """The leases whose holders may be at work, by name."""
    found = (Lease(*row) for row in conn.execute(sa.select(table)))
    return {lease.name: lease for lease in found if not _ended(lease, at)}


def _is(name: str, token: str) -> sa.ColumnElement[bool]:
    return (table.c.name == name) & (table.c.token == token)


def _ended(lease: Lease, at: datetime) -> bool:
    """Whether nobody can be at work under a lease any more."""
    if at >= lease.until:
        return True
    if lease.machine != this_machine():
        return False
    return not any(is_running(pid) for pid in (lease.pid, lease.worker_pid) if pid is not None)


def is_running(pid: int) -> bool:
    """Whether a process of this machine works; one that is dead and not yet buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return True  # not Linux: nobody tells
    return not status.rpartition(")")[2].lstrip().startswith("Z")


@cache
def this_machine() -> str:
    """The host's name and, where the system tells, what else process numbers depend on.

    Two containers may share a name, and a machine that was started anew gives old numbers to
    others.
    """
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8])
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        pass  # not Linux: the name must do
    return "/".join(parts)
