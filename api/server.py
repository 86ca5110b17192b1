"""Starting the service: one call that serves until stopped, and one that serves beside a caller."""

from __future__ import annotations

import importlib
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

import uvicorn

from api.errors import ServerNotStarted
from api.http.connections import GuardedProtocol
from api.logs import configure_logs
from api.settings import load_settings
from storage.database import open_engine, require_migrated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from fastapi import FastAPI

    from api.settings import Settings

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 10
_WORKER_SECONDS: Final = 60
_FAILED_START: Final = "the service failed while starting; the log says why"
_APPLICATIONS: Final = {
    None: ("api.app", "create_app"),
    "prices": ("api.price_server", "create_price_server"),
}
"""By what alone is served: the module that makes the application, and the function there.

A module is imported in the process that serves it, so that a price server holds nothing of the
rest, and what watches over several workers holds no application at all.
"""
_FACTORIES: Final = {None: "api.server:whole_worker", "prices": "api.server:price_worker"}


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, then answer what was accepted, and return.

    No connection is taken any more from the signal on; requests that are under way have ten seconds
    to be answered, and the work beside them fifteen more to end.

    With several workers each one reads its settings from the environment and `.env`, as it is a
    process of its own; what was given on a command line must be there too, but for where to listen
    and what to serve.

    Raises:
        ServerNotStarted: the address is taken, or the service failed while starting.
        StorageError: the database does not answer or is not migrated.
    """
    configure_logs(settings.log_format, settings.log_level)
    engine = open_engine(settings.database_url)
    try:
        require_migrated(engine)
    finally:
        engine.dispose()
    listening = _listen(settings)
    if settings.workers > 1:
        listening.close()
        factory = _FACTORIES[settings.serve_only]
        uvicorn.run(factory, factory=True, workers=settings.workers, **_options(settings))
        return
    with listening, _sigterm_returns():
        server = uvicorn.Server(uvicorn.Config(application(settings), **_options(settings)))
        with suppress(KeyboardInterrupt):  # uvicorn stops in order and raises it again
            _run(server, listening)
    if not server.started:
        raise ServerNotStarted(_FAILED_START)


@contextmanager
def _sigterm_returns() -> Iterator[None]:
    """Let SIGTERM end the block as if all were done.

    uvicorn takes the signal while it serves, stops in order and raises it again, for which a
    process without a handler would be told as killed.
    """

    def ended(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def application(settings: Settings) -> FastAPI:
    """The application that the settings ask for, not yet started.

    Raises:
        SettingsInvalid: a kept token is none.
        InvalidRulePack: a rule pack cannot be applied.
    """
    module, factory = _APPLICATIONS[settings.serve_only]
    made: FastAPI = getattr(importlib.import_module(module), factory)(settings)
    return made


def whole_worker() -> FastAPI:
    """The whole service in one of several worker processes, with its logs set up."""
    return _worker(load_settings(serve_only=None))


def price_worker() -> FastAPI:
    """The price server in one of several worker processes, with its logs set up."""
    return _worker(load_settings(serve_only="prices"))


def _worker(settings: Settings) -> FastAPI:
    configure_logs(settings.log_format, settings.log_level)
    return application(settings)


@contextmanager
def serving(settings: Settings, app: FastAPI | None = None) -> Iterator[str]:
    """Serve in a thread of this process while the block runs; gives the base URL.

    Args:
        settings: where to listen (port 0 takes a free one) and everything else.
        app: what to serve; `application(settings)` when None.

    Raises:
        ServerNotStarted: the address is taken, or the service failed while starting.
    """
    with _listen(settings) as listening:
        chosen = application(settings) if app is None else app
        server = uvicorn.Server(uvicorn.Config(chosen, **_options(settings)))
        thread = _ServerThread(server, listening)
        thread.start()
        thread.wait_until_started()
        try:
            yield base_url(listening)
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)


def base_url(listening: socket.socket) -> str:
    """The URL under which a listening socket is reached."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _ServerThread(threading.Thread):
    """Runs a server and knows when it began to answer or failed."""

    def __init__(self, server: uvicorn.Server, listening: socket.socket) -> None:
        super().__init__(name="pricewright service", daemon=True)
        self._server = server
        self._listening = listening

    def run(self) -> None:
        _run(self._server, self._listening)

    def wait_until_started(self) -> None:
        waited = 0.0
        while not self._server.started:
            if not self.is_alive() or waited > _START_SECONDS:
                self._server.should_exit = True
                raise ServerNotStarted(_FAILED_START)
            self.join(0.02)
            waited += 0.02


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until told to stop; a failed start leaves `server.started` False."""
    with suppress(SystemExit):  # how uvicorn tells of a failed start, after it has logged why
        server.run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    """A socket on the address of the settings; opened here so that a failure can be explained."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise ServerNotStarted(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; "
            "set PRICEWRIGHT_HOST or PRICEWRIGHT_PORT to a free address"
        ) from error


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,  # the logs of this process are already set up
        "access_log": False,  # each request has its own line, with its id
        "server_header": False,
        "http": GuardedProtocol,
        "proxy_headers": False,  # whom they are believed from is a setting (`api.shell`)
        "ws": "none",  # no path of ours speaks it, and its library would be imported
        "timeout_graceful_shutdown": _GRACE_SECONDS,
        # A worker that is slow to start on a busy machine must not be taken for a dead one.
        "timeout_worker_healthcheck": _WORKER_SECONDS,
    }
