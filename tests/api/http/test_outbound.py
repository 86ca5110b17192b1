"""What the service sends, on real sockets: where it may go and where it may not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from api.http.outbound import AddressRefused, outbound_client
from scrapers.addresses import PrivateAddresses

NOWHERE = PrivateAddresses()
HERE = PrivateAddresses.of(["127.0.0.1"])


class Host(ThreadingHTTPServer):
    """A server of this machine that counts who connects, and sends on to where it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.location = ""
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(str(self.headers["Host"]))
                self.send_response(302 if host.location else 200)
                if host.location:
                    self.send_header("Location", host.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        thread = threading.Thread(target=host.serve_forever, daemon=True)
        thread.start()
        yield host
        host.shutdown()
        thread.join()


class Names:
    """A name server that says something else each time it is asked."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, name: str, port: int) -> tuple[str, ...]:
        del name, port
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def get(
    url: str, private: PrivateAddresses, names: Names | None = None, *, follow: bool = False
) -> httpx.Response:
    async def ask() -> httpx.Response:
        given = {} if names is None else {"resolve": names}
        async with outbound_client(private, timeout=10, follow_redirects=follow, **given) as client:
            return await client.get(url)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "localhost",
        "[::ffff:127.0.0.1]",
    ],
)
def test_nothing_of_this_machine_is_reached_in_any_spelling(host: Host, name: str) -> None:
    with pytest.raises(AddressRefused, match="PRICEWRIGHT_PRIVATE_ADDRESSES"):
        get(f"http://{name}:{host.port}/", NOWHERE)
    assert host.asked == []


def test_a_place_that_a_setting_names_is_reached(host: Host) -> None:
    assert get(f"http://127.0.0.1:{host.port}/", HERE).status_code == 200
    named = PrivateAddresses.of(["alerts.lan"])
    names = Names(("127.0.0.1",))
    assert get(f"http://alerts.lan:{host.port}/", named, names).status_code == 200
    with pytest.raises(AddressRefused):
        get(f"http://other.lan:{host.port}/", named, names)
    assert host.asked == [f"127.0.0.1:{host.port}", f"alerts.lan:{host.port}"]


def test_a_name_is_resolved_once_and_connected_to_where_it_was_checked(host: Host) -> None:
    """Rebinding: what is checked is what is connected to, whatever the name says afterwards."""
    names = Names(("127.0.0.1",), ("10.255.255.1",))
    assert get(f"http://rebound.example:{host.port}/", HERE, names).status_code == 200
    assert names.asked == 1
    turned = Names(("10.255.255.1",), ("127.0.0.1",))
    with pytest.raises(AddressRefused):
        get(f"http://rebound.example:{host.port}/", HERE, turned)
    assert len(host.asked) == 1


def test_private_addresses_beside_a_public_one_are_not_tried(host: Host) -> None:
    names = Names(("10.255.255.1", "127.0.0.1"))
    assert get(f"http://two.example:{host.port}/", HERE, names).status_code == 200


def test_a_redirect_is_checked_anew(host: Host) -> None:
    host.location = "http://169.254.169.254/latest/meta-data/"
    url = f"http://127.0.0.1:{host.port}/"
    assert get(url, HERE).status_code == 302, "not followed unless asked for"
    with pytest.raises(AddressRefused, match=r"169\.254\.169\.254"):
        get(url, HERE, follow=True)
    assert len(host.asked) == 2


def test_a_name_that_is_not_there_and_a_port_that_is_closed_are_told_as_such() -> None:
    async def nowhere(name: str, port: int) -> tuple[str, ...]:
        raise socket.gaierror(-2, "Name or service not known")

    async def ask() -> None:
        async with outbound_client(HERE, resolve=nowhere, timeout=10) as client:
            await client.get("http://gone.example/")

    with pytest.raises(httpx.ConnectError, match=r"gone\.example cannot be resolved"):
        asyncio.run(ask())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(httpx.ConnectError) as refused:
        get(f"http://127.0.0.1:{port}/", HERE)
    assert not isinstance(refused.value, AddressRefused)
