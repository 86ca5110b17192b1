"""Every block of the IANA special-purpose registries and its edges: address and verdict."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.addresses import (
    PrivateAddresses,
    is_public,
    literal_address,
    require_reachable,
)
from scrapers.errors import ForbiddenAddress

# The registries of IANA as far as we know them, with the column "globally reachable": True, False,
# or None for "N/A" and for what other registries reserve (multicast, 6to4, Teredo).
IPV4 = {
    "0.0.0.0/8": False, "0.0.0.0/32": False, "10.0.0.0/8": False, "100.64.0.0/10": False,
    "127.0.0.0/8": False, "169.254.0.0/16": False, "172.16.0.0/12": False, "192.0.0.0/24": False,
    "192.0.0.0/29": False, "192.0.0.8/32": False, "192.0.0.9/32": True, "192.0.0.10/32": True,
    "192.0.0.170/32": False, "192.0.0.171/32": False, "192.0.2.0/24": False,
    "192.31.196.0/24": True, "192.52.193.0/24": True, "192.88.99.0/24": None,
    "192.88.99.2/32": False, "192.168.0.0/16": False, "192.175.48.0/24": True,
    "198.18.0.0/15": False, "198.51.100.0/24": False, "203.0.113.0/24": False,
    "224.0.0.0/4": None, "240.0.0.0/4": False, "255.255.255.255/32": False,
}  # fmt: skip
IPV6 = {
    "::1/128": False, "::/128": False, "64:ff9b:1::/48": False, "100::/64": False,
    "100:0:0:1::/64": False, "2001::/23": False, "2001::/32": None, "2001:1::1/128": True,
    "2001:1::2/128": True, "2001:1::3/128": True, "2001:2::/48": False, "2001:3::/32": True,
    "2001:4:112::/48": True, "2001:10::/28": None, "2001:20::/28": True, "2001:30::/28": True,
    "2001:db8::/32": False, "2002::/16": None, "2620:4f:8000::/48": True, "3fff::/20": False,
    "5f00::/16": False, "fc00::/7": False, "fe80::/10": False, "fec0::/10": None, "ff00::/8": None,
}  # fmt: skip
ANYCAST = (
    "192.0.0.9/32", "192.0.0.10/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128",
    "2001:3::/32", "2001:4:112::/48", "2001:20::/28", "2001:30::/28",
)  # fmt: skip
"""Reachable by the registry and refused here: no shop and no receiver stands there."""


def expected(address: IPv4Address | IPv6Address) -> bool:
    """What the registries say, by the longest block that holds an address."""
    table = IPV4 if address.version == 4 else IPV6
    holds = [ip_network(block) for block in table if address in ip_network(block)]
    if not holds:
        return address.version == 4 or address in ip_network("2000::/3")
    block = str(max(holds, key=lambda network: network.prefixlen))
    return bool(table[block]) and block not in ANYCAST


def edges() -> list[str]:
    """First and last address of every block, and the neighbours outside."""
    found = []
    for block in (*IPV4, *IPV6, "2000::/3"):
        network = ip_network(block)
        top = 2**network.max_prefixlen - 1
        first, last = int(network.network_address), int(network.broadcast_address)
        kind = IPv4Address if network.version == 4 else IPv6Address
        found += [str(kind(n)) for n in (first - 1, first, last, last + 1) if 0 <= n <= top]
    return sorted(set(found))


@pytest.mark.parametrize("text", edges())
def test_every_block_of_the_registries_and_its_edges(text: str) -> None:
    address = ip_address(text)
    assert is_public(address) is expected(address)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("192.0.0.192", False),
        ("192.88.99.1", False),
        ("169.254.169.254", False),
        ("93.184.215.14", True),
        ("::ffff:93.184.215.14", True),
        ("::ffff:192.0.0.192", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::5db8:d70e", True),  # NAT64 of 93.184.215.14
        ("64:ff9b::7f00:1", False),
        ("::127.0.0.1", False),  # IPv4-compatible
        ("::ffff:0:127.0.0.1", False),  # IPv4-translated
        ("2002:5db8:d70e::1", False),  # 6to4, also of a public address
        ("2001:0:5db8:d70e::1", False),  # Teredo
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
    ],
)
def test_addresses_that_hold_another_one(text: str, public: bool) -> None:
    assert is_public(ip_address(text)) is public


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_python_itself_calls_not_global_is_not_public(
    address: IPv4Address | IPv6Address,
) -> None:
    """Hypothesis draws from the special blocks, too. Embedded addresses are looked through."""
    holds_another = any(address in ip_network(block) for block in ("::ffff:0:0/96", "64:ff9b::/96"))
    if not holds_another and (not address.is_global or address.is_multicast):
        assert not is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_mapped_and_translated_addresses_are_as_public_as_what_they_hold(number: int) -> None:
    inner = IPv4Address(number)
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        outer = IPv6Address(int(IPv6Address(prefix)) + number)
        assert is_public(outer) is is_public(inner) is expected(inner)


@pytest.mark.parametrize(
    "spelling",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1.",
     "[::ffff:127.0.0.1]", "::ffff:7f00:1", "017700000001"],
)  # fmt: skip
def test_every_spelling_of_an_address_is_that_address(spelling: str) -> None:
    address = literal_address(spelling)
    assert address is not None
    assert not is_public(address)
    assert literal_address("fe80::1%eth0") == ip_address("fe80::1")


def test_only_public_and_named_addresses_of_a_host_are_left() -> None:
    none = PrivateAddresses()
    mixed = ("10.0.0.7", "93.184.215.14", "fe80::1%eth0", "::1")
    assert require_reachable("shop.example", mixed, none) == ("93.184.215.14",)
    for addresses in (("10.0.0.7",), ("127.0.0.1", "::1"), (), ("no address",)):
        with pytest.raises(ForbiddenAddress, match=r"shop\.example"):
            require_reachable("shop.example", addresses, none)
    named = PrivateAddresses.of(["Alerts.LAN.", "10.20.0.0/16", "[::1]"])
    assert require_reachable("alerts.lan", ("192.168.1.1",), named) == ("192.168.1.1",)
    assert require_reachable("other.lan", ("10.20.9.9",), named) == ("10.20.9.9",)
    assert require_reachable("other.lan", ("::ffff:10.20.9.9",), named) == ("::ffff:10.20.9.9",)
    assert require_reachable("localhost", ("127.0.0.1", "::1"), named) == ("::1",)
    for host, address in (("other.lan", "192.168.1.1"), ("x.alerts.lan", "192.168.1.1")):
        with pytest.raises(ForbiddenAddress):
            require_reachable(host, (address,), named)


@pytest.mark.parametrize(
    "entry", ["", " ", "10.20.0.1/16", "a b", "http://a.lan/", "a.lan:80", "a@b"]
)
def test_an_entry_that_is_no_place_is_refused(entry: str) -> None:
    with pytest.raises(ForbiddenAddress, match=r"neither a host|no network"):
        PrivateAddresses.of([entry])
