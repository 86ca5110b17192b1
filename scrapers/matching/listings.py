"""One side of a match: a product of ours or an offer of theirs, prepared for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pricing.catalogue import Product
from scrapers.extract import gtin_key, parse_gtin
from scrapers.matching.titles import (
    Pack,
    colours_of,
    compact,
    folded,
    model_codes,
    pack_from,
    pack_of,
    sizes_of,
    words_of,
)


@dataclass(frozen=True)
class Listing:
    """What is known of a thing for sale; everything but `key` and `title` may be missing.

    Attributes:
        key: our SKU, or the other side's identifier.
        price: major units, in one currency for both sides; NaN is not allowed, None is.
        used: it is not new.
    """

    key: str
    title: str
    description: str = ""
    brand: str | None = None
    gtin: str | None = None
    mpn: str | None = None
    price: float | None = None
    pack_size: float | None = None
    pack_unit: str | None = None
    used: bool = False

    @classmethod
    def of_product(cls, product: Product, price: float | None = None) -> Listing:
        """A product of our catalogue."""
        return cls(
            product.sku,
            product.title,
            brand=product.brand,
            gtin=product.gtin,
            mpn=product.mpn,
            price=price,
            pack_size=product.pack_size,
            pack_unit=product.pack_unit,
        )

    @cached_property
    def gtin_key(self) -> str | None:
        """Its GTIN in 14 digits, where it has one that holds worldwide."""
        gtin = parse_gtin(self.gtin)
        return gtin_key(gtin) if gtin else None

    @cached_property
    def part(self) -> str | None:
        """Brand and part number in one spelling; None where one is missing or says nothing."""
        number, brand = compact(folded(self.mpn or "")), compact(folded(self.brand or ""))
        if len(number) < 4 or not brand or not any(c.isdigit() for c in number):
            return None
        return f"{brand}/{number}"

    @cached_property
    def text(self) -> str:
        """Title with the brand, folded; what blocking looks at."""
        title, brand = folded(self.title), folded(self.brand or "")
        return title if not brand or brand in title else f"{brand} {title}"

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of the title and the brand."""
        return frozenset(words_of(self.text))

    @cached_property
    def all_words(self) -> frozenset[str]:
        """Words of title, brand and description."""
        return self.words | frozenset(words_of(self.description))

    @cached_property
    def everything(self) -> str:
        """Title, part number and description as letters and digits alone."""
        return compact(folded(f"{self.title} {self.mpn or ''} {self.description}"))

    @cached_property
    def codes(self) -> frozenset[str]:
        """Model codes of the title, and the part number."""
        number = compact(folded(self.mpn or ""))
        return model_codes(self.title) | ({number} if len(number) >= 4 else set())

    @cached_property
    def colours(self) -> frozenset[str]:
        """Colours that the title names."""
        return colours_of(self.title)

    @cached_property
    def sizes(self) -> dict[str, frozenset[float]]:
        """Measures of the title, by unit."""
        return sizes_of(self.title)

    @cached_property
    def pack(self) -> Pack | None:
        """Contents by the title, else by the catalogue's columns."""
        return pack_of(self.title) or pack_from(self.pack_size, self.pack_unit)
