"""Selectors that a site's owner has written down: they override everything else on the page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from cssselect.parser import SelectorSyntaxError
from cssselect.xpath import ExpressionError
from lxml import etree
from parsel.csstranslator import HTMLTranslator

from scrapers.extract.currency_signs import currency_code
from scrapers.extract.gtin import parse_gtin
from scrapers.extract.page import Page, text_of
from scrapers.extract.price_text import parse_machine_price, parse_price
from scrapers.extract.record import Availability, Candidate, ProductFacts, Reason, Source
from scrapers.extract.tax import Tax
from scrapers.extract.vocabulary import availability_in_words, availability_of

FIELDS: Final = (
    "price", "list_price", "currency", "availability", "title", "brand", "gtin", "mpn", "sku",
)  # fmt: skip
"""What a selector may be given for."""

TAX_OPTION: Final = "prices"
"""Beside the selectors: `net` or `gross`, for pages that show a price before and after tax."""

_CONFIDENCE: Final = 0.97


class InvalidSelector(ValueError):
    """The text is neither a CSS selector nor an XPath expression."""


def check_selector(name: str, selector: str) -> None:
    """Refuse what can not be used.

    Args:
        name: a field of `FIELDS`, or `prices`.
        selector: CSS or XPath; for `prices` the word `net` or `gross`.

    Raises:
        InvalidSelector: another name, or a text that is neither.
    """
    if name == TAX_OPTION:
        if selector not in set(Tax):
            raise InvalidSelector(f"{name}: {selector!r} is none of {', '.join(Tax)}")
    elif name not in FIELDS:
        raise InvalidSelector(f"{name!r} is none of {', '.join((*FIELDS, TAX_OPTION))}")
    else:
        try:
            compiled(selector)
        except InvalidSelector as error:
            raise InvalidSelector(f"{name}: {error}") from None


@lru_cache(maxsize=1_000)
def compiled(selector: str) -> Any:  # noqa: ANN401 - lxml carries no types
    """A selector ready for use.

    Args:
        selector: CSS, with `::text` and `::attr(name)` as in Scrapy, or XPath beginning with `/`.

    Raises:
        InvalidSelector: it is neither.
    """
    try:
        path = selector if selector.startswith("/") else HTMLTranslator().css_to_xpath(selector)
        return etree.XPath(path)
    except (SelectorSyntaxError, ExpressionError, etree.XPathSyntaxError) as error:
        raise InvalidSelector(f"{selector!r} is no selector: {error}") from None


def selected_candidate(
    page: Page, selectors: Mapping[str, str], prefer: str | None
) -> Candidate | None:
    """What the site's selectors find; None if the site has none.

    Args:
        page: the page.
        selectors: field of `FIELDS` to selector.
        prefer: ISO 4217 code that decides signs of several countries.

    Returns:
        A candidate. Where a price selector is given and finds no price, its `problem` says so.
    """
    said = {
        name: _first(page, selector) for name, selector in selectors.items() if name != TAX_OPTION
    }
    if not said:
        return None
    facts = ProductFacts(
        title=said.get("title"),
        brand=said.get("brand"),
        gtin=parse_gtin(said.get("gtin")),
        mpn=said.get("mpn"),
        sku=said.get("sku"),
        availability=_availability(said.get("availability")),
    )
    currency = currency_code(said.get("currency"), prefer=prefer)
    if "price" not in selectors:
        return Candidate(Source.SELECTOR, "", facts, currency=currency)
    text = said["price"] or ""
    if "::attr(" in selectors["price"] or "/@" in selectors["price"]:
        price = parse_machine_price(text, currency=currency or prefer)
    else:
        reading = parse_price(text, currency=currency or prefer)
        price, currency = reading.amount, currency or reading.currency
    if price is None:
        snippet = f"the site's price selector gave {text[:80]!r}"
        return Candidate(Source.SELECTOR, snippet, facts, problem=Reason.SELECTOR)
    listed = parse_price(said.get("list_price") or "", currency=currency or prefer).amount
    return Candidate(
        Source.SELECTOR,
        text[:200],
        facts,
        price=price,
        currency=currency,
        list_price=listed if listed is not None and listed > price else None,
        confidence=_CONFIDENCE,
    )


def _first(page: Page, selector: str) -> str | None:
    """The text of the first thing found that has any."""
    for found in compiled(selector)(page.root):
        text = " ".join(found.split()) if isinstance(found, str) else text_of(found)
        if text:
            return str(text)[:500]
    return None


def _availability(text: str | None) -> Availability | None:
    return None if text is None else availability_of(text) or availability_in_words(text)
