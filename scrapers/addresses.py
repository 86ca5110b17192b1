"""Which addresses of the network a program of ours may be sent to by others.

A page, a feed, a person over HTTP or a name server says where a request goes, and so could send it
to the machine's own services, to a router or to a cloud's metadata address. What is public is
decided by the table below and not by the standard library, whose answers differ from one Python to
the next.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, Self
from urllib.parse import urlsplit

from scrapers.errors import ForbiddenAddress

_PORTS: Final = frozenset({None, 80, 443, 8080, 8443})
_LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")

# The blocks that IANA's special-purpose registries keep from the public internet, and what is no
# unicast, held against `ipaddress` of Python 3.11.7, 3.12.1 and 3.13.0: all that these call not
# global is here. Not all of them know the rest: 192.88.99.0/24 and 3fff::/20, 2002::/16 before
# 3.13, site-local fec0::/10, and of 192.0.0.0/24 and 2001::/23 the few addresses that the
# registries call globally reachable, which the nearest router answers and no shop.
_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared by a provider's customers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link local, and metadata of clouds
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # IETF protocols
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private use
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, with the broadcast address
    )
)
_UNICAST_6: Final = IPv6Network("2000::/3")
"""All that IANA gives out of IPv6; loopback, local, multicast and reserved blocks lie outside."""
_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # IETF protocols: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, deprecated: leads to any IPv4 address
        "3fff::/20",  # documentation
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet, looking through embedded IPv4."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    if address in _MAPPED or address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_6 and not any(address in block for block in _NOT_PUBLIC_6)


def literal_address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is in any spelling a socket accepts, or None for a name.

    `127.0.0.1`, `2130706433`, `0x7f.1`, `0177.0.0.1`, `[::ffff:127.0.0.1]`, `fe80::1%eth0`.
    """
    host = host.strip("[]").split("%", 1)[0].rstrip(".")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def origin_of(url: str) -> str:
    """`host:port` of an http or https address, the port always written out.

    Raises:
        ForbiddenAddress: the address is malformed or of another scheme.
    """
    try:
        parts = urlsplit(url)
        usual = {"http": 80, "https": 443}[parts.scheme]
        port = usual if parts.port is None else parts.port
    except (ValueError, KeyError):
        raise ForbiddenAddress(f"{url!r} is not an http or https address") from None
    if not parts.hostname:
        raise ForbiddenAddress(f"{url!r} names no host")
    return f"{parts.hostname}:{port}"


def check_url(url: str, *, private_origin: str = "") -> None:
    """Refuse an address that a crawler may not ask for.

    Args:
        url: absolute address.
        private_origin: the one `host:port` that may be private, because the site says so
            explicitly. Everything else behind the same firewall stays out of reach.

    Raises:
        ForbiddenAddress: another scheme, a user name in the address, an odd port, a literal private
            address in any spelling, or a name that only means something in a local network.
    """
    origin = origin_of(url)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ForbiddenAddress(f"the address at {origin} carries a user name; leave it out")
    if origin == private_origin:
        return
    if parts.port not in _PORTS:
        raise ForbiddenAddress(
            f"{url!r} asks for port {parts.port}; shops answer on 80, 443, 8080 and 8443"
        )
    name = (parts.hostname or "").rstrip(".")
    address = literal_address(name)
    if address is not None and not is_public(address):
        raise ForbiddenAddress(f"{url!r} is the private address {address}")
    if address is None and ("." not in name or f".{name}".endswith(_LOCAL_NAMES)):
        raise ForbiddenAddress(f"{url!r} is a name of a local network")


@dataclass(frozen=True, slots=True)
class PrivateAddresses:
    """The private places that a setting opens.

    Attributes:
        hosts: names and addresses, as they are written in a URL, on every port.
        networks: blocks of addresses.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, entries: Collection[str]) -> Self:
        """From hosts (`alerts.lan`, `127.0.0.1`) and networks (`10.20.0.0/16`).

        Raises:
            ForbiddenAddress: an entry is neither.
        """
        hosts, networks = set(), []
        for entry in entries:
            name = entry.strip().strip("[]").rstrip(".").lower()
            literal = literal_address(name)
            try:
                if "/" in name:
                    networks.append(ip_network(name))
                    continue
            except ValueError as error:
                raise ForbiddenAddress(f"{entry!r} is no network: {error}") from None
            if (
                not name
                or any(sign in name for sign in "/@ \t")
                or (literal is None and ":" in name)
            ):
                raise ForbiddenAddress(
                    f"{entry!r} is neither a host like alerts.lan nor a network like 10.20.0.0/16"
                )
            if literal is None:
                hosts.add(name)
            else:
                networks.append(ip_network(literal))
        return cls(frozenset(hosts), tuple(networks))

    def opens(self, host: str, address: IPv4Address | IPv6Address) -> bool:
        """Whether a host may be reached at this private address."""
        inner = getattr(address, "ipv4_mapped", None) or address
        named = host.strip("[]").rstrip(".").lower() in self.hosts
        return named or any(inner in network for network in self.networks)


def require_reachable(
    host: str, addresses: Collection[str], private: PrivateAddresses
) -> tuple[str, ...]:
    """The addresses of a host that may be connected to, in their order.

    Args:
        host: as it is written.
        addresses: what it resolves to.
        private: the private places that are open.

    Raises:
        ForbiddenAddress: there is none.
    """
    found, barred = [], []
    for text in addresses:
        address = literal_address(text)
        if address is not None and (is_public(address) or private.opens(host, address)):
            found.append(text)
        else:
            barred.append(text)
    if not found:
        told = f"is at the private address {barred[0]}" if barred else "has no address"
        raise ForbiddenAddress(f"{host} {told}")
    return tuple(found)
