"""Addresses that a crawler may not touch, in every spelling."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from twisted.internet.address import IPv4Address, IPv6Address

from scrapers.addresses import check_url, is_public, literal_address
from scrapers.errors import ForbiddenAddress
from scrapers.guard import AddressGuard, PublicAddresses

FORBIDDEN = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",  # decimal
    "http://0x7f000001/",  # hexadecimal
    "http://0177.0.0.1/",  # octal
    "http://0x7f.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",  # NAT64
    "http://[2002:7f00:1::]/",  # 6to4
    "http://[fe80::1%25eth0]/",
    "http://[fd00::1]/",
    "http://0.0.0.0/",
    "http://10.0.0.8/",
    "http://172.16.3.4/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://localhost/",
    "http://localhost./",
    "http://shop.localhost/",
    "http://printer.local/",
    "http://intranet/",
    "http://db.internal/",
    "http://127.0.0.1./",
    "ftp://shop.example.com/",
    "file:///etc/passwd",
    "data:text/html,hello",
    "http:///path",
    "http://shop.example.com:22/",
    "http://shop.example.com:6379/",
    "http://user:secret@shop.example.com/",
    "http://shop.example.com:99999/",
    "http://[broken/",
    "",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_an_address_off_the_public_web_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/",
        "http://shop.example.com:8080/a?b=c",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "https://münchen.example.com/",
    ],
)
def test_an_address_on_the_public_web_passes(url: str) -> None:
    check_url(url)


def test_permission_for_one_private_shop_opens_no_other_door() -> None:
    check_url("http://127.0.0.1:8123/product/1", private_origin="127.0.0.1:8123")
    for other in ("http://127.0.0.1:8124/", "http://127.0.0.1/", "http://10.0.0.1:8123/"):
        with pytest.raises(ForbiddenAddress):
            check_url(other, private_origin="127.0.0.1:8123")
    with pytest.raises(ForbiddenAddress):
        check_url("ftp://127.0.0.1:8123/", private_origin="127.0.0.1:8123")


def test_a_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(ForbiddenAddress) as refused:
        check_url("http://user:secret@shop.example.com/")
    assert "secret" not in str(refused.value)


def test_the_middleware_drops_a_forbidden_request_before_it_is_made() -> None:
    guard = AddressGuard()
    guard.process_request(Request("https://shop.example.com/"))
    with pytest.raises(IgnoreRequest, match=r"private address 169\.254\.169\.254"):
        guard.process_request(Request("http://169.254.169.254/"))


def test_the_middleware_keeps_to_the_sites_host_and_what_is_below_it() -> None:
    guard = AddressGuard(site_host="shop.example.com")
    for inside in ("https://shop.example.com/a", "https://www.shop.example.com/"):
        guard.process_request(Request(inside))
    for outside in ("https://example.com/", "https://evilshop.example.com/", "https://b.example/"):
        with pytest.raises(IgnoreRequest, match="leads away"):
            guard.process_request(Request(outside))


def test_a_name_keeps_its_public_addresses_and_loses_its_private_ones() -> None:
    class Receiver:
        def __init__(self) -> None:
            self.addresses: list[str] = []
            self.complete = False

        def resolutionBegan(self, _: object) -> None:  # noqa: N802
            self.addresses.clear()

        def addressResolved(self, address: IPv4Address | IPv6Address) -> None:  # noqa: N802
            self.addresses.append(address.host)

        def resolutionComplete(self) -> None:  # noqa: N802
            self.complete = True

    receiver = Receiver()
    filtered = PublicAddresses(receiver, "rebound.example.com")
    filtered.resolutionBegan(None)
    for host in ("127.0.0.1", "93.184.215.14", "10.1.1.1"):
        filtered.addressResolved(IPv4Address("TCP", host, 80))
    filtered.addressResolved(IPv6Address("TCP", "::1", 80))
    filtered.resolutionComplete()
    assert receiver.addresses == ["93.184.215.14"]
    assert receiver.complete


def test_a_name_is_no_literal_address() -> None:
    assert literal_address("shop.example.com") is None
    assert literal_address("[::1]") == ip_address("::1")
    assert not is_public(ip_address("::ffff:10.0.0.1"))
