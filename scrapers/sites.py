"""Sites are data: which shop to crawl, how, and in which market and currency it sells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec
import yaml
from cssselect import GenericTranslator, SelectorError
from sqlalchemy import Connection

from models.refusals import within
from pricing.currencies import DECIMALS
from pricing.documents import Form, not_known, read_document, schema_of
from scrapers.addresses import check_url, origin_of
from scrapers.errors import ForbiddenAddress, InvalidSchedule, InvalidSites, UnknownSite
from scrapers.extract.selectors import InvalidSelector, check_selector
from scrapers.plausibility import LARGEST_JUMP
from scrapers.schedule import Schedule, parse_schedule
from storage.competitors.sites import save_site

DEFAULT_FILE: Final = Path("sites.yaml")
"""Where sites are described, in the folder in which a command runs."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class SiteKind(StrEnum):
    """How a site's prices are read; each kind has its spider."""

    STOREFRONT = "storefront"
    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"
    MAGENTO = "magento"
    FEED = "feed"
    WATCH = "watch"


_RENDERED: Final = (SiteKind.STOREFRONT, SiteKind.WATCH)


@dataclass(frozen=True, slots=True)
class Site:
    """One competitor shop.

    Attributes:
        name: short key, lower case; the competitor's name in offers and alerts.
        start_url: where a crawl begins. Storefront: a sitemap (or an index of them, gzip or not), a
            robots.txt that names sitemaps, or a listing page. Shopify, WooCommerce, Magento: the
            shop's front page. Feed: the feed. Watch list: any page of the shop.
        market: code of our market that this shop competes in.
        currency: ISO 4217 code in which it sells; pages that name another one are believed.
        kind: how it is read. `storefront`: product pages found from `start_url`; `shopify`,
            `woocommerce`, `magento`: the shop system's own catalogue interface; `feed`: a Google
            Merchant feed, XML, TSV or CSV; `watch`: the pages of `urls` and no others.
        product_pattern: regular expression; addresses in which it is found are product pages and
            no others are. Without it every page is looked at.
        allow_private: the host and port of `start_url`, and no other, may be a private or loopback
            address (the demo, tests, a shop in-house).
        delay: least seconds between two requests; AutoThrottle goes slower where the shop is slow.
        concurrency: most requests at the same time, 1..16.
        max_pages: most pages in one crawl; ends endless calendars.
        urls: the pages of a watch list.
        search_url: address with `{gtin}` or `{sku}` in it, asked for each of our products instead
            of `start_url`, to find the pages of a storefront that can not be listed.
        feed_file: path of a feed that somebody puts there, instead of `start_url`.
        selectors: field to CSS or XPath selector, where the shop's pages mislead (`extract`); and
            `prices`: `net` or `gross`, where they show a price before and after tax.
        render: product and listing pages are shown by a browser first, for a shop whose prices come
            by JavaScript (storefronts and watch lists; needs the extra `rendered`).
        wait_for: CSS selector of what such a page has once it is complete; without it a page is
            complete when it asks for nothing more.
        render_seconds: how long that may take, 1..120; the page has failed after it.
        schedule: when the worker crawls it, as `scrapers.schedule` reads it, such as `every 6h` or
            `daily at 03:00` in the market's time zone; None for never.
        largest_jump: share of the old price by which a price may move without being held back.
        terms_url: where the shop's terms of use stand.
        notes: whatever the next person should know, such as who gave permission to crawl.
    """

    name: str
    start_url: str
    market: str
    currency: str
    kind: SiteKind = SiteKind.STOREFRONT
    product_pattern: str | None = None
    allow_private: bool = False
    delay: float = 0.5
    concurrency: int = 4
    max_pages: int = 20_000
    urls: tuple[str, ...] = ()
    search_url: str | None = None
    feed_file: str | None = None
    selectors: Mapping[str, str] = field(default_factory=dict)
    render: bool = False
    wait_for: str | None = None
    render_seconds: float = 30.0
    schedule: str | None = None
    largest_jump: float = LARGEST_JUMP
    terms_url: str | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        self._check_identity()
        self._check_start()
        if not 0.0 <= self.delay <= 600.0:
            self._refuse("delay", "must be from 0 to 600 seconds")
        for name, most in (("concurrency", 16), ("max_pages", 10_000_000)):
            if not 1 <= getattr(self, name) <= most:
                self._refuse(name, f"must be a whole number from 1 to {most}")
        if not 0.0 < self.largest_jump <= 100.0:
            self._refuse("largest_jump", "must be a share above 0, such as 0.6 for 60 %")
        self._check_rendering()
        if self.schedule is not None:
            try:
                parse_schedule(self.schedule)
            except InvalidSchedule as error:
                self._refuse("schedule", str(error))
        for name, selector in self.selectors.items():
            try:
                check_selector(name, selector)
            except InvalidSelector as error:
                self._refuse("selectors", str(error))

    def _check_identity(self) -> None:
        if not _NAME.fullmatch(self.name):
            self._refuse("name", "must be lower-case letters, digits, '.', '_' and '-'")
        if not self.market.strip():
            self._refuse("market", "must be the code of one of your markets, such as 'online'")
        if self.currency not in DECIMALS:
            self._refuse("currency", "must be an ISO 4217 code in use, such as EUR")
        try:
            object.__setattr__(self, "kind", SiteKind(self.kind))
        except ValueError:
            self._refuse("kind", f"must be one of {', '.join(SiteKind)}")

    def _check_start(self) -> None:
        try:
            check_url(self.start_url, private_origin=self.private_origin)
        except ForbiddenAddress as error:
            self._refuse("start_url", f"{error} (set allow_private: true if that is meant)")
        for url in self.urls:
            try:
                check_url(url, private_origin=self.private_origin)
            except ForbiddenAddress as error:
                self._refuse("urls", str(error))
        if self.kind is SiteKind.WATCH and not self.urls:
            self._refuse("urls", "a watch list names at least one page")
        if self.search_url is not None and not {"{gtin}", "{sku}"} & set(
            re.findall(r"\{\w+\}", self.search_url)
        ):
            self._refuse("search_url", "must hold {gtin} or {sku}")
        if self.product_pattern is not None:
            try:
                re.compile(self.product_pattern)
            except re.error as error:
                self._refuse("product_pattern", f"is not a regular expression: {error}")

    def _check_rendering(self) -> None:
        if self.render and self.kind not in _RENDERED:
            self._refuse("render", f"is for the kinds {' and '.join(_RENDERED)}")
        if not 1.0 <= self.render_seconds <= 120.0:
            self._refuse("render_seconds", "must be from 1 to 120 seconds")
        if self.wait_for is not None:
            try:
                GenericTranslator().css_to_xpath(self.wait_for)
            except SelectorError as error:
                self._refuse("wait_for", f"is no CSS selector: {error}")

    def _refuse(self, name: str, why: str) -> None:
        raise InvalidSites(f"site {self.name!r}: {name} {getattr(self, name)!r}: {why}", (name,))

    @property
    def private_origin(self) -> str:
        """`host:port` that may be a private address; empty where none may."""
        return origin_of(self.start_url) if self.allow_private else ""

    @property
    def times(self) -> Schedule | None:
        """When the worker crawls it, or None for never."""
        return None if self.schedule is None else parse_schedule(self.schedule)

    @property
    def host(self) -> str:
        """The host that a crawl stays on, with everything below it; without `www.`."""
        return origin_of(self.start_url).rpartition(":")[0].removeprefix("www.")

    def is_product(self, url: str) -> bool:
        """Whether an address may be a product page."""
        return self.product_pattern is None or bool(re.search(self.product_pattern, url))


class _SitesFile(msgspec.Struct, forbid_unknown_fields=True):
    """What a `sites.yaml` holds."""

    sites: list[Site]


_FIELDS: Final = tuple(f.name for f in fields(Site))
_HINTS: Final = get_type_hints(Site)
_PLAIN: Final[dict[Any, tuple[tuple[type, ...], str]]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str | None: ((str, type(None)), "text"),
    tuple[str, ...]: ((list, tuple), "a list of addresses"),
    Mapping[str, str]: ((dict,), "a mapping of fields to selectors"),
}
"""What YAML and JSON may say where a field has this type, and how that is called; else text."""
_SAID: Final = {
    "render_seconds": "a number of seconds",
    "delay": "a number of seconds",
    "product_pattern": "a regular expression in quotes",
    "largest_jump": "a share, such as 0.6",
}
"""Fields for which there are better words than for others of their type."""


def site_from(entry: object, where: str) -> Site:
    """A site from plain data, as read from YAML or JSON.

    Args:
        entry: a mapping of `Site`'s fields; `every: 6h` is short for `schedule: every 6h`.
        where: how to name the entry in an error, such as `sites.yaml, entry 2`.

    Raises:
        InvalidSites: no mapping, an unknown or missing field, or a value out of its range; its
            `field` is the field's name.
    """
    if not isinstance(entry, Mapping):
        raise InvalidSites(f"{where}: must be a mapping with the fields {', '.join(_FIELDS)}")
    entry = _written_out(entry, where)
    unknown = sorted(str(key) for key in entry if key not in _FIELDS)
    if unknown:
        raise InvalidSites(
            f"{where}: unknown field {unknown[0]!r}: {not_known(unknown[0], frozenset(_FIELDS))}",
            (unknown[0],),
        )
    missing = [name for name in ("name", "start_url", "market", "currency") if name not in entry]
    if missing:
        raise InvalidSites(f"{where}: field {missing[0]!r} is missing", (missing[0],))
    for name, value in entry.items():
        types, called = _PLAIN.get(_HINTS[name], ((str,), "text"))
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = _SAID.get(name, called)
            raise InvalidSites(f"{where}: {name} {value!r}: must be {wanted}", (name,))
    for name in ("urls", "selectors"):
        parts = entry.get(name, ())
        values = parts.values() if isinstance(parts, Mapping) else parts
        if not all(isinstance(part, str) for part in values):
            raise InvalidSites(f"{where}: {name} {parts!r}: must hold text", (name,))
    try:
        return Site(**{**entry, "urls": tuple(entry.get("urls", ()))})
    except InvalidSites as error:
        raise InvalidSites(f"{where}: {error}", error.place) from None


def _written_out(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The entry with `every` as the schedule that it is short for."""
    fields_of = dict(entry)
    every = fields_of.pop("every", None)
    if every is not None:
        if fields_of.get("schedule") is not None:
            raise InvalidSites(f"{where}: every and schedule exclude each other", ("every",))
        fields_of["schedule"] = f"every {every}"
    return fields_of


def load_sites(path: Path) -> dict[str, Site]:
    """The sites of a `sites.yaml`, by name.

    The file is a mapping `sites:` to a list of mappings with the fields of `Site`.

    Raises:
        InvalidSites: the file can not be read, is no YAML, repeats a name or a key, or a field
            is wrong or not known; the message names the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise InvalidSites(
            f"{path} is not there; `pricewright sites add URL` writes one, and `pricewright sites "
            "list --stored` shows the sites of the database"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSites(f"{path}: can not be read: {error}") from None
    document = read_document(text, str(path), form=Form.YAML, outermost=None, error=InvalidSites)
    with document.naming():
        return _sites(document.value)


def _sites(content: object) -> dict[str, Site]:
    """The sites that a file holds, by name."""
    sites: dict[str, Site] = {}
    for number, entry in enumerate(_entries(content)):
        with within("sites", number):
            site = _another(entry, f"entry {number + 1}", sites)
        sites[site.name] = site
    return sites


def _entries(content: object) -> list[object]:
    """The entries of a file of sites."""
    if content is None:
        raise InvalidSites("is empty; write 'sites:' with a list of sites below it")
    if not isinstance(content, dict):
        raise InvalidSites("must be a mapping of fields: 'sites:' with a list of sites below it")
    if "sites" not in content:
        raise InvalidSites("must hold 'sites:' with a list of sites below it")
    for name in content:
        if name != "sites":
            raise InvalidSites(f"{name}: {not_known(name, frozenset({'sites'}))}", (name,))
    entries = content["sites"]
    if not isinstance(entries, list):
        raise InvalidSites("sites: must be a list of sites, each a mapping of fields", ("sites",))
    return entries


def _another(entry: object, where: str, sites: Mapping[str, Site]) -> Site:
    """A site whose name is new."""
    site = site_from(entry, where)
    if site.name in sites:
        raise InvalidSites(f"{where}: a second site is called {site.name!r}", ("name",))
    return site


def sites_schema() -> dict[str, Any]:
    """The JSON Schema of a `sites.yaml`."""
    described = schema_of(_SitesFile, "Pricewright sites file")
    site = described["$defs"]["Site"]
    site["additionalProperties"] = False
    site["properties"]["every"] = {"type": ["string", "null"], "description": "short for schedule"}
    return described


def dump_sites(sites: Iterable[Site]) -> str:
    """The YAML text that `load_sites` reads back as these sites; defaults are left out."""
    kept = []
    for site in sites:
        defaults = {f.name: f.default for f in fields(Site)} | {"urls": [], "selectors": {}}
        values = {k: v for k, v in site_fields(site).items() if v != defaults[k]}
        kept.append(values)
    return yaml.safe_dump({"sites": kept}, sort_keys=False, allow_unicode=True)


def site_fields(site: Site) -> dict[str, object]:
    """A site as plain data that JSON and YAML can carry; `site_from` reads it back."""
    plain = {**asdict(site), "kind": site.kind.value}
    return {**plain, "urls": list(site.urls), "selectors": dict(site.selectors)}


def store_site(conn: Connection, site: Site) -> None:
    """Add a site to the database, or bring it up to date there.

    Raises:
        UnknownMarket: the database has no such market.
        NotWriting: the transaction was opened to read.
    """
    save_site(
        conn,
        site.name,
        start_url=site.start_url,
        kind=site.kind.value,
        market=site.market,
        currency=site.currency,
        definition=site_fields(site),
    )


def find_site(sites: Mapping[str, Site], name: str) -> Site:
    """One site by name.

    Raises:
        UnknownSite: there is none; the message lists those that are.
    """
    try:
        return sites[name]
    except KeyError:
        known = ", ".join(sorted(sites)) or "none"
        raise UnknownSite(f"no site is called {name!r}; known are: {known}") from None
