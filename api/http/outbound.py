"""The one HTTP client by which the service reaches others: webhooks, log-in providers, channels.

It goes where the guard of the crawler would go (`scrapers.addresses`), and to private places only
where `PRICEWRIGHT_PRIVATE_ADDRESSES` names them. A name is resolved once, and the connection is
made to the very address that was checked, so that a name cannot change between check and
connection; a redirect that a caller follows is a connection of its own and is checked again.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import anyio
import httpcore
import httpx

from scrapers.addresses import PrivateAddresses, require_reachable
from scrapers.errors import ForbiddenAddress

CURE: Final = "name it in PRICEWRIGHT_PRIVATE_ADDRESSES if that is meant"

Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""The addresses of a host name."""

# A proxy of the environment cannot reach a receiver on this machine.
_WITHOUT_PROXY: Final = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}


class AddressRefused(httpx.ConnectError):
    """A request would leave the public internet, and no setting says that it may."""


async def system_addresses(host: str, port: int) -> tuple[str, ...]:
    """What the system's resolver answers."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connections to addresses that were checked."""

    def __init__(self, private: PrivateAddresses, resolve: Resolve) -> None:
        self._private = private
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check, and connect to the first address that may be reached and answers."""
        try:
            with anyio.fail_after(timeout):
                found = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from None
        try:
            addresses = require_reachable(host, found, self._private)
        except ForbiddenAddress as error:
            raise AddressRefused(f"{error}; {CURE}") from None
        *others, last = addresses
        for address in others:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A socket of this machine is no address of the network."""
        del timeout, socket_options
        raise AddressRefused(f"{path} is a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """The usual transport of httpx over connections that are guarded."""

    def __init__(self, private: PrivateAddresses, resolve: Resolve = system_addresses) -> None:
        super().__init__()
        # httpx names no way to give its pool another network; the pool itself does.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            network_backend=_GuardedNetwork(private, resolve),
        )


def outbound_client(
    private: PrivateAddresses,
    *,
    resolve: Resolve = system_addresses,
    **options: Any,  # noqa: ANN401 - whatever httpx takes
) -> httpx.AsyncClient:
    """A client for addresses that others may have a say in.

    A proxy that the environment names is honoured; it resolves names itself, so that where it
    connects to is for its own rules to say.

    Args:
        private: the private places that are open.
        resolve: how names become addresses.
        options: of `httpx.AsyncClient`; redirects are not followed unless it says so.
    """
    transport = GuardedTransport(private, resolve)
    return httpx.AsyncClient(transport=transport, mounts=_WITHOUT_PROXY, **options)
