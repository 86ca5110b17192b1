"""Saved pages and the manifest that lists them: the extraction of a crawl, for use on files."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from pricing.currencies import DECIMALS
from scrapers.errors import InvalidManifest
from scrapers.extract import Offer, PageHints, Refusal, extract_offer
from scrapers.extract.page import LARGEST_BODY

_GZIP = b"\x1f\x8b"
_COLUMNS: Final = ("file", "url", "currency")


@dataclass(frozen=True, slots=True)
class SavedPage:
    """One line of a manifest.

    Attributes:
        file: as the manifest names it.
        path: where it is: beside the manifest, unless absolute or found from here.
        url: address the page was saved from.
        currency: ISO 4217 code in which the site sells, or None.
    """

    file: str
    path: Path
    url: str
    currency: str | None = None


def read_manifest(path: Path) -> tuple[SavedPage, ...]:
    """The pages of a CSV file with the columns `file,url` and, if known, `currency`.

    Raises:
        InvalidManifest: it can not be read, lacks or repeats a column, or a line lacks a value.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"can not be read: {error}", source=str(path)) from None
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        missing = [name for name in ("file", "url") if name not in columns]
        if missing:
            has = ", ".join(columns) or "none"
            raise InvalidManifest(
                f"column {missing[0]!r} is missing; the columns are: {has}",
                (missing[0],),
                source=str(path),
                line=1,
            )
        if twice := [name for name in _COLUMNS if columns.count(name) > 1]:
            raise InvalidManifest(
                f"column {twice[0]!r} is there twice; keep one",
                (twice[0],),
                source=str(path),
                line=1,
            )
        reader.fieldnames = columns
        return tuple(_saved_page(path, reader.line_num, row) for row in reader)
    except csv.Error as error:
        raise InvalidManifest(f"{path}, after line {reader.line_num}: is no CSV: {error}") from None


def _saved_page(manifest: Path, number: int, row: dict[str, str | None]) -> SavedPage:
    def refused(field: str, why: str) -> InvalidManifest:
        return InvalidManifest(why, (field,), source=str(manifest), line=number)

    file, url = (row.get("file") or "").strip(), (row.get("url") or "").strip()
    if not file or not url:
        raise refused("url" if file else "file", "'file' and 'url' must both be given")
    currency = (row.get("currency") or "").strip().upper() or None
    if currency is not None and currency not in DECIMALS:
        raise refused("currency", f"currency {currency!r} is no ISO 4217 code")
    beside = manifest.parent / file
    return SavedPage(file, beside if beside.exists() else Path(file), url, currency)


def extract_saved(page: SavedPage) -> Offer | Refusal:
    """What a saved page offers; gzip files are opened.

    Raises:
        InvalidManifest: the file can not be read.
    """
    try:
        with page.path.open("rb") as raw:
            body = raw.read(LARGEST_BODY)
        if body.startswith(_GZIP):
            with gzip.open(page.path) as packed:
                body = packed.read(LARGEST_BODY)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidManifest(f"can not be read: {error}", source=page.file) from None
    return extract_offer(body, page.url, PageHints(currency=page.currency))


def extract_lines(pages: tuple[SavedPage, ...]) -> Iterator[dict[str, object]]:
    """One record a page with the fields that `pricewright extract` prints.

    A file that can not be read gives a record whose `reason` begins with `file: `.
    """
    for page in pages:
        try:
            yield {"file": page.file, **offer_fields(extract_saved(page))}
        except InvalidManifest as error:
            yield {"file": page.file, **_UNKNOWN, "reason": f"file: {error}"}


def offer_fields(read: Offer | Refusal) -> dict[str, object]:
    """An offer or a refusal as plain data: amounts are decimal strings, what is unknown is null."""
    facts = read.facts
    known: dict[str, object] = {
        **_UNKNOWN,
        "availability": facts.availability,
        "gtin": facts.gtin, "mpn": facts.mpn, "sku": facts.sku, "brand": facts.brand,
        "title": facts.title, "condition": facts.condition, "variant": facts.variant,
        "seller": facts.seller, "image": facts.image,
    }  # fmt: skip
    if isinstance(read, Refusal):
        return {**known, "reason": f"{read.reason}: {read.detail}" if read.detail else read.reason}
    terms, unit = read.terms, read.terms.unit_price
    return {
        **known,
        "price": _amount(read.price),
        "list_price": _amount(read.list_price),
        "currency": read.currency,
        "confidence": round(read.confidence, 4),
        "source": read.source,
        "shipping": _amount(terms.shipping),
        "unit_price": None if unit is None else f"{unit.amount:f}/{unit.quantity:f} {unit.unit}",
        "valid_until": _text(terms.valid_until),
        "promotion": terms.promotion,
    }


_UNKNOWN: Final[dict[str, object]] = dict.fromkeys(
    (
        "price", "list_price", "currency", "availability", "confidence", "source", "reason", "gtin",
        "mpn", "sku", "brand", "title", "condition", "variant", "seller", "image", "shipping",
        "unit_price", "valid_until", "promotion",
    )
)  # fmt: skip
"""Every field of a line, as where nothing is known."""


def _amount(value: Decimal | None) -> str | None:
    """A decimal string without an exponent."""
    return None if value is None else f"{value:f}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
