"""A fetched page, parsed once and shared by every source of the cascade."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urljoin, urlsplit

from extruct.jsonld import JsonLdExtractor
from lxml import etree
from w3lib.encoding import html_to_unicode

Element: TypeAlias = Any
"""An lxml element; lxml carries no types."""

LARGEST_BODY = 8 * 1024 * 1024
"""Bytes of a page that are looked at; no product page needs more."""

_TEXTUAL = re.compile(
    r"<(?:!doctype html|html|head|body|div|script|meta|span|title|main|h1|p|a|ul|li|table)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Page:
    """The tree of a page and what the sources ask of it.

    Attributes:
        url: where the page was fetched from.
        root: the `html` element.
    """

    url: str
    root: Element

    @classmethod
    def parse(cls, body: bytes, url: str, content_type: str = "") -> Page | None:
        """Decode and parse; None if the bytes are no HTML.

        The encoding is taken in the order of the HTML standard: byte-order mark, HTTP header,
        `meta`, then UTF-8 if it decodes, else windows-1252.
        """
        _, text = html_to_unicode(content_type, body[:LARGEST_BODY], auto_detect_fun=guess_encoding)
        if not _TEXTUAL.search(text, 0, 200_000):
            return None
        # The plain parser: lxml.html's would look up a Python class for each element it hands out.
        parser = etree.HTMLParser(recover=True, encoding="utf-8", huge_tree=True)
        root = etree.fromstring(text.strip().replace("\0", "").encode(), parser)
        return None if root is None else cls(url, root)

    @cached_property
    def address(self) -> tuple[str, str]:
        """Path and sorted query of the page, for comparing with addresses in its data."""
        return address_of(self.url)

    @cached_property
    def canonical(self) -> str | None:
        """The page's canonical address, absolute."""
        found = self.root.xpath("//link[@rel='canonical']/@href")
        return self.absolute(found[0]) if found else None

    @cached_property
    def heading(self) -> str:
        """The first `h1` that says anything, else the title."""
        for node in self.root.iter("h1"):
            if text := text_of(node):
                return text[:300]
        titles = self.root.xpath("//head/title")
        return text_of(titles[0])[:300] if titles else ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the page calls its product: heading, Open Graph title, title."""
        found = [self.heading, *self.root.xpath("//meta[@property='og:title']/@content")]
        found += [text_of(node) for node in self.root.xpath("//head/title")]
        return tuple(dict.fromkeys(" ".join(str(name).split()) for name in found if name))

    @cached_property
    def json_ld(self) -> tuple[object, ...]:
        """Every JSON-LD value on the page. A script that is not JSON is left out."""
        return tuple(self._json_ld())

    def _json_ld(self) -> Iterator[object]:
        extractor = JsonLdExtractor()
        for script in self.root.xpath("//script[contains(@type, 'ld+json')]"):
            script.set("type", "application/ld+json")
            try:
                yield from extractor.extract_items(script)
            except (ValueError, RecursionError):
                continue

    def absolute(self, href: str) -> str | None:
        """An address on the page made absolute; None if it is none."""
        try:
            return urljoin(self.url, href.strip())
        except ValueError:
            return None


def address_of(url: str) -> tuple[str, str]:
    """Path without trailing slash, and sorted query, of an address; empty if it is malformed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path.rstrip("/"), "&".join(
        sorted("=".join(pair) for pair in parse_qsl(parts.query))
    )


def text_of(node: Element) -> str:
    """The text inside an element, spaces collapsed, without scripts and styles."""
    return " ".join("".join(texts_of(node)).split())


def texts_of(node: Element) -> list[str]:
    """The runs of text inside an element, without scripts and styles."""
    parts = node.xpath(".//text()[not(parent::script or parent::style or parent::noscript)]")
    return [str(part) for part in parts]


def guess_encoding(body: bytes) -> str:
    """The encoding of text that names none: UTF-8 where it is that."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
