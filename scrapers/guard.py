"""Addresses a crawler may not touch.

A page decides where a crawler goes next, so a page could send it to the machine's own services, to
a router or to a cloud's metadata address. The guard stands in two places: before a request is made
(the address as written: scheme, port, literal IP in any spelling) and at connect time (every
address that the name resolves to), so neither a redirect nor a name that changes its address
between check and connection gets by.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from scrapy.exceptions import IgnoreRequest
from scrapy.resolver import CachingHostnameResolver

from scrapers.addresses import check_url, is_public, literal_address
from scrapers.errors import ForbiddenAddress

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from twisted.internet.base import ReactorBase
    from twisted.internet.interfaces import IAddress, IHostResolution

_log = logging.getLogger(__name__)

PRIVATE_ORIGIN: Final = "PRICEWRIGHT_PRIVATE_ORIGIN"
"""Scrapy setting: `host:port` of the site that may stand at a private address; empty for none."""

SITE_HOST: Final = "PRICEWRIGHT_SITE_HOST"
"""Scrapy setting: the host, with everything below it, that the crawl stays on."""


class ForbiddenRequest(IgnoreRequest):
    """Scrapy's way to drop a request, carrying why the guard dropped it."""


class AddressGuard:
    """Downloader middleware: every request, also redirected ones and robots.txt, is checked.

    Beside forbidden addresses it refuses other hosts than the site's own and those below it: a
    redirect to a log-in or a shop that was bought up is not what the site's owner asked for.

    Args:
        private_origin: `host:port` that may be private; empty for none.
        site_host: the site's host without `www.`; empty lets every host pass.
    """

    def __init__(self, private_origin: str = "", site_host: str = "") -> None:
        self._private_origin = private_origin
        self._site_host = site_host

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> AddressGuard:
        """Built by Scrapy with the site's permission."""
        settings = crawler.settings
        return cls(settings.get(PRIVATE_ORIGIN, ""), settings.get(SITE_HOST, ""))

    def check(self, url: str) -> None:
        """Refuse an address that this crawl may not ask for, on whatever host.

        Raises:
            ForbiddenAddress: as `check_url` says.
        """
        check_url(url, private_origin=self._private_origin)

    def process_request(self, request: Request) -> None:
        """Drop the request if its address is forbidden."""
        try:
            self.check(request.url)
        except ForbiddenAddress as error:
            raise ForbiddenRequest(str(error)) from error
        host = urlsplit(request.url).hostname or ""
        if self._site_host and not f".{host}".endswith(f".{self._site_host}"):
            raise ForbiddenRequest(f"{request.url!r} leads away from {self._site_host}")


_Interface: TypeAlias = Any
"""One of Twisted's interfaces: what implements them can not be told by its type."""


class PublicAddresses:
    """A resolution receiver that passes on the public ones of a name's addresses."""

    def __init__(self, receiver: _Interface, name: str) -> None:
        self._receiver = receiver
        self._name = name

    def resolutionBegan(self, resolutionInProgress: _Interface) -> None:  # noqa: N802, N803
        """Handed on."""
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: _Interface) -> None:  # noqa: N802
        """Handed on if it is public."""
        literal = literal_address(str(getattr(address, "host", "")))
        if literal is not None and is_public(literal):
            self._receiver.addressResolved(address)
        else:
            _log.warning("refused: %s resolves to the private address %s", self._name, literal)

    def resolutionComplete(self) -> None:  # noqa: N802
        """Handed on."""
        self._receiver.resolutionComplete()


class GuardedResolver(CachingHostnameResolver):
    """Scrapy's resolver for IPv4 and IPv6 that never hands a private address to a connection."""

    def __init__(self, reactor: ReactorBase, cache_size: int, private_host: str = "") -> None:
        super().__init__(reactor, cache_size)
        self._private_host = private_host

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: ReactorBase) -> GuardedResolver:
        """Built by Scrapy with the site's permission."""
        origin: str = crawler.settings.get(PRIVATE_ORIGIN, "")
        host = origin.rpartition(":")[0]
        return cls(reactor, crawler.settings.getint("DNSCACHE_SIZE"), host)

    def resolveHostName(  # noqa: N802 - twisted's name
        self,
        resolutionReceiver: _Interface,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> IHostResolution:
        """Resolve, leaving out what is private unless the site stands there."""
        receiver = resolutionReceiver
        if hostName != self._private_host:
            receiver = PublicAddresses(resolutionReceiver, hostName)
        return super().resolveHostName(
            receiver, hostName, portNumber, addressTypes, transportSemantics
        )
